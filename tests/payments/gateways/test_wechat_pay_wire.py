import json
from datetime import UTC, datetime

import pytest
import wechatpayv3.utils as oracle
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.base import TradeState
from payments.gateways.wechat_pay import wire
from tests.payments.gateways.wechat_world import APIV3_KEY, SERIAL, encrypted, notice_body, signed, transaction

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TRANSACTION_LIKE = st.fixed_dictionaries(
    {},
    optional={
        name: JSON_VALUES | st.sampled_from(["SUCCESS", "CLOSED", "1", "2026-11-21T10:34:56"])
        for name in transaction("x")
    },
)


# The oracle, in both directions.


@pytest.mark.parametrize("body", ["", '{"a":"中文"}'])
def test_our_signature_verifies_in_the_sdk(keys, body):
    header = wire.authorization(
        keys.merchant, merchant="1900000001", serial="ABC", method="POST", target="/v3/pay/transactions/native?x=1",
        body=body, timestamp=1554208460, nonce="593BEC0C930BF1AFEB40B4A08C8FB242",
    )  # fmt: skip
    scheme, _, rest = header.partition(" ")
    said = dict(part.split("=", 1) for part in rest.split(","))
    text = "POST\n/v3/pay/transactions/native?x=1\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n" + body
    timestamp_like, nonce_like, rest_of_text = text.split("\n", 2)
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert oracle.rsa_verify(
        timestamp_like, nonce_like, rest_of_text, said["signature"].strip('"'), keys.merchant.public_key()
    )


def test_our_signature_equals_the_one_of_the_sdk(keys, monkeypatch):
    monkeypatch.setattr(oracle.time, "time", lambda: 1554208460)
    theirs = oracle.build_authorization(
        "/v3/certificates", "GET", "1900000001", "ABC", keys.merchant, nonce_str="593BEC0C930BF1AFEB40B4A08C8FB242"
    )
    ours = wire.authorization(
        keys.merchant, merchant="1900000001", serial="ABC", method="GET", target="/v3/certificates", body="",
        timestamp=1554208460, nonce="593BEC0C930BF1AFEB40B4A08C8FB242",
    )  # fmt: skip
    assert ours == theirs


def test_signature_made_with_the_sdk_verifies_in_ours(keys):
    body = '{"code_url":"weixin://wxpay"}'
    signature = oracle.rsa_sign(keys.platform, f"1554209980\nnonce\n{body}\n")
    headers = {
        "wechatpay-serial": "ABC", "wechatpay-timestamp": "1554209980", "wechatpay-nonce": "nonce",
        "wechatpay-signature": signature,
    }  # fmt: skip
    found = wire.signed_headers(headers)
    assert found.signed_at == datetime(2019, 4, 2, 12, 59, 40, tzinfo=UTC)
    assert wire.is_signed(keys.platform.public_key(), found, body.encode())
    assert not wire.is_signed(keys.platform.public_key(), found, body.encode() + b" ")
    assert not wire.is_signed(keys.stranger.public_key(), found, body.encode())


def test_sdk_and_we_open_the_same_resource():
    resource = encrypted(b'{"a":1}', "transaction")
    assert wire.decrypt(resource, APIV3_KEY) == b'{"a":1}'
    opened = oracle.aes_decrypt(resource["nonce"], resource["ciphertext"], "transaction", APIV3_KEY.decode())
    assert opened == '{"a":1}'


# What we say.


def test_order_is_described_in_fen_and_beijing_time(order):
    content = json.loads(wire.create_body(order, app_id="wx1", with_scene=True))
    assert content["amount"] == {"total": 38_000, "currency": "CNY"}
    assert datetime.fromisoformat(content["time_expire"]) == order.expires_at
    assert content["time_expire"].endswith("+08:00")
    assert content["scene_info"] == {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}
    assert "scene_info" not in json.loads(wire.create_body(order, app_id="wx1", with_scene=False))


def test_h5_cashier_knows_the_way_back():
    back = "http://localhost:8000/a?b=1&c=2"
    assert wire.h5_with_return("https://wx.tenpay.com/x?prepay_id=1", back) == (
        "https://wx.tenpay.com/x?prepay_id=1&redirect_url=http%3A%2F%2Flocalhost%3A8000%2Fa%3Fb%3D1%26c%3D2"
    )


# What they say.


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SUCCESS", TradeState.PAID),
        ("REFUND", TradeState.REFUNDED),
        ("NOTPAY", TradeState.NOTPAY),
        ("PAYERROR", TradeState.NOTPAY),
        ("USERPAYING", TradeState.USERPAYING),
        ("CLOSED", TradeState.CLOSED),
        ("REVOKED", TradeState.CLOSED),
        ("ACCEPT", TradeState.UNKNOWN),
        ("", TradeState.UNKNOWN),
    ],
)
def test_their_words_become_our_states(word, state):
    assert wire.read_transaction(transaction("no", trade_state=word)).state is state


