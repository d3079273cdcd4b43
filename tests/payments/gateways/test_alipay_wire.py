import base64
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from alipay import AliPay as Oracle
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.alipay import wire
from payments.gateways.base import TradeState
from tests.payments.gateways.alipay_world import APP_ID, SELLER_ID, node, notice_params, signed_form, trade
from tests.payments.gateways.conftest import private_pem, public_pem

MOMENT = datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def oracle(keys):
    """The SDK on the other side of the counter: it holds the platform's private key and our public one."""

    def make(mine, theirs):
        return Oracle(
            appid=APP_ID, app_private_key_string=private_pem(mine).decode(),
            alipay_public_key_string=public_pem(theirs).decode(), sign_type="RSA2",
        )  # fmt: skip

    return make


# The oracle, in both directions.


def test_our_request_verifies_in_the_sdk(keys, oracle, order):
    params = wire.signed_request(
        keys.merchant, app_id=APP_ID, method="alipay.trade.page.pay",
        biz_content=wire.cashier_content(order, product_code=wire.PAGE[1]), moment=MOMENT,
        notify_url=order.notify_url, return_url="",
    )  # fmt: skip
    assert params["timestamp"] == "2026-11-21 10:34:56"
    assert "return_url" not in params
    text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign")
    assert oracle(keys.platform, keys.merchant)._verify(text, params["sign"])


def test_sdk_signs_the_same_request_the_same_way(keys, oracle, order):
    params = wire.signed_request(
        keys.merchant, app_id=APP_ID, method="alipay.trade.query", biz_content={"out_trade_no": "1"}, moment=MOMENT
    )
    unsigned = {name: value for name, value in params.items() if name != "sign"}
    theirs = dict(parse_qsl(oracle(keys.merchant, keys.platform).sign_data(unsigned)))
    assert theirs == params
    address = wire.address("https://openapi.alipay.com/gateway.do", params)
    assert dict(parse_qsl(urlsplit(address).query)) == theirs


def test_notice_signed_with_the_sdk_verifies_in_ours(keys, oracle):
    params = notice_params("no")
    body = oracle(keys.platform, keys.merchant).sign_data(dict(params)) + "&sign_type=RSA2"
    read = wire.read_form(body.encode())
    assert wire.is_notice_signed(keys.platform.public_key(), read)
    assert not wire.is_notice_signed(keys.stranger.public_key(), read)


def test_notice_that_we_believe_is_believed_by_the_sdk(keys, oracle):
    read = wire.read_form(signed_form(keys.platform, notice_params("no")))
    before = dict(read)
    assert wire.is_notice_signed(keys.platform.public_key(), read)
    assert read == before, "verifying leaves the parameters as they are"
    signature = read.pop("sign")
    assert oracle(keys.merchant, keys.platform).verify(read, signature)


def test_answer_is_believed_by_the_sdk_and_us(keys, oracle):
    content = trade("no", subject="a/b")
    body = node(keys.platform, "alipay.trade.query", None, text=json.dumps(content).replace("/", "\\/"))
    found = wire.read_node(body, "alipay.trade.query")
    assert wire.is_signed(keys.platform.public_key(), found)
    assert found.content["subject"] == "a/b"
    theirs = oracle(keys.merchant, keys.platform)
    assert theirs._verify_and_return_sync_response(body.decode(), "alipay_trade_query_response") == content


# The node is cut out as it stands.


@pytest.mark.parametrize(
    "text",
    [
        '{"code":"10000","a":"}\\"{"}',
        '{ "code" : "10000" , "a" : [1, {"b": "\\u4e2d"}] }',
        '{"code":"10000","sign":"inner","alipay_trade_query_response":{}}',
        '{"code":"10000","msg":"成功"}',
        "{}",
    ],
)
@pytest.mark.parametrize("spaced", [False, True])
def test_node_is_found_as_it_was_signed(keys, text, spaced):
    body = node(keys.platform, "alipay.trade.query", None, text=text, spaced=spaced)
    found = wire.read_node(body, "alipay.trade.query")
    assert found.text == text
    assert found.content == json.loads(text)
    assert wire.is_signed(keys.platform.public_key(), found)


@given(st.dictionaries(st.text(), JSON_VALUES), st.booleans())
def test_any_node_is_found_as_it_was_signed(keys, content, spaced):
    text = json.dumps(content, ensure_ascii=True)
    found = wire.read_node(node(keys.platform, "m", None, text=text, spaced=spaced), "m")
    assert found.text == text
    assert wire.is_signed(keys.platform.public_key(), found)


def test_node_of_another_method_is_not_taken(keys):
    with pytest.raises(wire.Unreadable):
        wire.read_node(node(keys.platform, "alipay.trade.close", trade("no")), "alipay.trade.query")


def test_unsigned_node_is_told_from_a_signed_one(keys):
    found = wire.read_node(b'{"m_response":{"code":"10000"}}', "m")
    assert not wire.is_signed(keys.platform.public_key(), found)


