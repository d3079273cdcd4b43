"""Paying by UnionPay, as its payer sees it: chosen with open eyes, carried by a form, brought back by a POST."""

import pytest
from django.test import Client

from payments.models import PaymentOrder
from payments.order_checks import refresh_order
from tests import world
from tests.outside import status_of
from tests.portal.visiting import PHONE, Page, Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("books_hold")]


@pytest.fixture
def family(transactional_db: None) -> world.Family:
    return world.make_family()


@pytest.fixture
def order(family) -> PaymentOrder:
    return world.open_order(family.payer, world.line_for(family.herself))


def method_page(visitor: Visitor, order: PaymentOrder) -> Page:
    return visitor.open(f"/orders/{order.order_no}/")


def pay_page(visitor: Visitor, order: PaymentOrder) -> Page:
    return visitor.press(method_page(visitor, order), "去支付", gateway="unionpay")


@pytest.mark.parametrize(("agent", "channel"), [(None, "07"), (PHONE, "08")])
def test_desktop_and_phone_offer_it_and_hand_over_by_a_form(family, order, outside, agent, channel) -> None:
    """R17, R18: a button posts the signed fields; nothing goes by itself."""
    visitor = Visitor(family.payer, agent) if agent else Visitor(family.payer)
    page = method_page(visitor, order)
    assert "云闪付、银联卡" in page.text
    page = pay_page(visitor, order)
    [form] = [each for each in page.forms if each.action.startswith("http")]
    assert (form.method, form.action) == ("post", f"{outside.url}/unionpay/gateway/api/frontTransReq.do")
    assert [button.label for button in form.buttons] == ["打开银联"]
    fields = dict(form.fields)
    assert (fields["orderId"], fields["channelType"]) == (order.order_no, channel)
    assert fields["frontUrl"].endswith(f"/hooks/return/{order.order_no}/")
    assert "csrfmiddlewaretoken" not in fields, "our token is nobody else's business"
    assert 'http-equiv="refresh"' not in page.html


@pytest.mark.parametrize("wallet", ["MicroMessenger/8.0.49", "AlipayClient/10.5"])
def test_inside_a_wallet_it_is_not_offered(family, order, wallet) -> None:
    """SCREENS 1.5: other cashiers do not open there."""
    assert "银联" not in method_page(Visitor(family.payer, f"{PHONE} {wallet}"), order).text


def test_only_the_page_with_the_form_may_post_to_the_cashier(family, order, outside) -> None:
    visitor = Visitor(family.payer)
    pay_page(visitor, order)
    allowed = {}
    for path in ("pay/", ""):
        header = visitor.client.get(f"/orders/{order.order_no}/{path}").headers["Content-Security-Policy"]
        allowed[path] = next(part for part in header.split(";") if "form-action" in part).split()
    assert outside.url in allowed["pay/"]
    assert "https://cashier.95516.com" in allowed["pay/"]
    assert allowed[""] == ["form-action", "'self'"]


def test_no_other_way_is_offered_meanwhile_and_the_page_says_until_when(family, order, outside) -> None:
    visitor = Visitor(family.payer)
    page = pay_page(visitor, order)
    assert not page.has_button("换一种方式")
    assert "银联不能中途取消。没付过的话，最迟" in page.text
    refresh_order(order_no=order.order_no)
    page = method_page(visitor, order)
    assert "正在向银联核对结果" in page.text
    assert "银联不能中途取消。没付过的话，最迟" in page.text
    assert not page.has_button("没付过款，取消这笔")
    assert page.link("返回去支付")


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_payment_under_way_is_not_said_to_be_missing_and_nobody_is_sent_to_pay_again(
    family, order, outside, code
) -> None:
    visitor = Visitor(family.payer)
    page = pay_page(visitor, order)
    form = next(each for each in page.forms if each.action.startswith("http"))
    outside.client.post(form.action, data=dict(form.fields))
    outside.rule(gateway="unionpay", point="query", fault="user_paying", params={"code": code})
    page = visitor.press(method_page(visitor, order), "查结果")
    assert "正在向银联核对结果" in page.text
    assert "还没有收到付款" not in page.text
    assert "<section data-back hidden>" in page.html


def test_cancelling_all_the_same_is_answered_with_the_time(family, order, outside) -> None:
    visitor = Visitor(family.payer)
    pay_page(visitor, order)
    visitor.client.post(f"/orders/{order.order_no}/cancel/")
    assert "银联不能中途取消。没付过的话，最迟" in method_page(visitor, order).text
    assert status_of(order) == "awaiting"


def test_forged_return_by_post_proves_nothing_and_leads_to_the_order(family, order, outside) -> None:
    """U3: without cookie, token or Referer, as a browser sends it from another site (2.6)."""
    visitor = Visitor(family.payer)
    pay_page(visitor, order)
    stranger = Client(enforce_csrf_checks=True)
    answer = stranger.post(
        f"/hooks/return/{order.order_no}/",
        {"respCode": "00", "orderId": order.order_no, "txnAmt": "100000", "signature": "x"},
        headers={"Origin": "null"},
    )
    assert (answer.status_code, answer["Location"]) == (303, f"/orders/{order.order_no}/")
    assert not answer.cookies, "a new session would push out the one that waits in the browser"
    assert status_of(order) == "awaiting"


def test_english(family, order, outside) -> None:
    visitor = Visitor(family.payer)
    visitor.client.cookies["lang"] = "en"
    page = method_page(visitor, order)
    assert "UnionPay app or card" in page.text
    page = visitor.press(page, "Pay", gateway="unionpay")
    assert "Open UnionPay" in page.text
    assert "UnionPay cannot be cancelled midway." in page.text
