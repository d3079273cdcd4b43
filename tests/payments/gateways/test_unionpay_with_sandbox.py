"""Our UnionPay client against the sandbox, over HTTP: the vendor's protocol as somebody else understood it."""

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from core import clock
from payments.gateways.base import (
    GatewayRefused,
    GatewayUnreachable,
    Method,
    NoticeKind,
    RefundState,
    SignatureInvalid,
    TradeState,
)
from payments.gateways.unionpay.client import Config, UnionPay
from tests.outside import gateway_settings, ready
from tests.payments.gateways.unionpay_world import MERCHANT
from tests.sandbox.process import wait_until


@pytest.fixture
def sandbox(running_outside):
    return ready(running_outside)


@pytest.fixture
def unionpay(sandbox):
    return UnionPay(Config.from_settings(gateway_settings(sandbox)["unionpay"]))


@pytest.fixture
def order(order, vendor):
    """A new number, with half an hour to go; notices about it arrive at `vendor`."""
    vendor.answer = lambda asked: (200, {}, b"ok")
    return dataclasses.replace(
        order, order_no=uuid.uuid4().hex[:26].upper(), notify_url=vendor.url + "/notice", merchant=MERCHANT
    )


def visit(hand_over):
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        return browser.post(hand_over.url, data=dict(hand_over.fields))


def heard(vendor, count=1):
    return wait_until(
        lambda: [(asked.headers, asked.body) for asked in vendor.asked] if len(vendor.asked) >= count else 0
    )


@pytest.mark.parametrize("method", [Method.PAGE, Method.WAP])
def test_order_is_paid(sandbox, unionpay, order, vendor, method):
    assert unionpay.query(order).state is TradeState.NOT_FOUND
    assert "输入银联卡号" in visit(unionpay.create(order, method)).text
    assert unionpay.query(order).state is TradeState.NOT_FOUND
    sandbox.pay(order.order_no)
    notice = unionpay.parse_notice(*heard(vendor)[0])
    result = unionpay.query(order)
    assert (notice.kind, notice.order_no, notice.fresh) == (NoticeKind.PAYMENT, order.order_no, True)
    assert (result.state, result.amount_fen, result.merchant_id) == (TradeState.PAID, 38_000, MERCHANT)
    assert notice.result.trade_no == result.trade_no
    # at 23:00 a payment moves into the next day
    assert abs(result.paid_at - clock.now()) < timedelta(minutes=61)


def test_the_same_order_opens_the_same_cashier_again(sandbox, unionpay, order):
    first = visit(unionpay.create(order, Method.PAGE))
    assert visit(unionpay.create(order, Method.PAGE)).url == first.url


def test_tried_and_failed_is_not_paid(sandbox, unionpay, order):
    visit(unionpay.create(order, Method.PAGE))
    sandbox.rule(gateway="unionpay", point="query", fault="not_paid", order_no=order.order_no)
    assert unionpay.query(order).state is TradeState.NOTPAY


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_payment_under_way_is_unknown(sandbox, unionpay, order, code):
    visit(unionpay.create(order, Method.PAGE))
    sandbox.rule(gateway="unionpay", point="query", fault="user_paying", order_no=order.order_no, params={"code": code})
    assert unionpay.query(order).state is TradeState.UNKNOWN


def test_order_whose_time_is_up_is_never_said_to_be_closed(sandbox, unionpay, order):
    """G17: whoever stood at the cashier may still have paid."""
    soon = dataclasses.replace(order, expires_at=datetime.now(UTC) + timedelta(seconds=2))
    page = visit(unionpay.create(soon, Method.PAGE))
    wait_until(lambda: "已过付款时间" in httpx.get(page.url, trust_env=False).text)
    assert unionpay.close(soon).state is TradeState.NOT_FOUND
    sandbox.pay(order.order_no, forced=True)
    assert unionpay.close(soon).state is TradeState.PAID


SPOILT_ANSWERS = [
    "unsigned",
    "forged",
    "unknown_serial",
    "garbage",
    "server_error",
    "drop",
    "lose_answer",
    "lose_request",
]


@pytest.mark.parametrize("fault", SPOILT_ANSWERS)
def test_spoilt_answer_is_unknown(sandbox, unionpay, order, fault):
    """G3."""
    visit(unionpay.create(order, Method.PAGE))
    sandbox.pay(order.order_no)
    sandbox.rule(gateway="unionpay", point="query", fault=fault, order_no=order.order_no, times=1)
    with pytest.raises(GatewayUnreachable):
        unionpay.query(order)
    assert unionpay.query(order).state is TradeState.PAID


