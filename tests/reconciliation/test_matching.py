"""One channel day against the books: every verdict, and what the rules make of it."""

from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from payments.models import Declaration, Discrepancy, PaymentOrder, Receipt
from payments.orders import expire_order
from reconciliation.agreements import expect_statements
from reconciliation.models import Finding, Statement
from reconciliation.working import reconcile_statement
from tests.reconciliation.stating import CHANNEL, Said, agree, days_later, deliver, found, line_of, noon, today
from tests.world import MEDICAL, PENSION, Family, hand_over, line_for, open_order, say_paid


@pytest.fixture
def waiting(family: Family) -> PaymentOrder:
    """An order at the gateway of which nothing has been heard."""
    return hand_over(open_order(family.payer, line_for(family.father, PENSION)))


@pytest.fixture
def paid(family: Family) -> PaymentOrder:
    return say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION))))


def statuses(order: PaymentOrder) -> set[str]:
    return set(Declaration.objects.filter(order=order).values_list("status", flat=True))


def test_a_day_that_agrees_is_closed_and_leaves_no_row(paid: PaymentOrder) -> None:
    """HOUSE 2.8: matched is derived."""
    statement = deliver([line_of(paid)], paid.merchant_id)
    assert statement.status == "closed"
    assert found(statement) == []
    assert statement.line_count == 1


def test_money_whose_notice_was_lost_is_found_by_the_statement(waiting: PaymentOrder) -> None:
    """G4, B2: the statement creates the receipt, and the order is paid after all."""
    statement = deliver([line_of(waiting)], waiting.merchant_id)
    waiting.refresh_from_db()
    assert (waiting.status, statuses(waiting)) == ("paid", {"paid"})
    assert Receipt.objects.get(order=waiting).source == "statement"
    assert found(statement) == [("late", "confirmed")]
    assert statement.status == "closed"


def test_a_fen_too_little_is_held_in_full_and_not_applied(waiting: PaymentOrder) -> None:
    """G10, B10."""
    statement = deliver([line_of(waiting, amount=waiting.amount_fen - 1)], waiting.merchant_id)
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen) == ("amount", waiting.amount_fen - 1)
    assert found(statement) == [("amount", "held")]
    assert Finding.objects.get().discrepancy == case


def test_a_fen_of_difference_about_known_money_is_a_case(paid: PaymentOrder) -> None:
    """B10: the receipt stands as it was recorded."""
    statement = deliver([line_of(paid, amount=paid.amount_fen + 1)], paid.merchant_id)
    assert found(statement) == [("amount", "case")]
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen, case.receipt) == ("amount", 1, Receipt.objects.get())


def test_money_that_we_know_nothing_of_is_a_receipt_held_in_full(family: Family, paid: PaymentOrder) -> None:
    """B8."""
    strange = Said("NO-SUCH-ORDER", "T-strange", 38_000, clock.now())
    statement = deliver([line_of(paid), strange], paid.merchant_id)
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen) == ("unknown_order", 38_000)
    assert case.receipt is not None
    assert case.receipt.order is None
    assert found(statement) == [("unknown", "held")]


def test_money_for_an_order_that_never_went_to_a_gateway_is_held(family: Family) -> None:
    order = open_order(family.payer, line_for(family.father, PENSION))
    merchant = order.payee.merchants["wechat_pay"]
    deliver([line_of(order)], merchant)
    order.refresh_from_db()
    assert order.status == "created"
    assert Discrepancy.objects.get().kind == "unknown_order"


def test_a_second_trade_for_a_paid_order_is_a_duplicate(paid: PaymentOrder) -> None:
    """B4: the money moved twice; a rule sends it back."""
    statement = deliver([line_of(paid), line_of(paid, trade_no="T-second")], paid.merchant_id)
    assert found(statement) == [("duplicate", "held")]
    assert Discrepancy.objects.get().kind == "duplicate"


def test_two_unknown_trades_for_one_order_pay_it_once(waiting: PaymentOrder) -> None:
    """G5 by statement: the first pays, the second is held."""
    statement = deliver([line_of(waiting, "T-1"), line_of(waiting, "T-2")], waiting.merchant_id)
    assert found(statement) == [("late", "confirmed"), ("duplicate", "held")]


def test_a_trade_that_is_listed_twice_counts_once(paid: PaymentOrder) -> None:
    """A file's own mistake is no second payment."""
    statement = deliver([line_of(paid), line_of(paid)], paid.merchant_id)
    assert found(statement) == [("repeated", "case")]
    assert Receipt.objects.count() == 1
    assert Discrepancy.objects.get().kind == "statement"


def test_an_unknown_trade_that_is_listed_twice_is_held_once(family: Family, paid: PaymentOrder) -> None:
    strange = Said("NO-SUCH-ORDER", "T-strange", 38_000, clock.now())
    statement = deliver([line_of(paid), strange, strange], paid.merchant_id)
    assert sorted(found(statement)) == [("repeated", "case"), ("unknown", "held")]
    assert Receipt.objects.filter(order=None).count() == 1


def test_money_that_comes_after_the_order_was_closed_is_attached_again(waiting: PaymentOrder) -> None:
    """G6, G17: nothing un-pays, and a truth that comes late is still one."""
    close(waiting)
    deliver([line_of(waiting)], waiting.merchant_id)
    waiting.refresh_from_db()
    assert (waiting.status, statuses(waiting)) == ("paid", {"paid"})


