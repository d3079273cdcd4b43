import dataclasses
import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.gateways.alipay.client import ADDRESS_CHARACTERS_MAX, Alipay, Config
from payments.gateways.base import (
    GatewayRefused,
    GatewayUnreachable,
    HandOverKind,
    Method,
    NoticeKind,
    Result,
    SignatureInvalid,
    TradeState,
)
from tests.payments.gateways.alipay_world import (
    APP_ID,
    SECOND_APP_ID,
    SECOND_SELLER_ID,
    SELLER_ID,
    local,
    node,
    notice_params,
    signed_form,
    trade,
)
from tests.payments.gateways.conftest import private_pem, public_pem

QUERY, CLOSE = "alipay.trade.query", "alipay.trade.close"


@pytest.fixture
def config(vendor, keys, tmp_path):
    (tmp_path / "app.pem").write_bytes(private_pem(keys.merchant))
    (tmp_path / "platform.pem").write_bytes(public_pem(keys.platform))
    return Config.from_settings(
        {
            "gateway_url": vendor.url + "/alipay/gateway.do",
            "app_id": APP_ID,
            "seller_id": SELLER_ID,
            "app_key_file": str(tmp_path / "app.pem"),
            "platform_public_key_file": str(tmp_path / "platform.pem"),
            "sellers": {SECOND_SELLER_ID: SECOND_APP_ID},
            "timeout_s": 0.5,
        }
    )


@pytest.fixture
def gateway(config):
    return Alipay(config)


@pytest.fixture
def order(order):
    return dataclasses.replace(order, merchant=SELLER_ID)


def asked_method(asked):
    return dict(parse_qsl(asked.body.decode()))["method"]


def says(vendor, keys, **answers):
    """query=…, close=…: what each method answers, signed."""

    def answer(asked):
        method = asked_method(asked)
        return 200, {}, node(keys.platform, method, answers[method.rsplit(".", 1)[1]])

    vendor.answer = answer


def failed(sub_code, code="40004"):
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "交易不存在"}


# Handing over.


