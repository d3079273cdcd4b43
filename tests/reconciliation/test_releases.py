"""Attempts that hang: freed by complete statements that hold no line, never by a timer (HOUSE 2.7, PA-4)."""

from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from core.models import Transition
from core.refusals import Refused
from payments import gateways
from payments.gateways.base import GatewayUnreachable, Result, TradeState
from payments.models import Declaration, Discrepancy, PaymentOrder, PeriodClaim
from payments.order_checks import cancel_order, refresh_order, refresh_pending_orders
from payments.orders import Waiting, clears_by
from reconciliation.discrepancies import resolve_discrepancy, take_discrepancy
from reconciliation.models import Finding
from reconciliation.releases import clear_stuck_orders
from reconciliation.working import reconcile_statement
from tests.payments.refund_world import make_staff
from tests.reconciliation.stating import Said, agree, days_later, deliver, line_of, noon, receive, today
from tests.world import (
    MEDICAL,
    PENSION,
    RURAL_BANK,
    ZHAO_MIN,
    Family,
    hand_over,
    line_for,
    make_channel,
    open_order,
    say_paid,
)

BANK, MERCHANT = "nsh-wendeng", "SB371003"


@pytest.fixture
def at_bank(family: Family) -> PaymentOrder:
    """B1: a counter of 农商行 has begun to take the money and was never heard of again."""
    agree(BANK)
    make_channel(BANK, "bank_counter", RURAL_BANK)
    order = open_order(family.payer, line_for(family.father, PENSION))
    order.payee.merchants[BANK] = MERCHANT
    order.payee.save()
    return hand_over(order, BANK, "")


def status(order: PaymentOrder) -> str:
    order.refresh_from_db()
    return order.status


def clear() -> int:
    """The sweep; the guards of the commit are asked at once."""
    freed = clear_stuck_orders()
    connection.check_constraints()
    return freed


def test_two_complete_days_without_a_line_free_the_attempt_with_evidence(at_bank: PaymentOrder) -> None:
    """B1, PA-4: the bank cannot be asked; its statements of D and D+1 are what is known."""
    day = today()
    deliver([], MERCHANT, day, BANK)
    with days_later(2):
        second = deliver([], MERCHANT, day + timedelta(days=1), BANK)
        assert clear() == 1
    assert status(at_bank) == "expired"
    assert set(Declaration.objects.values_list("status", flat=True)) == {"released"}
    assert not PeriodClaim.objects.exists()
    told = Transition.objects.get(kind="DECLARATION", event="release")
    looked = told.evidence["statements"]
    assert [row["day"] for row in looked] == [str(day), str(day + timedelta(days=1))]
    assert looked[1]["sha256"] == second.sha256
    assert told.evidence["line"] is None


def test_at_a_counter_nobody_can_be_asked_and_the_payer_is_told_by_when_it_will_be_known(at_bank: PaymentOrder) -> None:
    """B1, PA-3: asking and giving up are answered like a gateway's silence, not with an error."""
    assert refresh_order(order_no=at_bank.order_no).status == "awaiting"
    with pytest.raises(Refused) as refused:
        cancel_order(order_no=at_bank.order_no, actor="resident:1")
    assert (refused.value.code, refused.value.facts["at"]) == ("unreachable", clears_by(at_bank))
    assert refresh_pending_orders() == 0  # the next question is not due at once
    assert status(at_bank) == "awaiting"


def test_the_first_day_alone_frees_nothing(at_bank: PaymentOrder) -> None:
    """B9: what is paid late in the evening may stand on the next day's statement."""
    deliver([], MERCHANT, today(), BANK)
    with days_later(2):
        assert clear() == 0
    assert status(at_bank) == "awaiting"


def test_time_alone_frees_nothing_and_two_days_are_a_case(at_bank: PaymentOrder) -> None:
    """PA-4: opened by itself, without the payer's calling."""
    with days_later(10):
        assert clear() == 0
        clear()
    assert status(at_bank) == "awaiting"
    case = Discrepancy.objects.get()
    assert (case.kind, case.order, case.amount_fen) == ("stuck", at_bank, at_bank.amount_fen)


def test_the_case_is_over_once_the_attempt_is_cleared(at_bank: PaymentOrder) -> None:
    day = today()
    with days_later(5):
        clear()
        deliver([], MERCHANT, day, BANK)
        deliver([], MERCHANT, day + timedelta(days=1), BANK)
        assert clear() == 1
    assert Discrepancy.objects.get().status == "settled"


def test_a_line_on_the_second_day_pays_instead_of_freeing(at_bank: PaymentOrder) -> None:
    """B2, fault C1: the cash was taken, the confirmation lost."""
    day = today()
    deliver([], MERCHANT, day, BANK)
    with days_later(2):
        late = line_of(at_bank, at=noon(day + timedelta(days=1)))
        deliver([late], MERCHANT, day + timedelta(days=1), BANK)
        assert clear() == 0
    assert status(at_bank) == "paid"


def test_a_line_of_a_kind_that_we_do_not_know_keeps_the_attempt_blocked(at_bank: PaymentOrder) -> None:
    """S1: something happened to this order; people look at it first."""
    day = today()
    line = line_of(at_bank, amount=at_bank.amount_fen - 1)
    deliver([line], MERCHANT, day, BANK)
    with days_later(2):
        deliver([], MERCHANT, day + timedelta(days=1), BANK)
        assert clear() == 0
    assert status(at_bank) == "awaiting"
    assert Finding.objects.get().kind == "amount"