def test_payment_is_read_without_the_payer():
    result = wire.read_transaction(transaction("no"))
    assert (result.amount_fen, result.currency, result.trade_no) == (38_000, "CNY", "4200001234202611210000000001")
    assert result.paid_at == datetime(2026, 11, 21, 2, 34, 56, tzinfo=UTC)
    assert "payer" not in result.raw
    assert "oUpF8u" not in repr(result)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": None},
        {"amount": {"total": "38000", "currency": "CNY"}},
        {"amount": {"total": 380.0, "currency": "CNY"}},
        {"amount": {"total": True, "currency": "CNY"}},
        {"amount": {"total": -1, "currency": "CNY"}},
        {"amount": {"total": 38000}},
        {"transaction_id": ""},
        {"out_trade_no": None},
        {"mchid": None},
    ],
)
def test_success_without_its_facts_is_unreadable(changes):
    with pytest.raises(wire.Unreadable):
        wire.read_transaction(transaction("no", **changes))


def test_success_without_a_readable_time_is_still_a_success():
    result = wire.read_transaction(transaction("no", success_time="yesterday"))
    assert (result.state, result.paid_at) == (TradeState.PAID, None)


@pytest.mark.parametrize("missing", ["Serial", "Timestamp", "Nonce", "Signature"])
def test_answer_without_one_of_the_headers_is_unsigned(keys, missing):
    headers = {name.lower(): value for name, value in signed(keys.platform, b"").items()}
    del headers[f"wechatpay-{missing.lower()}"]
    with pytest.raises(wire.Unreadable, match="unsigned"):
        wire.signed_headers(headers)


def test_signature_probe_is_recognised(keys):
    headers = signed(keys.platform, b"", prefix="WECHATPAY/SIGNTEST/")
    with pytest.raises(wire.Unreadable, match="probe"):
        wire.signed_headers({name.lower(): value for name, value in headers.items()})


def test_other_signature_scheme_is_not_believed(keys):
    headers = signed(keys.platform, b"") | {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}
    with pytest.raises(wire.Unreadable, match="scheme"):
        wire.signed_headers({name.lower(): value for name, value in headers.items()})


def test_certificates_are_read_by_serial():
    body = json.dumps(
        {"data": [{"serial_no": f"{SERIAL:x}", "encrypt_certificate": encrypted(b"PEM", "certificate")}]}
    ).encode()
    assert wire.read_certificates(body, APIV3_KEY) == {f"{SERIAL:X}": b"PEM"}


# Garbage raises Unreadable and nothing else.


def unreadable_or_fine(function, *arguments):
    try:
        return function(*arguments)
    except wire.Unreadable:
        return None


@given(st.binary())
def test_any_bytes_are_read_or_unreadable(body):
    unreadable_or_fine(wire.json_object, body)
    unreadable_or_fine(wire.read_notice, body, APIV3_KEY)
    unreadable_or_fine(wire.read_error_code, body)
    unreadable_or_fine(wire.read_certificates, body, APIV3_KEY)


@given(JSON_VALUES)
def test_any_json_is_read_or_unreadable(value):
    body = json.dumps(value).encode()
    unreadable_or_fine(wire.read_notice, body, APIV3_KEY)
    unreadable_or_fine(wire.read_error_code, body)
    unreadable_or_fine(wire.read_certificates, body, APIV3_KEY)
    unreadable_or_fine(wire.read_certificates, json.dumps({"data": [value]}).encode(), APIV3_KEY)
    unreadable_or_fine(wire.decrypt, value, APIV3_KEY)
    unreadable_or_fine(wire.read_notice, notice_body(json.dumps(value).encode()), APIV3_KEY)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(encrypted(b"", ""), JSON_VALUES)))
def test_any_resource_opens_or_is_unreadable(changes):
    unreadable_or_fine(wire.decrypt, encrypted(b"{}", "transaction") | changes, APIV3_KEY)


@given(TRANSACTION_LIKE)
def test_any_transaction_is_read_or_unreadable(content):
    result = unreadable_or_fine(wire.read_transaction, content)
    if result is not None:
        assert result.order_no
        assert result.merchant_id
        if result.state is TradeState.PAID:
            assert isinstance(result.amount_fen, int)
            assert result.currency
            assert result.trade_no


@given(st.dictionaries(st.sampled_from([f"wechatpay-{n}" for n in ("serial", "timestamp", "nonce", "signature")]),
                       st.text(min_size=1)))  # fmt: skip
def test_any_headers_are_read_or_unreadable(keys, headers):
    found = unreadable_or_fine(wire.signed_headers, headers)
    if found is not None:
        assert wire.is_signed(keys.platform.public_key(), found, b"body") is False


def test_deeply_nested_json_is_unreadable():
    with pytest.raises(wire.Unreadable):
        wire.json_object(b"[" * 60_000)
    with pytest.raises(wire.Unreadable):
        wire.json_object(b'{"a":' * 60_000)
