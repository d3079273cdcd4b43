import dataclasses
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from core import clock
from payments.gateways.base import (
    GatewayRefused,
    GatewayUnreachable,
    HandOverKind,
    Method,
    NoticeKind,
    SignatureInvalid,
    TradeState,
)
from payments.gateways.unionpay.client import Config, UnionPay
from tests.payments.gateways import unionpay_world as world
from tests.payments.gateways.conftest import private_pem


@pytest.fixture
def order(order):
    return dataclasses.replace(order, merchant=world.MERCHANT)


@pytest.fixture(scope="module")
def issued(keys):
    return world.chain(keys)


@pytest.fixture
def config(vendor, keys, issued, tmp_path):
    (tmp_path / "merchant.pem").write_bytes(private_pem(keys.merchant))
    for name in ("root", "middle"):
        (tmp_path / f"{name}.pem").write_text(world.pem(getattr(issued, name)))
    return Config.from_settings(
        {
            "base_url": vendor.url,
            "cert_id": world.CERT_ID,
            "merchant_key_file": str(tmp_path / "merchant.pem"),
            "root_certificate_file": str(tmp_path / "root.pem"),
            "middle_certificate_file": str(tmp_path / "middle.pem"),
            "timeout_s": 0.5,
        }
    )


@pytest.fixture
def gateway(config):
    return UnionPay(config)


@pytest.fixture
def answers(vendor, issued):
    """Let the vendor answer with these fields, signed; `after` is changed after the signing."""

    def let(fields, *, by=issued.leaf, status=200, **after):
        body = world.answer_body(world.signed(by, fields, **after))
        vendor.answer = lambda asked: (status, {}, body)

    return let


# Handing over.


@pytest.mark.parametrize(("method", "channel"), [(Method.PAGE, "07"), (Method.WAP, "08")])
def test_payer_carries_a_signed_form_and_nothing_is_sent(gateway, vendor, keys, order, method, channel):
    hand_over = gateway.create(order, method)
    assert hand_over.kind is HandOverKind.FORM
    assert hand_over.url == vendor.url + "/gateway/api/frontTransReq.do"
    fields = dict(hand_over.fields)
    assert (fields["channelType"], fields["txnAmt"], fields["certId"]) == (channel, "38000", world.CERT_ID)
    assert fields.pop("signature") == world.signature(keys.merchant, fields)
    assert vendor.asked == []
    assert gateway.create(order, method) == hand_over, "the same order is the same form"


def test_method_that_it_does_not_offer_is_refused(gateway, order):
    with pytest.raises(GatewayRefused):
        gateway.create(order, Method.QR)


def test_without_our_key_nothing_is_handed_over(config, order, tmp_path):
    gateway = UnionPay(dataclasses.replace(config, merchant_key_file=str(tmp_path / "none.pem")))
    with pytest.raises(GatewayUnreachable):
        gateway.create(order, Method.PAGE)


def test_cashier_is_at_unionpay_and_where_we_ask_it(config, vendor):
    assert UnionPay(config).cashier_hosts == ("https://gateway.95516.com", "https://cashier.95516.com", vendor.url)
    assert UnionPay(dataclasses.replace(config, host_names=("https://a",))).cashier_hosts == ("https://a",)


def test_unknown_setting_is_refused():
    with pytest.raises(TypeError):
        Config.from_settings({"password": "x"})


# Asking.


def test_question_names_merchant_number_and_time_and_is_signed(gateway, vendor, keys, answers, order):
    answers(world.trade(order))
    gateway.query(order)
    [asked] = vendor.asked
    assert (asked.method, asked.target) == ("POST", "/gateway/api/queryTrans.do")
    fields = dict(parse_qsl(asked.body.decode(), strict_parsing=True))
    assert (fields["merId"], fields["orderId"]) == (world.MERCHANT, order.order_no)
    assert fields["txnTime"] == world.beijing(order.created_at)
    assert fields.pop("signature") == world.signature(keys.merchant, fields)


def test_paid_order_is_paid(gateway, answers, order):
    answers(world.trade(order))
    result = gateway.query(order)
    assert (result.state, result.amount_fen, result.merchant_id) == (TradeState.PAID, 38_000, world.MERCHANT)
    assert abs(result.paid_at - clock.now()) < timedelta(hours=1)


