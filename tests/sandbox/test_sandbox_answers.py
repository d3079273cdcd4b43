"""Answers of the gateways that are lost, late, spoilt or wrong: it happens to whom it was meant, as often as said."""

import time

import pytest
import requests

from tests.sandbox.process import MCHID, as_json, new_no, order_by_wechat, page_pay, press, signed_get, state_of

# Answers that are lost, late or spoilt


def test_lost_request_leaves_no_order(sandbox, wechat):
    order_no = new_no()
    sandbox.rule(gateway="wechat", point="create", fault="lose_request", order_no=order_no, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        order_by_wechat(wechat, order_no)
    assert wechat.query(out_trade_no=order_no)[0] == 404
    assert order_by_wechat(wechat, order_no)[0] == 200


def test_lost_answer_leaves_an_order(sandbox, wechat):
    order_no = new_no()
    sandbox.rule(gateway="wechat", point="create", fault="lose_answer", order_no=order_no, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        order_by_wechat(wechat, order_no)
    assert state_of(wechat, order_no) == "NOTPAY"
    [event] = [e for e in sandbox.events(order_no=order_no) if e["point"] == "create"]
    assert (event["status"], event["detail"]["faults"]) == (0, ["lose_answer"])


def test_dropped_answer_is_cut_in_half(sandbox, wechat):
    order_no = new_no()
    sandbox.rule(point="create", fault="drop", order_no=order_no)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        order_by_wechat(wechat, order_no)


@pytest.mark.parametrize(("done", "found"), [(False, 404), (True, 200)])
def test_server_error_says_nothing_of_what_was_done(sandbox, wechat, done, found):
    order_no = new_no()
    params = {"status": 503, "done": done}
    sandbox.rule(point="create", fault="server_error", order_no=order_no, times=1, params=params)
    code, answer = order_by_wechat(wechat, order_no)
    assert (code, answer["code"]) == (503, "SYSTEM_ERROR")
    assert wechat.query(out_trade_no=order_no)[0] == found


def test_garbage_is_neither_signed_nor_readable(sandbox, wechat):
    order_no = new_no()
    sandbox.rule(point="query", fault="garbage", order_no=order_no)
    answer = signed_get(sandbox, f"/v3/pay/transactions/out-trade-no/{order_no}?mchid={MCHID}")
    assert answer.status_code == 200
    assert "Wechatpay-Signature" not in answer.headers
    with pytest.raises(ValueError):
        answer.json()


@pytest.mark.parametrize("fault", ["unsigned", "forged", "unknown_serial"])
def test_spoilt_signature_is_refused_by_the_sdk(sandbox, wechat, fault):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.rule(point="query", fault=fault, order_no=order_no, times=1)
    with pytest.raises(Exception, match=r"signature|algorithm"):
        wechat.query(out_trade_no=order_no)
    assert state_of(wechat, order_no) == "NOTPAY"


def test_stale_answer_has_a_good_signature_and_an_old_time(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.rule(point="query", fault="stale", order_no=order_no, params={"seconds": 3600})
    answer = signed_get(sandbox, f"/v3/pay/transactions/out-trade-no/{order_no}?mchid={MCHID}")
    assert time.time() - int(answer.headers["Wechatpay-Timestamp"]) >= 3600
    assert state_of(wechat, order_no) == "NOTPAY"  # the SDK looks at the signature only


def test_rate_limit_is_said_in_both_vendors_words(sandbox, wechat, alipay):
    order_no = new_no()
    sandbox.rule(point="query", fault="too_many", order_no=order_no)
    code, message = wechat.query(out_trade_no=order_no)
    assert (code, as_json(message)["code"]) == (429, "FREQUENCY_LIMITED")
    answer = alipay.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["code"], answer["sub_code"]) == ("40005", "isv.app-call-limited")


def test_hanging_answer_comes_late(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.rule(point="query", fault="hang", order_no=order_no, params={"seconds": 0.6})
    started = time.monotonic()
    state_of(wechat, order_no)
    assert time.monotonic() - started >= 0.6


def test_gateway_that_is_down_refuses_everything_until_the_rule_goes(sandbox, wechat, alipay, person):
    rule = sandbox.rule(gateway="wechat", fault="server_error")
    order_no = new_no()
    assert order_by_wechat(wechat, order_no)[0] == 500
    assert wechat.query(out_trade_no=order_no)[0] == 500
    assert signed_get(sandbox, "/v3/certificates").status_code == 500
    assert person.get(page_pay(alipay, order_no)).status_code == 200
    sandbox.control("DELETE", f"rules/{rule['id']}")
    assert order_by_wechat(wechat, order_no)[0] == 200


def test_rules_strike_by_amount_or_by_the_end_of_the_number(sandbox, wechat):
    sandbox.rule(point="create", fault="server_error", amount_fen=40404)
    sandbox.rule(point="create", fault="too_many", order_suffix="ZZ")
    assert order_by_wechat(wechat, new_no(), amount_fen=40404)[0] == 500
    assert order_by_wechat(wechat, new_no()[:24] + "ZZ")[0] == 429
    assert order_by_wechat(wechat, new_no())[0] == 200


def test_chance_follows_the_seed(sandbox, wechat):
    numbers = [f"CHANCE{i:03d}{time.time_ns()}"[:30] for i in range(12)]

    def run(seed):
        sandbox.control("POST", "clear", json={})
        sandbox.dial(seed=seed)
        sandbox.rule(point="query", fault="too_many", probability=0.5)
        return [wechat.query(out_trade_no=number)[0] for number in numbers]

    first = run(7)
    assert first == run(7)
    assert set(first) == {404, 429}
    assert first != run(8)


# Answers that are well signed and wrong


def test_order_is_not_found_right_after_it_was_made(sandbox, wechat):
    order_no = new_no()
    sandbox.rule(point="query", fault="not_found", order_no=order_no, times=1)
    order_by_wechat(wechat, order_no)
    assert wechat.query(out_trade_no=order_no)[0] == 404
    assert state_of(wechat, order_no) == "NOTPAY"


def test_answer_about_another_order_merchant_or_sum(sandbox, wechat, merchant):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.pay(order_no)
    merchant.wait_for(1)
    for fault in ("other_order", "wrong_merchant", "wrong_amount", "wrong_currency"):
        sandbox.rule(point="query", fault=fault, order_no=order_no, times=1)
    content = as_json(wechat.query(out_trade_no=order_no)[1])
    assert content["out_trade_no"] != order_no
    assert content["mchid"] != MCHID
    assert content["amount"]["total"] == 40001
    assert content["amount"]["currency"] == "HKD"


def test_buyer_typing_his_password_is_userpaying(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.rule(point="query", fault="user_paying", order_no=order_no, times=1)
    assert [state_of(wechat, order_no), state_of(wechat, order_no)] == ["USERPAYING", "NOTPAY"]


def test_close_says_yes_and_the_buyer_pays_all_the_same(sandbox, wechat, merchant):
    order_no = new_no()
    sandbox.dial(close_after_seconds=0)
    sandbox.rule(point="close", fault="close_ignored", order_no=order_no)
    order_by_wechat(wechat, order_no)
    assert wechat.close(order_no)[0] == 204
    assert state_of(wechat, order_no) == "NOTPAY"
    sandbox.pay(order_no)
    assert state_of(wechat, order_no) == "SUCCESS"
    merchant.wait_for(1)


def test_buyer_pays_after_the_close(sandbox, wechat, merchant):
    order_no = new_no()
    sandbox.dial(close_after_seconds=0)
    order_by_wechat(wechat, order_no)
    sandbox.pay(order_no, when_closed=True)
    assert merchant.received == []
    assert wechat.close(order_no)[0] == 204
    [(headers, body, _)] = merchant.wait_for(1)
    assert wechat.callback(headers, body)["resource"]["trade_state"] == "SUCCESS"
    assert state_of(wechat, order_no) == "SUCCESS"


def test_payment_after_the_expiry_needs_a_cashier_opened_before(sandbox, alipay, person, merchant):
    sandbox.dial(expire_least_seconds=0)
    late, early = new_no(), new_no()
    soon = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 8 * 3600 + 2))
    shown = person.post(str(person.get(page_pay(alipay, early, time_expire=soon)).url))
    person.get(page_pay(alipay, late, time_expire=soon))
    time.sleep(2.1)
    assert "交易已超时" in person.get(page_pay(alipay, new_no(), time_expire=soon)).text
    assert "交易已经关闭" in person.get(page_pay(alipay, late, time_expire=soon)).text
    opened = shown.text.split('name="opened" value="')[1].split('"')[0]
    assert press(person, shown, "pay").status_code == 409
    assert press(person, shown, "pay", opened=opened).status_code == 200
    merchant.wait_for(1)
