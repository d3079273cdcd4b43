"""Our clients against the sandbox, over HTTP: the vendors' protocols as somebody else understood them."""

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from core import clock
from payments.gateways.alipay.client import Alipay
from payments.gateways.alipay.client import Config as AlipayConfig
from payments.gateways.base import (
    GatewayUnreachable,
    Method,
    NoticeKind,
    SignatureInvalid,
    TooEarlyToClose,
    TradeState,
)
from payments.gateways.wechat_pay.client import Config as WechatPayConfig
from payments.gateways.wechat_pay.client import WechatPay
from tests.outside import gateway_settings, ready
from tests.sandbox.process import SELLER_ID, wait_until

SPOILT_ANSWERS = ["unsigned", "forged", "garbage", "server_error", "drop", "lose_answer", "too_many"]


@pytest.fixture
def sandbox(running_outside):
    return ready(running_outside)


@pytest.fixture
def wechat(sandbox):
    return WechatPay(WechatPayConfig.from_settings(gateway_settings(sandbox)["wechat_pay"]))


@pytest.fixture
def alipay(sandbox):
    return Alipay(AlipayConfig.from_settings(gateway_settings(sandbox)["alipay"]))


@pytest.fixture
def order(order, vendor):
    """A new number, paid for at WeChat Pay; notices about it arrive at `vendor`."""
    vendor.answer = lambda asked: (200, {}, b"success")
    return dataclasses.replace(order, order_no=uuid.uuid4().hex[:26].upper(), notify_url=vendor.url + "/notice")


@pytest.fixture
def page_order(order):
    return dataclasses.replace(order, merchant=SELLER_ID)


def visit(url):
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        return browser.get(url)


def heard(vendor, count=1):
    """The notices that have arrived, once there are so many: headers and body of each."""
    return wait_until(
        lambda: [(asked.headers, asked.body) for asked in vendor.asked] if len(vendor.asked) >= count else 0
    )


# WeChat Pay.


def test_wechat_order_is_paid_by_qr_code(sandbox, wechat, order, vendor):
    hand_over = wechat.create(order, Method.QR)
    assert hand_over.url.startswith("weixin://")
    assert wechat.create(order, Method.QR).url == hand_over.url
    assert wechat.query(order).state is TradeState.NOTPAY
    sandbox.pay(order.order_no)
    notice = wechat.parse_notice(*heard(vendor)[0])
    result = wechat.query(order)
    assert (notice.kind, notice.order_no, notice.fresh) == (NoticeKind.PAYMENT, order.order_no, True)
    assert (result.state, result.amount_fen, result.merchant_id) == (TradeState.PAID, 38_000, order.merchant)
    assert notice.result.trade_no == result.trade_no
    assert abs(notice.result.paid_at - clock.now()) < timedelta(minutes=1)


def test_wechat_h5_cashier_opens_and_knows_the_way_back(sandbox, wechat, order):
    hand_over = wechat.create(order, Method.H5)
    page = visit(hand_over.url)
    assert page.status_code == 200
    assert order.return_url in page.text


def test_wechat_order_that_is_not_there(sandbox, wechat, order):
    assert wechat.query(order).state is TradeState.NOT_FOUND


def test_wechat_order_whose_answer_was_lost_is_created_again_under_its_number(sandbox, wechat, order):
    sandbox.rule(gateway="wechat", point="create", fault="lose_answer", order_no=order.order_no, times=1)
    with pytest.raises(GatewayUnreachable):
        wechat.create(order, Method.QR)
    assert wechat.query(order).state is TradeState.NOTPAY
    assert wechat.create(order, Method.QR).url.startswith("weixin://")


def test_wechat_order_paid_before_its_answer_is_unknown_until_it_is_queried(sandbox, wechat, order):
    wechat.create(order, Method.QR)
    sandbox.pay(order.order_no)
    with pytest.raises(GatewayUnreachable) as caught:
        wechat.create(order, Method.QR)
    assert caught.value.reason == "ORDERPAID"
    assert wechat.query(order).state is TradeState.PAID


@pytest.mark.parametrize("fault", [*SPOILT_ANSWERS, "stale", "unknown_serial", "lose_request"])
def test_spoilt_wechat_answer_is_unknown(sandbox, wechat, order, fault):
    wechat.create(order, Method.QR)
    for point, ask in (("query", wechat.query), ("create", lambda order: wechat.create(order, Method.QR))):
        sandbox.rule(gateway="wechat", point=point, fault=fault, order_no=order.order_no, times=1)
        with pytest.raises(GatewayUnreachable):
            ask(order)
    assert wechat.query(order).state is TradeState.NOTPAY


def test_hanging_wechat_is_unknown_when_the_time_is_over(sandbox, wechat, order):
    wechat.create(order, Method.QR)
    sandbox.rule(gateway="wechat", point="query", fault="hang", order_no=order.order_no, times=1, params={"seconds": 2})
    hasty = WechatPay(dataclasses.replace(wechat.config, timeout_s=0.5))
    with pytest.raises(GatewayUnreachable) as caught:
        hasty.query(order)
    assert caught.value.reason == "ReadTimeout"


