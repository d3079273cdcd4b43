"""Refund rows of a statement: our refunds agree or are settled by them, others are looked at."""

import pytest

from payments.gateways.base import RefundResult, RefundState
from payments.models import Declaration, Discrepancy, PaymentOrder, Refund
from payments.refund_settling import RefundEvidence, settle_refund
from payments.refunds import approve_refund, request_refund
from tests.payments.refund_world import guards_look, make_staff
from tests.reconciliation.stating import Said, deliver, found, line_of
from tests.world import PENSION, QIAN_JIN, ZHAO_MIN, Family, hand_over, line_for, open_order, say_paid


@pytest.fixture
def paid(family: Family) -> PaymentOrder:
    order = say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION))))
    guards_look()
    return order


@pytest.fixture
def refund(paid: PaymentOrder) -> Refund:
    """PA-6: asked for by 赵敏, approved by 钱进; the gateway has not been heard of yet."""
    declaration = Declaration.objects.get(order=paid)
    asked = request_refund(
        declaration_no=declaration.declaration_no, reason=Refund.Reason.WRONG_PLACE, note="", actor="staff:1",
        requested_by=make_staff(ZHAO_MIN),
    )  # fmt: skip
    return approve_refund(refund_no=asked.refund_no, approved_by=make_staff(QIAN_JIN), actor="staff:2")


def row_of(refund: Refund, order: PaymentOrder, **changes: object) -> Said:
    given = {"kind": "refund", "refund_no": refund.refund_no, "trade_refund_no": "5030001", "amount": refund.amount_fen}
    return line_of(order).but(**{**given, **changes})


def test_a_refund_whose_word_was_lost_is_settled_by_its_row(paid: PaymentOrder, refund: Refund) -> None:
    """G19, PA-7: the row proves it, and the period is free."""
    statement = deliver([line_of(paid), row_of(refund, paid)], paid.merchant_id, channel=paid.gateway)
    guards_look()
    refund.refresh_from_db()
    assert (refund.status, refund.gateway_refund_no) == ("refunded", "5030001")
    assert Declaration.objects.get(order=paid).status == "refunded"
    assert found(statement) == [("refund", "confirmed")]


def test_a_refund_that_is_known_agrees_and_leaves_no_row(paid: PaymentOrder, refund: Refund) -> None:
    line = row_of(refund, paid)
    said = RefundResult(
        RefundState.SUCCESS, refund.refund_no, paid.merchant_id, paid.order_no, line.trade_no, refund.amount_fen
    )
    settle_refund(refund_no=refund.refund_no, evidence=RefundEvidence(said, paid.gateway, "query"))
    guards_look()
    assert found(deliver([line_of(paid), line], paid.merchant_id)) == []


@pytest.mark.parametrize("changes", [{"amount": 1}, {"refund_no": "NOT-OURS"}, {"trade_no": "T-other"}])
def test_a_row_that_does_not_fit_our_refund_is_a_case(paid: PaymentOrder, refund: Refund, changes: dict) -> None:
    """G20: nothing is settled by a word about something else."""
    statement = deliver([line_of(paid), row_of(refund, paid, **changes)], paid.merchant_id)
    assert found(statement) == [("refund", "case")]
    assert Discrepancy.objects.get().kind == "refund"
    refund.refresh_from_db()
    assert refund.status == "approved"
