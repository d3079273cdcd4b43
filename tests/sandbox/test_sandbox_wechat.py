"""WeChat Pay in the sandbox, judged by a merchants' SDK that knows nothing of us."""

import json
from datetime import datetime, timedelta, timezone

import httpx
from wechatpayv3 import WeChatPayType

from tests.sandbox.process import as_json, new_no, order_by_wechat

CHINA = timezone(timedelta(hours=8))


def test_native_order_is_paid_and_the_notice_opens_with_the_merchants_secret(sandbox, wechat, merchant):
    order_no = new_no()
    code, answer = order_by_wechat(wechat, order_no)
    assert code == 200
    assert answer["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    sandbox.pay(order_no)
    [(headers, body, _)] = merchant.wait_for(1)
    notice = wechat.callback(headers, body)
    assert notice["event_type"] == "TRANSACTION.SUCCESS"
    assert notice["resource"]["out_trade_no"] == order_no
    assert notice["resource"]["amount"] == {
        "total": 40000,
        "payer_total": 40000,
        "currency": "CNY",
        "payer_currency": "CNY",
    }
    code, message = wechat.query(out_trade_no=order_no)
    assert (code, as_json(message)["trade_state"]) == (200, "SUCCESS")
    assert as_json(message)["transaction_id"] == notice["resource"]["transaction_id"]


def test_h5_cashier_takes_the_payment_and_leads_back(sandbox, wechat, merchant):
    order_no = new_no()
    code, answer = order_by_wechat(
        wechat,
        order_no,
        pay_type=WeChatPayType.H5,
        scene_info={"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}},
    )
    assert code == 200
    address = answer["h5_url"] + "&redirect_url=http%3A%2F%2Flocalhost%3A8000%2Forders%2FX%2F"
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(address)
        assert 'content="5;url=http://localhost:8000/orders/X/"' in page.text
        token = answer["h5_url"].split("prepay_id=")[1].split("&")[0]
        form = {"action": "pay", "back": "http://localhost:8000/orders/X/"}
        paid = browser.post(f"{sandbox.url}/cashier/{token}", data=form)
    assert 'href="http://localhost:8000/orders/X/"' in paid.text
    [(headers, body, _)] = merchant.wait_for(1)
    assert wechat.callback(headers, body)["resource"]["trade_type"] == "MWEB"


def test_unknown_order_is_not_found(wechat):
    code, message = wechat.query(out_trade_no=new_no())
    assert (code, as_json(message)["code"]) == (404, "ORDER_NOT_EXIST")


def test_unpaid_order_is_notpay_also_after_its_time(sandbox, wechat):
    order_no = new_no()
    sandbox.dial(expire_least_seconds=0)
    soon = (datetime.now(CHINA) + timedelta(seconds=0.3)).isoformat()
    assert order_by_wechat(wechat, order_no, time_expire=soon)[0] == 200
    code, message = wechat.query(out_trade_no=order_no)
    assert (code, as_json(message)["trade_state"]) == (200, "NOTPAY")


def test_same_number_with_other_words_is_refused(wechat):
    order_no = new_no()
    assert order_by_wechat(wechat, order_no)[0] == 200
    assert order_by_wechat(wechat, order_no)[0] == 200
    code, answer = order_by_wechat(wechat, order_no, amount_fen=40001)
    assert (code, answer["code"]) == (403, "OUT_TRADE_NO_USED")


def test_close_is_refused_in_the_first_five_minutes_and_done_after(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    code, message = wechat.close(order_no)
    assert (code, as_json(message)["code"]) == (400, "INVALID_REQUEST")
    sandbox.dial(speed=100000)
    code, message = wechat.close(order_no)
    assert (code, message) == (204, b"") or (code, message) == (204, "")
    code, message = wechat.query(out_trade_no=order_no)
    assert as_json(message)["trade_state"] == "CLOSED"
    code, answer = order_by_wechat(wechat, order_no)
    assert (code, answer["code"]) == (400, "ORDER_CLOSED")


def test_paid_order_is_neither_closed_nor_ordered_again(sandbox, wechat, merchant):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.pay(order_no)
    code, message = wechat.close(order_no)
    assert (code, as_json(message)["code"]) == (400, "ORDERPAID")
    code, answer = order_by_wechat(wechat, order_no)
    assert (code, answer["code"]) == (400, "ORDERPAID")
    merchant.wait_for(1)


def test_stranger_gets_a_sign_error(sandbox):
    answer = httpx.get(f"{sandbox.url}/wechat/v3/certificates", trust_env=False)
    assert answer.status_code == 401
    assert json.loads(answer.content)["code"] == "SIGN_ERROR"
    assert answer.headers["Wechatpay-Signature"]
