"""Refunds: who may ask for one, who decides, and what it is about (HOUSE 2.9, PA-6, PA-7).

Nothing here touches a gateway: `refund_checks` sends and asks, `refund_settling` books what came of it. Until a refund
has succeeded its money stays where it lies and its declaration is paid. Lock order: order → declarations → claims →
refund.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Sum

from core import clock
from core.models import User
from core.nudge import nudge
from core.refusals import Refused
from core.transitions import advance_one, record_creation
from payments.gateways.base import ENDED_BADLY
from payments.gateways.desks import refund_desk
from payments.models import Allocation, Declaration, Discrepancy, PaymentOrder, Receipt, Refund
from payments.pricing.shapes import BASE, TOP_UP
from payments.states import LIVE, REFUNDING, UNDER_WORK

RULES = {
    Discrepancy.Kind.DUPLICATE.value: Refund.Reason.DUPLICATE,
    Discrepancy.Kind.LATE_TAKEN.value: Refund.Reason.LATE_TAKEN,
}
"""Held money that goes back without anybody's decision, and why (HOUSE 2.4)."""
BY_STAFF = (*RULES, Discrepancy.Kind.AMOUNT, Discrepancy.Kind.UNKNOWN_ORDER, Discrepancy.Kind.WRONG_PARTY)
"""Held money that two members of staff may give back."""


@dataclass(frozen=True, slots=True)
class _Money:
    """Where the money lies that is to go back, and how much of which receipt it is."""

    receipt: Receipt
    amount_fen: int
    declaration: Declaration | None = None
    discrepancy: Discrepancy | None = None


@transaction.atomic
def request_refund(
    *, declaration_no: str, reason: Refund.Reason, note: str, actor: str, requested_by: User
) -> Refund:
    """Ask for the money of one paid declaration, alone or one of a family's order (U6).

    Raises Refused: `unknown_declaration`, `not_yours` (a resident gives back only what he has paid), `not_paid` (with
    status), `in_refund` (with refund_no), `topped_up`, `no_gateway` (the channel gives nothing back by itself),
    `no_money`.
    """
    money = _paid_for(declaration_no, requested_by)
    if money.declaration is not None and is_topped_up(money.declaration):
        raise Refused("topped_up")
    return _open(money, reason=reason, note=note, actor=actor, requested_by=requested_by)


@transaction.atomic
def request_refund_of_held(
    *, discrepancy_id: int, reason: Refund.Reason, note: str, actor: str, requested_by: User
) -> Refund:
    """A member of staff asks that money which a discrepancy holds goes back; a second one approves.

    Raises Refused: `not_staff`, `not_held` (with kind), `finished` (with status), `in_refund`, `no_gateway`,
    `no_money`.
    """
    discrepancy = _locked_discrepancy(discrepancy_id)
    if not requested_by.is_staff:
        raise Refused("not_staff")
    if discrepancy.kind not in BY_STAFF:
        raise Refused("not_held", kind=discrepancy.kind)
    _refuse_over(discrepancy)
    return _open(_held_by(discrepancy), reason=reason, note=note, actor=actor, requested_by=requested_by)


def is_topped_up(base: Declaration) -> bool:
    """Whether a top-up stands on it whose money is not going back (PO-8): what it raises would be gone."""
    if base.part != BASE:
        return False
    above = Declaration.objects.filter(
        person=base.person_id, insurance_type=base.insurance_type_id, region=base.region_id,
        coverage_year=base.coverage_year, part=TOP_UP, status__in=LIVE,
    )  # fmt: skip
    return above.exclude(refunds__status__in=REFUNDING).exists()