@given(st.binary() | st.text().map(str.encode) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_answer_is_read_or_unreadable(body):
    try:
        wire.read_node(body, "m")
    except wire.Unreadable:
        return
    raise AssertionError("nothing of this is an answer")


@given(st.dictionaries(st.sampled_from(["m_response", "sign", "error_response", "other"]), JSON_VALUES))
def test_any_object_is_read_or_unreadable(keys, members):
    try:
        found = wire.read_node(json.dumps(members).encode(), "m")
    except wire.Unreadable:
        return
    assert isinstance(found.content, dict)
    assert not wire.is_signed(keys.platform.public_key(), found)


def test_deeply_nested_answer_is_unreadable():
    with pytest.raises(wire.Unreadable):
        wire.read_node(b'{"m_response":' * 30_000, "m")
    with pytest.raises(wire.Unreadable):
        wire.read_node(b"[" * 60_000, "m")


# What we say.


def test_order_is_described_in_yuan_and_beijing_time(order):
    content = wire.cashier_content(order, product_code=wire.PAGE[1])
    assert content["total_amount"] == "380.00"
    assert content["product_code"] == "FAST_INSTANT_TRADE_PAY"
    assert len(content["time_expire"]) == 19
    assert "quit_url" not in content
    assert wire.cashier_content(order, product_code=wire.WAP[1])["quit_url"] == order.return_url


# What they say.


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"trade_status": "TRADE_SUCCESS"}, TradeState.PAID),
        ({"trade_status": "TRADE_FINISHED"}, TradeState.PAID),
        ({"trade_status": "WAIT_BUYER_PAY"}, TradeState.NOTPAY),
        ({"trade_status": "TRADE_CLOSED", "send_pay_date": None}, TradeState.CLOSED),
        ({"trade_status": "TRADE_CLOSED", "send_pay_date": None, "refund_fee": "0.00"}, TradeState.CLOSED),
        ({"trade_status": "TRADE_CLOSED"}, TradeState.REFUNDED),
        ({"trade_status": "TRADE_CLOSED", "send_pay_date": None, "gmt_payment": "2026-11-21 10:34:56"},
         TradeState.REFUNDED),
        ({"trade_status": "TRADE_CLOSED", "send_pay_date": None, "refund_fee": "380.00"}, TradeState.REFUNDED),
        ({"trade_status": "TRADE_PENDING"}, TradeState.UNKNOWN),
        ({"trade_status": None}, TradeState.UNKNOWN),
    ],
)  # fmt: skip
def test_their_words_become_our_states(changes, state):
    assert wire.read_trade(trade("no", **changes), merchant=SELLER_ID).state is state


def test_payment_is_read_without_the_payer():
    result = wire.read_trade(trade("no"), merchant=SELLER_ID)
    assert (result.amount_fen, result.currency, result.paid_at) == (38_000, "CNY", MOMENT)
    assert "2088000000009001" not in repr(result)
    assert "dem***" not in repr(result)


def test_foreign_currency_is_passed_on():
    assert wire.read_trade(trade("no", trans_currency="HKD"), merchant=SELLER_ID).currency == "HKD"


@pytest.mark.parametrize(
    "changes",
    [{"total_amount": None}, {"total_amount": "380.001"}, {"total_amount": 380}, {"total_amount": "-1.00"},
     {"trade_no": None}, {"trade_no": "x" * 81}, {"out_trade_no": ""}],
)  # fmt: skip
def test_success_without_its_facts_is_unreadable(changes):
    with pytest.raises(wire.Unreadable):
        wire.read_trade(trade("no", **changes), merchant=SELLER_ID)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(trade("no"), JSON_VALUES)))
def test_any_trade_is_read_or_unreadable(changes):
    try:
        result = wire.read_trade(trade("no") | changes)
    except wire.Unreadable:
        return
    assert result.state is not TradeState.PAID or (isinstance(result.amount_fen, int) and result.trade_no)


# Notices.


@pytest.mark.parametrize("name", ["total_amount", "out_trade_no", "app_id", "trade_status", "subject", "charset"])
def test_every_parameter_of_a_notice_is_signed(keys, name):
    read = wire.read_form(signed_form(keys.platform, notice_params("no"), **{name: "changed"}))
    assert not wire.is_notice_signed(keys.platform.public_key(), read)


def test_parameter_added_to_a_notice_is_noticed(keys):
    read = wire.read_form(signed_form(keys.platform, notice_params("no")) + b"&extra=1")
    assert not wire.is_notice_signed(keys.platform.public_key(), read)


@pytest.mark.parametrize("sign_type", ["RSA", "", "NONE"])
def test_other_signature_types_are_not_believed(keys, sign_type):
    read = wire.read_form(signed_form(keys.platform, notice_params("no"), sign_type=sign_type))
    assert not wire.is_notice_signed(keys.platform.public_key(), read)


@pytest.mark.parametrize(
    "body", [b"a", b"a=1&a=2", b"a=%ff", b"\xff=1", b"&".join(b"a%d=1" % n for n in range(101)), "a=中".encode()]
)
def test_unusual_forms_are_unreadable(body):
    with pytest.raises(wire.Unreadable):
        wire.read_form(body)


@given(st.binary())
def test_any_form_is_read_or_unreadable(keys, body):
    try:
        params = wire.read_form(body)
    except wire.Unreadable:
        return
    assert not wire.is_notice_signed(keys.platform.public_key(), params)


@given(st.dictionaries(st.sampled_from(["sign", "sign_type", "a"]), st.text()), st.binary())
def test_any_parameters_are_unsigned(keys, params, signature):
    params |= {"sign_type": "RSA2", "sign": base64.b64encode(signature).decode()}
    assert not wire.is_notice_signed(keys.platform.public_key(), params)