def test_an_unreadable_statement_is_no_evidence(at_bank: PaymentOrder) -> None:
    """B6."""
    day = today()
    deliver([], MERCHANT, day, BANK)
    with days_later(2):
        broken = receive([], MERCHANT, day + timedelta(days=1), BANK, content=b"nonsense\n")
        reconcile_statement(statement_id=broken.pk)
        assert clear() == 0
    assert status(at_bank) == "awaiting"


def test_a_correction_that_is_not_read_yet_holds_up_what_the_day_would_free(at_bank: PaymentOrder) -> None:
    """B7, HOUSE 2.7: evidence that is being replaced is no evidence."""
    day = today()
    deliver([], MERCHANT, day, BANK)
    with days_later(2):
        deliver([], MERCHANT, day + timedelta(days=1), BANK)
        correction = receive([line_of(at_bank, at=noon(day))], MERCHANT, day, BANK)
        assert clear() == 0
        reconcile_statement(statement_id=correction.pk)
        assert clear() == 0
    assert status(at_bank) == "paid"


def test_a_refused_correction_holds_it_up_until_its_case_is_over(at_bank: PaymentOrder) -> None:
    """B6: what it said is not known, until staff find out that it was none."""
    day, zhao = today(), make_staff(ZHAO_MIN)
    deliver([], MERCHANT, day, BANK)
    with days_later(2):
        deliver([], MERCHANT, day + timedelta(days=1), BANK)
        broken = receive([], MERCHANT, day, BANK, content=b"nonsense\n")
        reconcile_statement(statement_id=broken.pk)
        assert clear() == 0
        case = Discrepancy.objects.get(kind="statement")
        take_discrepancy(discrepancy_id=case.pk, staff=zhao)
        assert clear() == 0
        resolve_discrepancy(discrepancy_id=case.pk, reason="交错了文件，不是更正件", staff=zhao)
        assert clear() == 1
    assert status(at_bank) == "expired"


def test_money_that_comes_after_the_release_is_found_again(at_bank: PaymentOrder) -> None:
    """G6, PA-4: a corrected statement names it after all; the period is free, so it is paid."""
    day = today()
    deliver([], MERCHANT, day, BANK)
    with days_later(2):
        deliver([], MERCHANT, day + timedelta(days=1), BANK)
        assert clear() == 1
        deliver([line_of(at_bank, at=noon(day))], MERCHANT, day, BANK)
    assert status(at_bank) == "paid"
    assert set(Declaration.objects.values_list("status", flat=True)) == {"paid"}


# --- gateways that can be asked ----------------------------------------------------------------------------------


class Silent:
    """A gateway that answers as a test wants."""

    code = "wechat_pay"

    def __init__(self, answer: TradeState | None) -> None:
        self.answer, self.asked = answer, 0

    def close(self, order):
        self.asked += 1
        if self.answer is None:
            raise GatewayUnreachable("silence")
        return Result(self.answer, order.order_no, order.merchant, order.amount_fen, "CNY", "T-1", clock.now())

    query = close


@pytest.fixture
def waiting(family: Family) -> PaymentOrder:
    return hand_over(open_order(family.payer, line_for(family.father, PENSION)))


def two_days(order: PaymentOrder, *lines: Said) -> None:
    deliver(list(lines), order.merchant_id, today() - timedelta(days=2))
    deliver([], order.merchant_id, today() - timedelta(days=1))


@pytest.mark.parametrize(
    ("answer", "left"), [(None, "expired"), (TradeState.UNKNOWN, "awaiting"), (TradeState.PAID, "paid")]
)
def test_a_gateway_is_asked_first_and_statements_are_the_backstop(
    waiting: PaymentOrder, monkeypatch: pytest.MonkeyPatch, answer: TradeState | None, left: str
) -> None:
    """G4, G21: its own word decides; of one that stays silent the two days tell."""
    gateway = Silent(answer)
    monkeypatch.setattr(gateways, "gateway", lambda code: gateway)
    with days_later(2):
        two_days(waiting)
        clear()
    assert gateway.asked
    assert status(waiting) == left


def test_a_gateway_that_is_silent_and_has_stated_one_day_frees_nothing(
    waiting: PaymentOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Silent(None)
    monkeypatch.setattr(gateways, "gateway", lambda code: gateway)
    with days_later(2):
        deliver([], waiting.merchant_id, today() - timedelta(days=2))
        assert clear() == 0
    assert (status(waiting), gateway.asked) == ("awaiting", 0)


# --- by when -----------------------------------------------------------------------------------------------------


def test_the_moment_by_which_it_clears_is_that_of_the_statements_where_nobody_can_be_asked() -> None:
    """PA-3, HOUSE 2.7: D+1 ends at midnight, its statement is read by the next noon."""
    begun = noon(today())
    order = Waiting("awaiting", begun, begun, begun + timedelta(minutes=30), None, BANK)
    assert clears_by(order) == noon(today() + timedelta(days=2))
    asked = Waiting("awaiting", begun, begun, begun + timedelta(minutes=30), None, "wechat_pay")
    assert clears_by(asked) == begun + timedelta(minutes=41)


def test_the_moment_by_which_it_clears_is_never_one_that_has_passed() -> None:
    begun = noon(today())
    order = Waiting("awaiting", begun, begun, begun + timedelta(minutes=30), begun, "wechat_pay")
    with days_later(4, hour=15):
        assert clears_by(order) == noon(today() + timedelta(days=1))


def test_an_order_that_is_known_is_left_alone(family: Family) -> None:
    order = say_paid(hand_over(open_order(family.payer, line_for(family.son, MEDICAL, 24_000))))
    with days_later(3):
        assert clear() == 0
    assert status(order) == "paid"