@transaction.atomic
def open_outside(
    *, note: str, requested_by: User, declaration_no: str = "", discrepancy_id: int | None = None
) -> Refund:
    """Money that has gone back in another way, or goes: of a paid declaration, or held by a discrepancy.

    It waits, asked for at no gateway, for the second person (`refund_outside`). Raises Refused: as `request_refund`
    and `request_refund_of_held`, but `no_gateway` and `not_held`.
    """
    if not requested_by.is_staff:
        raise Refused("not_staff")
    if discrepancy_id is None:
        money, reason = _paid_for(declaration_no, requested_by), Refund.Reason.RETURNED
    else:
        discrepancy = _locked_discrepancy(discrepancy_id)
        _refuse_over(discrepancy)
        money = _held_by(discrepancy)
        reason = RULES.get(discrepancy.kind, Refund.Reason.UNKNOWN_MONEY)
    actor = requested_by.actor
    return _open(money, reason=reason, note=note, actor=actor, requested_by=requested_by, status="outside")


@transaction.atomic
def refund_by_rule(*, discrepancy_id: int, rule: str) -> Refund:
    """Give back a second payment, or a late one of a period paid meanwhile: asked and decided by `system:<rule>`.

    Raises Refused: `not_by_rule` (with kind), `finished` (with status), `in_refund`, `no_gateway`, `no_money`.
    """
    discrepancy = _locked_discrepancy(discrepancy_id)
    if discrepancy.kind not in RULES:
        raise Refused("not_by_rule", kind=discrepancy.kind)
    if discrepancy.status != "open":
        raise Refused("finished", status=discrepancy.status)
    actor = f"system:{rule}"
    refund = _open(_held_by(discrepancy), reason=RULES[discrepancy.kind], note="", actor=actor, rule=rule)
    _approve(refund, actor=actor)
    return refund


@transaction.atomic
def approve_refund(*, refund_no: str, approved_by: User, actor: str) -> Refund:
    """The second person agrees; it is sent at once.

    Raises Refused: `unknown_refund`, `finished` (with status), `not_staff`, `same_person`.
    """
    refund = _undecided(refund_no)
    if not approved_by.is_staff:
        raise Refused("not_staff")
    if refund.requested_by_id == approved_by.pk:
        raise Refused("same_person")
    _approve(refund, actor=actor, approved_by=approved_by)
    return refund


@transaction.atomic
def reject_refund(*, refund_no: str, why: str, actor: str) -> Refund:
    """It will not be given back; `why` is told to whoever asked. Raises Refused: `unknown_refund`, `finished`."""
    refund = _undecided(refund_no)
    advance_one(refund, "reject", actor=actor, evidence={"why": why}, values={"failure": why[:60]})
    return refund


@transaction.atomic
def retry_refund(*, refund_no: str, actor: str) -> Refund:
    """Send a failed refund once more, under its number.

    Raises Refused: `unknown_refund`, `not_failed`, `ended` (no gateway moves it any more: it goes back in another way).
    """
    refund = locked_refund(refund_no)
    if refund.status != "failed":
        raise Refused("not_failed", status=refund.status)
    if has_ended(refund):
        raise Refused("ended", failure=refund.failure)
    evidence = {"failure": refund.failure, "tries": refund.tries}
    values = {"next_check_at": clock.now(), "checks": 0, "failure": ""}
    advance_one(refund, "retry", actor=actor, evidence=evidence, values=values)
    nudge("payments.tasks.send_refund", refund_no)
    return refund


def has_ended(refund: Refund) -> bool:
    """Whether its gateway has said that nothing moves any more under this refund's number."""
    return refund.status == "failed" and refund.failure in ENDED_BADLY


def refund_of(declaration: Declaration) -> Refund | None:
    """The refund of a declaration that is under way, done, or was refused last; None where none was asked for."""
    return Refund.objects.filter(declaration=declaration).order_by("-pk").first()


def locked_refund(refund_no: str) -> Refund:
    """A refund, its row locked until the end of the transaction. Raises Refused: `unknown_refund`."""
    refund = Refund.objects.select_for_update().filter(refund_no=refund_no).first()
    if refund is None:
        raise Refused("unknown_refund")
    return refund