def test_hanging_gateway_is_unknown_when_the_time_is_over(sandbox, unionpay, order):
    rule = {"gateway": "unionpay", "point": "query", "fault": "hang", "order_no": order.order_no, "times": 1}
    sandbox.rule(**rule, params={"seconds": 2})
    with pytest.raises(GatewayUnreachable):
        UnionPay(dataclasses.replace(unionpay.config, timeout_s=0.5)).query(order)


@pytest.mark.parametrize("fault", ["other_order", "wrong_merchant"])
def test_answer_about_another_is_unknown(sandbox, unionpay, order, fault):
    """G20."""
    visit(unionpay.create(order, Method.PAGE))
    sandbox.pay(order.order_no)
    sandbox.rule(gateway="unionpay", point="query", fault=fault, order_no=order.order_no, times=1)
    with pytest.raises(GatewayUnreachable):
        unionpay.query(order)


def test_too_many_questions_are_unknown_and_not_a_failure(sandbox, unionpay, order):
    """G22."""
    sandbox.rule(gateway="unionpay", point="query", fault="too_many", order_no=order.order_no, times=1)
    with pytest.raises(GatewayUnreachable):
        unionpay.query(order)


def test_question_with_a_wrong_key_is_refused(sandbox, unionpay, order):
    stranger = dataclasses.replace(
        unionpay.config, merchant_key_file=unionpay.config.merchant_key_file.replace("unionpay_merchant", "alipay_app")
    )
    with pytest.raises(GatewayRefused) as caught:
        UnionPay(stranger).query(order)
    assert caught.value.code == "11"


@pytest.mark.parametrize("fault", ["unsigned", "forged", "unknown_serial", "not_utf8"])
def test_spoilt_notice_is_invalid(sandbox, unionpay, order, vendor, fault):
    """G11."""
    visit(unionpay.create(order, Method.PAGE))
    sandbox.rule(gateway="unionpay", point="notice", fault=fault, order_no=order.order_no)
    sandbox.pay(order.order_no)
    with pytest.raises(SignatureInvalid):
        unionpay.parse_notice(*heard(vendor)[0])


def test_old_notice_is_not_fresh(sandbox, unionpay, order, vendor):
    visit(unionpay.create(order, Method.PAGE))
    sandbox.rule(gateway="unionpay", point="notice", fault="stale", order_no=order.order_no)
    sandbox.pay(order.order_no)
    notice = unionpay.parse_notice(*heard(vendor)[0])
    assert (notice.kind, notice.fresh) == (NoticeKind.PAYMENT, False)


@pytest.mark.parametrize(
    ("fault", "differs"),
    [
        ("wrong_amount", ("amount_fen", 38_001)),
        ("wrong_currency", ("currency", "344")),
        ("wrong_merchant", ("merchant_id", "898371000009999")),
    ],
)
def test_wrong_facts_of_a_notice_reach_the_one_who_compares(sandbox, unionpay, order, vendor, fault, differs):
    """G10."""
    visit(unionpay.create(order, Method.PAGE))
    sandbox.rule(gateway="unionpay", point="notice", fault=fault, order_no=order.order_no)
    sandbox.pay(order.order_no)
    result = unionpay.parse_notice(*heard(vendor)[0]).result
    assert getattr(result, differs[0]) == differs[1]


def test_repeated_notice_has_the_same_key(sandbox, unionpay, order, vendor):
    """G5."""
    visit(unionpay.create(order, Method.PAGE))
    rule = {"gateway": "unionpay", "point": "notice", "fault": "twice", "order_no": order.order_no}
    sandbox.rule(**rule, params={"apart_seconds": 0})
    sandbox.pay(order.order_no)
    assert len({unionpay.parse_notice(*one).key for one in heard(vendor, 2)}) == 1


# Refunds.


@pytest.fixture
def refund(sandbox, unionpay, order, refund, vendor):
    """Of a part of a paid order; the notice of the payment has been heard."""
    visit(unionpay.create(order, Method.PAGE))
    sandbox.pay(order.order_no)
    heard(vendor)
    vendor.asked.clear()
    return dataclasses.replace(
        refund, refund_no=uuid.uuid4().hex[:26].upper(), merchant=MERCHANT, notify_url=order.notify_url,
        trade_no=unionpay.query(order).trade_no, decided_at=datetime.now(UTC),
    )  # fmt: skip


