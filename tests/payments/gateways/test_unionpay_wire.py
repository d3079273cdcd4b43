import dataclasses
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.base import TradeState
from payments.gateways.unionpay import trust, wire
from payments.receipts import CUT_OFF, channel_day
from tests.payments.gateways import unionpay_world as world

NOW = datetime.now(UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
WORDS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="&={}"), max_size=20)
ASKED_FOR = [
    *world.ANSWER_NAMES,
    *("respCode", "origRespCode", "txnAmt", "queryId", "traceTime", "settleDate", "currencyCode", "txnType"),
]
NAMES = st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True)


@pytest.fixture
def order(order):
    return dataclasses.replace(order, merchant=world.MERCHANT)


@pytest.fixture(scope="module")
def issued(keys):
    return world.chain(keys)


def trust_in(chain):
    return trust.Trust((chain.root.certificate,), (chain.middle.certificate,), world.SIGNER)


# What we say and sign.


def test_order_is_told_in_fen_and_beijing_time(order):
    fields = wire.cashier_fields(order, cert_id=world.CERT_ID, on_phone=False)
    assert (fields["txnAmt"], fields["currencyCode"]) == ("38000", "156")
    assert (fields["orderId"], fields["merId"]) == (order.order_no, world.MERCHANT)
    assert fields["txnTime"] == world.beijing(order.created_at)
    assert fields["payTimeout"] == world.beijing(order.expires_at)
    assert (fields["backUrl"], fields["frontUrl"]) == (order.notify_url, order.return_url)
    assert len(order.order_no) == 26, "UnionPay takes 8 to 40 letters and digits"


def test_phone_and_desktop_differ_in_the_channel_only(order):
    desktop, phone = (wire.cashier_fields(order, cert_id="1", on_phone=each) for each in (False, True))
    assert (desktop["channelType"], phone["channelType"]) == ("07", "08")
    assert desktop | {"channelType": ""} == phone | {"channelType": ""}


def test_words_cannot_break_out_of_the_field_in_which_they_stand(order):
    spoilt = dataclasses.replace(order, description="保险}&merId=1{" * 9)
    text = wire.cashier_fields(spoilt, cert_id="1", on_phone=False)["riskRateInfo"]
    assert (text.count("{"), text.count("}"), text.count("&")) == (1, 1, 0)
    assert text.count("=") == 1


def test_our_signature_is_the_one_that_the_vendor_describes(keys, order):
    fields = wire.query_fields(order, cert_id=world.CERT_ID)
    signed = wire.signed(keys.merchant, fields | {"reserved": ""})
    assert "reserved" not in signed, "what is empty is neither signed nor sent"
    assert signed.pop("signature") == world.signature(keys.merchant, signed)


@given(st.dictionaries(NAMES, WORDS))
def test_whatever_we_sign_verifies(keys, fields):
    signed = wire.signed(keys.merchant, fields | {"version": "5.1.0", "signMethod": "01"})
    assert wire.is_signed(keys.merchant.public_key(), signed)
    assert not wire.is_signed(keys.stranger.public_key(), signed)


# What they sign.


@given(st.dictionaries(NAMES, WORDS), NAMES, WORDS)
def test_a_field_that_is_changed_added_or_left_out_breaks_the_signature(keys, issued, fields, name, value):
    signed = world.signed(issued.leaf, fields)
    key = keys.platform.public_key()
    assert wire.is_signed(key, signed)
    changed = signed | {name: value}
    assert wire.is_signed(key, changed) == (changed == signed)
    less = {each: text for each, text in signed.items() if each != name}
    assert wire.is_signed(key, less) == (less == signed)


@pytest.mark.parametrize(("name", "value"), [("version", "5.0.0"), ("signMethod", "11"), ("signMethod", "")])
def test_another_way_of_signing_is_not_taken(keys, issued, name, value):
    fields = {"version": "5.1.0", "signMethod": "01", "respCode": "00", name: value}
    signed = fields | {"signature": world.signature(keys.platform, fields)}
    assert not wire.is_signed(keys.platform.public_key(), signed)


def test_certificate_of_unionpay_is_believed(keys, issued):
    key = trust.signer_key(world.signed(issued.leaf, {}), trust_in(issued), NOW)
    assert key.public_numbers() == keys.platform.public_key().public_numbers()


