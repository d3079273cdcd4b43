"""The one door for money that went back (HOUSE 2.4, 2.9): a notification, a query or a statement says "refunded".

With it the period is free again (PA-7). What does not fit the refund is not applied and becomes a case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Q

from core import clock
from core.models import User
from core.refusals import Refused
from core.transitions import advance, advance_one
from payments.declarations import free
from payments.discrepancies import open_discrepancy
from payments.gateways.base import RefundResult, RefundState
from payments.models import Declaration, Discrepancy, PeriodClaim, Refund
from payments.receipts import Put, allocate
from payments.refunds import lock_order, locked_refund


class RefundOutcome(StrEnum):
    """What a word of a refund did."""

    REFUNDED = "refunded"
    REPEATED = "repeated"  # it was known
    MISMATCH = "mismatch"  # it does not fit the refund and was not applied


@dataclass(frozen=True, slots=True)
class RefundEvidence:
    """A verified word about a refund. `source`: notification, query, refund (the answer itself) or statement."""

    result: RefundResult
    gateway: str
    source: str

    @property
    def actor(self) -> str:
        return f"system:{self.source}"

    def as_json(self) -> dict[str, Any]:
        return {"said": self.result.as_json(), "source": self.source, "at": clock.now()}


@transaction.atomic
def settle_refund(
    *, refund_no: str, evidence: RefundEvidence, and_then: Callable[[RefundOutcome], None] | None = None
) -> RefundOutcome:
    """Let a verified success take effect, once, whatever its source and whatever we had concluded before.

    The money moves from the declaration or discrepancy to the refund, the declaration is refunded and its claims are
    free. `and_then` writes down in the same transaction what came of it. Raises Refused: `unknown_refund`.
    """
    outcome = _settle(_locked(refund_no), evidence)
    if and_then is not None:
        and_then(outcome)
    return outcome


def _locked(refund_no: str) -> Refund:
    """Lock order → declaration → claims → refund."""
    found = Refund.objects.filter(refund_no=refund_no).select_related("receipt").first()
    if found is None:
        raise Refused("unknown_refund")
    lock_order(found.receipt.order_id)
    if found.declaration_id is not None:
        Declaration.objects.select_for_update().get(pk=found.declaration_id)
        list(PeriodClaim.objects.select_for_update().filter(declaration=found.declaration_id).order_by("pk"))
    return locked_refund(refund_no)


def _settle(refund: Refund, evidence: RefundEvidence) -> RefundOutcome:
    result = evidence.result
    if result.state is not RefundState.SUCCESS:
        raise ValueError("settle_refund is for successes only")
    wrong = _differences(refund, evidence)
    if wrong:
        return _hold_mismatch(refund, evidence, wrong)
    if refund.status == "refunded":
        return _hold_second_return(refund, evidence) if refund.is_outside else RefundOutcome.REPEATED
    _catch_up(refund, evidence)
    values = {
        "settled_at": result.refunded_at or clock.now(),
        "gateway_refund_no": result.gateway_refund_no or refund.gateway_refund_no,
        "next_check_at": None,
        "failure": "",
    }
    if not advance_one(refund, "settle", actor=evidence.actor, evidence=evidence.as_json(), values=values):
        raise RuntimeError(f"refund {refund.pk} could not be settled from {refund.status}")
    _move_money(refund, actor=evidence.actor, source=evidence.source)
    return RefundOutcome.REFUNDED


def _differences(refund: Refund, evidence: RefundEvidence) -> list[str]:
    """In what the word does not fit the refund (G10, G20)."""
    result = evidence.result
    said = {
        "refund_no": (result.refund_no, refund.refund_no),
        "gateway": (evidence.gateway, refund.gateway),
        "merchant": (result.merchant_id, refund.merchant_id),
        "trade": (result.trade_no, refund.receipt.gateway_trade_no),
        "amount": (result.amount_fen, refund.amount_fen),
        "decided": (bool(refund.rule or refund.approved_by_id), True),
    }
    return [name for name, (theirs, ours) in said.items() if theirs != ours]


def _hold_mismatch(refund: Refund, evidence: RefundEvidence, wrong: list[str]) -> RefundOutcome:
    open_discrepancy(
        kind=Discrepancy.Kind.AMOUNT if wrong == ["amount"] else Discrepancy.Kind.WRONG_PARTY,
        key=f"refund-mismatch:{refund.pk}:{evidence.source}:{evidence.result.state}:{evidence.result.amount_fen}",
        amount_fen=evidence.result.amount_fen or 0,
        actor=evidence.actor,
        order=refund.receipt.order,
        facts={"refund_no": refund.refund_no, "differs": wrong, "said": evidence.result.as_json()},
        owner_id=refund.approved_by_id,
    )
    return RefundOutcome.MISMATCH


def _hold_second_return(refund: Refund, evidence: RefundEvidence) -> RefundOutcome:
    """Two people have given it back in another way, and now the gateway says that it did: it may have gone twice."""
    open_discrepancy(
        kind=Discrepancy.Kind.REFUND, key=f"refund-twice:{refund.pk}", amount_fen=refund.amount_fen,
        actor=evidence.actor, order=refund.receipt.order, owner_id=refund.approved_by_id,
        facts={"refund_no": refund.refund_no, "reason": "given_back_twice"},
    )  # fmt: skip
    return RefundOutcome.MISMATCH


def _catch_up(refund: Refund, evidence: RefundEvidence) -> None:
    """A success proves that the refund was sent, also where it was held to have failed or waited for another try."""
    told = {"because": evidence.source}
    if refund.status == "outside":
        advance_one(refund, "take_back", actor=evidence.actor, evidence=told)
    if refund.status == "failed":
        advance_one(refund, "retry", actor=evidence.actor, evidence=told)
    if refund.status == "approved":
        values = {"sent_at": refund.sent_at or clock.now()}
        advance_one(refund, "send", actor=evidence.actor, evidence=told, values=values)


def _move_money(refund: Refund, *, actor: str, source: str) -> None:
    """From where it lay to the refund, by signed rows; a declaration is refunded, a discrepancy is over."""
    told = {"refund": refund.pk, "refund_no": refund.refund_no, "source": source}
    kind, target = ("discrepancy", refund.discrepancy_id) if refund.declaration_id is None else (
        "declaration", refund.declaration_id)  # fmt: skip
    if target is None:
        raise RuntimeError(f"refund {refund.pk} is of nothing")
    puts = [Put(kind, target, -refund.amount_fen), Put("refund", refund.pk, refund.amount_fen)]
    allocate(refund.receipt_id, puts)
    if refund.declaration_id is None:
        _end([target], actor, told)
    elif not free([target], "refund", actor=actor, evidence=told):
        raise RuntimeError(f"declaration {target} is not paid and cannot be refunded")
    _end(_cases_of(refund), actor, told)


def _cases_of(refund: Refund) -> list[int]:
    """What was opened because it failed or took too long."""
    ours = Q(key__startswith=f"refund-failed:{refund.pk}:") | Q(key=f"refund-stuck:{refund.pk}")
    return list(Discrepancy.objects.filter(ours).values_list("pk", flat=True))


def _end(discrepancy_ids: list[int], actor: str, told: Mapping[str, Any]) -> None:
    """Settle what nobody has taken in hand, resolve what somebody has."""
    advance(Discrepancy, discrepancy_ids, "settle", actor=actor, evidence=told)
    advance(Discrepancy, discrepancy_ids, "resolve", actor=actor, evidence=told)


@transaction.atomic
def settle_outside(*, refund_no: str, approved_by: User, evidence: Mapping[str, Any]) -> Refund:
    """The second person says that it was given back in another way: books and period as after any other refund.

    Raises Refused: `unknown_refund`, `finished` (with status), `same_person`.
    """
    refund = _locked(refund_no)
    if refund.status != "outside":
        raise Refused("finished", status=refund.status)
    if refund.requested_by_id == approved_by.pk and refund.approved_by_id is None:
        raise Refused("same_person")
    moment = clock.now()
    values: dict[str, Any] = {"settled_at": moment, "next_check_at": None, "is_outside": True}
    if refund.approved_by_id is None and not refund.rule:
        values |= {"approved_by_id": approved_by.pk, "approved_at": moment}
    actor = approved_by.actor
    advance_one(refund, "settle_outside", actor=actor, evidence={"source": "staff", **evidence}, values=values)
    _move_money(refund, actor=actor, source="staff")
    return refund


@transaction.atomic
def set_aside(*, refund_no: str, actor: str) -> Refund:
    """A failed refund goes back in another way: until the second person has decided nobody sends it again.

    Raises Refused: `unknown_refund`, `not_failed` (with status).
    """
    refund = locked_refund(refund_no)
    if not advance_one(refund, "set_aside", actor=actor, evidence={"failure": refund.failure}):
        raise Refused("not_failed", status=refund.status)
    return refund


@transaction.atomic
def drop_outside(*, refund_no: str, actor: str) -> Refund:
    """It was not given back in another way: a failed refund is one again, any other was never asked for.

    Raises Refused: `unknown_refund`, `finished` (with status).
    """
    refund = locked_refund(refund_no)
    was_decided = bool(refund.rule or refund.approved_by_id)
    if not advance_one(refund, "take_back" if was_decided else "drop", actor=actor):
        raise Refused("finished", status=refund.status)
    return refund


@transaction.atomic
def fail_refund(*, refund_no: str, reason: str, actor: str, evidence: Mapping[str, Any]) -> bool:
    """It was refused, closed, or came back: a case, from which staff send it again or find another way (G19).

    The money stays where it lies. False where the refund has moved on meanwhile.
    """
    refund = locked_refund(refund_no)
    values = {"failure": reason[:60], "next_check_at": None}
    if not advance_one(refund, "fail", actor=actor, evidence={"reason": reason, **evidence}, values=values):
        return False
    open_discrepancy(
        kind=Discrepancy.Kind.REFUND_FAILED,
        key=f"refund-failed:{refund.pk}:{refund.tries}",
        amount_fen=refund.amount_fen,
        actor=actor,
        order=refund.receipt.order,
        facts={"refund_no": refund.refund_no, "reason": reason},
        owner_id=refund.approved_by_id,
    )
    return True


def open_stuck_case(refund: Refund) -> None:
    """Two days without a result: somebody looks at it, and we ask on (I9)."""
    open_discrepancy(
        kind=Discrepancy.Kind.STUCK, key=f"refund-stuck:{refund.pk}", amount_fen=refund.amount_fen,
        actor="system:refresh", order=refund.receipt.order, owner_id=refund.approved_by_id,
        facts={"refund_no": refund.refund_no, "reason": "no_outcome_after_two_days"},
    )  # fmt: skip
