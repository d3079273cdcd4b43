"""S04: a stuck order is cleared on evidence, refused without it, and by two where it matters (HOUSE 2.7)."""

import io
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from core import clock
from core.models import AuditEntry, Transition, User
from payments import gateways
from payments.gateways.base import GatewayUnreachable, Result, TradeState
from payments.models import Declaration, Notification, PaymentOrder, PeriodClaim
from portal.messages.payer_messages import write_payer_messages
from portal.models import Message
from reconciliation.clearing import look_at
from reconciliation.models import ChannelAnswer, Clearing
from tests import world
from tests.portal.desk import log_in, staff
from tests.reconciliation.conftest import family
from tests.reconciliation.stating import agree, days_later, deliver, line_of, today
from tests.world import PENSION, RURAL_BANK, Family, hand_over, line_for, make_channel, open_order

__all__ = ["family"]
pytestmark = pytest.mark.django_db
BANK, BANK_MERCHANT = "nsh-wendeng", "SB371003"
NOTE = "12366来电，说没有扣款短信"


class Gateway:
    """One that answers as a test wants; None is silence."""

    label = "微信支付"

    def __init__(self, state: TradeState | None) -> None:
        self.state, self.closed = state, 0

    def query(self, order):
        if self.state is None:
            raise GatewayUnreachable("silence")
        return Result(self.state, order.order_no, order.merchant, order.amount_fen, "CNY", "T-1", clock.now())

    def close(self, order):
        self.closed += 1
        return self.query(order)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway(TradeState.NOTPAY)
    monkeypatch.setattr(gateways, "gateway", lambda code: made)
    return made


@pytest.fixture
def zhao(family: Family) -> User:
    return staff(world.ZHAO_MIN)


@pytest.fixture
def order(family: Family, gateway: Gateway) -> PaymentOrder:
    return hand_over(open_order(family.payer, line_for(family.father, PENSION)))


@pytest.fixture
def at_bank(family: Family) -> PaymentOrder:
    agree(BANK)
    make_channel(BANK, "bank_counter", RURAL_BANK)
    order = open_order(family.payer, line_for(family.father, PENSION))
    order.payee.merchants[BANK] = BANK_MERCHANT
    order.payee.save()
    return hand_over(order, BANK, "")


def later(**time: float) -> AbstractContextManager[None]:
    return clock.at(clock.now() + timedelta(**time))


def page_of(client: Client, order: PaymentOrder) -> str:
    return client.get(f"/console/orders/{order.pk}/clearing/").content.decode()


def post(client: Client, order: PaymentOrder, act: str, **said: object) -> str:
    return client.post(f"/console/orders/{order.pk}/clearing/{act}/", said, follow=True).content.decode()


def status(order: PaymentOrder) -> str:
    order.refresh_from_db()
    return order.status


def test_the_wizard_asks_the_channel_before_it_says_anything(zhao: User, order: PaymentOrder) -> None:
    with later(hours=1):
        client = log_in(zhao)
        assert "先问渠道" in page_of(client, order)
        page = post(client, order, "ask")
        assert "证据够，可以清除" in page
        assert "未支付" in page
    assert ChannelAnswer.objects.get().state == "notpay"
    assert status(order) == "awaiting"


def test_one_person_clears_a_young_and_small_order_and_the_payer_is_told(
    zhao: User, order: PaymentOrder, gateway: Gateway
) -> None:
    """PA-3: it is closed at the gateway first, so that nobody can pay any more."""
    with later(hours=1):
        page = post(log_in(zhao), order, "request", ground="unpaid", note=NOTE)
        assert "已清除" in page
        assert status(order) == "expired"
        assert gateway.closed == 1
        write_payer_messages()
    assert set(Declaration.objects.values_list("status", flat=True)) == {"released"}
    assert not PeriodClaim.objects.exists()
    told = Transition.objects.get(kind="DECLARATION", event="release")
    assert (told.actor, told.evidence["ground"]) == (zhao.actor, "unpaid")
    assert AuditEntry.objects.get(action="request_clearing").reason == NOTE
    assert "没有扣款" in Message.objects.get().text