@pytest.mark.parametrize("at", [NOW + timedelta(days=366), NOW - timedelta(days=800)])
def test_certificate_that_is_not_in_force_is_not_believed(issued, at):
    with pytest.raises(wire.Unreadable):
        trust.signer_key(world.signed(issued.leaf, {}), trust_in(issued), at)


def test_certificate_of_another_merchant_of_the_same_issuer_is_not_believed(keys, issued):
    for common_name in ("041@8310@某某商户@00016494", world.SIGNER, f"x@{world.SIGNER}", ""):
        theirs = world.issue(common_name or "x", keys.platform, issued.middle, is_authority=False)
        with pytest.raises(wire.Unreadable):
            trust.signer_key(world.signed(theirs, {}), trust_in(issued), NOW)


def test_certificate_of_another_issuer_is_not_believed(keys, issued):
    """By its own hand, by a root of the same names, and by UnionPay's own certificate as if it were an authority."""
    false_root = world.issue("root", keys.stranger, None)
    false_middle = world.issue("middle", keys.stranger, false_root)
    for by in (None, false_middle, issued.leaf, issued.root):
        theirs = world.issue(world.common_name(), keys.stranger, by, is_authority=False)
        with pytest.raises(wire.Unreadable):
            trust.signer_key(world.signed(theirs, {}), trust_in(issued), NOW)


@given(st.text() | st.binary().map(lambda content: content.decode("latin-1")))
def test_any_certificate_is_read_or_unreadable(issued, text):
    with pytest.raises(wire.Unreadable):
        trust.signer_key({"signPubKeyCert": text}, trust_in(issued), NOW)


def test_old_and_new_issuer_are_both_believed_while_they_change(keys, issued):
    second_root = world.issue("second root", keys.stranger, None)
    second = world.issue("second", keys.stranger, second_root)
    leaf = world.issue(world.common_name(), keys.platform, second, is_authority=False)
    both = trust.Trust(
        (issued.root.certificate, second_root.certificate),
        (issued.middle.certificate, second.certificate),
        world.SIGNER,
    )
    for each in (issued.leaf, leaf):
        assert trust.signer_key(world.signed(each, {}), both, NOW)


# How they write.


@given(st.dictionaries(NAMES, WORDS, min_size=1))
def test_answers_and_forms_are_read_as_they_were_written(fields):
    kept = {name: value.strip() for name, value in fields.items()}
    assert wire.read_answer(world.answer_body(kept)) == kept
    assert wire.read_form(world.form_body(fields)) == fields


def test_fields_of_fields_and_signatures_are_left_whole():
    body = b"a={x=1&y={z=2&w=3}}&signature=ab+/c==&signPubKeyCert=-----BEGIN\r\n++=\r\n-----END-----"
    fields = wire.read_answer(body)
    assert fields["a"] == "{x=1&y={z=2&w=3}}"
    assert fields["signature"] == "ab+/c=="
    assert fields["signPubKeyCert"].startswith("-----BEGIN")


@pytest.mark.parametrize(
    "body", [b"", b"a", b"=1", b"a=1&a=2", b"\xff=1", b"a=1&&b=2", b"<html>", b"&".join([b"a=1"] * 200)]
)
def test_what_are_no_pairs_is_unreadable(body):
    with pytest.raises(wire.Unreadable):
        wire.read_answer(body)
    with pytest.raises(wire.Unreadable):
        wire.read_form(body)


@given(st.binary() | st.text().map(str.encode))
def test_any_body_is_read_or_unreadable(body):
    for read in (wire.read_answer, wire.read_form):
        try:
            fields = read(body)
        except wire.Unreadable:
            continue
        assert all(isinstance(value, str) for value in fields.values())


# What they say.


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("00", TradeState.PAID),
        ("A6", TradeState.PAID),
        ("03", TradeState.UNKNOWN),
        ("04", TradeState.UNKNOWN),
        ("05", TradeState.UNKNOWN),
        ("34", TradeState.NOT_FOUND),
        ("51", TradeState.NOTPAY),
        ("01", TradeState.NOTPAY),
    ],
)
def test_code_of_the_order_says_its_state_and_never_that_it_is_closed(order, code, state):
    assert wire.read_query(world.trade(order, origRespCode=code)).state is state


