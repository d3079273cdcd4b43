"""Refunds over real HTTP with the sandbox's gateways: the vendors' rules as somebody else understood them.

PA-7, G5, G18, G19, G22.
"""

from datetime import timedelta
from importlib.util import find_spec

import httpx
import pytest

from core import clock
from core.models import Transition
from payments.models import Discrepancy, Notification, PaymentOrder, PeriodClaim, Receipt, Refund
from payments.orders import start_payment
from payments.refund_checks import refresh_pending_refunds, refresh_refund, refund_held_money, send_refund
from payments.refunds import approve_refund, retry_refund
from tests import world
from tests.outside import eventually, status_of
from tests.payments.refund_world import ask_back, line_of, make_staff, now

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("books_hold"),
    pytest.mark.skipif(find_spec("sandbox.refunds") is None, reason="this sandbox takes no refunds"),
]


@pytest.fixture
def family(transactional_db):
    return world.make_family()


@pytest.fixture
def zhao(transactional_db):
    return make_staff(world.ZHAO_MIN)


def paid(family, outside, gateway="wechat_pay") -> PaymentOrder:
    """王芳 pays for herself and her father at the gateway, and we are told."""
    lines = [world.line_for(family.herself), world.line_for(family.father, tier_fen=50_000)]
    order = world.open_order(family.payer, *lines)
    method = "qr" if gateway == "wechat_pay" else "page"
    order = start_payment(
        order_no=order.order_no, gateway=gateway, method=method, payer_ip="127.0.0.1", actor="resident:1"
    )
    if gateway == "alipay":
        httpx.get(order.hand_over["url"], trust_env=False, follow_redirects=True)  # the trade begins with the buyer
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    return order


def sent(order, family, staff, amount_fen=50_000) -> Refund:
    refund = ask_back(order, family.payer, amount_fen)
    approve_refund(refund_no=refund.refund_no, approved_by=staff, actor=staff.actor)
    return send_refund(refund_no=refund.refund_no)


def end(outside, refund, status="SUCCESS") -> None:
    outside.control("POST", "refunds", json={"refund_no": refund.refund_no, "status": status})


def ask_later(refund) -> None:
    """As if it had been sent a minute ago and fell due."""
    Refund.objects.filter(pk=refund.pk).update(
        sent_at=clock.now() - timedelta(minutes=1), next_check_at=clock.now()
    )


def test_a_refund_is_taken_ends_later_and_its_notice_frees_the_period(family, outside, zhao):
    order = paid(family, outside)
    refund = sent(order, family, zhao)
    assert (refund.status, line_of(order).status) == ("sent", "paid")
    end(outside, refund)
    eventually(lambda: now(refund).status == "refunded")
    assert Transition.objects.get(kind="REFUND", event="settle").actor == "system:notification"
    assert (line_of(order).status, line_of(order, 100_000).status) == ("refunded", "paid")
    assert PeriodClaim.objects.count() == 1
    assert now(refund).gateway_refund_no


def test_at_alipay_money_is_back_when_it_is_answered_and_its_word_of_the_trade_changes_nothing(family, outside, zhao):
    order = paid(family, outside, "alipay")
    refund = sent(order, family, zhao)
    assert refund.status == "refunded"
    eventually(lambda: Notification.objects.filter(outcome="repeated").exists())
    assert Receipt.objects.count() == 1
    assert (status_of(order), line_of(order, 100_000).status) == ("paid", "paid")


def test_both_lines_go_back_and_the_order_stays_what_it_was(family, outside, zhao):
    order = paid(family, outside, "alipay")
    assert sent(order, family, zhao).status == "refunded"
    assert sent(order, family, zhao, 100_000).status == "refunded"
    eventually(lambda: Notification.objects.filter(outcome="asked_gateway").exists())
    assert status_of(order) == "paid"
    assert not PeriodClaim.objects.exists()


def test_a_refund_under_way_at_alipay_is_asked_about_until_it_is_done(family, outside, zhao):
    outside.dial(alipay_refund_seconds=3600)
    refund = sent(paid(family, outside, "alipay"), family, zhao)
    assert refund.status == "sent"
    ask_later(refund)
    assert refresh_refund(refund_no=refund.refund_no).status == "sent"
    end(outside, refund)
    assert refresh_refund(refund_no=refund.refund_no).status == "refunded"


