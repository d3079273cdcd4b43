"""The code that a call reads aloud (R04), for people who cannot read a message; it counts like one (X7)."""

import time

import pytest

from core.models import User
from portal.accounts import codes
from registration.models import ViewGrant
from tests.outside import eventually, forget_limits
from tests.portal.phones import calls, code_heard, code_on, come_back, give_phone, is_in, send_again, texts
from tests.portal.visiting import Page, Visitor
from tests.sandbox.process import Sandbox
from tests.world import LIU_JIANJUN, Family, make_family, make_ground, make_payer


@pytest.fixture(autouse=True)
def _ground(db: None) -> None:
    make_ground()


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


@pytest.fixture
def phone() -> str:
    """A phone of this test's own: what others heard does not lie on it."""
    return "138" + str(time.time_ns())[-11:-3]


@pytest.fixture
def user(phone: str) -> User:
    return make_payer(phone=phone)


@pytest.fixture
def a_minute_later(settings):
    """The pause between two codes is over."""
    return lambda: forget_limits(settings.REDIS_URL, "code-pause")


@pytest.fixture
def called(carriers: Sandbox, visitor: Visitor, user: User, phone: str, a_minute_later) -> Page:
    """The page of the code, after a message and a call."""
    page = give_phone(visitor, phone)
    a_minute_later()
    return send_again(visitor, page, "语音验证码")


def test_a_call_reads_the_code_digit_by_digit(carriers, visitor, user, phone, called) -> None:
    """R04: twice, with pauses; and the code that was heard opens."""
    assert called.path == "/login/code/"
    assert f"正在打电话给尾号{phone[-4:]}" in called.text
    [words] = calls(carriers, phone)
    code = code_heard(carriers, phone)
    assert words.count("，".join(code)) == 2
    assert len(texts(carriers, phone)) == 1
    assert visitor.press(called, "验证", code=code).path == "/"
    assert is_in(visitor, user)


def test_a_call_ends_the_code_of_the_message_before(carriers, visitor, phone, called) -> None:
    """There is one code at a time, whichever way it came."""
    in_writing = code_on(carriers, phone)
    if in_writing != code_heard(carriers, phone):
        assert "验证码不对" in visitor.press(called, "验证", code=in_writing).text


def test_calls_and_messages_count_together(carriers, visitor, user, phone, called, a_minute_later) -> None:
    """X7: a minute between any two, five of both in a day on the owner's own browser."""
    come_back(visitor, user)
    page = visitor.press(called, "再发一次")
    assert "秒再发" in page.text
    assert "秒再发" in visitor.press(page, "语音验证码").text
    for label in ("语音验证码", "再发一次", "语音验证码"):
        a_minute_later()
        page = send_again(visitor, page, label)
    assert len(calls(carriers, phone)) + len(texts(carriers, phone)) == codes.A_DAY_A_PHONE
    a_minute_later()
    for label in ("语音验证码", "再发一次"):
        page = visitor.press(page, label)
        assert "发得太多了" in page.text
    assert len(calls(carriers, phone)) + len(texts(carriers, phone)) == codes.A_DAY_A_PHONE


def test_a_call_asks_the_question_first(carriers, visitor, user, phone, a_minute_later) -> None:
    """X7: and the button says that it is a call that follows."""
    page = give_phone(visitor, phone)
    a_minute_later()
    page = visitor.press(page, "语音验证码")
    assert page.url.endswith("/login/question/?aloud=1")
    page = visitor.press(page, "打电话读验证码", answer="99")
    assert "答得不对" in page.text
    assert page.has_button("打电话读验证码")
    assert calls(carriers, phone) == []


def test_a_phone_without_an_account_is_called_too(carriers, visitor, phone, a_minute_later) -> None:
    """X5: the page says the same; the call says what to do."""
    page = give_phone(visitor, phone)
    a_minute_later()
    page = send_again(visitor, page, "语音验证码")
    assert f"正在打电话给尾号{phone[-4:]}" in page.text
    [words] = calls(carriers, phone)
    assert "还没有实名" in words


def test_calls_that_cannot_be_made_are_said(carriers, visitor, user, phone, a_minute_later) -> None:
    come_back(visitor, user)
    page = give_phone(visitor, phone)
    for fault, said in (("server_error", "打不出去"), ("too_many", "打不出去"), ("refuse", "接不到电话")):
        carriers.rule(point="voice", fault=fault, phone=phone, times=1)
        a_minute_later()
        page = send_again(visitor, page, "语音验证码")
        assert said in page.text
        page = visitor.open("/login/code/")
    assert calls(carriers, phone) == []


def test_without_a_phone_nobody_is_called(visitor) -> None:
    answer = visitor.client.get("/login/question/?aloud=1", follow=True)
    assert answer.redirect_chain[-1][0] == "/login/"


# --- letting others look ---------------------------------------------------------------------------------------------


def call_to_look(visitor: Visitor, family: Family, member_id: int, a_minute_later) -> Page:
    page = visitor.press(visitor.open(f"/me/{member_id}/view/"), "给本人发验证码")
    a_minute_later()
    return send_again(visitor, page, "语音验证码")


def test_a_call_to_the_person_himself_opens_his_records(carriers, phone, a_minute_later) -> None:
    """R28: who wants to look is heard too, without stars."""
    family = make_family()
    make_payer(LIU_JIANJUN, phone)
    visitor = Visitor(family.payer)
    page = call_to_look(visitor, family, family.husband.pk, a_minute_later)
    assert page.path == f"/me/{family.husband.pk}/view/code/"
    eventually(lambda: calls(carriers, phone))
    [words] = calls(carriers, phone)
    assert "王某想看你的缴费记录" in words
    assert "*" not in words
    visitor.press(page, "验证", code=code_heard(carriers, phone))
    assert ViewGrant.objects.get().viewer == family.payer


def test_who_has_no_account_is_called_in_the_same_words(carriers, time_stands_still, phone, a_minute_later) -> None:
    """X5"""
    family = make_family()
    make_payer(LIU_JIANJUN, phone)
    his = call_to_look(Visitor(family.payer), family, family.husband.pk, a_minute_later)
    nobodys = call_to_look(Visitor(family.payer), family, family.father.pk, a_minute_later)
    eventually(lambda: calls(carriers, phone))
    assert nobodys.text.replace("王*国", "刘*军") == his.text
