import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wechatpayv3 import WeChatPay as Oracle
from wechatpayv3 import WeChatPayType

from core import clock
from payments.gateways.base import (
    GatewayRefused,
    GatewayUnreachable,
    HandOverKind,
    Method,
    NoticeKind,
    Result,
    SignatureInvalid,
    TooEarlyToClose,
    TradeState,
)
from payments.gateways.wechat_pay.client import Config, WechatPay
from tests.payments.gateways.conftest import certificate_pem, private_pem, public_pem
from tests.payments.gateways.wechat_world import (
    APIV3_KEY,
    APP_ID,
    MERCHANT,
    NEXT_SERIAL,
    PUBLIC_KEY_ID,
    SERIAL,
    encrypted,
    notice_body,
    signed,
    transaction,
)


@pytest.fixture
def config(vendor, keys, tmp_path):
    (tmp_path / "merchant.pem").write_bytes(private_pem(keys.merchant))
    (tmp_path / "platform.pem").write_bytes(public_pem(keys.platform))
    return Config.from_settings(
        {
            "base_url": vendor.url + "/wechat",
            "app_id": APP_ID,
            "merchant_id": MERCHANT,
            "merchant_serial": "DEMO01",
            "merchant_key_file": str(tmp_path / "merchant.pem"),
            "apiv3_key": APIV3_KEY.decode(),
            "platform_public_keys": {f"{SERIAL:X}": str(tmp_path / "platform.pem")},
            "platform_public_keys_dir": "",
            "timeout_s": 0.5,
        }
    )


@pytest.fixture
def gateway(config):
    return WechatPay(config)


def says(vendor, keys, content, *, status=200, **how):
    body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
    vendor.answer = lambda asked: (status, signed(keys.platform, body, **how), body)


def listed(certificates):
    """The answer of /v3/certificates: serial -> (key, pem); signed with the first."""
    data = [
        {"serial_no": f"{serial:X}", "encrypt_certificate": encrypted(pem, "certificate")}
        for serial, (_, pem) in certificates.items()
    ]
    body = json.dumps({"data": data}).encode()
    serial, (key, _) = next(iter(certificates.items()))
    return 200, signed(key, body, serial=serial), body


# Handing over.


def test_native_order_gives_a_qr_code(vendor, keys, gateway, order):
    says(vendor, keys, {"code_url": "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"})
    hand_over = gateway.create(order, Method.QR)
    assert (hand_over.kind, hand_over.url) == (HandOverKind.QR, "weixin://wxpay/bizpayurl?pr=p4lpSuKzz")
    asked = vendor.asked[0]
    assert asked.target == "/wechat/v3/pay/transactions/native"
    assert json.loads(asked.body)["out_trade_no"] == order.order_no
    assert asked.headers["authorization"].startswith('WECHATPAY2-SHA256-RSA2048 mchid="1900000001"')


def test_h5_order_gives_a_redirect_that_comes_back(vendor, keys, gateway, order):
    says(vendor, keys, {"h5_url": "https://wx.tenpay.com/checkmweb?prepay_id=1"})
    hand_over = gateway.create(order, Method.H5)
    assert hand_over.kind is HandOverKind.REDIRECT
    assert hand_over.url.startswith("https://wx.tenpay.com/checkmweb?prepay_id=1&redirect_url=http%3A%2F%2Flocalhost")


def test_method_that_is_not_offered_is_refused_without_a_call(vendor, gateway, order):
    with pytest.raises(GatewayRefused):
        gateway.create(order, Method.PAGE)
    assert vendor.asked == []


@pytest.mark.parametrize("content", [{}, {"code_url": ""}, {"code_url": 1}, [], "x", None])
def test_created_without_an_address_is_unknown(vendor, keys, gateway, order, content):
    says(vendor, keys, content)
    with pytest.raises(GatewayUnreachable):
        gateway.create(order, Method.QR)


def test_cashier_that_is_no_web_address_is_unknown(vendor, keys, gateway, order):
    says(vendor, keys, {"h5_url": "javascript:alert(1)"})
    with pytest.raises(GatewayUnreachable):
        gateway.create(order, Method.H5)


@pytest.mark.parametrize("code", ["PARAM_ERROR", "NO_AUTH", "SIGN_ERROR", "APPID_MCHID_NOT_MATCH"])
def test_signed_refusal_is_a_refusal(vendor, keys, gateway, order, code):
    says(vendor, keys, {"code": code, "message": "x"}, status=400)
    with pytest.raises(GatewayRefused) as caught:
        gateway.create(order, Method.QR)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "code", ["ORDERPAID", "ORDER_CLOSED", "OUT_TRADE_NO_USED", "INVALID_REQUEST", "TRADE_ERROR", "NEW_WORD"]
)
def test_refusal_that_leaves_an_order_possible_is_unknown(vendor, keys, gateway, order, code):
    says(vendor, keys, {"code": code, "message": "x"}, status=400)
    with pytest.raises(GatewayUnreachable) as caught:
        gateway.create(order, Method.QR)
    assert caught.value.reason == code


