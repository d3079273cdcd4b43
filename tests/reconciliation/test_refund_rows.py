"""Refund rows of a statement: our refunds agree or are settled by them, others are looked at."""

from datetime import timedelta

import pytest

from payments.models import Declaration, Discrepancy, PaymentOrder, Refund
from reconciliation.working import reconcile_statement
from tests.payments.refund_world import guards_look
from tests.reconciliation.refunding import asked_back, row_of, settle
from tests.reconciliation.stating import days_later, deliver, found, line_of, noon, today
from tests.world import PENSION, Family, hand_over, line_for, open_order, say_paid


@pytest.fixture
def paid(family: Family) -> PaymentOrder:
    order = say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION))))
    guards_look()
    return order


@pytest.fixture
def refund(paid: PaymentOrder) -> Refund:
    return asked_back(paid)


def test_a_refund_whose_word_was_lost_is_settled_by_its_row(paid: PaymentOrder, refund: Refund) -> None:
    """G19, PA-7: the row proves it, and the period is free."""
    statement = deliver([line_of(paid), row_of(refund, paid)], paid.merchant_id, channel=paid.gateway)
    guards_look()
    refund.refresh_from_db()
    assert (refund.status, refund.gateway_refund_no) == ("refunded", "5030001")
    assert Declaration.objects.get(order=paid).status == "refunded"
    assert found(statement) == [("refund", "confirmed")]


def test_a_refund_that_is_known_agrees_and_leaves_no_row(paid: PaymentOrder, refund: Refund) -> None:
    settle(refund, paid)
    assert found(deliver([line_of(paid), row_of(refund, paid)], paid.merchant_id)) == []


@pytest.mark.parametrize("changes", [{"amount": 1}, {"refund_no": "NOT-OURS"}, {"trade_no": "T-other"}])
def test_a_row_that_does_not_fit_our_refund_is_a_case(paid: PaymentOrder, refund: Refund, changes: dict) -> None:
    """G20: nothing is settled by a word about something else."""
    statement = deliver([line_of(paid), row_of(refund, paid, **changes)], paid.merchant_id)
    assert found(statement) == [("refund", "case")]
    assert Discrepancy.objects.get().kind == "refund"
    refund.refresh_from_db()
    assert refund.status == "approved"


def test_a_second_row_of_one_refund_is_a_case(paid: PaymentOrder, refund: Refund) -> None:
    """X2: the channel has given the same money back twice, on one day or on two."""
    settle(refund, paid)
    rows = [row_of(refund, paid), row_of(refund, paid, trade_refund_no="5030002")]
    assert found(deliver([line_of(paid), *rows], paid.merchant_id)) == [("refund", "case")]
    third = row_of(refund, paid, trade_refund_no="5030003", at=noon(today() + timedelta(days=1)))
    again = third.but(trade_refund_no="5030001")
    with days_later(2):
        statement = deliver([third, again], paid.merchant_id, today() - timedelta(days=1))
    assert [kind for kind, _ in found(statement)] == ["refund", "refund"]
    assert Discrepancy.objects.filter(kind="refund").count() == 3


# --- ours that they do not list ----------------------------------------------------------------------------------


def test_a_refund_of_ours_may_stand_on_the_next_day(paid: PaymentOrder, refund: Refund) -> None:
    """B9 the other way round: the day stays open until the next one is known."""
    settle(refund, paid)
    first = deliver([line_of(paid)], paid.merchant_id)
    assert (first.status, found(first)) == ("matched", [("unrefunded", "")])
    with days_later(1):
        deliver([row_of(refund, paid, at=noon(today()))], paid.merchant_id)
        assert reconcile_statement(statement_id=first.pk).status == "closed"
    assert found(first) == [("unrefunded", "appeared")]
    assert not Discrepancy.objects.exists()


def test_a_refund_of_ours_that_no_day_lists_is_a_case_until_one_does(paid: PaymentOrder, refund: Refund) -> None:
    settle(refund, paid)
    first = deliver([line_of(paid)], paid.merchant_id)
    with days_later(1):
        deliver([], paid.merchant_id)
        assert reconcile_statement(statement_id=first.pk).status == "closed"
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen, case.order, case.status) == ("refund", refund.amount_fen, paid, "open")
    refund.refresh_from_db()
    assert refund.status == "refunded"  # nothing is undone by a silence
    with days_later(2):
        deliver([row_of(refund, paid, at=noon(today()))], paid.merchant_id)
    case.refresh_from_db()
    assert case.status == "settled"


def test_a_refund_that_ended_days_later_stands_on_the_day_on_which_it_began(paid: PaymentOrder, refund: Refund) -> None:
    """WeChat Pay's bill lists refunds by the day on which they were asked for."""
    day = today()
    with days_later(2):
        settle(refund, paid)
    with days_later(3):
        assert found(deliver([line_of(paid), row_of(refund, paid)], paid.merchant_id, day)) == []
        assert found(deliver([], paid.merchant_id, day + timedelta(days=2))) == []


def test_a_refund_that_is_still_under_way_is_not_looked_for(paid: PaymentOrder, refund: Refund) -> None:
    assert found(deliver([line_of(paid)], paid.merchant_id)) == []