@pytest.mark.parametrize("fault", ["other_order", "wrong_merchant"])
def test_wechat_answer_about_another_is_unknown(sandbox, wechat, order, fault):
    wechat.create(order, Method.QR)
    sandbox.pay(order.order_no)
    sandbox.rule(gateway="wechat", point="query", fault=fault, order_no=order.order_no, times=1)
    with pytest.raises(GatewayUnreachable):
        wechat.query(order)


def test_wechat_closing(sandbox, wechat, order):
    wechat.create(order, Method.QR)
    with pytest.raises(TooEarlyToClose):  # ten minutes old for us, new for them
        wechat.close(order)
    sandbox.dial(close_after_seconds=0)
    sandbox.rule(gateway="wechat", point="close", fault="close_ignored", order_no=order.order_no, times=1)
    assert wechat.close(order).state is TradeState.NOTPAY
    assert wechat.close(order).state is TradeState.CLOSED
    assert wechat.close(order).state is TradeState.CLOSED


def test_wechat_closing_of_a_paid_order_finds_the_payment(sandbox, wechat, order):
    wechat.create(order, Method.QR)
    sandbox.dial(close_after_seconds=0)
    sandbox.pay(order.order_no)
    assert wechat.close(order).state is TradeState.PAID


def test_wechat_certificates_change_while_we_run(sandbox, wechat, order, vendor):
    """G13."""
    wechat.create(order, Method.QR)
    for minute, stage in enumerate(("announce", "overlap", "switch", "retire"), start=1):
        sandbox.control("POST", "keys", json={"stage": stage})
        with clock.at(datetime.now(UTC) + timedelta(seconds=61 * minute)):
            for _ in range(3):
                assert wechat.query(order).state is TradeState.NOTPAY, stage


def test_wechat_signs_by_public_key_where_we_ask_for_it(sandbox, wechat, order, vendor):
    key_id = sandbox.control("GET", "keys")["public_key_id"]
    path = sandbox.home / "exchange" / f"wechat_platform_{key_id}.pub.pem"
    gateway = WechatPay(dataclasses.replace(wechat.config, platform_public_keys={key_id: str(path)}))
    gateway.create(order, Method.QR)
    sandbox.dial(notice_signer="public_key")
    sandbox.pay(order.order_no)
    headers, body = heard(vendor)[0]
    assert headers["wechatpay-serial"] == key_id
    assert gateway.parse_notice(headers, body).kind is NoticeKind.PAYMENT
    assert all(event["point"] != "certificates" for event in sandbox.events(order_no=order.order_no))


@pytest.mark.parametrize("fault", ["unsigned", "forged", "unknown_serial", "wrong_secret", "signtest", "not_utf8"])
def test_spoilt_wechat_notice_is_invalid(sandbox, wechat, order, vendor, fault):
    wechat.create(order, Method.QR)
    sandbox.rule(gateway="wechat", point="notice", fault=fault, order_no=order.order_no)
    sandbox.pay(order.order_no)
    with pytest.raises(SignatureInvalid):
        wechat.parse_notice(*heard(vendor)[0])


def test_old_wechat_notice_is_not_fresh(sandbox, wechat, order, vendor):
    wechat.create(order, Method.QR)
    sandbox.rule(gateway="wechat", point="notice", fault="stale", order_no=order.order_no)
    sandbox.pay(order.order_no)
    notice = wechat.parse_notice(*heard(vendor)[0])
    assert (notice.kind, notice.fresh) == (NoticeKind.PAYMENT, False)


def test_wechat_probe_is_invalid(sandbox, wechat, order, vendor):
    """G12."""
    wechat.create(order, Method.QR)
    sandbox.control("POST", "probe", json={"order_no": order.order_no})
    with pytest.raises(SignatureInvalid):
        wechat.parse_notice(*heard(vendor)[0])


@pytest.mark.parametrize(
    ("fault", "differs"),
    [
        ("wrong_amount", ("amount_fen", 38_001)),
        ("wrong_currency", ("currency", "HKD")),
        ("wrong_merchant", ("merchant_id", "1900009999")),
        ("wrong_app", ("merchant_id", "app:wx00000000deadbeef")),
    ],
)
def test_wrong_facts_of_a_wechat_notice_reach_the_one_who_compares(sandbox, wechat, order, vendor, fault, differs):
    wechat.create(order, Method.QR)
    sandbox.rule(gateway="wechat", point="notice", fault=fault, order_no=order.order_no)
    sandbox.pay(order.order_no)
    result = wechat.parse_notice(*heard(vendor)[0]).result
    assert getattr(result, differs[0]) == differs[1]


