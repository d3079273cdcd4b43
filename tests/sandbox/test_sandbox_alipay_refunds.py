"""Refunds of Alipay in the sandbox, judged by a merchants' SDK that knows nothing of us."""

from urllib.error import HTTPError

import pytest

from tests.sandbox.process import form_of, new_no, page_pay, wait_until


@pytest.fixture
def order_no(sandbox, alipay, person, merchant):
    """A paid order of 400 yuan whose notice has come."""
    number = new_no()
    person.get(page_pay(alipay, number))
    sandbox.pay(number)
    merchant.wait_for(1)
    return number


def refund(alipay, order_no, request_no, yuan):
    return alipay.api_alipay_trade_refund(yuan, out_trade_no=order_no, out_request_no=request_no)


def asked_about(alipay, order_no, request_no):
    return alipay.api_alipay_trade_fastpay_refund_query(request_no, out_trade_no=order_no)


def state(alipay, order_no):
    return alipay.api_alipay_trade_query(out_trade_no=order_no)["trade_status"]


def test_part_goes_back_at_once_and_the_trade_stays_paid(alipay, merchant, order_no):
    request_no = new_no()
    answer = refund(alipay, order_no, request_no, "150.00")
    assert (answer["code"], answer["fund_change"], answer["refund_fee"]) == ("10000", "Y", "150.00")
    found = asked_about(alipay, order_no, request_no)
    assert (found["refund_status"], found["refund_amount"], found["total_amount"]) == (
        "REFUND_SUCCESS",
        "150.00",
        "400.00",
    )
    assert state(alipay, order_no) == "TRADE_SUCCESS"
    _, (_, body, _) = merchant.wait_for(2)
    notice = form_of(body)
    assert alipay.verify(notice, notice.pop("sign"))
    assert (notice["trade_status"], notice["refund_fee"]) == ("TRADE_SUCCESS", "150.00")
    assert (notice["out_trade_no"], notice["out_biz_no"]) == (order_no, request_no)
    assert notice["gmt_refund"]