@pytest.mark.parametrize("gateway", ["wechat_pay", "alipay"])
@pytest.mark.parametrize("fault", ["lose_answer", "lose_request", "server_error", "unsigned", "forged", "garbage"])
def test_whatever_becomes_of_the_answer_the_money_goes_back_once(family, outside, zhao, gateway, fault):
    """G18, G3."""
    outside.dial(refund_seconds=0)
    outside.rule(point="refund", fault=fault, times=1)
    order = paid(family, outside, gateway)
    refund = sent(order, family, zhao)
    assert refund.status in ("sending", "refunded")
    ask_later(refund)
    refresh_pending_refunds()
    eventually(lambda: now(refund).status == "refunded")
    found = outside.control("GET", f"refunds?order_no={order.order_no}")["refunds"]
    assert [each["refund_no"] for each in found] == [refund.refund_no]


def test_two_lines_of_an_order_at_once_are_paced_by_the_gateway(family, outside, zhao):
    """G22: a minute apart; the second is asked again and nothing is lost."""
    outside.dial(refund_seconds=0)
    order = paid(family, outside)
    first, second = sent(order, family, zhao), sent(order, family, zhao, 100_000)
    assert now(second).status == "sending"
    ask_later(second)
    assert refresh_refund(refund_no=second.refund_no).status == "sending"
    assert now(second).tries == 2
    outside.dial(refund_apart_seconds=0)
    ask_later(second)
    refresh_pending_refunds()
    eventually(lambda: {now(first).status, now(second).status} == {"refunded"})
    assert not Discrepancy.objects.exists()


def test_a_refund_that_came_back_is_a_case_and_is_mended_there(family, outside, zhao):
    """G19."""
    outside.rule(point="refund", fault="ends_abnormal")
    outside.dial(refund_seconds=0)
    order = paid(family, outside)
    refund = sent(order, family, zhao)
    eventually(lambda: now(refund).status == "failed")
    assert Discrepancy.objects.get().kind == "refund_failed"
    assert line_of(order).status == "paid"
    end(outside, refund)
    eventually(lambda: now(refund).status == "refunded")
    assert Discrepancy.objects.get().status == "settled"


@pytest.mark.parametrize("gateway", ["wechat_pay", "alipay"])
def test_a_short_balance_is_a_case_and_the_next_try_goes_through(family, outside, zhao, gateway):
    outside.rule(point="refund", fault="balance_short", times=1)
    outside.dial(refund_seconds=0)
    refund = sent(paid(family, outside, gateway), family, zhao)
    assert (refund.status, Discrepancy.objects.get().owner) == ("failed", zhao)
    retry_refund(refund_no=refund.refund_no, actor=zhao.actor)
    send_refund(refund_no=refund.refund_no)
    eventually(lambda: now(refund).status == "refunded")
    assert Discrepancy.objects.get().status == "settled"


@pytest.mark.parametrize("fault", ["twice", "forged", "wrong_amount", "never"])
def test_notices_twice_forged_wrong_or_lost_end_the_same_way(family, outside, zhao, fault):
    """G5, G10, G11."""
    outside.rule(point="refund_notice", fault=fault)
    order = paid(family, outside)
    refund = sent(order, family, zhao)
    end(outside, refund)
    if fault in ("never", "forged"):
        ask_later(refund)
        refresh_pending_refunds()
    eventually(lambda: now(refund).status == "refunded")
    assert Transition.objects.filter(kind="DECLARATION", event="refund").count() == 1


def test_a_second_payment_goes_back_by_rule_and_the_first_stays(family, outside):
    outside.dial(refund_seconds=0)
    order = paid(family, outside)
    outside.pay(order.order_no, again=True)
    eventually(lambda: Receipt.objects.count() == 2)
    assert refund_held_money() == 1
    refresh_pending_refunds()
    eventually(lambda: Refund.objects.get().status == "refunded")
    assert Discrepancy.objects.get().status == "settled"
    assert (line_of(order).status, line_of(order, 100_000).status) == ("paid", "paid")
