"""Refunds at Alipay: `fund_change`, a query that answers without saying yes, and what stays unknown (G3, G18, G20)."""

import dataclasses
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from alipay import AliPay as Oracle
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.alipay import wire
from payments.gateways.base import GatewayRefused, GatewayUnreachable, RefundRef, RefundResult, RefundState
from tests.payments.gateways.alipay_world import APP_ID, SELLER_ID, node
from tests.payments.gateways.conftest import private_pem, public_pem
from tests.payments.gateways.test_alipay_client import asked_method, config, failed, gateway, says
from tests.payments.gateways.test_wechat_pay_wire import JSON_VALUES

__all__ = ["config", "gateway"]

TRADE_NO = "2026112122001400000000000001"


@pytest.fixture
def refund(refund):
    return dataclasses.replace(refund, merchant=SELLER_ID, trade_no=TRADE_NO)


def answer(**changes):
    """What alipay.trade.refund says; its fee is the sum over all refunds of the trade."""
    content = {"code": "10000", "msg": "Success", "trade_no": TRADE_NO, "out_trade_no": "0123456789ABCDEFGHJKMNPQRS",
               "buyer_logon_id": "dem***@example.com", "fund_change": "Y", "refund_fee": "280.00"}  # fmt: skip
    return {name: value for name, value in (content | changes).items() if value is not None}


def found(**changes):
    """What alipay.trade.fastpay.refund.query says of a refund that was made."""
    content = {"code": "10000", "msg": "Success", "trade_no": TRADE_NO, "out_trade_no": "0123456789ABCDEFGHJKMNPQRS",
               "out_request_no": "R123456789ABCDEFGHJKMNPQRS", "refund_amount": "180.00", "total_amount": "380.00",
               "refund_status": "REFUND_SUCCESS", "gmt_refund_pay": "2026-11-22 10:34:56"}  # fmt: skip
    return {name: value for name, value in (content | changes).items() if value is not None}


def asked_content(asked):
    return json.loads(dict(parse_qsl(asked.body.decode()))["biz_content"])


def test_money_that_moved_is_back_and_the_amount_is_the_one_asked_for(vendor, keys, gateway, refund):
    says(vendor, keys, refund=answer())
    result = gateway.refund(refund)
    said = asked_content(vendor.asked[0])
    assert (said["trade_no"], said["refund_amount"], said["out_request_no"]) == (TRADE_NO, "180.00", refund.refund_no)
    assert (result.state, result.amount_fen) == (RefundState.SUCCESS, 18_000)
    assert "buyer_logon_id" not in result.raw
    assert RefundResult.from_json(json.loads(json.dumps(result.as_json()))) == result


@pytest.mark.parametrize("fund_change", ["N", None, "X"])
def test_no_change_of_funds_is_no_answer_yet(vendor, keys, gateway, refund, fund_change):
    says(vendor, keys, refund=answer(fund_change=fund_change))
    result = gateway.refund(refund)
    assert (result.state, result.amount_fen) == (RefundState.PROCESSING, None)


def test_refund_is_found_made(vendor, keys, gateway, refund):
    says(vendor, keys, query=found())
    result = gateway.query_refund(refund)
    assert asked_method(vendor.asked[0]) == "alipay.trade.fastpay.refund.query"
    assert asked_content(vendor.asked[0])["query_options"] == ["gmt_refund_pay"]
    assert (result.state, result.amount_fen) == (RefundState.SUCCESS, 18_000)
    assert result.refunded_at == datetime(2026, 11, 22, 2, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "state"),
    [
        ({"code": "10000", "msg": "Success"}, RefundState.NOT_FOUND),
        (found(refund_status=None, refund_amount=None), RefundState.NOT_FOUND),
        (found(refund_status=None), RefundState.UNKNOWN),
        (found(refund_status="REFUND_PROCESSING"), RefundState.UNKNOWN),
    ],
)
def test_answered_is_not_refunded(vendor, keys, gateway, refund, content, state):
    says(vendor, keys, query=content)
    assert gateway.query_refund(refund).state is state


@pytest.mark.parametrize("changes", [{"out_request_no": "ANOTHER"}, {"trade_no": "2026"}, {"refund_amount": None}])
def test_answer_about_another_refund_is_unknown(vendor, keys, gateway, refund, changes):
    """G20."""
    says(vendor, keys, query=found(**changes), refund=answer(trade_no="2026"))
    for ask in (gateway.query_refund, gateway.refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


@pytest.mark.parametrize("code", ["ACQ.SELLER_BALANCE_NOT_ENOUGH", "ACQ.TRADE_HAS_FINISHED", "ACQ.INVALID_PARAMETER"])
def test_refund_that_they_will_not_make_is_refused(vendor, keys, gateway, refund, code):
    says(vendor, keys, refund=failed(code))
    with pytest.raises(GatewayRefused) as caught:
        gateway.refund(refund)
    assert caught.value.code == code


@pytest.mark.parametrize("code", ["ACQ.SYSTEM_ERROR", "ACQ.TRADE_NOT_EXIST", "ACQ.NEW_WORD", "aop.ACQ.SYSTEM_ERROR"])
def test_trouble_of_theirs_leaves_a_refund_unknown(vendor, keys, gateway, refund, code):
    """G18."""
    says(vendor, keys, refund=failed(code), query=failed(code))
    for ask in (gateway.refund, gateway.query_refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


def test_answer_signed_by_a_stranger_is_unknown(vendor, keys, gateway, refund):
    """G3."""
    vendor.answer = lambda asked: (200, {}, node(keys.stranger, asked_method(asked), answer()))
    for ask in (gateway.refund, gateway.query_refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


def test_seller_who_is_not_configured_is_refused(vendor, gateway, refund):
    with pytest.raises(GatewayRefused):
        gateway.refund(dataclasses.replace(refund, merchant="2088000000009999"))
    assert vendor.asked == []


def test_sdk_describes_the_same_refund_in_the_same_words(keys, refund):
    sdk = Oracle(
        appid=APP_ID, app_notify_url=None, app_private_key_string=private_pem(keys.merchant).decode(),
        alipay_public_key_string=public_pem(keys.platform).decode(),
    )  # fmt: skip
    theirs = sdk.build_body(
        wire.REFUND,
        {"trade_no": refund.trade_no, "refund_amount": "180.00", "out_request_no": refund.refund_no,
         "refund_reason": refund.reason},
    )  # fmt: skip
    assert theirs["biz_content"] == wire.refund_content(refund)
    ours = wire.signed_request(
        keys.merchant, app_id=APP_ID, method=wire.REFUND, biz_content=wire.refund_content(refund),
        moment=datetime(2026, 11, 22, 3, 0, tzinfo=UTC),
    )  # fmt: skip
    unsigned = {name: value for name, value in ours.items() if name != "sign"}
    text = "&".join(f"{name}={unsigned[name]}" for name in sorted(unsigned))
    theirs_key = Oracle(
        appid=APP_ID, app_notify_url=None, app_private_key_string=private_pem(keys.platform).decode(),
        alipay_public_key_string=public_pem(keys.merchant).decode(),
    )  # fmt: skip
    assert theirs_key._verify(text, ours["sign"])


SOME = RefundRef("R1", TRADE_NO, SELLER_ID, 18_000, 38_000, "")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(found() | answer(), JSON_VALUES)))
def test_any_answer_is_read_or_unreadable(content):
    for read in (wire.read_refund, wire.read_refund_query):
        try:
            result = read(content, refund=SOME)
        except wire.Unreadable:
            continue
        assert result.state is not RefundState.SUCCESS or result.amount_fen is not None
