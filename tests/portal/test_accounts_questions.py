"""The question before every code but the first (X7): when it stands there, what an answer is, how often it counts."""

import re
import time

import pytest

from core import clock, limiter
from core.models import User
from portal.accounts import captcha, questions
from tests.outside import eventually, forget_limits
from tests.portal.phones import answered, code_on, come_back, give_phone, is_in, real_name, send_again, texts
from tests.portal.visiting import Page, Visitor, sum_asked
from tests.ports import free_port
from tests.world import LIU_JIANJUN, Family, make_family, make_ground, make_payer

QUESTION = "/login/question/"
ANOTHER_PHONE = "13900006731"
SUM = re.compile("[一二三四五六七八九]加[一二三四五六七八九]等于几？")


@pytest.fixture(autouse=True)
def _ground(db: None) -> None:
    make_ground()


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


@pytest.fixture
def family() -> Family:
    return make_family()


@pytest.fixture
def a_minute_later(settings):
    """The pause between two codes is over."""
    return lambda: forget_limits(settings.REDIS_URL, "code-pause")


@pytest.fixture
def phone() -> str:
    """A phone of this test's own: what others sent does not lie on it."""
    return "137" + str(time.time_ns())[-11:-3]


def say_phone(visitor: Visitor, phone: str) -> Page:
    """R02, and no question answered."""
    return visitor.press(visitor.open("/login/"), "发验证码", phone=phone)


def asked_again(visitor: Visitor, phone: str, a_minute_later) -> Page:
    """The page of the question, a minute after the first code."""
    page = say_phone(visitor, phone)
    a_minute_later()
    page = visitor.press(page, "再发一次")
    assert page.path == QUESTION
    return page


# --- when ------------------------------------------------------------------------------------------------------------


def test_the_first_code_asks_nothing(carriers, visitor, phone) -> None:
    """X7: whoever comes once a day never meets it."""
    make_payer(phone=phone)
    assert say_phone(visitor, phone).path == "/login/code/"
    assert real_name(Visitor(), phone=ANOTHER_PHONE).path == "/login/code/"


def test_a_second_code_to_a_number_asks_in_any_browser(carriers, visitor, a_minute_later, phone) -> None:
    """X7: the number counts, not who asks."""
    make_payer(phone=phone)
    say_phone(visitor, phone)
    a_minute_later()
    sent = len(texts(carriers, phone))
    other = Visitor()
    page = say_phone(other, phone)
    assert page.path == QUESTION
    assert len(texts(carriers, phone)) == sent
    page = other.press(page, "发验证码", answer=sum_asked(page.text))
    assert page.path == "/login/code/"
    assert f"新验证码已发到尾号{phone[-4:]}" in page.text
    assert len(texts(carriers, phone)) == sent + 1
    assert other.press(page, "验证", code=code_on(carriers, phone)).path == "/"


def test_a_second_code_from_one_session_asks_whatever_the_number(carriers, visitor, phone) -> None:
    """X7: who goes from number to number answers every time."""
    say_phone(visitor, phone)
    for other in (ANOTHER_PHONE, "13900006732"):
        sent = len(texts(carriers, other))
        page = say_phone(visitor, other)
        assert page.path == QUESTION
        assert len(texts(carriers, other)) == sent
        assert answered(visitor, page).path == "/login/code/"


def test_a_real_name_waits_for_the_answer(carriers, visitor, a_minute_later, phone) -> None:
    """R03: what the carrier has proved is not asked for again, and opens nothing before the code."""
    say_phone(Visitor(), phone)
    a_minute_later()
    said = {"document_type": "201", "name": LIU_JIANJUN.name, "number": LIU_JIANJUN.number, "phone": phone}
    page = visitor.press(visitor.open("/login/first/"), "下一步", **said, consented="on")
    assert page.path == QUESTION
    assert visitor.open("/login/code/").path == "/login/"
    assert LIU_JIANJUN.number not in str(dict(visitor.client.session))
    page = answered(visitor, page)
    visitor.press(page, "验证", code=code_on(carriers, phone))
    assert is_in(visitor, User.objects.get(name=LIU_JIANJUN.name))


def test_too_soon_is_said_before_anything_is_asked(carriers, visitor, phone) -> None:
    """Nobody works out a sum to be told to wait."""
    page = visitor.press(say_phone(visitor, phone), "再发一次")
    assert page.path == "/login/code/"
    assert "秒再发" in page.text


def test_without_a_phone_there_is_no_question(carriers, visitor) -> None:
    assert visitor.open(QUESTION).path == "/login/"


