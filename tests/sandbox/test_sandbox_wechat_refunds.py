"""Refunds of WeChat Pay in the sandbox, judged by a merchants' SDK that knows nothing of us."""

import pytest
import requests

from tests.sandbox.process import (
    MCHID,
    as_json,
    new_no,
    order_by_wechat,
    paid,
    refund_by_wechat,
    refund_state,
    state_of,
    told_of,
    wait_until,
)


@pytest.fixture
def order_no(sandbox, wechat):
    """A paid order of 400 yuan, at a gateway that takes refunds quickly."""
    sandbox.dial(refund_apart_seconds=0)
    number = new_no()
    paid(sandbox, wechat, number)
    return number


def test_refund_is_taken_at_once_done_later_and_told(sandbox, wechat, merchant, order_no):
    refund_no = new_no()
    sandbox.dial(speed=30)
    code, answer = refund_by_wechat(wechat, order_no, refund_no, 15000, reason="参保地选错")
    assert (code, answer["status"], answer["channel"]) == (200, "PROCESSING", "ORIGINAL")
    assert "success_time" not in answer
    assert answer["amount"] | {"total": 40000, "refund": 15000, "payer_refund": 15000} == answer["amount"]
    [(headers, body)] = told_of(merchant, "REFUND.")
    notice = wechat.callback(headers, body)
    assert notice["event_type"] == "REFUND.SUCCESS"
    told = notice["resource"]
    assert (told["mchid"], told["out_trade_no"], told["out_refund_no"]) == (MCHID, order_no, refund_no)
    assert (told["refund_status"], told["amount"]["refund"]) == ("SUCCESS", 15000)
    asked = as_json(wechat.query_refund(refund_no)[1])
    assert (asked["status"], asked["refund_id"]) == ("SUCCESS", told["refund_id"])
    assert asked["success_time"] == told["success_time"]


def test_refunded_order_says_refund_when_asked(wechat, order_no):
    assert state_of(wechat, order_no) == "SUCCESS"
    refund_by_wechat(wechat, order_no, new_no(), 1)
    assert state_of(wechat, order_no) == "REFUND"


def test_same_number_is_one_refund_and_with_another_sum_refused(sandbox, wechat, order_no):
    refund_no = new_no()
    first = refund_by_wechat(wechat, order_no, refund_no, 10000)
    second = refund_by_wechat(wechat, order_no, refund_no, 10000)
    assert first == second
    code, answer = refund_by_wechat(wechat, order_no, refund_no, 10001)
    assert (code, answer["code"]) == (400, "INVALID_REQUEST")
    assert len(sandbox.control("GET", "refunds", params={"order_no": order_no})["refunds"]) == 1


def test_parts_never_come_to_more_than_the_whole(wechat, order_no):
    assert refund_by_wechat(wechat, order_no, new_no(), 25000)[0] == 200
    assert refund_by_wechat(wechat, order_no, new_no(), 15001)[1]["code"] == "INVALID_REQUEST"
    assert refund_by_wechat(wechat, order_no, new_no(), 15000)[0] == 200
    assert refund_by_wechat(wechat, order_no, new_no(), 1)[1]["message"] == "订单已全额退款"


def test_total_must_be_the_orders(wechat, order_no):
    code, answer = refund_by_wechat(wechat, order_no, new_no(), 100, total_fen=39999)
    assert (code, answer["code"]) == (400, "INVALID_REQUEST")


def test_only_what_is_paid_goes_back(wechat):
    unpaid = new_no()
    order_by_wechat(wechat, unpaid)
    for number in (unpaid, new_no()):
        code, answer = refund_by_wechat(wechat, number, new_no(), 100)
        assert (code, answer["code"]) == (404, "RESOURCE_NOT_EXISTS")


def test_unknown_refund_is_not_found(wechat):
    code, message = wechat.query_refund(new_no())
    assert (code, as_json(message)["code"]) == (404, "RESOURCE_NOT_EXISTS")


def test_second_refund_of_an_order_within_a_minute_is_too_fast(sandbox, wechat, order_no):
    sandbox.dial(refund_apart_seconds=60)
    first = new_no()
    refund_by_wechat(wechat, order_no, first, 100)
    code, answer = refund_by_wechat(wechat, order_no, new_no(), 100)
    assert (code, answer["code"]) == (429, "FREQUENCY_LIMITED")
    assert refund_by_wechat(wechat, order_no, first, 100)[0] == 200
    sandbox.dial(speed=100000)
    assert refund_by_wechat(wechat, order_no, new_no(), 100)[0] == 200


def test_refund_for_which_the_balance_is_short_is_refused_and_taken_later_under_its_number(sandbox, wechat, order_no):
    refund_no = new_no()
    sandbox.rule(point="refund", fault="balance_short", order_no=order_no, times=1)
    code, answer = refund_by_wechat(wechat, order_no, refund_no, 40000)
    assert (code, answer["code"]) == (403, "NOT_ENOUGH")
    assert wechat.query_refund(refund_no)[0] == 404
    assert refund_by_wechat(wechat, order_no, refund_no, 40000)[0] == 200