def test_repeated_wechat_notice_has_the_same_key(sandbox, wechat, order, vendor):
    wechat.create(order, Method.QR)
    sandbox.rule(gateway="wechat", point="notice", fault="twice", order_no=order.order_no, params={"apart_seconds": 0})
    sandbox.pay(order.order_no)
    assert len({wechat.parse_notice(*one).key for one in heard(vendor, 2)}) == 1


# Alipay.


@pytest.mark.parametrize("method", [Method.PAGE, Method.WAP])
def test_alipay_order_is_paid(sandbox, alipay, page_order, vendor, method):
    hand_over = alipay.create(page_order, method)
    assert alipay.query(page_order).state is TradeState.NOT_FOUND
    assert visit(hand_over.url).status_code == 200
    sandbox.pay(page_order.order_no)
    notice = alipay.parse_notice(*heard(vendor)[0])
    result = alipay.query(page_order)
    assert (notice.kind, notice.order_no, notice.fresh) == (NoticeKind.PAYMENT, page_order.order_no, True)
    assert (result.state, result.amount_fen, result.merchant_id) == (TradeState.PAID, 38_000, SELLER_ID)
    assert notice.result.trade_no == result.trade_no
    assert abs(result.paid_at - clock.now()) < timedelta(minutes=1)


def test_alipay_form_is_taken_as_well(sandbox, alipay, page_order):
    long = dataclasses.replace(page_order, description="很长的说明" * 50)
    hand_over = alipay.create(long, Method.PAGE)
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.post(hand_over.url, data=dict(hand_over.fields)).status_code == 200


def test_alipay_code_that_nobody_scanned_is_no_trade(sandbox, alipay, page_order):
    visit(alipay.create(page_order, Method.PAGE).url)
    assert alipay.query(page_order).state is TradeState.NOT_FOUND
    assert alipay.close(page_order).state is TradeState.NOT_FOUND
    sandbox.control("POST", "open", json={"order_no": page_order.order_no})
    assert alipay.query(page_order).state is TradeState.NOTPAY


@pytest.mark.parametrize("fault", SPOILT_ANSWERS)
def test_spoilt_alipay_answer_is_unknown(sandbox, alipay, page_order, fault):
    visit(alipay.create(page_order, Method.WAP).url)
    sandbox.control("POST", "open", json={"order_no": page_order.order_no})
    sandbox.rule(gateway="alipay", point="query", fault=fault, order_no=page_order.order_no, times=1)
    with pytest.raises(GatewayUnreachable):
        alipay.query(page_order)
    assert alipay.query(page_order).state is TradeState.NOTPAY


def test_alipay_closing(sandbox, alipay, page_order):
    visit(alipay.create(page_order, Method.WAP).url)
    sandbox.control("POST", "open", json={"order_no": page_order.order_no})
    sandbox.rule(gateway="alipay", point="close", fault="close_ignored", order_no=page_order.order_no, times=1)
    assert alipay.close(page_order).state is TradeState.NOTPAY
    assert alipay.close(page_order).state is TradeState.CLOSED
    assert alipay.close(page_order).state is TradeState.CLOSED


def test_alipay_closing_of_a_paid_order_finds_the_payment(sandbox, alipay, page_order):
    visit(alipay.create(page_order, Method.WAP).url)
    sandbox.pay(page_order.order_no)
    assert alipay.close(page_order).state is TradeState.PAID


@pytest.mark.parametrize("fault", ["unsigned", "forged", "not_utf8"])
def test_spoilt_alipay_notice_is_invalid(sandbox, alipay, page_order, vendor, fault):
    visit(alipay.create(page_order, Method.WAP).url)
    sandbox.rule(gateway="alipay", point="notice", fault=fault, order_no=page_order.order_no)
    sandbox.pay(page_order.order_no)
    with pytest.raises(SignatureInvalid):
        alipay.parse_notice(*heard(vendor)[0])


@pytest.mark.parametrize(
    ("fault", "differs"),
    [
        ("wrong_amount", ("amount_fen", 38_001)),
        ("wrong_currency", ("currency", "HKD")),
        ("wrong_merchant", ("merchant_id", "app:2021000000000001")),
        ("wrong_app", ("merchant_id", "app:2021000000009999")),
    ],
)
def test_wrong_facts_of_an_alipay_notice_reach_the_one_who_compares(
    sandbox, alipay, page_order, vendor, fault, differs
):
    visit(alipay.create(page_order, Method.WAP).url)
    sandbox.rule(gateway="alipay", point="notice", fault=fault, order_no=page_order.order_no)
    sandbox.pay(page_order.order_no)
    result = alipay.parse_notice(*heard(vendor)[0]).result
    assert getattr(result, differs[0]) == differs[1]


def test_cashiers_are_on_the_hosts_that_the_gateways_name(sandbox, wechat, alipay, order, page_order):
    for gateway, method, one in ((wechat, Method.H5, order), (alipay, Method.PAGE, page_order)):
        parts = urlsplit(gateway.create(one, method).url)
        assert f"{parts.scheme}://{parts.netloc}" in gateway.cashier_hosts
