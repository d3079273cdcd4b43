"""Faults of gateways and of clocks that no other test tells, over real HTTP to the sandbox (FAULTS G and C)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import httpx
import pytest

from core import clock
from core.models import Transition
from core.refusals import Refused
from payments.confirming import Payment, confirm_payment
from payments.gateways import availability
from payments.gateways.base import Result, TradeState
from payments.models import Declaration, Discrepancy, Notification, PaymentOrder, Receipt
from payments.order_checks import refresh_order, refresh_pending_orders
from payments.orders import GRACE, start_payment
from tests import world
from tests.outside import age, eventually, status_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("books_hold")]

SKEW = timedelta(minutes=6)


@pytest.fixture
def family(transactional_db: None) -> world.Family:
    return world.make_family()


def start(order: PaymentOrder, gateway: str = "wechat_pay") -> PaymentOrder:
    method = "qr" if gateway == "wechat_pay" else "page"
    return start_payment(
        order_no=order.order_no, gateway=gateway, method=method, payer_ip="127.0.0.1", actor=order.payer.actor
    )


def begun(family: world.Family, gateway: str = "wechat_pay") -> PaymentOrder:
    return start(world.open_order(family.payer, world.line_for(family.herself)), gateway)


@contextmanager
def ahead(span: timedelta) -> Iterator[None]:
    """This portal's clock is so much ahead of everybody else's."""
    with clock.running(lambda: datetime.now(UTC) + span):
        yield


@contextmanager
def everywhere(outside, moment: datetime) -> Iterator[None]:
    """It is that moment, for the gateways as well."""
    span = moment - datetime.now(UTC)
    outside.dial(ahead_seconds=span.total_seconds())
    with ahead(span):
        clock.forget_everything_kept()
        yield
    clock.forget_everything_kept()


# --- gateways ----------------------------------------------------------------------------------------------------


def test_a_notice_that_is_faster_than_the_answer_pays_the_order(family, outside) -> None:
    """G8: the payer was quicker than the gateway's own answer to us."""
    outside.rule(point="create", fault="pay_first")
    order = begun(family)
    eventually(lambda: status_of(order) == "paid")
    assert Receipt.objects.get().source == "notification"


def test_a_probe_of_our_signature_check_is_refused_and_troubles_nobody(family, outside) -> None:
    """G12: 4xx, kept to be looked at, no case and no change."""
    order = begun(family)
    [answer] = outside.control("POST", "probe", json={"order_no": order.order_no})["answers"]
    assert 400 <= answer["status"] < 500
    assert Notification.objects.get().verdict == "refused"
    assert not Discrepancy.objects.exists()
    assert status_of(order) == "awaiting"


def test_that_no_trade_exists_frees_nothing_while_the_code_can_still_be_scanned(family, outside) -> None:
    """G16: Alipay knows of no trade until somebody scans what we have shown."""
    order = begun(family, "alipay")
    httpx.get(order.hand_over["url"], trust_env=False, follow_redirects=True)
    for minutes in (1, 28, 10):  # 39 minutes old
        age(order, minutes=minutes)
        assert refresh_order(order_no=order.order_no).status == "awaiting"
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")


def test_a_gateway_that_is_down_takes_no_new_orders_and_what_waits_is_known_soon_after(family, outside) -> None:
    """G21: shed before anything goes there, the other gateways run, one sweep drains what waited for hours."""
    waiting = [start(world.open_order(family.payer, world.line_for(member))) for member in family.members[:3]]
    outside.rule(point="notice", fault="never")
    for order in waiting:
        outside.pay(order.order_no)
    outside.rule(gateway="wechat", point="query", fault="lose_request")
    for order in waiting:
        age(order, minutes=20)
    assert refresh_pending_orders() == availability.SILENCES
    fresh = world.open_order(family.payer, world.line_for(family.son, world.MEDICAL, 24_000))
    with pytest.raises(Refused) as refused:
        start(fresh)
    assert refused.value.code == "gateway_down"
    assert refused.value.facts["back_at"] > clock.now()
    assert status_of(fresh) == "created"
    assert start(fresh, "alipay").status == "awaiting"
    outside.control("DELETE", "rules")
    for order in waiting:
        age(order, hours=6)
    refresh_pending_orders()
    assert {status_of(order) for order in waiting} == {"paid"}


# --- clocks ------------------------------------------------------------------------------------------------------


def last_second(year: int) -> datetime:
    return datetime(year, 12, 31, 23, 59, 59, tzinfo=clock.SHANGHAI)