def test_known_and_unknown_numbers_are_asked_alike(carriers, time_stands_still, a_minute_later, phone) -> None:
    """X5: word for word, sums apart."""
    make_payer(phone=phone)
    said: dict[str, list[str]] = {phone: [], ANOTHER_PHONE: []}
    for each, seen in said.items():
        say_phone(Visitor(), each)
        a_minute_later()
        visitor = Visitor()
        page = say_phone(visitor, each)
        seen.append(page.text)
        page = visitor.press(page, "发验证码", answer="0")
        seen.append(page.text)
        seen.append(answered(visitor, page).text)
    plain = [[SUM.sub("", text).replace("6731", phone[-4:]) for text in seen] for seen in said.values()]
    assert plain[0] == plain[1]


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["12", "１２", " 12 ", "十二", "一十二", "一二", "拾贰", "壹拾贰"])
def test_twelve_is_understood_however_it_is_written(said: str) -> None:
    """ID-1 in spirit: width and script are nobody's fault."""
    assert captcha.is_right({"first": 7, "second": 5}, said)


@pytest.mark.parametrize("said", ["", "十三", "1 3", "七加五", "12.0", "十二个", "百", "½", "-", "twelve", "x" * 20])
def test_anything_else_is_not_twelve(said: str) -> None:
    assert not captcha.is_right({"first": 7, "second": 5}, said)


@pytest.mark.parametrize(("said", "number"), [("十", 10), ("十八", 18), ("二十", 20), ("〇", 0), ("二百", None)])
def test_numerals_are_read(said: str, number: int | None) -> None:
    assert captcha.as_number(said) == number


def test_every_sum_is_of_numbers_from_one_to_nine() -> None:
    met = {tuple(captcha.ask().values()) for _ in range(2000)}
    assert {number for pair in met for number in pair} == set(range(1, 10))


def test_the_answer_in_chinese_numerals_sends_the_code(carriers, visitor, a_minute_later, phone) -> None:
    page = asked_again(visitor, phone, a_minute_later)
    numerals = ["", "一", "二", "三", "四", "五", "六", "七", "八", "九"]
    tens, ones = divmod(sum_asked(page.text), 10)
    page = visitor.press(page, "发验证码", answer=("十" if tens else "") + numerals[ones])
    assert page.path == "/login/code/"


def test_a_wrong_answer_sends_nothing_and_takes_nothing_away(carriers, visitor, a_minute_later, phone) -> None:
    """X7: a new question, an empty field, and the code before still opens."""
    user = make_payer(phone=phone)
    page = asked_again(visitor, phone, a_minute_later)
    sent, code = len(texts(carriers, phone)), code_on(carriers, phone)
    for _ in range(3):
        page = visitor.press(page, "发验证码", answer="99")
        assert "答得不对，没有发验证码" in page.text
        assert page.title.startswith("错误：")
        assert 'value="99"' not in page.html
        assert sum_asked(page.text)
    assert len(texts(carriers, phone)) == sent
    visitor.press(visitor.open("/login/code/"), "验证", code=code)
    assert is_in(visitor, user)


def test_no_answer_costs_nothing(carriers, visitor, a_minute_later, phone) -> None:
    page = asked_again(visitor, phone, a_minute_later)
    before = SUM.findall(page.text)
    page = visitor.press(page, "发验证码", answer=" ")
    assert "请先回答这道题" in page.text
    assert SUM.findall(page.text) == before


def test_the_answer_stands_on_the_server_alone(carriers, visitor, a_minute_later, phone) -> None:
    page = asked_again(visitor, phone, a_minute_later)
    [form] = [form for form in page.forms if any(name == "answer" for name, _ in form.fields)]
    assert {name for name, _ in form.fields} == {"csrfmiddlewaretoken", "answer"}


def test_an_answer_counts_once(carriers, visitor, a_minute_later, phone) -> None:
    """Of two that arrive together the session alone could not tell: both still hold the question."""
    page = asked_again(visitor, phone, a_minute_later)
    held = dict(visitor.client.session)
    assert visitor.press(page, "发验证码", answer=sum_asked(page.text)).path == "/login/code/"
    session = visitor.client.session
    session.update(held)
    session.save()
    a_minute_later()
    sent = len(texts(carriers, phone))
    page = visitor.press(page, "发验证码", answer=sum_asked(page.text))
    assert "这道题已过期" in page.text
    assert len(texts(carriers, phone)) == sent


def test_a_question_ends_after_minutes(carriers, visitor, a_minute_later, phone) -> None:
    page = asked_again(visitor, phone, a_minute_later)
    session = visitor.client.session
    session["question"] = session["question"] | {"ends_at": clock.now().timestamp()}
    session.save()
    sent = len(texts(carriers, phone))
    page = visitor.press(page, "发验证码", answer=sum_asked(page.text))
    assert "这道题已过期" in page.text
    assert len(texts(carriers, phone)) == sent
    assert answered(visitor, page).path == "/login/code/"


def test_answers_are_counted(carriers, visitor, a_minute_later, monkeypatch, phone) -> None:
    """X7: whoever guesses is stopped, at his address alone (X8); the right answer does not help him any more."""
    monkeypatch.setattr(questions, "AN_HOUR_A_NUMBER", 2)
    page = asked_again(visitor, phone, a_minute_later)
    for _ in range(2):
        page = visitor.press(page, "发验证码", answer="99")
    page = visitor.press(page, "发验证码", answer=sum_asked(page.text))
    assert "答得太多了" in page.text
    assert "再试，或拨打12366" in page.text
    elsewhere = Visitor()
    elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.9"
    assert give_phone(elsewhere, phone).path == "/login/code/"


