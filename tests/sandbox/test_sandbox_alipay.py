"""Alipay in the sandbox, judged by a merchants' SDK that knows nothing of us."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from alipay.exceptions import AliPayValidationError

from tests.sandbox.process import APP_ID, SELLER_ID, form_of, new_no, page_pay, press


def test_no_trade_exists_until_the_code_is_scanned(alipay, person):
    order_no = new_no()
    page = person.get(page_pay(alipay, order_no))
    assert 'id="scan"' in page.text
    answer = alipay.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.TRADE_NOT_EXIST")
    assert alipay.api_alipay_trade_close(out_trade_no=order_no)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    person.post(str(page.url))
    answer = alipay.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["code"], answer["trade_status"]) == ("10000", "WAIT_BUYER_PAY")


def test_page_payment_is_told_by_a_signed_notice_and_a_signed_return(alipay, person, merchant):
    order_no = new_no()
    page = person.post(str(person.get(page_pay(alipay, order_no)).url))
    paid = press(person, page, "pay")
    [(_, body, _)] = merchant.wait_for(1)
    notice = form_of(body)
    sign = notice.pop("sign")
    assert alipay.verify(notice, sign)
    assert notice["trade_status"] == "TRADE_SUCCESS"
    assert (notice["out_trade_no"], notice["total_amount"]) == (order_no, "400.00")
    assert (notice["app_id"], notice["seller_id"]) == (APP_ID, SELLER_ID)
    address = paid.text.split('data-testid="done"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    returned = dict(parse_qsl(urlsplit(address).query))
    sign = returned.pop("sign")
    assert returned["method"] == "alipay.trade.page.pay.return"
    assert alipay.verify(returned, sign)


def test_wap_payment_is_found_by_query(alipay, person, merchant):
    order_no = new_no()
    query = alipay.api_alipay_trade_wap_pay(subject="保险费", out_trade_no=order_no, total_amount="0.01")
    page = person.get(f"{alipay._gateway}?{query}")
    press(person, page, "pay")
    answer = alipay.api_alipay_trade_query(out_trade_no=order_no)
    assert (answer["trade_status"], answer["total_amount"]) == ("TRADE_SUCCESS", "0.01")
    assert alipay.api_alipay_trade_close(out_trade_no=order_no)["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    merchant.wait_for(1)


def test_notice_is_sent_again_until_the_body_is_exactly_success(sandbox, alipay, person, merchant):
    order_no = new_no()
    merchant.answers = [(200, b"SUCCESS "), (500, b"success"), (200, b"success")]
    sandbox.dial(speed=2000)
    press(person, person.post(str(person.get(page_pay(alipay, order_no)).url)), "pay")
    heard = merchant.wait_for(3)
    assert len({form_of(body)["notify_id"] for _, body, _ in heard}) == 1


def test_wrong_signature_shows_the_vendors_error_page(alipay, person):
    page = person.get(page_pay(alipay, new_no()).replace("total_amount%22%3A%22400", "total_amount%22%3A%22100"))
    assert page.status_code == 400
    assert "isv.invalid-signature" in page.text


def test_forged_answer_is_refused_by_the_sdk(sandbox, alipay):
    order_no = new_no()
    sandbox.rule(gateway="alipay", point="query", fault="forged", order_no=order_no)
    with pytest.raises(AliPayValidationError):
        alipay.api_alipay_trade_query(out_trade_no=order_no)