def test_late_money_for_a_period_that_another_has_paid_is_held_for_refund(
    family: Family, waiting: PaymentOrder
) -> None:
    """G7: the first record is untouched."""
    close(waiting)
    other = say_paid(hand_over(open_order(family.payer, line_for(family.father, PENSION))))
    deliver([line_of(waiting), line_of(other)], waiting.merchant_id)
    waiting.refresh_from_db()
    assert (waiting.status, statuses(waiting)) == ("paid", {"released"})
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen) == ("late_taken", waiting.amount_fen)
    assert statuses(other) == {"paid"}


def close(order: PaymentOrder) -> None:
    """On the gateway's word; the guards of the commit are asked at once."""
    assert expire_order(order_id=order.pk, actor="system:test", evidence={"said": "closed"})
    connection.check_constraints()


def test_a_line_about_an_order_of_another_merchant_is_held(waiting: PaymentOrder, family: Family) -> None:
    """G20: a mix-up on their side pays nothing on ours."""
    statement = deliver([line_of(waiting)], "1900000999")
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen, case.order) == ("wrong_party", waiting.amount_fen, waiting)
    assert found(statement) == [("wrong_party", "held")]


def test_a_known_trade_under_another_order_number_is_a_case(paid: PaymentOrder, waiting: PaymentOrder) -> None:
    """G20."""
    trade = Receipt.objects.get().gateway_trade_no
    statement = deliver([line_of(waiting, trade_no=trade)], paid.merchant_id)
    assert found(statement) == [("wrong_party", "case")]
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"


# --- days --------------------------------------------------------------------------------------------------------


def test_a_receipt_may_appear_on_the_next_day(paid: PaymentOrder) -> None:
    """B9, fault C1: cut-offs differ, so the day stays open until the next one is known."""
    merchant, day = paid.merchant_id, today()
    first = deliver([], merchant)
    assert (first.status, found(first)) == ("matched", [("missing", "")])
    with days_later(1):
        second = deliver([line_of(paid, at=noon(today()))], merchant)
        assert found(second) == [("other_day", "agrees")]
        assert deliver_again(first).status == "closed"
    assert found(first) == [("missing", "appeared")]
    assert not Discrepancy.objects.exists()
    assert second.channel_day == day + timedelta(days=1)


def test_a_receipt_that_appears_on_no_day_is_a_case_and_stays_paid(paid: PaymentOrder) -> None:
    """B9: never undone by itself."""
    first = deliver([], paid.merchant_id)
    with days_later(1):
        deliver([], paid.merchant_id)
        assert deliver_again(first).status == "closed"
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen, case.status) == ("missing", paid.amount_fen, "open")
    paid.refresh_from_db()
    assert (paid.status, statuses(paid)) == ("paid", {"paid"})
    with days_later(2):
        deliver([line_of(paid, at=noon(today()))], paid.merchant_id)
    case.refresh_from_db()
    assert case.status == "settled"


def test_the_last_day_of_an_agreement_waits_for_no_day_after_it(paid: PaymentOrder) -> None:
    """B9: none comes; whoever has one may hand it in until the hour at which it would have been due."""
    agree(until=today())
    last = deliver([], paid.merchant_id)
    with days_later(2, hour=9):
        assert deliver_again(last).status == "matched"
    with days_later(2, hour=10):
        expect_statements()
        assert deliver_again(last).status == "closed"
    assert found(last) == [("missing", "case")]
    assert Statement.objects.filter(channel_day__gt=last.channel_day, agreement=CHANNEL).count() == 0


def deliver_again(statement: Statement) -> Statement:
    """What the sweep does when the next day is there."""
    return reconcile_statement(statement_id=statement.pk)


# --- back again --------------------------------------------------------------------------------------------------


def test_a_payment_that_its_own_file_takes_back_pays_nothing(waiting: PaymentOrder) -> None:
    """B11 on the same day: the order goes on waiting, nothing is held."""
    back = line_of(waiting, kind="reversal", trade_refund_no="R-1")
    statement = deliver([line_of(waiting), back], waiting.merchant_id)
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"
    assert found(statement) == [("reversal", "cancelled_out"), ("reversal", "cancelled_out")]
    assert not Receipt.objects.exists()


def test_a_reversal_of_money_in_the_books_is_a_case(paid: PaymentOrder) -> None:
    """B11: the channel took back what we said was paid."""
    statement = deliver([line_of(paid), line_of(paid, kind="reversal", trade_refund_no="R-1")], paid.merchant_id)
    assert found(statement) == [("reversal", "case")]
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen, case.order) == ("reversed", paid.amount_fen, paid)


def test_a_refund_that_nobody_asked_for_is_a_case(paid: PaymentOrder) -> None:
    """B8 the other way round."""
    back = line_of(paid, kind="refund", refund_no="NOT-OURS", trade_refund_no="R-1")
    statement = deliver([line_of(paid), back], paid.merchant_id)
    assert found(statement) == [("refund", "case")]
    assert Discrepancy.objects.get().kind == "refund"


def test_a_family_order_is_matched_as_one(family: Family) -> None:
    """U6: one receipt for three lines."""
    order = hand_over(open_order(family.payer, *(line_for(one, PENSION) for one in (family.father, family.husband)),
                                 line_for(family.son, MEDICAL, 24_000)))  # fmt: skip
    statement = deliver([line_of(order)], order.merchant_id)
    assert statement.verdicts["late"] == 1
    assert statuses(order) == {"paid"}