def test_refund_is_taken_then_made_and_told(sandbox, unionpay, refund, vendor):
    assert unionpay.query_refund(refund).state is RefundState.NOT_FOUND
    taken = unionpay.refund(refund)
    assert (taken.state, taken.trade_no, taken.amount_fen) == (RefundState.PROCESSING, refund.trade_no, 18_000)
    assert unionpay.query_refund(refund).state is RefundState.UNKNOWN, "05: under way"
    sandbox.control("POST", "refunds", json={"refund_no": refund.refund_no})
    done = unionpay.query_refund(refund)
    notice = unionpay.parse_notice(*heard(vendor)[0])
    assert (done.state, done.amount_fen) == (RefundState.SUCCESS, 18_000)
    assert (notice.kind, notice.refund.state, notice.fresh) == (NoticeKind.REFUND, RefundState.SUCCESS, True)
    for name in ("refund_no", "trade_no", "amount_fen", "gateway_refund_no", "merchant_id"):
        assert getattr(notice.refund, name) == getattr(done, name)
    assert done.gateway_refund_no == taken.gateway_refund_no


def test_refund_ends_by_itself_after_its_time(sandbox, unionpay, refund):
    sandbox.dial(unionpay_refund_seconds=0.2)
    unionpay.refund(refund)
    wait_until(lambda: unionpay.query_refund(refund).state is RefundState.SUCCESS)


def test_order_of_a_refund_stays_paid(sandbox, unionpay, refund, order):
    unionpay.refund(refund)
    sandbox.control("POST", "refunds", json={"refund_no": refund.refund_no})
    result = unionpay.query(order)
    assert (result.state, result.trade_no, result.amount_fen) == (TradeState.PAID, refund.trade_no, 38_000)


def test_the_same_refund_twice_gives_back_once(sandbox, unionpay, refund):
    """G18."""
    sandbox.rule(gateway="unionpay", point="refund", fault="lose_answer", times=1)
    with pytest.raises(GatewayUnreachable):
        unionpay.refund(refund)  # taken, and the answer lost
    assert unionpay.refund(refund).state is RefundState.UNKNOWN, "12: the number came before; the query says under way"
    sandbox.control("POST", "refunds", json={"refund_no": refund.refund_no})
    assert unionpay.query_refund(refund).amount_fen == 18_000
    assert len(sandbox.control("GET", f"refunds?refund_no={refund.refund_no}")["refunds"]) == 1


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_refund_whose_state_they_do_not_know_is_unknown_and_made_all_the_same(sandbox, unionpay, refund, code):
    sandbox.rule(gateway="unionpay", point="refund", fault="unclear", params={"code": code})
    assert unionpay.refund(refund).state is RefundState.UNKNOWN
    sandbox.control("POST", "refunds", json={"refund_no": refund.refund_no})
    assert unionpay.query_refund(refund).state is RefundState.SUCCESS


@pytest.mark.parametrize(("changes", "code"), [({"amount_fen": 38_001}, "33"), ({"fault": "balance_short"}, "64")])
def test_refund_that_they_will_not_make_is_refused(sandbox, unionpay, refund, changes, code):
    if changes.pop("fault", ""):
        sandbox.rule(gateway="unionpay", point="refund", fault="balance_short")
    with pytest.raises(GatewayRefused) as caught:
        unionpay.refund(dataclasses.replace(refund, **changes))
    assert caught.value.code == code
    assert unionpay.query_refund(refund).state is RefundState.NOT_FOUND


@pytest.mark.parametrize("fault", ["ends_abnormal", "ends_closed"])
def test_refund_that_came_to_nothing_is_closed(sandbox, unionpay, refund, fault):
    """G19."""
    sandbox.rule(gateway="unionpay", point="refund", fault=fault)
    sandbox.dial(unionpay_refund_seconds=0)
    assert unionpay.refund(refund).state is RefundState.PROCESSING
    assert unionpay.query_refund(refund).state is RefundState.CLOSED


def test_refund_is_not_found_under_another_time(unionpay, refund):
    unionpay.refund(refund)
    other = dataclasses.replace(refund, decided_at=refund.decided_at - timedelta(minutes=1))
    assert unionpay.query_refund(other).state is RefundState.NOT_FOUND


@pytest.mark.parametrize("fault", ["unsigned", "forged", "unknown_serial", "server_error", "too_many", "garbage"])
def test_word_on_a_refund_that_is_not_theirs_is_unknown(sandbox, unionpay, refund, fault):
    sandbox.rule(gateway="unionpay", point="refund", fault=fault, params={"done": True}, times=1)
    with pytest.raises(GatewayUnreachable):
        unionpay.refund(refund)
    assert unionpay.refund(refund).state in (RefundState.PROCESSING, RefundState.UNKNOWN)  # 12 where it was taken
    sandbox.rule(gateway="unionpay", point="refund_query", fault=fault, times=1)
    with pytest.raises(GatewayUnreachable):
        unionpay.query_refund(refund)
    assert unionpay.query_refund(refund).state is RefundState.UNKNOWN, "under way"