@pytest.mark.parametrize(("fault", "status"), [("ends_abnormal", "ABNORMAL"), ("ends_closed", "CLOSED")])
def test_refund_that_was_taken_may_come_to_nothing(sandbox, wechat, merchant, order_no, fault, status):
    """G19: the card is gone, or the merchant's account."""
    refund_no = new_no()
    sandbox.dial(speed=100)
    sandbox.rule(gateway="wechat", point="refund", fault=fault, order_no=order_no)
    assert refund_by_wechat(wechat, order_no, refund_no, 40000)[1]["status"] == "PROCESSING"
    [(headers, body)] = told_of(merchant, "REFUND.")
    notice = wechat.callback(headers, body)
    assert (notice["event_type"], notice["resource"]["refund_status"]) == (f"REFUND.{status}", status)
    assert "success_time" not in notice["resource"]
    assert refund_state(wechat, refund_no) == status
    assert state_of(wechat, order_no) == ("SUCCESS" if status == "CLOSED" else "REFUND")


def test_refund_stays_under_way_until_a_tester_ends_it(sandbox, wechat, merchant, order_no):
    refund_no = new_no()
    sandbox.dial(speed=100000)
    sandbox.rule(point="refund", fault="stays_processing", order_no=order_no)
    refund_by_wechat(wechat, order_no, refund_no, 40000)
    assert refund_state(wechat, refund_no) == "PROCESSING"
    sandbox.control("POST", "refunds", json={"refund_no": refund_no, "status": "SUCCESS"})
    assert refund_state(wechat, refund_no) == "SUCCESS"
    told_of(merchant, "REFUND.SUCCESS")


def test_system_error_or_a_lost_answer_may_hide_a_refund_that_was_taken(sandbox, wechat, order_no):
    """G18: the same number again finds the one refund."""
    refund_no = new_no()
    sandbox.rule(point="refund", fault="server_error", order_no=order_no, times=1, params={"done": True})
    code, answer = refund_by_wechat(wechat, order_no, refund_no, 100)
    assert (code, answer["code"]) == (500, "SYSTEM_ERROR")
    sandbox.rule(point="refund", fault="lose_answer", order_no=order_no, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        refund_by_wechat(wechat, order_no, refund_no, 100)
    assert refund_by_wechat(wechat, order_no, refund_no, 100)[0] == 200
    [event] = [e for e in sandbox.events(order_no=order_no, kind="refund") if e["detail"]["what"] == "asked"]
    assert event["detail"]["amount_fen"] == 100


def test_refund_notice_is_lost_repeated_or_wrong_as_told(sandbox, wechat, merchant, order_no):
    merchant.wait_for(1)  # of the payment
    merchant.answers = [(500, b""), (500, b""), (200, b"")]
    sandbox.dial(speed=1000)
    sandbox.rule(point="refund_notice", fault="wrong_amount", order_no=order_no, times=1)
    refund_no, silent = new_no(), new_no()
    refund_by_wechat(wechat, order_no, refund_no, 100)
    (headers, body), (_, again) = told_of(merchant, "REFUND.", 2)
    assert body == again
    assert wechat.callback(headers, body)["resource"]["amount"]["refund"] == 101
    assert as_json(wechat.query_refund(refund_no)[1])["amount"]["refund"] == 100
    sandbox.rule(point="refund_notice", fault="never", order_no=order_no, times=1)
    refund_by_wechat(wechat, order_no, silent, 200)
    wait_until(lambda: refund_state(wechat, silent) == "SUCCESS")
    sandbox.control("POST", "notices", json={"order_no": order_no, "refund_no": silent})
    headers, body = told_of(merchant, "REFUND.", 3)[-1]
    assert wechat.callback(headers, body)["resource"]["out_refund_no"] == silent


def test_wrong_answers_about_a_refund_are_well_signed(sandbox, wechat, order_no):
    refund_no = new_no()
    refund_by_wechat(wechat, order_no, refund_no, 100)
    sandbox.control("POST", "refunds", json={"refund_no": refund_no})
    for fault in ("other_order", "wrong_amount", "still_processing"):
        sandbox.rule(point="refund_query", fault=fault, order_no=order_no, times=1)
    answer = as_json(wechat.query_refund(refund_no)[1])
    assert answer["out_trade_no"] != order_no
    assert (answer["amount"]["refund"], answer["status"]) == (101, "PROCESSING")
    sandbox.rule(point="refund_query", fault="not_found", order_no=order_no, times=1)
    assert wechat.query_refund(refund_no)[0] == 404
    assert refund_state(wechat, refund_no) == "SUCCESS"


def test_each_of_two_payments_of_one_order_goes_back_by_itself(sandbox, wechat, order_no):
    second = sandbox.pay(order_no, again=True)["transaction_no"]
    amount = {"refund": 40000, "total": 40000, "currency": "CNY"}
    code, message = wechat.refund(out_refund_no=new_no(), amount=amount, transaction_id=second)
    assert (code, as_json(message)["transaction_id"]) == (200, second)
    assert state_of(wechat, order_no) == "SUCCESS"
    assert refund_by_wechat(wechat, order_no, new_no(), 40000)[0] == 200