@pytest.mark.parametrize(
    ("method", "name", "product"),
    [
        (Method.PAGE, "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        (Method.WAP, "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    ],
)
def test_payer_is_redirected_with_a_signed_address_and_nothing_is_sent(vendor, gateway, order, method, name, product):
    hand_over = gateway.create(order, method)
    params = dict(parse_qsl(urlsplit(hand_over.url).query))
    content = json.loads(params["biz_content"])
    assert hand_over.kind is HandOverKind.REDIRECT
    assert hand_over.url.startswith(vendor.url + "/alipay/gateway.do?")
    assert (params["method"], params["app_id"], params["notify_url"]) == (name, APP_ID, order.notify_url)
    assert (content["product_code"], content["total_amount"]) == (product, "380.00")
    assert vendor.asked == []


def test_long_order_is_handed_over_by_form(gateway, order):
    hand_over = gateway.create(dataclasses.replace(order, description="很长的说明" * 50), Method.PAGE)
    assert hand_over.kind is HandOverKind.FORM
    assert len(hand_over.url) < ADDRESS_CHARACTERS_MAX
    assert hand_over.fields["sign"]
    assert len(json.loads(hand_over.fields["biz_content"])["subject"]) == 250


def test_second_seller_is_paid_through_his_own_app(gateway, order):
    hand_over = gateway.create(dataclasses.replace(order, merchant=SECOND_SELLER_ID), Method.PAGE)
    assert f"app_id={SECOND_APP_ID}" in hand_over.url


def test_seller_who_is_not_configured_is_refused(vendor, gateway, order):
    stranger = dataclasses.replace(order, merchant="2088000000009999")
    for ask in (gateway.query, gateway.close, lambda order: gateway.create(order, Method.PAGE)):
        with pytest.raises(GatewayRefused):
            ask(stranger)
    with pytest.raises(GatewayRefused):
        gateway.create(order, Method.QR)
    assert vendor.asked == []


# Asking.


def test_paid_order_is_found_paid(vendor, keys, gateway, order):
    says(vendor, keys, query=trade(order.order_no))
    result = gateway.query(order)
    assert result.state is TradeState.PAID
    assert (result.order_no, result.merchant_id, result.amount_fen) == (order.order_no, SELLER_ID, 38_000)
    assert Result.from_json(json.loads(json.dumps(result.as_json()))) == result
    assert vendor.asked[0].method == "POST"


def test_order_that_is_not_there_is_said_not_to_be(vendor, keys, gateway, order):
    says(vendor, keys, query=failed("ACQ.TRADE_NOT_EXIST"))
    assert gateway.query(order).state is TradeState.NOT_FOUND


@pytest.mark.parametrize(
    "content",
    [
        failed("ACQ.SYSTEM_ERROR"),
        failed("isp.unknow-error", code="20000"),
        failed("isv.app-call-limited", code="40005"),
        failed("ACQ.NEW_WORD"),
        {},
        {"code": "10000"},
        trade("x", trade_no=None),
    ],
)
def test_answer_that_settles_nothing_is_unknown(vendor, keys, gateway, order, content):
    says(vendor, keys, query=content)
    if content == {"code": "10000"}:
        assert gateway.query(order).state is TradeState.UNKNOWN
    else:
        with pytest.raises(GatewayUnreachable):
            gateway.query(order)


@pytest.mark.parametrize("code", ["40001", "40002", "40003", "40006"])
def test_request_that_we_may_not_make_is_refused(vendor, keys, gateway, order, code):
    says(vendor, keys, query=failed("isv.invalid-signature", code=code), close=failed("isv.x", code=code))
    for ask in (gateway.query, gateway.close):
        with pytest.raises(GatewayRefused):
            ask(order)


@pytest.mark.parametrize(
    "changes", [{"out_trade_no": "ANOTHER"}, {"seller_id": "2088000000009999"}, {"app_id": "2021000000009999"}]
)
def test_answer_about_another_order_is_unknown(vendor, keys, gateway, order, changes):
    says(vendor, keys, query=trade(order.order_no, **changes))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_answer_signed_by_a_stranger_or_not_at_all_is_unknown(vendor, keys, gateway, order):
    content = trade(order.order_no)
    unsigned = json.dumps({"alipay_trade_query_response": content}).encode()
    changed = node(keys.platform, QUERY, content).replace(b"380.00", b"480.00")
    for body in (node(keys.stranger, QUERY, content), unsigned, changed, b"", b"garbage"):
        vendor.answer = lambda asked, body=body: (200, {}, body)
        with pytest.raises(GatewayUnreachable):
            gateway.query(order)


def test_answer_to_another_question_is_unknown(vendor, keys, gateway, order):
    vendor.answer = lambda asked: (200, {}, node(keys.platform, CLOSE, trade(order.order_no)))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


@pytest.mark.parametrize("status", [302, 404, 429, 500, 502])
def test_other_statuses_are_unknown_whatever_they_say(vendor, keys, gateway, order, status):
    vendor.answer = lambda asked: (status, {}, node(keys.platform, QUERY, trade(order.order_no)))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_missing_keys_are_unknown(config, order):
    for name in ("app_key_file", "platform_public_key_file"):
        gateway = Alipay(dataclasses.replace(config, **{name: "/nowhere"}))
        with pytest.raises(GatewayUnreachable):
            gateway.query(order)
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice({}, b"sign=1&sign_type=RSA2")


# Closing.


@pytest.mark.parametrize(
    ("close", "query", "state"),
    [
        ({"code": "10000"}, {"trade_status": "TRADE_CLOSED", "send_pay_date": None}, TradeState.CLOSED),
        ({"code": "10000"}, {"trade_status": "WAIT_BUYER_PAY", "send_pay_date": None}, TradeState.NOTPAY),
        (failed("ACQ.TRADE_HAS_SUCCESS"), {}, TradeState.PAID),
        (failed("ACQ.TRADE_STATUS_ERROR"), {"trade_status": "TRADE_CLOSED"}, TradeState.REFUNDED),
    ],
)
def test_closing_returns_what_the_query_says(vendor, keys, gateway, order, close, query, state):
    says(vendor, keys, close=close, query=trade(order.order_no, **query))
    assert gateway.close(order).state is state
    assert [asked_method(asked) for asked in vendor.asked] == [CLOSE, QUERY]


def test_closing_a_page_that_nobody_opened_finds_no_trade(vendor, keys, gateway, order):
    says(vendor, keys, close=failed("ACQ.TRADE_NOT_EXIST"), query=failed("ACQ.TRADE_NOT_EXIST"))
    assert gateway.close(order).state is TradeState.NOT_FOUND


# Notices.


def test_notice_of_a_payment_is_read(keys, gateway, order):
    notice = gateway.parse_notice({}, signed_form(keys.platform, notice_params(order.order_no)))
    assert (notice.kind, notice.order_no, notice.fresh) == (NoticeKind.PAYMENT, order.order_no, True)
    assert notice.key == "2026112100222103456000000000000001"
    assert (notice.result.state, notice.result.amount_fen) == (TradeState.PAID, 38_000)
    assert notice.result.merchant_id == SELLER_ID
    assert "buyer_id" not in notice.result.raw


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (290, True), (310, False), (-310, False), (90_000, False)])
def test_old_and_future_notices_are_verified_but_not_fresh(keys, gateway, order, age_s, fresh):
    params = notice_params(order.order_no, notify_time=local(timedelta(seconds=age_s)))
    assert gateway.parse_notice({}, signed_form(keys.platform, params)).fresh is fresh