def _undecided(refund_no: str) -> Refund:
    refund = locked_refund(refund_no)
    if refund.status != "requested":
        raise Refused("finished", status=refund.status)
    return refund


def _approve(refund: Refund, *, actor: str, approved_by: User | None = None) -> None:
    moment = clock.now()
    values = {
        "approved_by_id": approved_by.pk if approved_by else None,
        "approved_at": moment,
        "next_check_at": moment,
    }
    advance_one(refund, "approve", actor=actor, values=values)
    nudge("payments.tasks.send_refund", refund.refund_no)


def _open(
    money: _Money, *, reason: Refund.Reason, note: str, actor: str, requested_by: User | None = None, rule: str = "",
    status: str = "requested",
) -> Refund:  # fmt: skip
    """Write the request down. The database refuses a second one, and more than the receipt holds (I8)."""
    if status == "requested" and refund_desk(money.receipt.gateway) is None:
        raise Refused("no_gateway", gateway=money.receipt.gateway)
    refund = Refund.objects.create(
        receipt=money.receipt, declaration=money.declaration, discrepancy=money.discrepancy,
        amount_fen=money.amount_fen, reason=reason, note=note[:200], rule=rule, requested_actor=actor,
        requested_by=requested_by, requested_at=clock.now(), gateway=money.receipt.gateway,
        merchant_id=money.receipt.merchant_id, status=status,
    )  # fmt: skip
    record_creation(Refund, [refund.pk], status=status, actor=actor, evidence={"reason": reason, "note": note})
    return refund


def _paid_for(declaration_no: str, requested_by: User) -> _Money:
    """The money of a paid declaration, which stands still from here on."""
    found = Declaration.objects.filter(declaration_no=declaration_no).only("pk", "order_id").first()
    if found is None:
        raise Refused("unknown_declaration")
    lock_order(found.order_id)
    declaration = Declaration.objects.select_for_update().get(pk=found.pk)
    if not requested_by.is_staff and declaration.payer_id != requested_by.pk:
        raise Refused("not_yours")
    if declaration.status != "paid":
        raise Refused("not_paid", status=declaration.status)
    _refuse_second(refund_of(declaration))
    receipt, amount_fen = _lying_at(Allocation.Target.DECLARATION, declaration.pk)
    return _Money(receipt, amount_fen, declaration=declaration)


def _held_by(discrepancy: Discrepancy) -> _Money:
    _refuse_second(Refund.objects.filter(discrepancy=discrepancy).order_by("-pk").first())
    receipt, amount_fen = _lying_at(Allocation.Target.DISCREPANCY, discrepancy.pk)
    return _Money(receipt, amount_fen, discrepancy=discrepancy)


def _refuse_over(discrepancy: Discrepancy) -> None:
    if discrepancy.status not in UNDER_WORK:
        raise Refused("finished", status=discrepancy.status)


def _refuse_second(refund: Refund | None) -> None:
    if refund is not None and refund.status != "rejected":
        raise Refused("in_refund", refund_no=refund.refund_no)


def _lying_at(target_kind: Allocation.Target, target_id: int) -> tuple[Receipt, int]:
    """The receipt whose money lies there, and how much: one target is paid by one receipt."""
    rows = Allocation.objects.filter(target_kind=target_kind, target_id=target_id)
    sums = rows.values_list("receipt").annotate(held=Sum("amount_fen")).exclude(held=0)
    if len(sums) != 1:
        raise Refused("no_money")
    receipt_id, held = sums[0]
    return Receipt.objects.get(pk=receipt_id), held


def lock_order(order_id: int | None) -> None:
    """Its lines and whatever its money does stand still until the end of the transaction."""
    if order_id is not None:
        PaymentOrder.objects.select_for_update().get(pk=order_id)


def _locked_discrepancy(discrepancy_id: int) -> Discrepancy:
    lock_order(Discrepancy.objects.values_list("order_id", flat=True).get(pk=discrepancy_id))
    return Discrepancy.objects.select_for_update().get(pk=discrepancy_id)
