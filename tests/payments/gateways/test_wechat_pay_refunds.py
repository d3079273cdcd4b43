"""Refunds at WeChat Pay: what is said, what is believed, what stays unknown (G3, G18, G19, G20, G22)."""

import dataclasses
import json

import pytest
import wechatpayv3.utils as oracle
from hypothesis import given
from hypothesis import strategies as st
from wechatpayv3 import WeChatPay as Oracle
from wechatpayv3 import WeChatPayType

from payments.gateways.base import (
    GatewayRefused,
    GatewayUnreachable,
    NoticeKind,
    RefundResult,
    RefundState,
)
from payments.gateways.wechat_pay import wire
from tests.payments.gateways.conftest import private_pem, public_pem
from tests.payments.gateways.test_wechat_pay_client import config, gateway, says
from tests.payments.gateways.test_wechat_pay_wire import JSON_VALUES
from tests.payments.gateways.wechat_world import (
    APIV3_KEY,
    APP_ID,
    MERCHANT,
    PUBLIC_KEY_ID,
    refund_answer,
    refund_notice,
    signed,
)

__all__ = ["config", "gateway"]


def test_part_of_a_trade_is_given_back_by_its_own_number(vendor, keys, gateway, refund):
    says(vendor, keys, refund_answer(refund.refund_no, status="PROCESSING", success_time=None))
    result = gateway.refund(refund)
    [asked] = vendor.asked
    assert (asked.method, asked.target) == ("POST", "/wechat/v3/refund/domestic/refunds")
    said = json.loads(asked.body)
    assert said["amount"] == {"refund": 18_000, "total": 38_000, "currency": "CNY"}
    assert (said["out_refund_no"], said["transaction_id"]) == (refund.refund_no, refund.trade_no)
    assert said["notify_url"] == refund.notify_url
    assert result.state is RefundState.PROCESSING


def test_same_refund_says_the_same_words_every_time(vendor, keys, gateway, refund):
    says(vendor, keys, refund_answer(refund.refund_no))
    gateway.refund(refund)
    gateway.refund(refund)
    assert vendor.asked[0].body == vendor.asked[1].body


def test_long_reason_is_cut_to_their_bytes_and_never_inside_a_character(refund):
    said = json.loads(wire.refund_body(dataclasses.replace(refund, reason="退" * 60)))
    assert said["reason"] == "退" * 26
    assert "reason" not in json.loads(wire.refund_body(dataclasses.replace(refund, reason="")))


@pytest.mark.parametrize("state", ["SUCCESS", "PROCESSING", "CLOSED", "ABNORMAL"])
def test_refund_is_found_as_it_stands(vendor, keys, gateway, refund, state):
    says(vendor, keys, refund_answer(refund.refund_no, status=state))
    result = gateway.query_refund(refund)
    assert vendor.asked[0].target == f"/wechat/v3/refund/domestic/refunds/{refund.refund_no}"
    assert result.state.value == state.lower()
    assert (result.amount_fen, result.merchant_id) == (18_000, MERCHANT)
    assert result.gateway_refund_no == "50000000382019052709732678859"
    assert "user_received_account" not in result.raw
    assert RefundResult.from_json(json.loads(json.dumps(result.as_json()))) == result


def test_refund_that_is_not_there_is_said_not_to_be(vendor, keys, gateway, refund):
    says(vendor, keys, {"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"}, status=404)
    assert gateway.query_refund(refund).state is RefundState.NOT_FOUND


@pytest.mark.parametrize("code", ["NOT_ENOUGH", "USER_ACCOUNT_ABNORMAL", "INVALID_REQUEST", "PARAM_ERROR", "NO_AUTH"])
def test_signed_refusal_of_a_refund_is_a_refusal(vendor, keys, gateway, refund, code):
    says(vendor, keys, {"code": code, "message": "x"}, status=403)
    with pytest.raises(GatewayRefused) as caught:
        gateway.refund(refund)
    assert caught.value.code == code