def test_before_the_hard_expiry_it_is_refused_and_the_page_says_when(zhao: User, order: PaymentOrder) -> None:
    """G17: a payer at the password page may still pay."""
    client = log_in(zhao)
    page = post(client, order, "ask")
    assert "缴款人还可能付款" in page
    assert "最早" in page
    assert "缴款人还可能付款" in post(client, order, "request", ground="unpaid", note=NOTE)
    assert status(order) == "awaiting"
    assert not Clearing.objects.exists()


def test_an_order_older_than_a_day_needs_a_second_person(zhao: User, order: PaymentOrder) -> None:
    with later(days=2):
        client = log_in(zhao)
        assert "交第二人确认" in post(client, order, "ask")
        post(client, order, "request", ground="unpaid", note=NOTE)
        assert status(order) == "awaiting"
        assert "请另一人来看" in post(client, order, "decide")
        assert status(order) == "awaiting"
        qian = staff(world.QIAN_JIN)
        assert "等第二人" in log_in(qian).get("/console/").content.decode()
        post(log_in(qian), order, "decide")
        assert status(order) == "expired"
    made = Clearing.objects.get()
    assert (made.asked_by, made.decided_by, made.outcome) == (zhao, qian, "done")


def test_what_was_paid_meanwhile_is_paid_and_not_cleared(zhao: User, order: PaymentOrder, gateway: Gateway) -> None:
    """The second person's step asks anew; money that came is never freed."""
    with later(days=2):
        post(log_in(zhao), order, "request", ground="unpaid", note=NOTE)
        gateway.state = TradeState.PAID
        post(log_in(staff(world.QIAN_JIN)), order, "decide")
        assert status(order) == "paid"
    assert Clearing.objects.get().outcome == ""
    assert set(Declaration.objects.values_list("status", flat=True)) == {"paid"}


@pytest.mark.parametrize("state", [None, TradeState.UNKNOWN, TradeState.REFUNDED])
def test_without_a_word_of_the_channel_nobody_clears(
    zhao: User, order: PaymentOrder, gateway: Gateway, state: TradeState | None
) -> None:
    """HOUSE 2.7: never while the provider cannot be reached, never by age."""
    gateway.state = state
    with later(days=5):
        client = log_in(zhao)
        assert "现在不能清除" in post(client, order, "ask")
        may_at = look_at(order, ChannelAnswer.objects.get()).may_at
        assert may_at is not None
        assert may_at > clock.now()  # never a moment that has passed
        for ground in ("unpaid", "closed", "statements"):
            post(client, order, "request", ground=ground, note=NOTE)
    assert status(order) == "awaiting"
    assert not Clearing.objects.exists()


def test_a_notice_that_waits_to_be_judged_stops_it(zhao: User, order: PaymentOrder) -> None:
    Notification.objects.create(
        gateway="wechat_pay", key="n1", body=b"{}", verdict="verified", order_no=order.order_no,
        next_try_at=clock.now(),
    )  # fmt: skip
    with later(hours=1):
        assert "有渠道通知还没处理" in post(log_in(zhao), order, "request", ground="unpaid", note=NOTE)
    assert status(order) == "awaiting"


def test_a_bank_is_cleared_by_two_complete_statements_without_a_line(zhao: User, at_bank: PaymentOrder) -> None:
    """PA-4, B1."""
    day = today()
    with days_later(2):
        client = log_in(zhao)
        assert "文件没有到" in page_of(client, at_bank)
        assert "对账单还没有到齐" in post(client, at_bank, "request", ground="statements", note=NOTE)
        deliver([], BANK_MERCHANT, day, BANK)
        deliver([], BANK_MERCHANT, day + timedelta(days=1), BANK)
        assert "证据够，可以清除" in page_of(client, at_bank)
        post(client, at_bank, "request", ground="statements", note=NOTE)
        assert status(at_bank) == "awaiting"
        post(log_in(staff(world.QIAN_JIN)), at_bank, "decide")
    assert status(at_bank) == "expired"


