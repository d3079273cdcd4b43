"""Refunds at UnionPay: accepted is not refunded, a number and a time name them, and what stays unknown (G18–G20)."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from payments.gateways.base import GatewayRefused, GatewayUnreachable, NoticeKind, RefundRef, RefundResult, RefundState
from payments.gateways.unionpay import wire
from tests.payments.gateways import unionpay_world as world
from tests.payments.gateways.test_unionpay_client import answers, config, gateway, issued

__all__ = ["answers", "config", "gateway", "issued"]

TRADE_NO = "951807261002324791038"
DECIDED_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


@pytest.fixture
def refund(refund):
    return dataclasses.replace(refund, merchant=world.MERCHANT, trade_no=TRADE_NO, decided_at=DECIDED_AT)


def asked_fields(asked):
    return dict(parse_qsl(asked.body.decode(), strict_parsing=True))


def test_refund_names_the_trade_its_own_number_and_one_time_on_every_try(vendor, keys, gateway, answers, refund):
    """G18."""
    answers(world.refund_taken(refund))
    gateway.refund(refund)
    gateway.refund(refund)
    first, second = vendor.asked
    assert (first.method, first.target, first.body) == ("POST", "/gateway/api/backTransReq.do", second.body)
    fields = asked_fields(first)
    assert (fields["txnType"], fields["origQryId"], fields["txnAmt"]) == ("04", TRADE_NO, "18000")
    assert (fields["orderId"], fields["txnTime"]) == (refund.refund_no, world.beijing(DECIDED_AT))
    assert (fields["merId"], fields["backUrl"]) == (world.MERCHANT, refund.notify_url)
    assert fields.pop("signature") == world.signature(keys.merchant, fields)


def test_accepted_is_not_refunded(gateway, answers, refund):
    answers(world.refund_taken(refund))
    result = gateway.refund(refund)
    assert (result.state, result.refunded_at) == (RefundState.PROCESSING, None)
    assert (result.trade_no, result.gateway_refund_no) == (TRADE_NO, world.REFUND_ID)


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_refund_under_way_is_unknown(gateway, answers, refund, code):
    answers(world.refund_taken(refund, respCode=code, queryId=None))
    assert gateway.refund(refund).state is RefundState.UNKNOWN


@pytest.mark.parametrize("code", sorted(wire.REFUSAL_CODES_OF_REFUND))
def test_refund_that_they_will_not_make_is_refused(gateway, answers, refund, code):
    answers(world.refund_taken(refund, respCode=code, queryId=None))
    with pytest.raises(GatewayRefused) as caught:
        gateway.refund(refund)
    assert caught.value.code == code


@pytest.mark.parametrize("code", ["12", "34", "01", "06", "98", "", "A6"])
def test_trouble_of_theirs_leaves_a_refund_unknown(gateway, answers, refund, code):
    """G18. 12: the number came before; 34: no such trade, which they may yet learn of."""
    answers(world.refund_taken(refund, respCode=code))
    with pytest.raises(GatewayUnreachable):
        gateway.refund(refund)


@pytest.mark.parametrize(
    ("found", "state"),
    [({}, RefundState.SUCCESS), ({"origRespCode": "61"}, RefundState.CLOSED),
     ({"origRespCode": "05"}, RefundState.UNKNOWN)],
)  # fmt: skip
def test_number_that_came_before_is_asked_about(vendor, keys, issued, gateway, refund, found, state):
    """G18: 12 says nothing of what became of it; the answer to the question does."""
    said = [world.refund_taken(refund, respCode="12", queryId=None), world.refund_found(refund, **found)]
    vendor.answer = lambda asked: (200, {}, world.answer_body(world.signed(issued.leaf, said.pop(0))))
    assert gateway.refund(refund).state is state
    assert [asked.target.rsplit("/", 1)[1] for asked in vendor.asked] == ["backTransReq.do", "queryTrans.do"]


@pytest.mark.parametrize("changes", [{"respCode": "34", "origRespCode": None}, {"respCode": "11"}])
def test_number_that_came_before_and_is_not_found_stays_unknown(vendor, issued, gateway, refund, changes):
    """They contradict themselves, or do not let us ask: nothing is held to have been refused by that."""
    said = [world.refund_taken(refund, respCode="12", queryId=None), world.refund_found(refund, **changes)]
    vendor.answer = lambda asked: (200, {}, world.answer_body(world.signed(issued.leaf, said.pop(0))))
    with pytest.raises(GatewayUnreachable):
        gateway.refund(refund)


def test_refund_is_found_made(vendor, gateway, answers, refund):
    answers(world.refund_found(refund))
    result = gateway.query_refund(refund)
    assert vendor.asked[0].target == "/gateway/api/queryTrans.do"
    fields = asked_fields(vendor.asked[0])
    assert (fields["txnType"], fields["orderId"]) == ("00", refund.refund_no)
    assert fields["txnTime"] == world.beijing(DECIDED_AT)
    assert (result.state, result.amount_fen, result.trade_no) == (RefundState.SUCCESS, 18_000, TRADE_NO)
    assert result.refunded_at is not None
    assert abs(result.refunded_at - DECIDED_AT) < timedelta(hours=1)
    assert "accNo" not in result.raw
    assert RefundResult.from_json(json.loads(json.dumps(result.as_json()))) == result


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"respCode": "34", "origRespCode": None}, RefundState.NOT_FOUND),
        ({"origRespCode": "34"}, RefundState.NOT_FOUND),
        ({"origRespCode": "A6"}, RefundState.SUCCESS),
        ({"origRespCode": "05"}, RefundState.UNKNOWN),
        ({"origRespCode": "12"}, RefundState.UNKNOWN),
        ({"origRespCode": "77"}, RefundState.UNKNOWN),
        ({"origRespCode": "01"}, RefundState.CLOSED),
        ({"origRespCode": "61", "txnAmt": None, "queryId": None}, RefundState.CLOSED),
    ],
)
def test_what_became_of_it_is_the_code_of_the_refund_not_of_the_question(gateway, answers, refund, changes, state):
    """G19."""
    answers(world.refund_found(refund, **changes))
    assert gateway.query_refund(refund).state is state


@pytest.mark.parametrize(
    "changes",
    [
        {"orderId": "ANOTHER00"},
        {"merId": "898371000000002"},
        {"origQryId": "951807261002324791039"},
        {"txnTime": "20261122103456"},
        {"txnAmt": None},
        {"queryId": None},
        {"origRespCode": None},
    ],
)
def test_answer_about_another_refund_is_unknown(gateway, answers, refund, changes):
    """G20."""
    answers(world.refund_found(refund, **changes))
    with pytest.raises(GatewayUnreachable):
        gateway.query_refund(refund)


def test_answer_to_the_sending_of_another_refund_is_unknown(gateway, answers, refund):
    answers(world.refund_taken(refund, orderId="ANOTHER00"))
    with pytest.raises(GatewayUnreachable):
        gateway.refund(refund)


@pytest.mark.parametrize(("code", "raised"), [("11", GatewayRefused), ("06", GatewayUnreachable)])
def test_question_that_they_do_not_answer(gateway, answers, refund, code, raised):
    answers(world.refund_found(refund, respCode=code, origRespCode=None))
    with pytest.raises(raised):
        gateway.query_refund(refund)


def test_answer_signed_by_a_stranger_is_unknown(keys, issued, gateway, answers, refund):
    """G3."""
    stranger = world.issue(world.common_name(), keys.stranger, None)
    answers(world.refund_found(refund), by=stranger)
    for ask in (gateway.refund, gateway.query_refund):
        with pytest.raises(GatewayUnreachable):
            ask(refund)


def test_refund_without_the_moment_of_its_decision_is_never_sent(vendor, gateway, refund):
    with pytest.raises(ValueError, match="moment"):
        gateway.refund(dataclasses.replace(refund, decided_at=None))
    assert vendor.asked == []


# Notices.


def test_notice_of_a_refund_is_one_of_a_refund_and_has_one_key(gateway, issued, refund):
    body = world.form_body(world.signed(issued.leaf, world.refund_notice(refund)))
    again = world.form_body(world.signed(issued.leaf, world.refund_notice(refund, respMsg="again")))
    with clock.at(DECIDED_AT + timedelta(minutes=1)):  # a long run comes here later than that
        notice = gateway.parse_notice({}, body)
    assert (notice.kind, notice.fresh, notice.result) == (NoticeKind.REFUND, True, None)
    assert (notice.refund.state, notice.refund.refund_no) == (RefundState.SUCCESS, refund.refund_no)
    assert (notice.refund.trade_no, notice.refund.amount_fen) == (TRADE_NO, 18_000)
    assert notice.key == gateway.parse_notice({}, again).key == f"refunded:{world.REFUND_ID}"


def test_notice_of_a_refund_that_failed_says_so_under_another_key(gateway, issued, refund):
    body = world.form_body(world.signed(issued.leaf, world.refund_notice(refund, respCode="61")))
    notice = gateway.parse_notice({}, body)
    assert (notice.kind, notice.refund.state) == (NoticeKind.REFUND, RefundState.CLOSED)
    assert not notice.key.startswith("refunded:")


@pytest.mark.parametrize("missing", ["origQryId", "queryId", "txnAmt", "orderId", "merId"])
def test_notice_of_a_refund_without_what_names_it_is_not_understood(gateway, issued, refund, missing):
    body = world.form_body(world.signed(issued.leaf, world.refund_notice(refund, **{missing: None})))
    notice = gateway.parse_notice({}, body)
    assert (notice.kind, notice.refund) == (NoticeKind.OTHER, None)


SOME = RefundRef("R123456789", TRADE_NO, world.MERCHANT, 18_000, 38_000, "", decided_at=DECIDED_AT)
SAID = st.fixed_dictionaries({}, optional={name: st.just(value) | st.text(max_size=30)
                                           for name, value in world.refund_found(SOME).items()})  # fmt: skip


@given(SAID)
def test_any_answer_is_read_or_unreadable(fields):
    reads = (wire.read_refund, wire.read_refund_query)
    for read in (*(lambda said, read=read: read(said, refund=SOME) for read in reads), wire.read_refund_notice):
        try:
            result = read(fields)
        except wire.Unreadable:
            continue
        assert result.state is not RefundState.SUCCESS or (result.amount_fen is not None and result.trade_no)