# G3: what is not signed says nothing, whatever its status.


@pytest.mark.parametrize("status", [200, 204, 400, 401, 404, 429, 500, 502, 302])
def test_unsigned_answer_is_unknown(vendor, gateway, order, status):
    vendor.answer = lambda asked: (status, {}, b'{"code":"PARAM_ERROR","code_url":"weixin://"}')
    for ask in (lambda: gateway.create(order, Method.QR), lambda: gateway.query(order), lambda: gateway.close(order)):
        with pytest.raises(GatewayUnreachable):
            ask()


@pytest.mark.parametrize("status", [429, 500, 502])
def test_signed_answer_of_a_server_in_trouble_is_unknown(vendor, keys, gateway, order, status):
    says(vendor, keys, {"code": "PARAM_ERROR"}, status=status)
    with pytest.raises(GatewayUnreachable):
        gateway.create(order, Method.QR)


@pytest.mark.parametrize("how", [{"age_s": 301}, {"age_s": -301}, {"prefix": "WECHATPAY/SIGNTEST/"}])
def test_old_and_probing_answers_are_unknown(vendor, keys, gateway, order, how):
    says(vendor, keys, {"code_url": "weixin://x"}, **how)
    with pytest.raises(GatewayUnreachable):
        gateway.create(order, Method.QR)


def test_answer_signed_by_a_stranger_is_unknown(vendor, keys, gateway, order):
    body = json.dumps(transaction(order.order_no)).encode()
    vendor.answer = lambda asked: (200, signed(keys.stranger, body), body)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_answer_changed_on_the_way_is_unknown(vendor, keys, gateway, order):
    body = json.dumps(transaction(order.order_no)).encode()
    vendor.answer = lambda asked: (200, signed(keys.platform, body), body.replace(b"38000", b"48000"))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_missing_own_key_is_unknown(config, order):
    with pytest.raises(GatewayUnreachable):
        WechatPay(dataclasses.replace(config, merchant_key_file="/nowhere")).query(order)


# Asking.


def test_paid_order_is_found_paid(vendor, keys, gateway, order):
    says(vendor, keys, transaction(order.order_no))
    result = gateway.query(order)
    assert result.state is TradeState.PAID
    assert (result.order_no, result.merchant_id, result.amount_fen) == (order.order_no, MERCHANT, 38_000)
    assert vendor.asked[0].target == f"/wechat/v3/pay/transactions/out-trade-no/{order.order_no}?mchid={MERCHANT}"
    assert Result.from_json(json.loads(json.dumps(result.as_json()))) == result


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "ORDERNOTEXIST"])
def test_order_that_is_not_there_is_said_not_to_be(vendor, keys, gateway, order, code):
    says(vendor, keys, {"code": code, "message": "订单不存在"}, status=404)
    result = gateway.query(order)
    assert (result.state, result.order_no, result.merchant_id) == (TradeState.NOT_FOUND, order.order_no, order.merchant)


@pytest.mark.parametrize("changes", [{"out_trade_no": "ANOTHER"}, {"mchid": "1900009999"}, {"appid": "wx9"}])
def test_answer_about_another_order_is_unknown(vendor, keys, gateway, order, changes):
    says(vendor, keys, transaction(order.order_no, **changes))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_wrong_amount_is_passed_on_for_the_order_to_judge(vendor, keys, gateway, order):
    says(vendor, keys, transaction(order.order_no, amount={"total": 38_001, "currency": "CNY"}))
    assert gateway.query(order).amount_fen == 38_001


# Closing.


def test_closing_is_refused_in_the_first_five_minutes_without_a_call(vendor, gateway, order):
    young = dataclasses.replace(order, created_at=clock.now() - timedelta(minutes=4, seconds=59))
    with pytest.raises(TooEarlyToClose) as caught:
        gateway.close(young)
    assert caught.value.at == young.created_at + timedelta(minutes=5)
    assert vendor.asked == []


def close_then_query(keys, close_answer, query_answer):
    def answer(asked):
        status, content = close_answer if asked.target.endswith("/close") else query_answer
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        return status, signed(keys.platform, body), body

    return answer