def test_a_line_about_the_order_stops_even_the_written_word(zhao: User, at_bank: PaymentOrder) -> None:
    """S1: something happened to this order."""
    day = today()
    deliver([line_of(at_bank, amount=at_bank.amount_fen - 1)], BANK_MERCHANT, day, BANK)
    with days_later(2):
        client = log_in(zhao)
        assert "对账单上有这一笔" in page_of(client, at_bank)
        paper = io.BytesIO(b"%PDF-1.4")
        post(client, at_bank, "request", ground="written", note=NOTE, document_no="农商函1号", document=paper)
    assert status(at_bank) == "awaiting"
    assert not Clearing.objects.exists()


def test_the_written_word_of_a_channel_is_entered_by_one_and_confirmed_by_another(
    zhao: User, at_bank: PaymentOrder
) -> None:
    """HOUSE 2.7: kept as evidence, with its hash."""
    with days_later(2):
        client = log_in(zhao)
        assert "录入渠道书面说明" in page_of(client, at_bank)
        assert "请填文号" in post(client, at_bank, "request", ground="written", note=NOTE, document_no="农商函1号")
        paper = io.BytesIO(b"%PDF-1.4 no such payment")
        post(client, at_bank, "request", ground="written", note=NOTE, document_no="农商函1号", document=paper)
        made = Clearing.objects.get()
        assert (made.needs_second, made.outcome) == (True, "")
        assert "请另一人来看" in post(client, at_bank, "decide")
        qian = log_in(staff(world.QIAN_JIN))
        kept = qian.get(f"/console/orders/{at_bank.pk}/clearing/{made.pk}/document/")
        assert kept.content == b"%PDF-1.4 no such payment"
        assert "attachment" in kept["Content-Disposition"]
        post(qian, at_bank, "decide")
    assert status(at_bank) == "expired"
    evidence = Transition.objects.get(kind="DECLARATION", event="release").evidence
    assert (evidence["document"], evidence["document_sha256"]) == ("农商函1号", made.sha256)


def test_the_first_person_may_take_it_back(zhao: User, order: PaymentOrder) -> None:
    with later(days=2):
        client = log_in(zhao)
        post(client, order, "request", ground="unpaid", note=NOTE)
        post(client, order, "decide", drop="1")
    assert (status(order), Clearing.objects.get().outcome) == ("awaiting", "dropped")


def test_the_database_refuses_one_person_as_both(zhao: User, order: PaymentOrder) -> None:
    """I17."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Clearing.objects.create(order=order, ground="unpaid", asked_by=zhao, decided_by=zhao, outcome="done")
    with pytest.raises(IntegrityError), transaction.atomic():
        Clearing.objects.create(order=order, ground="written", asked_by=zhao)


def test_a_stuck_case_ends_with_the_clearing(zhao: User, order: PaymentOrder) -> None:
    from payments.models import Discrepancy
    from reconciliation.discrepancies import take_discrepancy
    from reconciliation.releases import clear_stuck_orders

    with later(days=3):
        clear_stuck_orders()
    if not Discrepancy.objects.exists():
        pytest.fail("no case was opened")
    take_discrepancy(discrepancy_id=Discrepancy.objects.get().pk, staff=zhao)
    with later(days=3, minutes=1):
        post(log_in(zhao), order, "request", ground="unpaid", note=NOTE)
        post(log_in(staff(world.QIAN_JIN)), order, "decide")
    assert Discrepancy.objects.get().status == "resolved"


def test_the_page_of_the_insured_leads_to_it(zhao: User, order: PaymentOrder) -> None:
    """A call comes long before two days are over."""
    person = Declaration.objects.get(order=order).person_id
    page = log_in(zhao).get(f"/console/person/{person}/").content.decode()
    assert f"/console/orders/{order.pk}/clearing/" in page


def test_another_region_clears_nothing_of_this_one(order: PaymentOrder) -> None:
    """X6."""
    foreign = log_in(staff("远方", region="2107"))
    assert foreign.get(f"/console/orders/{order.pk}/clearing/").status_code == 404
    assert foreign.post(f"/console/orders/{order.pk}/clearing/request/", {"ground": "unpaid"}).status_code == 404