def test_order_that_is_not_there_is_not_found(gateway, answers, order):
    answers(world.not_there(order))
    assert gateway.query(order).state is TradeState.NOT_FOUND


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_payment_under_way_is_unknown_and_no_evidence_that_nobody_paid(gateway, answers, order, code):
    answers(world.trade(order, origRespCode=code))
    assert gateway.query(order).state is TradeState.UNKNOWN


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("code", ["34", "51", "05", "01"])
def test_closing_only_asks_and_is_never_answered_with_closed(gateway, vendor, answers, order, code, expired):
    if expired:
        order = dataclasses.replace(order, expires_at=clock.now() - timedelta(hours=1))
    answers(world.trade(order, origRespCode=code))
    assert gateway.close(order).state is not TradeState.CLOSED
    assert [asked.target for asked in vendor.asked] == ["/gateway/api/queryTrans.do"]
    assert gateway.can_close is False


def test_closing_of_a_paid_order_finds_the_payment(gateway, answers, order):
    answers(world.trade(order))
    assert gateway.close(order).state is TradeState.PAID


@pytest.mark.parametrize("code", ["10", "11", "13", "31", "32"])
def test_question_that_may_not_be_asked_is_refused(gateway, answers, order, code):
    answers(world.not_there(order, respCode=code))
    with pytest.raises(GatewayRefused) as caught:
        gateway.query(order)
    assert caught.value.code == code


@pytest.mark.parametrize("code", ["01", "02", "03", "05", "37", "98", "", None])
def test_question_that_was_not_answered_is_unknown(gateway, answers, order, code):
    """A code of the question itself says nothing of the order."""
    answers(world.trade(order, respCode=code))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


@pytest.mark.parametrize(
    "changes",
    [
        {"orderId": "0123456789ABCDEFGHJKMNPQRT"},
        {"merId": "898371000000002"},
        {"txnTime": "20260101000000"},
        {"orderId": None},
        {"merId": None},
        {"txnTime": None},
    ],
)
def test_answer_about_another_order_merchant_or_time_is_unknown(gateway, answers, order, changes):
    """G20."""
    for fields in (world.trade(order, **changes), world.not_there(order, **changes)):
        answers(fields)
        with pytest.raises(GatewayUnreachable):
            gateway.query(order)


@pytest.mark.parametrize("changes", [{"txnAmt": None}, {"txnAmt": "1.00"}, {"queryId": None}, {"origRespCode": None}])
def test_success_that_lacks_what_it_must_say_is_unknown(gateway, answers, order, changes):
    answers(world.trade(order, **changes))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


# What is not UnionPay's word (G3, G11).


def test_forged_answers_are_unknown(gateway, answers, vendor, keys, issued, order):
    fields = world.trade(order)
    stranger = world.issue(world.common_name(), keys.stranger, None, is_authority=False)
    answers(fields, by=stranger)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)
    for after in ({"txnAmt": "1"}, {"signature": ""}, {"signature": "AAAA"}, {"signPubKeyCert": ""}, {"more": "1"}):
        answers(fields, **after)
        with pytest.raises(GatewayUnreachable):
            gateway.query(order)
    unsigned = world.answer_body(fields)
    vendor.answer = lambda asked: (200, {}, unsigned)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_our_own_question_sent_back_is_unknown(gateway, vendor, order):
    vendor.answer = lambda asked: (200, {}, asked.body)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_answer_under_a_certificate_that_has_run_out_is_unknown(gateway, answers, keys, issued, order):
    old = world.issue(world.common_name(), keys.platform, issued.middle, ends_at=datetime.now(UTC) - timedelta(days=1))
    answers(world.trade(order), by=old)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


@pytest.mark.parametrize("status", [201, 302, 400, 404, 429, 500, 503])
def test_signed_success_under_another_status_is_unknown(gateway, answers, order, status):
    answers(world.trade(order), status=status)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"\xff\xfe", b"respCode=00", b"&" * 5000, b"x" * 300_000])
def test_garbage_is_unknown(gateway, vendor, order, body):
    vendor.answer = lambda asked: (200, {}, body)
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)


