"""The one door for money (HOUSE 2.4): a notification, a query, a bank or a statement says "paid".

What arrives is recorded before it is judged. An order that waits becomes paid; one that was closed
becomes paid too, and each of its declarations is re-attached where its period is still free; money
that has no place is held by a discrepancy.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from django.db import transaction

from core import clock
from core.refusals import Refused
from core.statements import Prepared, load
from core.transitions import Move, advance_all
from payments.declarations import claim_again
from payments.delays import AfterPayment, after_payment
from payments.discrepancies import open_discrepancy
from payments.gateways.base import CURRENCY, Result, TradeState
from payments.models import Declaration, Discrepancy, PaymentOrder, Receipt
from payments.orders import locked_order
from payments.policies.in_force import terms_of
from payments.receipts import Put, allocate, record_receipt
from payments.states import AT_GATEWAY


class Outcome(StrEnum):
    """What a word of payment did."""

    PAID = "paid"
    LATE = "late"  # a closed order became paid
    REPEATED = "repeated"  # this trade was known
    DUPLICATE = "duplicate"  # a second trade for a paid order, held for refund
    MISMATCH = "mismatch"  # it does not fit the order and was not applied


@dataclass(frozen=True, slots=True)
class Payment:
    """A verified word of payment. `source`: notification, query, bank or statement."""

    result: Result
    gateway: str
    source: str

    @property
    def actor(self) -> str:
        return f"system:{self.source}"


@transaction.atomic
def confirm_payment(*, order_no: str, payment: Payment, and_then: Callable[[Outcome], None] | None = None) -> Outcome:
    """Let a verified success take effect, once, whatever its source and however late.

    `and_then` writes down in the same transaction what came of it. Raises Refused("unknown_order") where there
    is no such order, or it never went to a gateway: the caller keeps the message and tries again (G8).
    """
    outcome = _confirm(order_no, payment)
    if and_then is not None:
        and_then(outcome)
    return outcome


def _confirm(order_no: str, payment: Payment) -> Outcome:
    order = locked_order(order_no)
    if order is None or order.status == "created":
        raise Refused("unknown_order")
    result = payment.result
    if result.state is not TradeState.PAID or result.amount_fen is None:
        raise ValueError("confirm_payment is for successes only")
    wrong = _differences(order, payment)
    if wrong:
        return _hold_mismatch(order, payment, wrong)
    lines = load(Declaration, _LINES, [order.pk]) if order.status in AT_GATEWAY else []
    receipt_id = record_receipt(
        gateway=payment.gateway,
        merchant_id=result.merchant_id,
        gateway_trade_no=result.trade_no,
        order_id=order.pk,
        amount_fen=result.amount_fen,
        paid_at=result.paid_at or clock.now(),
        source=payment.source,
        puts=[Put("declaration", line.pk, line.amount_fen) for line in lines],
    )
    if receipt_id is None:
        return _known_trade(order, payment)
    if order.status == "paid":
        return _hold_duplicate(order, payment, receipt_id)
    if order.status in AT_GATEWAY:
        _mark_paid(order, lines, payment, receipt_id, "confirm", "settle")
        return Outcome.PAID
    _reattach(order, payment, receipt_id)
    return Outcome.LATE


def _differences(order: PaymentOrder, payment: Payment) -> list[str]:
    """In what the word of payment does not fit the order (G10, G20)."""
    result = payment.result
    said = {
        "order_no": (result.order_no, order.order_no),
        "gateway": (payment.gateway, order.gateway),
        "merchant": (result.merchant_id, order.merchant_id),
        "currency": (result.currency, CURRENCY),
        "amount": (result.amount_fen, order.amount_fen),
    }
    return [name for name, (theirs, ours) in said.items() if theirs != ours]


def _hold_mismatch(order: PaymentOrder, payment: Payment, wrong: list[str]) -> Outcome:
    """Not applied. Where a query, asked by us, says that another amount was taken, the money is held in full."""
    result = payment.result
    is_amount = wrong == ["amount"]
    receipt_id = None
    if is_amount and payment.source != "notification":
        receipt_id = record_receipt(
            gateway=payment.gateway, merchant_id=result.merchant_id, gateway_trade_no=result.trade_no,
            order_id=order.pk, amount_fen=result.amount_fen or 0, paid_at=result.paid_at or clock.now(),
            source=payment.source,
        )  # fmt: skip
        if receipt_id is None and _is_known(order, payment):
            return Outcome.MISMATCH
    found = open_discrepancy(
        kind=Discrepancy.Kind.AMOUNT if is_amount else Discrepancy.Kind.WRONG_PARTY,
        key=f"mismatch:{payment.gateway}:{result.trade_no}:{payment.source}",
        amount_fen=result.amount_fen or 0,
        actor=payment.actor,
        order=order,
        receipt_id=receipt_id,
        facts={"differs": wrong, "said": result.as_json()},
    )
    if receipt_id is not None:
        allocate(receipt_id, [Put("discrepancy", found.pk, result.amount_fen or 0)])
    return Outcome.MISMATCH


def _is_known(order: PaymentOrder, payment: Payment) -> bool:
    """Whether this money has been recorded for this order: it is held, or has been given back since."""
    result = payment.result
    rows = Receipt.objects.filter(gateway=payment.gateway, gateway_trade_no=result.trade_no, order=order)
    return rows.filter(amount_fen=result.amount_fen or 0).exists()


def _known_trade(order: PaymentOrder, payment: Payment) -> Outcome:
    """The trade was recorded before: silent where it was recorded for this order, a case otherwise."""
    known = Receipt.objects.get(gateway=payment.gateway, gateway_trade_no=payment.result.trade_no)
    if known.order_id == order.pk:
        return Outcome.REPEATED
    open_discrepancy(
        kind=Discrepancy.Kind.WRONG_PARTY,
        key=f"trade-of-another:{payment.gateway}:{payment.result.trade_no}:{order.pk}",
        amount_fen=payment.result.amount_fen or 0,
        actor=payment.actor,
        order=order,
        facts={"receipt": known.pk, "said": payment.result.as_json()},
    )
    return Outcome.MISMATCH


def _hold_duplicate(order: PaymentOrder, payment: Payment, receipt_id: int) -> Outcome:
    amount_fen = payment.result.amount_fen or 0
    found = open_discrepancy(
        kind=Discrepancy.Kind.DUPLICATE,
        key=f"duplicate:{payment.gateway}:{payment.result.trade_no}",
        amount_fen=amount_fen,
        actor=payment.actor,
        order=order,
        receipt_id=receipt_id,
    )
    allocate(receipt_id, [Put("discrepancy", found.pk, amount_fen)])
    return Outcome.DUPLICATE


_LINES = Prepared("SELECT id, policy_id, amount_fen FROM payments_declaration WHERE order_id = %s ORDER BY id")


def _reattach(order: PaymentOrder, payment: Payment, receipt_id: int) -> None:
    """A success that came late: what is still free is paid, the rest is held (HOUSE 2.4, G6, G7)."""
    paid, puts = [], []
    for line in Declaration.objects.filter(order_id=order.pk).select_related("policy").order_by("pk"):
        if claim_again(line):
            paid.append(line)
            puts.append(Put("declaration", line.pk, line.amount_fen))
            continue
        found = open_discrepancy(
            kind=Discrepancy.Kind.LATE_TAKEN,
            key=f"late-taken:{line.pk}:{receipt_id}",
            amount_fen=line.amount_fen,
            actor=payment.actor,
            order=order,
            declaration=line,
            receipt_id=receipt_id,
        )
        puts.append(Put("discrepancy", found.pk, line.amount_fen))
    allocate(receipt_id, puts)
    _mark_paid(order, paid, payment, receipt_id, "late_success", "late_success")


def _mark_paid(
    order: PaymentOrder, lines: list[Declaration], payment: Payment, receipt_id: int, event: str, line_event: str
) -> None:
    """The order and those of its declarations that the receipt pays, in one statement."""
    paid_at = payment.result.paid_at or clock.now()
    values = {
        "paid_at": paid_at,
        "gateway_trade_no": payment.result.trade_no,
        "next_check_at": None,
        "unreachable_since": None,
    }
    moves = [Move(PaymentOrder, [order.pk], event, {"receipt": receipt_id, "source": payment.source}, values)]
    for dates, ids in _alike(lines, clock.business_date(paid_at)).items():
        dated = {"paid_at": paid_at, **asdict(dates)}
        moves.append(Move(Declaration, ids, line_event, {"receipt": receipt_id}, dated))
    advance_all(moves, actor=payment.actor)


def _alike(lines: list[Declaration], paid_on: date) -> dict[AfterPayment, list[int]]:
    """Lines by what follows their payment: places count the days each in its own way."""
    terms = terms_of(line.policy_id for line in lines)
    alike: dict[AfterPayment, list[int]] = {}
    for line in lines:
        alike.setdefault(after_payment(terms[line.policy_id].delays, paid_on), []).append(line.pk)
    return alike