def test_closing_that_was_accepted_is_believed_only_after_a_query(vendor, keys, gateway, order):
    still_open = transaction(order.order_no, trade_state="NOTPAY", transaction_id=None, success_time=None)
    vendor.answer = close_then_query(keys, (204, None), (200, still_open))
    assert gateway.close(order).state is TradeState.NOTPAY
    vendor.answer = close_then_query(keys, (204, None), (200, still_open | {"trade_state": "CLOSED"}))
    assert gateway.close(order).state is TradeState.CLOSED
    assert json.loads(vendor.asked[0].body) == {"mchid": MERCHANT}


@pytest.mark.parametrize("code", ["ORDERPAID", "ORDER_PAID", "TRADE_ERROR"])
def test_closing_a_paid_order_finds_the_payment(vendor, keys, gateway, order, code):
    vendor.answer = close_then_query(keys, (400, {"code": code}), (200, transaction(order.order_no)))
    result = gateway.close(order)
    assert (result.state, result.amount_fen) == (TradeState.PAID, 38_000)


def test_closing_too_early_by_their_clock_is_asked_again_in_a_minute(vendor, keys, gateway, order):
    vendor.answer = close_then_query(keys, (400, {"code": "INVALID_REQUEST"}), (500, None))
    before = clock.now()
    with pytest.raises(TooEarlyToClose) as caught:
        gateway.close(order)
    assert timedelta(seconds=59) < caught.value.at - before < timedelta(seconds=62)


def test_closing_whose_query_stays_silent_is_unknown(vendor, keys, gateway, order):
    vendor.answer = close_then_query(keys, (204, None), (500, None))
    with pytest.raises(GatewayUnreachable):
        gateway.close(order)


def test_closing_that_we_may_not_ask_for_is_refused(vendor, keys, gateway, order):
    vendor.answer = close_then_query(keys, (403, {"code": "NO_AUTH"}), (500, None))
    with pytest.raises(GatewayRefused):
        gateway.close(order)


# Notices.


def test_notice_of_a_payment_is_read(keys, gateway, order):
    body = notice_body(transaction(order.order_no))
    notice = gateway.parse_notice(signed(keys.platform, body), body)
    assert (notice.key, notice.kind, notice.order_no) == (
        "EV-2018022511223320873",
        NoticeKind.PAYMENT,
        order.order_no,
    )
    assert notice.fresh
    assert notice.result.state is TradeState.PAID
    assert notice.result.amount_fen == 38_000


def test_case_of_header_names_does_not_matter(keys, gateway, order):
    body = notice_body(transaction(order.order_no))
    headers = {name.upper(): value for name, value in signed(keys.platform, body).items()}
    assert gateway.parse_notice(headers, body).kind is NoticeKind.PAYMENT


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (295, True), (305, False), (-305, False), (86_400, False)])
def test_old_and_future_notices_are_verified_but_not_fresh(keys, gateway, order, age_s, fresh):
    body = notice_body(transaction(order.order_no))
    notice = gateway.parse_notice(signed(keys.platform, body, age_s=age_s), body)
    assert notice.fresh is fresh
    assert notice.result.state is TradeState.PAID


@pytest.mark.parametrize("spoil", ["unsigned", "probe", "stranger", "changed", "wrong secret", "no id"])
def test_notice_that_is_not_theirs_is_invalid(vendor, keys, gateway, order, spoil):
    body = notice_body(transaction(order.order_no))
    headers = signed(keys.platform, body)
    if spoil == "unsigned":
        headers = {}
    elif spoil == "probe":
        headers = signed(keys.platform, body, prefix="WECHATPAY/SIGNTEST/")
    elif spoil == "stranger":
        headers = signed(keys.stranger, body)
    elif spoil == "changed":
        body += b" "
    else:
        resource = encrypted(json.dumps(transaction(order.order_no)).encode(), "transaction", key=b"1" * 32)
        body = notice_body({}, id="") if spoil == "no id" else notice_body({}, resource=resource)
        headers = signed(keys.platform, body)
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice(headers, body)
    assert vendor.asked == []


def test_notice_about_another_app_is_foreign_and_equals_no_merchant(keys, gateway, order):
    body = notice_body(transaction(order.order_no, appid="wx00000000deadbeef"))
    notice = gateway.parse_notice(signed(keys.platform, body), body)
    assert notice.kind is NoticeKind.FOREIGN
    assert notice.result.merchant_id == "app:wx00000000deadbeef"
    assert notice.result.raw["mchid"] == MERCHANT