def test_notice_without_a_date_is_not_fresh(keys, gateway, order):
    body = signed_form(keys.platform, notice_params(order.order_no, notify_time=None))
    assert gateway.parse_notice({}, body).fresh is False


@pytest.mark.parametrize("after", [{"total_amount": "1.00"}, {"sign": "AAAA"}, {"sign": ""}, {"sign_type": "RSA"}])
def test_notice_that_is_not_theirs_is_invalid(keys, gateway, order, after):
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice({}, signed_form(keys.platform, notice_params(order.order_no), **after))
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice({}, signed_form(keys.stranger, notice_params(order.order_no)))


@pytest.mark.parametrize(
    ("changes", "merchant"),
    [
        ({"app_id": "2021000000009999"}, "app:2021000000009999"),
        ({"app_id": SECOND_APP_ID}, f"app:{SECOND_APP_ID}"),
        ({"app_id": None}, "app:"),
        ({"seller_id": "2088000000009999"}, f"app:{APP_ID}"),
    ],
)
def test_notice_about_another_app_or_seller_is_foreign(keys, gateway, order, changes, merchant):
    notice = gateway.parse_notice({}, signed_form(keys.platform, notice_params(order.order_no, **changes)))
    assert notice.kind is NoticeKind.FOREIGN
    assert notice.result.merchant_id == merchant


def test_seller_who_is_not_named_is_the_one_of_the_app(keys, gateway, order):
    params = notice_params(order.order_no, seller_id=None, app_id=SECOND_APP_ID)
    notice = gateway.parse_notice({}, signed_form(keys.platform, params))
    assert (notice.kind, notice.result.merchant_id) == (NoticeKind.PAYMENT, SECOND_SELLER_ID)


@pytest.mark.parametrize("changes", [{"notify_type": "dut_user_sign"}, {"total_amount": None}, {"out_trade_no": None}])
def test_notice_of_another_kind_is_kept_apart(keys, gateway, order, changes):
    notice = gateway.parse_notice({}, signed_form(keys.platform, notice_params(order.order_no, **changes)))
    assert (notice.kind, notice.result) == (NoticeKind.OTHER, None)


@pytest.mark.parametrize("notify_id", [None, "", "x" * 81])
def test_notice_without_a_usable_id_is_known_by_its_digest(keys, gateway, order, notify_id):
    body = signed_form(keys.platform, notice_params(order.order_no, notify_id=notify_id))
    assert len(gateway.parse_notice({}, body).key) == 64
    assert gateway.parse_notice({}, body).key == gateway.parse_notice({}, body).key


def test_acceptance_is_told_in_seven_characters(gateway):
    assert gateway.ack(True) == (200, "text/plain", b"success")
    assert gateway.ack(False)[2] != b"success"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), st.text()), st.binary())
def test_any_request_is_a_notice_or_invalid(gateway, headers, body):
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice(headers, body)


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(notice_params("no"), PRINTABLE)))
def test_any_form_that_they_sign_is_a_notice(keys, gateway, changes):
    notice = gateway.parse_notice({}, signed_form(keys.platform, notice_params("no") | changes))
    assert 0 < len(notice.key) <= 80
    assert (notice.result is None) == (notice.kind is NoticeKind.OTHER)


def test_config_is_checked(config):
    with pytest.raises(TypeError):
        Config.from_settings({"unknown": 1})
    assert Alipay(config).cashier_hosts[0] == "https://openapi.alipay.com"