@pytest.mark.parametrize(("gateway", "days_on"), [("wechat_pay", 0), ("alipay", 0), ("unionpay", 1)])
def test_what_is_paid_in_the_last_second_of_a_year_is_of_the_year_declared(db, gateway: str, days_on: int) -> None:
    """Fault C1: told after midnight; the channel's own day is by its own rule, UnionPay's ends at 23:00."""
    paid_at = last_second(clock.today().year)
    with clock.at(paid_at - timedelta(minutes=5)):
        family = world.make_family()
        order = world.hand_over(world.open_order(family.payer, world.line_for(family.herself)), gateway)
    with clock.at(paid_at + timedelta(seconds=2)):
        result = Result(TradeState.PAID, order.order_no, order.merchant_id, order.amount_fen, "CNY", "T1", paid_at)
        confirm_payment(order_no=order.order_no, payment=Payment(result, gateway, "notification"))
    row, receipt = Declaration.objects.get(), Receipt.objects.get()
    assert (row.status, row.coverage_year, row.paid_at) == ("paid", paid_at.year, paid_at)
    assert receipt.channel_day == paid_at.date() + timedelta(days=days_on)


def test_what_was_declared_before_the_window_closed_is_paid_after_it(transactional_db, outside) -> None:
    """Fault C2: in time is in time until the half hour of the order is over; nothing new is declared."""
    last_on = clock.today() + timedelta(days=2)
    midnight = datetime.combine(last_on + timedelta(days=1), time(), clock.SHANGHAI)
    with everywhere(outside, midnight - timedelta(minutes=10)):
        world.make_ground()
        window = replace(world.open_window(), concentrated_to=None, deadline=last_on)
        world.make_policy(world.PENSION, world.pension_terms(window))
        people = (world.WANG_FANG, world.WANG_FATHER, world.LIU_JIANJUN)
        for who in people:
            world.make_registration(who, world.PENSION)
        payer = world.make_payer()
        lines = [world.line_for(world.make_member(payer, who, "self")) for who in people]
        in_time, too_late = world.open_order(payer, lines[0]), world.open_order(payer, lines[1])
    with everywhere(outside, midnight + timedelta(minutes=5)):
        assert start(in_time).status == "awaiting"
        outside.pay(in_time.order_no)
        eventually(lambda: status_of(in_time) == "paid")
        with pytest.raises(Refused) as refused:
            world.open_order(payer, lines[2])
        assert refused.value.code == "C2"
    with everywhere(outside, midnight + timedelta(minutes=21)):
        with pytest.raises(Refused) as refused:
            start(too_late)
        assert refused.value.code == "expired"


def test_a_clock_that_is_ahead_believes_nothing_and_stepping_back_loses_nothing(family, outside) -> None:
    """Fault C3: what is dated too long ago is asked about; the history stands in the order in which it happened."""
    with ahead(SKEW):
        order = world.open_order(family.payer, world.line_for(family.herself))
    order = start(order)
    with ahead(SKEW):
        outside.pay(order.order_no)
        eventually(lambda: Notification.objects.filter(outcome="asked_gateway").exists())
        assert Notification.objects.get().verdict == "stale"
        assert status_of(order) == "awaiting"  # the answer was dated too long ago as well
    assert refresh_order(order_no=order.order_no).status == "paid"
    moves = Transition.objects.filter(kind="ORDER", object_id=order.pk).order_by("pk")
    assert [move.event for move in moves] == ["create", "start", "accept", "confirm"]
    assert moves[0].at > moves[1].at


def test_a_clock_that_is_ahead_frees_nothing_that_can_still_be_paid(family, outside) -> None:
    """Fault C3: the grace after the expiry is longer than any clock of ours may be wrong."""
    assert GRACE > SKEW
    order = begun(family, "alipay")
    with ahead(SKEW):
        age(order, minutes=33)  # 39 by this clock
        assert refresh_order(order_no=order.order_no).status == "awaiting"
        age(order, minutes=2)
        assert refresh_order(order_no=order.order_no).status == "expired"


def test_what_is_only_signed_here_is_no_answer(family, outside) -> None:
    """G21: sending a payer to Alipay asks nobody, and must not hide that it is silent."""
    for _ in range(availability.SILENCES - 1):
        availability.note_silence("alipay")
    start(world.open_order(family.payer, world.line_for(family.herself)), "alipay")
    availability.note_silence("alipay")
    assert not availability.is_up("alipay")