@pytest.mark.parametrize("changes", [{"event_type": "REFUND.SUCCESS"}, {"event_type": 5}])
def test_notice_of_another_kind_is_kept_apart(keys, gateway, order, changes):
    body = notice_body(transaction(order.order_no), **changes)
    notice = gateway.parse_notice(signed(keys.platform, body), body)
    assert (notice.kind, notice.result) == (NoticeKind.OTHER, None)


def test_notice_of_a_success_without_amount_is_not_understood(keys, gateway, order):
    body = notice_body(transaction(order.order_no, amount=None))
    assert gateway.parse_notice(signed(keys.platform, body), body).kind is NoticeKind.OTHER


def test_acceptance_is_told_by_status():
    gateway = WechatPay.__new__(WechatPay)
    assert gateway.ack(True) == (204, "application/json", b"")
    status, _, body = gateway.ack(False)
    assert status == 500
    assert json.loads(body)["code"] == "FAIL"


ANYTHING = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANYTHING
@given(st.dictionaries(st.text(), st.text()), st.binary())
def test_any_request_is_a_notice_or_invalid(gateway, headers, body):
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice(headers, body)


@ANYTHING
@given(st.binary())
def test_any_body_that_they_sign_is_a_notice_or_invalid(keys, gateway, body):
    for content in (body, notice_body(body)):
        with pytest.raises(SignatureInvalid):
            gateway.parse_notice(signed(keys.platform, content), content)


@ANYTHING
@given(st.sampled_from([200, 204, 400, 404]), st.binary(max_size=200))
def test_any_answer_that_they_sign_is_a_result_or_a_declared_error(vendor, keys, gateway, order, status, body):
    body = b"" if status == 204 else body
    vendor.answer = lambda asked: (status, signed(keys.platform, body), body)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


# Certificates and keys (G13).


@pytest.fixture
def by_certificate(config):
    """A gateway that knows no platform key yet."""
    return WechatPay(dataclasses.replace(config, platform_public_keys={}))


def with_certificates(certificates, rest):
    return lambda asked: listed(certificates) if asked.target == "/wechat/v3/certificates" else rest


def fetches(vendor):
    return sum(asked.target == "/wechat/v3/certificates" for asked in vendor.asked)


def test_both_serials_verify_during_a_change_of_certificates(vendor, keys, by_certificate, order):
    """G13."""
    first = {SERIAL: (keys.platform, certificate_pem(keys.platform, SERIAL))}
    both = first | {NEXT_SERIAL: (keys.next_platform, certificate_pem(keys.next_platform, NEXT_SERIAL))}
    body = notice_body(transaction(order.order_no))
    by_old, by_new = signed(keys.platform, body), signed(keys.next_platform, body, serial=NEXT_SERIAL)

    vendor.answer = with_certificates(first, (500, {}, b""))
    assert by_certificate.parse_notice(by_old, body).kind is NoticeKind.PAYMENT
    vendor.answer = with_certificates(both, (500, {}, b""))
    with pytest.raises(SignatureInvalid):  # looked up less than a minute ago
        by_certificate.parse_notice(by_new, body)
    with clock.at(datetime.now(UTC) + timedelta(seconds=61)):
        assert by_certificate.parse_notice(by_new, body).kind is NoticeKind.PAYMENT
        assert by_certificate.parse_notice(by_old, body).kind is NoticeKind.PAYMENT
    assert fetches(vendor) == 2


def test_certificate_that_left_the_list_is_no_longer_believed(vendor, keys, by_certificate, order):
    body = notice_body(transaction(order.order_no))
    vendor.answer = with_certificates({SERIAL: (keys.platform, certificate_pem(keys.platform, SERIAL))}, (500, {}, b""))
    by_certificate.parse_notice(signed(keys.platform, body), body)
    new_only = {NEXT_SERIAL: (keys.next_platform, certificate_pem(keys.next_platform, NEXT_SERIAL))}
    vendor.answer = with_certificates(new_only, (500, {}, b""))
    with clock.at(datetime.now(UTC) + timedelta(seconds=61)):
        by_certificate.parse_notice(signed(keys.next_platform, body, serial=NEXT_SERIAL), body)
        with pytest.raises(SignatureInvalid):
            by_certificate.parse_notice(signed(keys.platform, body), body)


def test_expired_certificate_is_not_believed(vendor, keys, by_certificate, order):
    pem = certificate_pem(keys.platform, SERIAL, ends_at=datetime.now(UTC) - timedelta(days=1))
    vendor.answer = with_certificates({SERIAL: (keys.platform, pem)}, (500, {}, b""))
    body = notice_body(transaction(order.order_no))
    with pytest.raises(SignatureInvalid):
        by_certificate.parse_notice(signed(keys.platform, body), body)


