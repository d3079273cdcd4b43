"""WeChat Pay in the sandbox, judged by a merchants' SDK that knows nothing of us."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.sandbox.process import APIV3_KEY, APPID, MCHID, as_json

CHINA = timezone(timedelta(hours=8))


def new_no() -> str:
    return uuid.uuid4().hex[:26].upper()


@pytest.fixture
def client(sandbox, merchant, tmp_path):
    """The SDK, pointed at the sandbox, with the certificate that stands in the exchange."""
    for path in (sandbox.home / "exchange").glob("wechat_platform_*.crt.pem"):
        (tmp_path / path.name).write_text(path.read_text())
    made = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=MCHID,
        private_key=sandbox.wechat_key,
        cert_serial_no="444F4864EA9B34415D0A0A0A0A0A0A0A0A0A0A0A",
        apiv3_key=APIV3_KEY,
        appid=APPID,
        notify_url=merchant.url,
        cert_dir=str(tmp_path),
        timeout=10,
    )
    made._core._gate_way = f"{sandbox.url}/wechat"
    return made


def order(client, order_no, amount_fen=40000, **values):
    code, message = client.pay(
        description="城乡居民基本医疗保险费", out_trade_no=order_no, amount={"total": amount_fen}, **values
    )
    return code, as_json(message)


def test_native_order_is_paid_and_the_notice_opens_with_the_merchants_secret(sandbox, client, merchant):
    order_no = new_no()
    code, answer = order(client, order_no)
    assert code == 200
    assert answer["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    sandbox.pay(order_no)
    [(headers, body, _)] = merchant.wait_for(1)
    notice = client.callback(headers, body)
    assert notice["event_type"] == "TRANSACTION.SUCCESS"
    assert notice["resource"]["out_trade_no"] == order_no
    assert notice["resource"]["amount"] == {
        "total": 40000,
        "payer_total": 40000,
        "currency": "CNY",
        "payer_currency": "CNY",
    }
    code, message = client.query(out_trade_no=order_no)
    assert (code, as_json(message)["trade_state"]) == (200, "SUCCESS")
    assert as_json(message)["transaction_id"] == notice["resource"]["transaction_id"]


def test_h5_cashier_takes_the_payment_and_leads_back(sandbox, client, merchant):
    order_no = new_no()
    code, answer = order(
        client,
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
    assert client.callback(headers, body)["resource"]["trade_type"] == "MWEB"


def test_unknown_order_is_not_found(client):
    code, message = client.query(out_trade_no=new_no())
    assert (code, as_json(message)["code"]) == (404, "ORDER_NOT_EXIST")


def test_unpaid_order_is_notpay_also_after_its_time(sandbox, client):
    order_no = new_no()
    sandbox.dial(expire_least_seconds=0)
    soon = (datetime.now(CHINA) + timedelta(seconds=0.3)).isoformat()
    assert order(client, order_no, time_expire=soon)[0] == 200
    code, message = client.query(out_trade_no=order_no)
    assert (code, as_json(message)["trade_state"]) == (200, "NOTPAY")


def test_same_number_with_other_words_is_refused(client):
    order_no = new_no()
    assert order(client, order_no)[0] == 200
    assert order(client, order_no)[0] == 200
    code, answer = order(client, order_no, amount_fen=40001)
    assert (code, answer["code"]) == (403, "OUT_TRADE_NO_USED")


def test_close_is_refused_in_the_first_five_minutes_and_done_after(sandbox, client):
    order_no = new_no()
    order(client, order_no)
    code, message = client.close(order_no)
    assert (code, as_json(message)["code"]) == (400, "INVALID_REQUEST")
    sandbox.dial(speed=100000)
    code, message = client.close(order_no)
    assert (code, message) == (204, b"") or (code, message) == (204, "")
    code, message = client.query(out_trade_no=order_no)
    assert as_json(message)["trade_state"] == "CLOSED"
    code, answer = order(client, order_no)
    assert (code, answer["code"]) == (400, "ORDER_CLOSED")


def test_paid_order_is_neither_closed_nor_ordered_again(sandbox, client, merchant):
    order_no = new_no()
    order(client, order_no)
    sandbox.pay(order_no)
    code, message = client.close(order_no)
    assert (code, as_json(message)["code"]) == (400, "ORDERPAID")
    code, answer = order(client, order_no)
    assert (code, answer["code"]) == (400, "ORDERPAID")
    merchant.wait_for(1)


def test_stranger_gets_a_sign_error(sandbox):
    answer = httpx.get(f"{sandbox.url}/wechat/v3/certificates", trust_env=False)
    assert answer.status_code == 401
    assert json.loads(answer.content)["code"] == "SIGN_ERROR"
    assert answer.headers["Wechatpay-Signature"]
