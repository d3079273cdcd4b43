"""R34: the first sentence of every error page says what happened to the money."""

import pytest
from django.test import Client, RequestFactory

from portal.pages import errors
from registration.models import FamilyMember
from tests.portal.visiting import Page, Visitor
from tests.world import LIU_XIAOYU, make_ground, make_payer


@pytest.fixture
def fang(db: None) -> Visitor:
    make_ground()
    return Visitor(make_payer())


def send_stale(visitor: Visitor, *, origin: str = "", path: str = "/me/add/") -> Page:
    """A form whose token has run out."""
    said = {"csrfmiddlewaretoken": "0" * 64, "document_type": "201", "name": LIU_XIAOYU.name,
            "number": LIU_XIAOYU.number, "relation": "child", "consented": "on"}  # fmt: skip
    headers = {"Origin": origin} if origin else {}
    answer = visitor.client.post(path, said, headers=headers)
    return Page(path, answer.status_code, answer.content.decode())


def test_an_expired_form_is_filled_in_again(fang, settings) -> None:
    settings.BASE_URL = "http://testserver"
    page = send_stale(fang, origin="http://testserver")
    assert page.status == 403
    assert "没有提交，没有扣款。你填的内容还在。" in page.text
    assert not FamilyMember.objects.filter(relation="child").exists()
    page = fang.press(page, "再提交一次")
    assert "已添加刘*宇" in page.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_foreign_page_gets_nothing_back_to_send(fang, origin: str) -> None:
    page = send_stale(fang, origin=origin)
    assert page.status == 403
    assert LIU_XIAOYU.number not in page.html
    assert not page.has_button("再提交一次")


def test_a_visitors_expired_form_shows_nothing_of_it(db) -> None:
    page = send_stale(Visitor(), path="/login/")
    assert page.status == 403
    assert "没有提交，没有扣款" in page.text
    assert LIU_XIAOYU.name not in page.html


def test_a_wrong_address_is_said_in_words(fang) -> None:
    for visitor in (fang, Visitor()):
        page = visitor.open("/no/such/page/")
        assert page.status == 404
        assert "没有提交任何东西，没有扣款" in page.text
        assert page.link("查缴费记录") == "/records/"


def test_the_page_for_a_broken_portal_needs_nothing(db, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = errors.broken(RequestFactory().get("/"))
    assert answer.status_code == 500
    text = answer.content.decode()
    assert "不要重复支付" in text
    assert "portal.css" in text
    for word in ("500", "异常", "失败", "！"):
        assert word not in text


def test_a_method_that_a_page_does_not_take_is_refused(fang) -> None:
    assert Client().post("/help/").status_code == 405
    assert fang.client.get("/leave/").status_code == 405