def test_silent_vendor_is_unknown_when_the_time_is_over(gateway, vendor, order):
    vendor.answer = lambda asked: (time.sleep(1), (200, {}, b""))[1]
    with pytest.raises(GatewayUnreachable) as caught:
        gateway.query(order)
    assert caught.value.reason == "ReadTimeout"


@pytest.mark.parametrize("name", ["root_certificate_file", "middle_certificate_file"])
def test_without_the_issuers_certificates_nothing_is_believed(config, answers, issued, order, tmp_path, name):
    gateway = UnionPay(dataclasses.replace(config, **{name: str(tmp_path / "none.pem")}))
    answers(world.trade(order))
    with pytest.raises(GatewayUnreachable):
        gateway.query(order)
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice({}, world.form_body(world.signed(issued.leaf, world.notice(order))))


# Notices.


@pytest.fixture
def notice(gateway, issued, order):
    def make(*, by=issued.leaf, after=None, **changes):
        fields = world.signed(by, world.notice(order, **changes), **(after or {}))
        return gateway.parse_notice({}, world.form_body(fields))

    return make


def test_notice_of_a_payment(notice, order):
    found = notice()
    assert (found.kind, found.order_no, found.fresh) == (NoticeKind.PAYMENT, order.order_no, True)
    assert (found.result.state, found.result.amount_fen) == (TradeState.PAID, 38_000)
    assert found.key == "paid:951807261002324791038"


def test_repeated_notice_has_the_same_key_and_another_trade_another(notice):
    assert notice().key == notice().key
    assert notice(queryId="951807261002324791039").key != notice().key
    assert all(len(each.key) <= 80 for each in (notice(), notice(respCode="05"), notice(txnType="04")))


@pytest.mark.parametrize("minutes", [-20, 20])
def test_notice_of_a_trade_long_ago_or_to_come_is_not_fresh(notice, minutes):
    """It may be a replay: the gateway is asked instead (G11)."""
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    assert notice(traceTime=world.beijing(moment)[4:]).fresh is False


def test_notice_without_a_time_is_not_fresh(notice):
    assert notice(traceTime=None).fresh is False


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"txnAmt": "38001"}, ("amount_fen", 38_001)),
        ({"currencyCode": "344"}, ("currency", "344")),
        ({"merId": "898371000000999"}, ("merchant_id", "898371000000999")),
    ],
)
def test_wrong_facts_reach_the_one_who_compares(notice, changes, differs):
    """G10."""
    result = notice(**changes).result
    assert getattr(result, differs[0]) == differs[1]


def test_notice_that_is_no_success_lets_the_gateway_be_asked(notice):
    found = notice(respCode="05")
    assert (found.kind, found.result.state) == (NoticeKind.PAYMENT, TradeState.NOTPAY)


def test_notice_of_a_refund_is_kept_for_people(notice):
    found = notice(txnType="04")
    assert (found.kind, found.result, found.order_no) == (NoticeKind.OTHER, None, "")


@pytest.mark.parametrize(
    "after", [{"txnAmt": "1"}, {"signature": ""}, {"signature": "x"}, {"signPubKeyCert": "x"}, {"version": "5.0.0"}]
)
def test_forged_notice_is_invalid(notice, after):
    with pytest.raises(SignatureInvalid):
        notice(after=after)


def test_notice_signed_by_another_merchant_is_invalid(notice, keys, issued):
    """He holds a certificate of the same issuer, and its key."""
    theirs = world.issue("041@8310@某某商户@00016494", keys.stranger, issued.middle, is_authority=False)
    with pytest.raises(SignatureInvalid):
        notice(by=theirs)


@pytest.mark.parametrize("body", [b"", b"a", b"\xff", b"a=1&a=1", b"signature=x", b"a=%ff", b"{}"])
def test_what_is_no_notice_is_invalid(gateway, body):
    with pytest.raises(SignatureInvalid):
        gateway.parse_notice({}, body)


def test_tries_end_with_200_and_ok(gateway):
    assert gateway.ack(True) == (200, "text/plain", b"ok")
    assert gateway.ack(False)[0] == 500
