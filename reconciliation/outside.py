"""Money that no gateway moves any more and that has gone back in another way: asked by one, granted by another.

Bank money, refunds that a gateway has closed for good, and what a channel has given back by itself (HOUSE 2.9, G19,
B11). The paper is kept; the books, the period and the payer's message are those of any other refund.
"""

from typing import Any

from django.db import transaction
from django.db.models import Q, Sum

from core import clock
from core.models import User
from core.refusals import Refused, given_reason
from payments.gateways.base import RefundState, TradeState
from payments.gateways.desks import refund_desk
from payments.models import Receipt, Refund
from payments.refund_checks import ask_about_failed
from payments.refund_settling import drop_outside, set_aside, settle_outside
from payments.refunds import open_outside
from payments.states import NOT_THROUGH
from reconciliation.channel_questions import last_answer
from reconciliation.models import Finding, OutsideSettlement
from reconciliation.second_person import decide, refuse_same, waiting_step
from reconciliation.written_statements import WrittenStatement, attach, numbered

LONGEST = 500
ENDED_THERE = (RefundState.CLOSED, RefundState.ABNORMAL, RefundState.NOT_FOUND)
"""After these words of a gateway no money of the refund moves by itself."""
Ground = OutsideSettlement.Ground


def settle_failed_outside(
    *, refund_no: str, note: str, staff: User, written: WrittenStatement | None
) -> OutsideSettlement:
    """The first person: a refund that did not go through has been given back in another way.

    Its gateway is asked once more, by both persons' steps. Raises Refused: `no_reason`, `no_document`,
    `unknown_refund`, `not_failed`, `silent` (the gateway does not answer), `may_move` (with state: it may still go back
    there).
    """
    reason, paper = given_reason(note, longest=LONGEST), numbered(written)
    evidence = _gateway_is_done(refund_no)
    with transaction.atomic():
        refund = set_aside(refund_no=refund_no, actor=staff.actor)
        return _ask(refund, Ground.FAILED, reason, paper, staff, evidence)


def settle_money_outside(
    *, note: str, staff: User, written: WrittenStatement | None, declaration_no: str = "",
    discrepancy_id: int | None = None,
) -> OutsideSettlement:  # fmt: skip
    """The first person: the money of a paid declaration, or that a discrepancy holds, has gone back in another way.

    Where its gateway gives money back, that it has done so must stand on a statement, or be its word. Raises Refused:
    `no_reason`, `no_document`, `no_evidence`, and what `open_outside` raises.
    """
    reason, paper = given_reason(note, longest=LONGEST), numbered(written)
    with transaction.atomic():
        refund = open_outside(
            note=reason, requested_by=staff, declaration_no=declaration_no, discrepancy_id=discrepancy_id
        )
        has_desk = refund_desk(refund.gateway) is not None
        evidence = _said_by_channel(refund.receipt) if has_desk else {}
        if has_desk and not evidence:
            raise Refused("no_evidence")
        return _ask(refund, Ground.CHANNEL if has_desk else Ground.BANK, reason, paper, staff, evidence)


def confirm_outside(*, settlement_id: int, staff: User) -> OutsideSettlement:
    """The second person, who has seen the paper: the money moves in the books and the period is free.

    Raises Refused: `decided`, `same_person`, `finished`, and what asking the gateway anew may bring: `silent`,
    `not_failed`, `may_move`.
    """
    step = OutsideSettlement.objects.select_related("refund").get(pk=settlement_id)
    refuse_same(step, staff)
    if step.ground == Ground.FAILED and not step.outcome:
        _gateway_is_done(step.refund.refund_no)
    with transaction.atomic():
        step = waiting_step(OutsideSettlement, settlement_id)
        told = {
            "settlement": step.pk, "ground": step.ground, "document": step.document_no,
            "document_sha256": step.sha256, "asked_by": step.asked_by.username,
        }  # fmt: skip
        settle_outside(refund_no=step.refund.refund_no, approved_by=staff, evidence=told)
        return decide(step, staff, OutsideSettlement.Outcome.DONE)


def drop_settlement(*, settlement_id: int, staff: User) -> OutsideSettlement:
    """It has not gone back: the second person says no, or the first takes it back. Raises Refused: `decided`."""
    with transaction.atomic():
        step = waiting_step(OutsideSettlement, settlement_id)
        if step.refund.status == "outside":  # its gateway's success may have been faster
            drop_outside(refund_no=step.refund.refund_no, actor=staff.actor)
        return decide(step, staff, OutsideSettlement.Outcome.DROPPED)


def waiting_for(refund: Refund) -> OutsideSettlement | None:
    """What waits for its second person about a refund."""
    rows = OutsideSettlement.objects.filter(refund=refund, outcome="")
    return rows.select_related("asked_by").first()


def _ask(
    refund: Refund, ground: OutsideSettlement.Ground, reason: str, paper: WrittenStatement, staff: User,
    evidence: dict[str, Any],
) -> OutsideSettlement:  # fmt: skip
    step = OutsideSettlement(refund=refund, ground=ground, note=reason, asked_by=staff, evidence=evidence)
    attach(step, paper)
    step.save(force_insert=True)
    return step


def _gateway_is_done(refund_no: str) -> dict[str, Any]:
    """Its gateway's word, asked for now, that nothing moves there; where there is no gateway, nobody is asked."""
    refund = Refund.objects.filter(refund_no=refund_no).first()
    if refund is None:
        raise Refused("unknown_refund")
    if refund_desk(refund.gateway) is None:
        return {}
    if refund.status not in NOT_THROUGH:
        raise Refused("not_failed", status=refund.status)
    state = ask_about_failed(refund_no=refund_no)
    if state is None:
        raise Refused("silent")
    if state not in ENDED_THERE:
        raise Refused("may_move", state=state.value)
    return {"said": state.value, "asked_at": clock.now().isoformat()}


def _said_by_channel(receipt: Receipt) -> dict[str, Any]:
    """Lines of statements that take back at least what goes outside of this receipt, or the channel's answer."""
    of_receipt = Refund.objects.filter(receipt=receipt)
    outside = of_receipt.filter(Q(status="outside") | Q(is_outside=True)).aggregate(sum=Sum("amount_fen"))["sum"] or 0
    lines = Finding.objects.filter(
        receipt=receipt, kind__in=(Finding.Kind.REVERSAL, Finding.Kind.REFUND), resolution__in=("", "case"),
        statement__superseded_by=None,
    )  # fmt: skip
    if sum(line.amount_fen for line in lines) >= outside:
        return {"findings": [line.pk for line in lines]}
    our_own = of_receipt.filter(is_outside=False).exclude(status__in=("outside", "rejected"))
    if receipt.order is None or our_own.exists():
        return {}  # its word "refunded" may be about a refund of our own
    answer = last_answer(receipt.order)
    return {"answer": answer.pk} if answer is not None and answer.state == TradeState.REFUNDED else {}
