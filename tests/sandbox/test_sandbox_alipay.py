"""Alipay in the sandbox, judged by a merchants' SDK that knows nothing of us."""

import uuid
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from alipay import AliPay
from alipay.exceptions import AliPayValidationError
from alipay.utils import AliPayConfig

from tests.sandbox.process import APP_ID, SELLER_ID


def new_no() -> str:
    return uuid.uuid4().hex[:26].upper()


@pytest.fixture
def client(sandbox, merchant):
    made = AliPay(
        appid=APP_ID,
        app_notify_url=merchant.url,
        app_private_key_string=sandbox.alipay_key,
        alipay_public_key_string=(sandbox.home / "exchange" / "alipay_platform.pub.pem").read_text(),
        config=AliPayConfig(timeout=10),
    )
    made._gateway = f"{sandbox.url}/alipay/gateway.do"
    return made


@pytest.fixture
def person(sandbox):
    """A browser that follows redirects as browsers do."""
    with httpx.Client(trust_env=False, follow_redirects=True, base_url=sandbox.url) as browser:
        yield browser


def page_pay(client, order_no, **values):
    query = client.api_alipay_trade_page_pay(
        subject="城乡居民基本养老保险费",
        out_trade_no=order_no,
        total_amount="400.00",
        return_url="http://localhost:8000/return",
        **values,
    )
    return f"{client._gateway}?{query}"


def press(person, page, action, **form):
    """What the button of that name does."""
    token = page.text.split('action="/cashier/')[1].split('"')[0]
    return person.post(f"/cashier/{token}", data={"action": action, **form})


def form_of(body):
    return dict(parse_qsl(body.decode()))


def test_no_trade_exists_until_the_code_is_scanned(client, person):
    order_no = new_no()
    page = person.get(page_pay(client, order_no))
    assert 'id="scan"' in page.text
    answer = client.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.TRADE_NOT_EXIST")
    assert client.api_alipay_trade_close(out_trade_no=order_no)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    person.post(str(page.url))
    answer = client.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["code"], answer["trade_status"]) == ("10000", "WAIT_BUYER_PAY")


def test_page_payment_is_told_by_a_signed_notice_and_a_signed_return(client, person, merchant):
    order_no = new_no()
    page = person.post(str(person.get(page_pay(client, order_no)).url))
    paid = press(person, page, "pay")
    [(_, body, _)] = merchant.wait_for(1)
    notice = form_of(body)
    sign = notice.pop("sign")
    assert client.verify(notice, sign)
    assert notice["trade_status"] == "TRADE_SUCCESS"
    assert (notice["out_trade_no"], notice["total_amount"]) == (order_no, "400.00")
    assert (notice["app_id"], notice["seller_id"]) == (APP_ID, SELLER_ID)
    address = paid.text.split('data-testid="done"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    returned = dict(parse_qsl(urlsplit(address).query))
    sign = returned.pop("sign")
    assert returned["method"] == "alipay.trade.page.pay.return"
    assert client.verify(returned, sign)


def test_wap_payment_is_found_by_query(client, person, merchant):
    order_no = new_no()
    query = client.api_alipay_trade_wap_pay(subject="保险费", out_trade_no=order_no, total_amount="0.01")
    page = person.get(f"{client._gateway}?{query}")
    press(person, page, "pay")
    answer = client.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["trade_status"], answer["total_amount"]) == ("TRADE_SUCCESS", "0.01")
    assert client.api_alipay_trade_close(out_trade_no=order_no)["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    merchant.wait_for(1)


def test_notice_is_sent_again_until_the_body_is_exactly_success(sandbox, client, person, merchant):
    order_no = new_no()
    merchant.answers = [(200, b"SUCCESS "), (500, b"success"), (200, b"success")]
    sandbox.dial(speed=2000)
    press(person, person.post(str(person.get(page_pay(client, order_no)).url)), "pay")
    heard = merchant.wait_for(3)
    assert len({form_of(body)["notify_id"] for _, body, _ in heard}) == 1


def test_wrong_signature_shows_the_vendors_error_page(client, person):
    page = person.get(page_pay(client, new_no()).replace("total_amount%22%3A%22400", "total_amount%22%3A%22100"))
    assert page.status_code == 400
    assert "isv.invalid-signature" in page.text


def test_forged_answer_is_refused_by_the_sdk(sandbox, client):
    order_no = new_no()
    sandbox.rule(gateway="alipay", point="query", fault="forged", order_no=order_no)
    with pytest.raises(AliPayValidationError):
        client.api_alipay_trade_query(out_trade_no=order_no)