def test_whole_refund_closes_the_trade_and_says_so(alipay, merchant, order_no):
    refund(alipay, order_no, new_no(), "150.00")
    answer = refund(alipay, order_no, new_no(), "250.00")
    assert (answer["fund_change"], answer["refund_fee"]) == ("Y", "400.00")
    assert state(alipay, order_no) == "TRADE_CLOSED"
    last = form_of(merchant.wait_for(3)[2][1])
    assert (last["trade_status"], last["refund_fee"]) == ("TRADE_CLOSED", "400.00")
    assert refund(alipay, order_no, new_no(), "0.01")["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


def test_same_number_moves_money_once(sandbox, alipay, order_no):
    request_no = new_no()
    assert refund(alipay, order_no, request_no, "100.00")["fund_change"] == "Y"
    again = refund(alipay, order_no, request_no, "100.00")
    assert (again["code"], again["fund_change"], again["refund_fee"]) == ("10000", "N", "100.00")
    assert refund(alipay, order_no, request_no, "100.01")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert len(sandbox.control("GET", "refunds", params={"order_no": order_no})["refunds"]) == 1


def test_more_than_was_paid_or_without_a_payment_is_refused(alipay, person, order_no):
    assert refund(alipay, order_no, new_no(), "400.01")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert refund(alipay, new_no(), new_no(), "1.00")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    unpaid = new_no()
    person.post(str(person.get(page_pay(alipay, unpaid)).url))
    assert refund(alipay, unpaid, new_no(), "1.00")["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


def test_without_a_number_only_the_whole_goes_back(alipay, order_no):
    assert alipay.api_alipay_trade_refund("1.00", out_trade_no=order_no)["sub_code"] == "ACQ.INVALID_PARAMETER"
    assert alipay.api_alipay_trade_refund("400.00", out_trade_no=order_no)["fund_change"] == "Y"
    assert asked_about(alipay, order_no, order_no)["refund_status"] == "REFUND_SUCCESS"


def test_refund_that_nobody_asked_for_is_an_empty_success(alipay, order_no):
    answer = asked_about(alipay, order_no, new_no())
    assert answer == {"code": "10000", "msg": "Success"}
    assert asked_about(alipay, new_no(), new_no())["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_short_balance_is_refused_and_done_later_under_the_same_number(sandbox, alipay, order_no):
    request_no = new_no()
    sandbox.rule(gateway="alipay", point="refund", fault="balance_short", order_no=order_no, times=1)
    assert refund(alipay, order_no, request_no, "400.00")["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert "refund_status" not in asked_about(alipay, order_no, request_no)
    assert refund(alipay, order_no, request_no, "400.00")["fund_change"] == "Y"


def test_refund_under_way_has_no_data_until_it_is_done(sandbox, alipay, merchant, order_no):
    request_no = new_no()
    params = {"seconds": 600}
    sandbox.rule(point="refund", fault="stays_processing", order_no=order_no, times=1, params=params)
    answer = refund(alipay, order_no, request_no, "400.00")
    assert (answer["code"], answer["fund_change"]) == ("10000", "N")
    assert "refund_status" not in asked_about(alipay, order_no, request_no)
    sandbox.control("POST", "refunds", json={"refund_no": request_no})
    assert asked_about(alipay, order_no, request_no)["refund_status"] == "REFUND_SUCCESS"
    merchant.wait_for(2)


def test_refund_that_came_to_nothing_is_tried_again_under_its_number(sandbox, alipay, merchant, order_no):
    request_no = new_no()
    sandbox.dial(alipay_refund_seconds=1, speed=10)
    sandbox.rule(point="refund", fault="ends_abnormal", order_no=order_no, times=1)
    refund(alipay, order_no, request_no, "400.00")
    params = {"refund_no": request_no}
    wait_until(lambda: sandbox.control("GET", "refunds", params=params)["refunds"][0]["status"] == "ABNORMAL")
    assert "refund_status" not in asked_about(alipay, order_no, request_no)
    assert state(alipay, order_no) == "TRADE_SUCCESS"
    refund(alipay, order_no, request_no, "400.00")
    wait_until(lambda: "refund_status" in asked_about(alipay, order_no, request_no))
    assert form_of(merchant.wait_for(2)[1][1])["trade_status"] == "TRADE_CLOSED"


def test_system_error_may_hide_a_refund_that_was_done(sandbox, alipay, order_no):
    request_no = new_no()
    sandbox.rule(point="refund", fault="server_error", order_no=order_no, times=1, params={"done": True})
    with pytest.raises(HTTPError):
        refund(alipay, order_no, request_no, "400.00")
    assert asked_about(alipay, order_no, request_no)["refund_status"] == "REFUND_SUCCESS"
    assert refund(alipay, order_no, request_no, "400.00")["fund_change"] == "N"


def test_too_many_refunds_are_limited_in_the_vendors_words(sandbox, alipay, order_no):
    sandbox.rule(point="refund", fault="too_many", order_no=order_no, times=1)
    assert refund(alipay, order_no, new_no(), "1.00")["sub_code"] == "isv.app-call-limited"


def test_refund_is_asked_for_by_alipays_number_too_and_forbids_the_cancel(sandbox, alipay, order_no):
    number = alipay.api_alipay_trade_query(out_trade_no=order_no)["trade_no"]
    request_no = new_no()
    sandbox.rule(point="refund", fault="balance_short", order_no=order_no, times=1)
    for expected in ("ACQ.SELLER_BALANCE_NOT_ENOUGH", None):
        answer = alipay.api_alipay_trade_refund("1.00", trade_no=number, out_request_no=request_no)
        assert answer.get("sub_code") == expected
    found = alipay.api_alipay_trade_fastpay_refund_query(request_no, trade_no=number)
    assert (found["out_trade_no"], found["refund_amount"]) == (order_no, "1.00")
    assert alipay.api_alipay_trade_cancel(out_trade_no=order_no)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