@pytest.mark.parametrize("serial", ["FFFF", "PUB_KEY_ID_9", "no serial at all", "0"])
def test_unknown_serials_make_one_call_a_minute(vendor, keys, gateway, order, serial):
    """G13: looked up once; whoever is not known yet is told to come again."""
    vendor.answer = lambda asked: (500, {}, b"")
    body = notice_body(transaction(order.order_no))
    for _ in range(5):
        with pytest.raises(SignatureInvalid):
            gateway.parse_notice(signed(keys.stranger, body, serial=serial), body)
    assert fetches(vendor) == 1
    assert gateway.parse_notice(signed(keys.platform, body), body).kind is NoticeKind.PAYMENT


@pytest.mark.parametrize("spoil", ["stranger", "unsigned", "wrong secret", "garbage"])
def test_list_of_certificates_is_verified_too(vendor, keys, by_certificate, order, spoil):
    status, headers, content = listed({SERIAL: (keys.platform, certificate_pem(keys.platform, SERIAL))})
    if spoil == "stranger":
        headers = signed(keys.stranger, content)
    elif spoil == "unsigned":
        headers = {}
    elif spoil == "wrong secret":
        pem = certificate_pem(keys.platform, SERIAL)
        entry = {"serial_no": f"{SERIAL:X}", "encrypt_certificate": encrypted(pem, "certificate", key=b"9" * 32)}
        content = json.dumps({"data": [entry]}).encode()
        headers = signed(keys.platform, content)
    else:
        content = b"["
        headers = signed(keys.platform, content)
    vendor.answer = lambda asked: (status, headers, content)
    body = notice_body(transaction(order.order_no))
    with pytest.raises(SignatureInvalid):
        by_certificate.parse_notice(signed(keys.platform, body), body)


def test_public_key_id_is_asked_for_and_believed(vendor, keys, config, order, tmp_path):
    files = {PUBLIC_KEY_ID: str(tmp_path / "platform.pem")}
    gateway = WechatPay(dataclasses.replace(config, platform_public_keys=files))
    says(vendor, keys, transaction(order.order_no), serial=PUBLIC_KEY_ID)
    assert gateway.query(order).state is TradeState.PAID
    assert vendor.asked[0].headers["wechatpay-serial"] == PUBLIC_KEY_ID
    assert fetches(vendor) == 0


def test_public_key_that_appears_in_the_folder_is_found(vendor, keys, config, order, tmp_path):
    (tmp_path / "exchange").mkdir()
    gateway = WechatPay(
        dataclasses.replace(config, platform_public_keys={}, platform_public_keys_dir=str(tmp_path / "exchange"))
    )
    body = notice_body(transaction(order.order_no))
    headers = signed(keys.platform, body, serial=PUBLIC_KEY_ID)
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice(headers, body)
    (tmp_path / "exchange" / f"wechat_platform_{PUBLIC_KEY_ID}.pub.pem").write_bytes(public_pem(keys.platform))
    with clock.at(datetime.now(UTC) + timedelta(seconds=61)):
        assert gateway.parse_notice(headers, body).kind is NoticeKind.PAYMENT


# The SDK as an oracle, over HTTP.


def test_sdk_reads_the_same_notice(keys, gateway, order):
    body = notice_body(transaction(order.order_no))
    headers = signed(keys.platform, body, serial=PUBLIC_KEY_ID)
    oracle = Oracle(
        wechatpay_type=WeChatPayType.NATIVE, mchid=MERCHANT, private_key=private_pem(keys.merchant).decode(),
        cert_serial_no="DEMO01", apiv3_key=APIV3_KEY.decode(), appid=APP_ID,
        public_key=public_pem(keys.platform).decode(), public_key_id=PUBLIC_KEY_ID,
    )  # fmt: skip
    theirs = oracle.callback(headers=headers, body=body.decode())
    ours = gateway.parse_notice(signed(keys.platform, body), body)
    assert theirs["resource"]["out_trade_no"] == ours.order_no
    assert theirs["resource"]["amount"]["total"] == ours.result.amount_fen
    assert theirs["id"] == ours.key


def test_config_names_what_is_wrong_with_it(config):
    with pytest.raises(ValueError, match="32 characters"):
        Config.from_settings({"apiv3_key": "short"})
    with pytest.raises(TypeError):
        Config.from_settings({"apiv3_key": "x" * 32, "unknown": 1})
    assert "0123456789abcdef" not in repr(config)
    assert WechatPay(config).cashier_hosts[0] == "https://wx.tenpay.com"
    assert WechatPay(dataclasses.replace(config, host_names=("https://a",))).cashier_hosts == ("https://a",)