@pytest.mark.parametrize(("status", "code"), [(500, "SYSTEM_ERROR"), (429, "FREQUENCY_LIMITED"), (400, "NEW_WORD")])
def test_trouble_of_theirs_leaves_a_refund_unknown(vendor, keys, gateway, refund, status, code):
    """G18: a system error may still have given the money back. G22: too many questions are asked again later."""
    says(vendor, keys, {"code": code, "message": "x"}, status=status)
    for ask in (gateway.refund, gateway.query_refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_unsigned_answer_about_a_refund_is_unknown(vendor, gateway, refund, status):
    """G3."""
    body = json.dumps(refund_answer(refund.refund_no)).encode()
    vendor.answer = lambda asked: (status, {}, body)
    for ask in (gateway.refund, gateway.query_refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


@pytest.mark.parametrize(
    "changes",
    [{"out_refund_no": "ANOTHER"}, {"transaction_id": "4200009999"}, {"mchid": "1900009999"}, {"amount": None},
     {"transaction_id": None}],
)  # fmt: skip
def test_answer_about_another_refund_is_unknown(vendor, keys, gateway, refund, changes):
    """G20."""
    says(vendor, keys, refund_answer(refund.refund_no, **changes))
    for ask in (gateway.refund, gateway.query_refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


def test_wrong_amount_is_passed_on_for_the_refund_to_judge(vendor, keys, gateway, refund):
    says(vendor, keys, refund_answer(refund.refund_no, amount={"refund": 1, "total": 38_000}))
    assert gateway.query_refund(refund).amount_fen == 1


# Notices.


@pytest.mark.parametrize("status", ["SUCCESS", "ABNORMAL", "CLOSED"])
def test_notice_of_a_refund_is_read(keys, gateway, refund, status):
    body = refund_notice(refund.refund_no, status)
    notice = gateway.parse_notice(signed(keys.platform, body), body)
    assert (notice.kind, notice.result, notice.fresh) == (NoticeKind.REFUND, None, True)
    assert (notice.refund.state.value, notice.refund.refund_no) == (status.lower(), refund.refund_no)
    assert (notice.order_no, notice.refund.amount_fen) == ("0123456789ABCDEFGHJKMNPQRS", 18_000)
    assert notice.refund.merchant_id == MERCHANT


@pytest.mark.parametrize(
    "changes", [{"out_refund_no": None}, {"transaction_id": None}, {"mchid": None}, {"amount": {"total": 38_000}}]
)
def test_notice_of_a_refund_without_its_facts_is_kept_apart(keys, gateway, refund, changes):
    body = refund_notice(refund.refund_no, **changes)
    assert gateway.parse_notice(signed(keys.platform, body), body).kind is NoticeKind.OTHER


def test_sdk_reads_the_same_notice_of_a_refund(keys, gateway, refund):
    body = refund_notice(refund.refund_no)
    sdk = Oracle(
        wechatpay_type=WeChatPayType.NATIVE, mchid=MERCHANT, private_key=private_pem(keys.merchant).decode(),
        cert_serial_no="DEMO01", apiv3_key=APIV3_KEY.decode(), appid=APP_ID,
        public_key=public_pem(keys.platform).decode(), public_key_id=PUBLIC_KEY_ID,
    )  # fmt: skip
    theirs = sdk.callback(headers=signed(keys.platform, body, serial=PUBLIC_KEY_ID), body=body.decode())
    ours = gateway.parse_notice(signed(keys.platform, body), body)
    assert theirs["event_type"] == "REFUND.SUCCESS"
    assert theirs["resource"]["out_refund_no"] == ours.refund.refund_no
    assert theirs["resource"]["amount"]["refund"] == ours.refund.amount_fen


def test_sdk_asks_for_the_same_refund_in_the_same_words(vendor, keys, config, gateway, refund):
    says(vendor, keys, refund_answer(refund.refund_no), serial=PUBLIC_KEY_ID)
    sdk = Oracle(
        wechatpay_type=WeChatPayType.NATIVE, mchid=MERCHANT, private_key=private_pem(keys.merchant).decode(),
        cert_serial_no="DEMO01", apiv3_key=APIV3_KEY.decode(), appid=APP_ID,
        public_key=public_pem(keys.platform).decode(), public_key_id=PUBLIC_KEY_ID,
    )  # fmt: skip
    sdk._core._gate_way = config.base_url
    amount = {"refund": refund.amount_fen, "total": refund.total_fen, "currency": "CNY"}
    sdk.refund(refund.refund_no, amount, transaction_id=refund.trade_no, notify_url=refund.notify_url,
               reason=refund.reason)  # fmt: skip
    sdk.query_refund(refund.refund_no)
    says(vendor, keys, refund_answer(refund.refund_no))
    gateway.refund(refund)
    gateway.query_refund(refund)
    by_sdk, asked_by_sdk, by_us, asked_by_us = vendor.asked
    assert (by_sdk.method, by_sdk.target) == (by_us.method, by_us.target)
    assert json.loads(by_sdk.body) == json.loads(by_us.body)
    assert (asked_by_sdk.method, asked_by_sdk.target) == (asked_by_us.method, asked_by_us.target)


def test_our_signature_of_a_refund_verifies_in_the_sdk(keys, refund):
    header = wire.authorization(
        keys.merchant, merchant=MERCHANT, serial="ABC", method="POST", target=wire.REFUNDS_PATH,
        body=wire.refund_body(refund), timestamp=1554208460, nonce="593BEC0C930BF1AFEB40B4A08C8FB242",
    )  # fmt: skip
    signature = dict(part.split("=", 1) for part in header.partition(" ")[2].split(","))["signature"].strip('"')
    rest = f"593BEC0C930BF1AFEB40B4A08C8FB242\n{wire.refund_body(refund)}"
    assert oracle.rsa_verify(
        f"POST\n{wire.REFUNDS_PATH}\n1554208460", *rest.split("\n", 1), signature, keys.merchant.public_key()
    )


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*refund_answer("x"), "refund_status", "mchid"], JSON_VALUES)))
def test_any_refund_is_read_or_unreadable(content):
    try:
        result = wire.read_refund(content)
    except wire.Unreadable:
        return
    assert result.refund_no
    assert result.state is not RefundState.SUCCESS or result.amount_fen is not None