def test_order_that_is_not_there_is_told_by_the_code_of_the_question(order):
    result = wire.read_query(world.not_there(order))
    assert (result.state, result.order_no) == (TradeState.NOT_FOUND, order.order_no)


def test_paid_order_is_told_whole_and_without_who_paid(order):
    result = wire.read_query(world.trade(order))
    assert (result.amount_fen, result.currency, result.merchant_id) == (38_000, "CNY", world.MERCHANT)
    assert result.trade_no == "951807261002324791038"
    assert "6221" not in str(result.as_json())


@pytest.mark.parametrize(
    "amount", ["", "380.00", "-38000", "+38000", " 38000", "3e4", "３８０００", "1234567890123", None]
)
def test_success_without_a_whole_number_of_fen_is_unreadable(order, amount):
    with pytest.raises(wire.Unreadable):
        wire.read_query(world.trade(order, txnAmt=amount))


@pytest.mark.parametrize("name", ["orderId", "merId", "queryId", "origRespCode"])
def test_success_without_its_names_is_unreadable(order, name):
    with pytest.raises(wire.Unreadable):
        wire.read_query(world.trade(order, **{name: None}))
    with pytest.raises(wire.Unreadable):
        wire.read_query(world.trade(order, **{name: "x" * 90}))


def test_money_of_another_currency_keeps_its_name(order):
    assert wire.read_query(world.trade(order, currencyCode="344")).currency == "344"
    assert wire.read_query(world.trade(order, currencyCode=None)).currency == ""


def test_notice_of_anything_but_a_success_proves_nothing(order):
    assert wire.read_notice(world.notice(order)).state is TradeState.PAID
    for code in ("03", "51", "", "34"):
        assert wire.read_notice(world.notice(order, respCode=code)).state is TradeState.NOTPAY


@pytest.mark.parametrize("kind", ["04", "31", "", None])
def test_notice_of_a_refund_or_a_reversal_is_no_payment(order, kind):
    with pytest.raises(wire.Unreadable):
        wire.read_notice(world.notice(order, txnType=kind))


@given(st.dictionaries(st.sampled_from(ASKED_FOR), st.text(max_size=20)))
def test_any_fields_are_a_result_or_unreadable(fields):
    for read in (wire.read_query, wire.read_notice):
        try:
            result = read(fields)
        except wire.Unreadable:
            continue
        assert result.order_no
        assert result.merchant_id
        assert result.state is not TradeState.PAID or (result.amount_fen is not None and result.trade_no)


# When it was paid, and on which day it is booked.


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("txn_time", "trace_time", "settle_date", "paid_at", "booked_on"),
    [
        ("20261121102000", "1121103456", "1121", "2026-11-21 10:34:56", "2026-11-21"),
        ("20261121225500", "1121230000", "1122", "2026-11-21 23:00:00", "2026-11-22"),
        ("20261121225500", "1121225958", "1121", "2026-11-21 22:59:58", "2026-11-21"),
        ("20261121225500", "1121225958", "1122", "2026-11-21 23:00:00", "2026-11-22"),
        ("20261231235500", "0101000500", "0101", "2027-01-01 00:05:00", "2027-01-01"),
        ("20261231225500", "1231225500", "0101", "2026-12-31 23:00:00", "2027-01-01"),
        ("20261121102000", "1121103456", "", "2026-11-21 10:34:56", "2026-11-21"),
        ("20280228235500", "0229000500", "0229", "2028-02-29 00:05:00", "2028-02-29"),
    ],
)
def test_payment_is_dated_in_the_day_on_which_unionpay_books_it(
    order, txn_time, trace_time, settle_date, paid_at, booked_on
):
    fields = world.trade(order, txnTime=txn_time, traceTime=trace_time, settleDate=settle_date)
    found = wire.read_query(fields).paid_at
    assert found == at(paid_at)
    assert channel_day("unionpay", found).isoformat() == booked_on


def test_day_ends_where_receipts_end_it():
    assert CUT_OFF["unionpay"] == wire.DAY_BEGINS_AT


@pytest.mark.parametrize("trace_time", ["", "1332103456", "11211034", "x", "１１２１１０３４５６", None])
def test_time_that_is_none_is_left_out(order, trace_time):
    assert wire.read_query(world.trade(order, traceTime=trace_time)).paid_at is None