def test_one_address_answers_for_any_number_so_often(carriers, visitor, a_minute_later, monkeypatch, phone) -> None:
    monkeypatch.setattr(questions, "AN_HOUR_AN_ADDRESS", 1)
    page = asked_again(visitor, phone, a_minute_later)
    visitor.press(page, "发验证码", answer="99")
    page = say_phone(visitor, ANOTHER_PHONE)
    assert "答得太多了" in visitor.press(page, "发验证码", answer=sum_asked(page.text)).text


def test_a_right_answer_opens_no_limit(carriers, visitor, a_minute_later, phone) -> None:
    """X7: a minute between two codes, five a day, answered or not."""
    page = asked_again(visitor, phone, a_minute_later)
    other = Visitor()
    waiting = say_phone(other, phone)
    assert answered(visitor, page).path == "/login/code/"
    sent = len(texts(carriers, phone))
    page = answered(other, waiting)
    assert "秒再发" in page.text
    assert page.path == QUESTION
    assert len(texts(carriers, phone)) == sent


def test_without_the_broker_the_second_code_asks_too(carriers, visitor, settings, monkeypatch, phone) -> None:
    """X7: PostgreSQL counts, and answers are good once."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    monkeypatch.setattr(limiter, "_client", None)
    say_phone(visitor, phone)
    page = say_phone(visitor, ANOTHER_PHONE)
    assert page.path == QUESTION
    assert "答得不对" in visitor.press(page, "发验证码", answer="99").text
    assert answered(visitor, visitor.open(QUESTION)).path == "/login/code/"


def test_the_question_is_asked_in_english(carriers, visitor, phone) -> None:
    visitor.client.cookies["lang"] = "en"
    visitor.press(visitor.open("/login/"), "Send the code", phone=phone)
    page = visitor.press(visitor.open("/login/"), "Send the code", phone=ANOTHER_PHONE)
    found = re.search(r"What is (\w+) plus (\w+)\?", page.text)
    assert found
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    page = visitor.press(page, "Send the code", answer=sum(words.index(word) for word in found.groups()))
    assert page.path == "/login/code/"


def test_who_would_not_answer_finds_another_way(carriers, visitor, a_minute_later, phone) -> None:
    """WCAG 3.3.8: a sum is never the only way in."""
    page = asked_again(visitor, phone, a_minute_later)
    assert page.link("换一种登录") == "/login/"
    assert "12366" in page.text


# --- letting others look ---------------------------------------------------------------------------------------------


def test_a_second_code_to_look_asks_too(carriers, family, a_minute_later, phone) -> None:
    """R28, X7: and the person's own phone hears nothing before the answer."""
    make_payer(LIU_JIANJUN, phone)
    sent = len(texts(carriers, phone))
    visitor = Visitor(family.payer)
    there = f"/me/{family.husband.pk}/view/"
    page = visitor.press(visitor.open(there), "给本人发验证码")
    assert page.path == f"{there}code/"
    eventually(lambda: len(texts(carriers, phone)) == sent + 1)
    a_minute_later()
    page = visitor.press(page, "再发一次")
    assert page.path == f"{there}question/"
    page = visitor.press(page, "发验证码", answer="99")
    assert "答得不对" in page.text
    assert answered(visitor, page).path == f"{there}code/"
    eventually(lambda: len(texts(carriers, phone)) == sent + 2)


def test_a_code_to_look_does_not_show_at_log_in(carriers, family, phone) -> None:
    """X5: whether the phone that somebody tries belongs to the person that he asked about is nobody's business."""
    make_payer(LIU_JIANJUN, phone)
    sent = len(texts(carriers, phone))
    visitor = Visitor(family.payer)
    visitor.press(visitor.open(f"/me/{family.husband.pk}/view/"), "给本人发验证码")
    eventually(lambda: len(texts(carriers, phone)) == sent + 1)
    assert say_phone(Visitor(), phone).path == "/login/code/"


def test_nobody_answers_for_a_strangers_list(family, phone) -> None:
    stranger = make_payer(LIU_JIANJUN, phone)
    assert Visitor(stranger).open(f"/me/{family.husband.pk}/view/question/").status == 404


def test_the_fifth_code_is_the_last_of_a_day(carriers, visitor, a_minute_later, phone) -> None:
    """X7: no sum helps then, and nobody is asked one."""
    come_back(visitor, make_payer(phone=phone))
    page = say_phone(visitor, phone)
    for _ in range(4):
        a_minute_later()
        page = send_again(visitor, page)
        assert "新验证码已发到" in page.text
    a_minute_later()
    page = visitor.press(page, "再发一次")
    assert page.path == "/login/code/"
    assert "发得太多了" in page.text
