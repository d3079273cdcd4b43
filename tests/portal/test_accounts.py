"""Log-in by phone (R02–R04): ID-5, the limits of X5, X7 and X8, and what happens when something is away."""

import pytest
from django.test import Client

from core import clock, limiter
from core.models import User
from core.refusals import Refused
from core.sealed import blind_index
from portal.accounts import codes, log_in
from portal.models import OneTimeCode
from registration.models import FamilyMember
from tests.outside import forget_limits
from tests.portal.phones import (
    PHONE,
    another,
    code_on,
    come_back,
    first_time,
    give_phone,
    is_in,
    real_name,
    send_again,
    texts,
)
from tests.portal.phones import log_in as get_in
from tests.portal.visiting import Visitor
from tests.ports import free_port
from tests.world import LI_QIANG, WANG_FANG, Somebody, make_ground, make_payer, number

NEW_PHONE = "13900006713"


@pytest.fixture(autouse=True)
def _ground(db: None) -> None:
    make_ground()


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def settle(settings) -> None:
    """A minute passes, for the pause between two messages alone."""
    forget_limits(settings.REDIS_URL, "code-pause")


# --- ID-5: who somebody is ---------------------------------------------------------------------------------------


def test_the_first_time_takes_a_real_name_and_a_code(carriers, visitor) -> None:
    """ID-5"""
    page = first_time(visitor, carriers)
    assert (page.path, page.status) == ("/", 200)
    user = User.objects.get()
    assert (user.name, user.real_named_by, bytes(user.number_index)) == ("王芳", "carrier", WANG_FANG.index)
    assert is_in(visitor, user)
    assert user.has_usable_password() is False
    herself = FamilyMember.objects.get()
    assert (herself.payer, herself.relation, herself.name) == (user, "self", "王芳")


def test_later_a_code_alone_is_enough(carriers, visitor) -> None:
    """ID-5: no password anywhere."""
    user = make_payer()
    page = get_in(visitor, carriers)
    assert page.path == "/"
    assert is_in(visitor, user)
    assert "密码" not in page.html


def test_what_is_typed_is_forgiven(carriers, visitor) -> None:
    """ID-1: the phone with +86 and blanks, the number in full width with a small x, the code with a blank."""
    ends_in_x = next(found for n in range(2, 900) if (found := number("19800512", f"{n:03d}")).endswith("X"))
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in ends_in_x.lower())
    page = real_name(visitor, name="\u3000王芳 ", number=f" {full_width} ", phone="+86 138-0000 6712")
    code = code_on(carriers, PHONE)
    visitor.press(page, "验证", code=f"{code[:3]} {code[3:]}")
    user = User.objects.get()
    assert (user.name, bytes(user.number_index)) == ("王芳", blind_index("number", ends_in_x))


def test_every_mismatch_gets_the_same_answer(carriers, visitor) -> None:
    """ID-3, X5: neither which of the three is wrong nor whether the number exists."""
    wrong = real_name(visitor, phone="13900000000")
    carriers.rule(point="realname", fault="unknown", times=1)
    unknown = real_name(visitor, phone="13900000000")
    assert "姓名、证件号和手机号对不上" in wrong.text
    assert wrong.text == unknown.text
    assert not User.objects.exists()
    assert not OneTimeCode.objects.exists()


def test_a_new_phone_takes_the_account_along(carriers, visitor, settings) -> None:
    """ID-5: real name again on a change of phone; the old phone opens nothing any more."""
    first_time(visitor, carriers)
    user = User.objects.get()
    other = Visitor()
    first_time(other, carriers, phone=NEW_PHONE)
    assert User.objects.get() == user
    assert is_in(other, user)
    settle(settings)
    page = give_phone(Visitor(), PHONE)
    assert page.path == "/login/code/"
    assert "还没有实名" in texts(carriers, PHONE)[0]


def test_a_phone_that_went_to_another_person_is_his(carriers, visitor, settings) -> None:
    """The carrier says whose it is now; the one before hears nothing on it any more."""
    before = make_payer(WANG_FANG)
    first_time(visitor, carriers, LI_QIANG, PHONE)
    after = User.objects.exclude(pk=before.pk).get()
    before.refresh_from_db()
    assert (before.phone_index, before.phone_sealed) == (None, "")
    settle(settings)
    again = Visitor()
    get_in(again, carriers)
    assert is_in(again, after)


def test_a_proved_change_of_name_is_taken_over(carriers, visitor) -> None:
    """ID-4: the list begins with the new name; the records stay with the account."""
    user = make_payer(WANG_FANG)
    log_in.ensure_self(payer=user)
    first_time(visitor, carriers, Somebody("王小芳", WANG_FANG.number))
    user.refresh_from_db()
    assert user.name == "王小芳"
    assert [row.name for row in FamilyMember.objects.filter(removed_at=None)] == ["王小芳"]


def test_staff_never_come_in_by_a_residents_door(carriers, visitor, settings) -> None:
    clerk = make_payer(WANG_FANG)
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    page = get_in_with_any_code(visitor)
    assert "验证码不对" in page.text
    settle(settings)
    page = first_time(visitor, carriers)
    assert "验证码不对" in page.text
    assert not is_in(visitor)


def test_staff_who_are_logged_in_see_no_residents_page(visitor) -> None:
    clerk = make_payer(WANG_FANG)
    User.objects.filter(pk=clerk.pk).update(is_staff=True)
    visitor.client.force_login(clerk)
    assert visitor.open("/me/").path == "/login/"
    assert "给自己和家人缴社保" in visitor.open("/").text


def test_a_closed_account_stays_closed(carriers, visitor) -> None:
    make_payer(WANG_FANG)
    User.objects.update(is_active=False)
    first_time(visitor, carriers)
    assert not is_in(visitor)


def get_in_with_any_code(visitor: Visitor):
    return visitor.press(give_phone(visitor), "验证", code="123456")


def test_what_somebody_said_waits_sealed(carriers, visitor) -> None:
    real_name(visitor)
    said = str(dict(visitor.client.session))
    assert "王芳" not in said
    assert WANG_FANG.number not in said
    assert PHONE not in said


# --- codes ---------------------------------------------------------------------------------------------------------


def test_five_wrong_codes_end_the_right_one(carriers, visitor) -> None:
    """X7"""
    make_payer()
    page = give_phone(visitor)
    code = code_on(carriers, PHONE)
    for _ in range(codes.TRIES):
        page = visitor.press(page, "验证", code=another(code))
        assert "验证码不对" in page.text
    page = visitor.press(page, "验证", code=code)
    assert "验证码已过期" in page.text
    assert not is_in(visitor)


def test_a_code_ends_after_five_minutes(carriers, visitor) -> None:
    make_payer()
    page = give_phone(visitor)
    OneTimeCode.objects.update(ends_at=clock.now())
    page = visitor.press(page, "验证", code=code_on(carriers, PHONE))
    assert "验证码已过期" in page.text
    assert not is_in(visitor)


def test_a_code_opens_once(carriers, visitor) -> None:
    make_payer()
    page = give_phone(visitor)
    code = code_on(carriers, PHONE)
    assert visitor.press(page, "验证", code=code).path == "/"
    with pytest.raises(Refused, match="code_over"):
        codes.check_code(key=codes.login_key(PHONE), code=code)


def test_a_new_code_ends_the_one_before(carriers, visitor, settings) -> None:
    make_payer()
    page = give_phone(visitor)
    first = code_on(carriers, PHONE)
    settle(settings)
    page = send_again(visitor, page)
    assert "新验证码已发到尾号6712" in page.text
    newest = code_on(carriers, PHONE)
    if first != newest:
        assert "验证码不对" in visitor.press(page, "验证", code=first).text
    assert visitor.press(page, "验证", code=newest).path == "/"


def test_a_minute_lies_between_two_messages(carriers, visitor, time_stands_still) -> None:
    """X7, R04: the page says from when, without a script too, and how many seconds are left."""
    make_payer()
    page = give_phone(visitor)
    assert f"{clock.business_now() + codes.RESEND_AFTER:%H:%M:}" in page.text
    assert "以后，可以再发一次" in page.text
    with clock.at(clock.now() + codes.RESEND_AFTER):
        assert "可以再发一次" not in visitor.open("/login/code/").text
    sent = len(texts(carriers, PHONE))
    page = visitor.press(page, "再发一次")
    assert "秒再发" in page.text
    assert len(texts(carriers, PHONE)) == sent


def test_strangers_send_three_messages_a_day_to_one_phone_and_the_owner_has_two_more(carriers, settings) -> None:
    """X7, X8: from whatever browsers they are asked for; on his own the owner still gets in, to the fifth message."""
    user, at_home = make_payer(), Visitor()
    come_back(at_home, user)
    sent = len(texts(carriers, PHONE))
    for _ in range(codes.A_DAY_BY_STRANGERS):
        assert give_phone(Visitor()).path == "/login/code/"
        settle(settings)
    page = give_phone(Visitor())
    assert "发得太多了" in page.text
    assert "再试，或拨打12366" in page.text
    assert len(texts(carriers, PHONE)) - sent == codes.A_DAY_BY_STRANGERS
    for _ in range(codes.A_DAY_A_PHONE - codes.A_DAY_BY_STRANGERS):
        page = give_phone(at_home)
        assert "一天最多发5次" in page.text
        settle(settings)
    assert "今天的次数用完了" in page.text
    assert "发得太多了" in give_phone(at_home).text
    assert len(texts(carriers, PHONE)) - sent == codes.A_DAY_A_PHONE


def test_another_phones_owner_is_a_stranger(carriers, settings) -> None:
    """X7: the mark of a browser is good for the phone of whom it names, and no other."""
    make_payer()
    visitor = Visitor()
    come_back(visitor, make_payer(LI_QIANG, "13900006719"))
    for _ in range(codes.A_DAY_BY_STRANGERS):
        assert "一天最多发3次" in give_phone(visitor).text
        settle(settings)
    assert "发得太多了" in give_phone(visitor).text


def test_a_busy_address_shuts_no_other_address_out(carriers, monkeypatch) -> None:
    """X8: a village behind one address has sixty an hour; everybody else is not concerned."""
    monkeypatch.setattr(codes, "AN_HOUR_AN_ADDRESS", 2)
    for phone in ("13900006701", "13900006702"):
        assert give_phone(Visitor(), phone).path == "/login/code/"
    assert "发得太多了" in give_phone(Visitor(), "13900006703").text
    elsewhere = Visitor()
    elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert give_phone(elsewhere, "13900006703").path == "/login/code/"


def test_behind_the_proxy_the_last_hop_counts(carriers, monkeypatch, settings) -> None:
    """What a visitor writes into the header himself moves him nowhere; an IPv6 visitor has his whole network."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    monkeypatch.setattr(codes, "AN_HOUR_AN_ADDRESS", 1)

    def ask(phone: str, forwarded: str) -> str:
        visitor = Visitor()
        visitor.client.defaults["HTTP_X_FORWARDED_FOR"] = forwarded
        return give_phone(visitor, phone).path

    assert ask("13900006711", "2001:db8::1") == "/login/code/"
    assert ask("13900006712", "203.0.113.9, 2001:db8::2") == "/login/"
    assert ask("13900006713", "2001:db8::1, 203.0.113.9") == "/login/code/"


# --- X5: nobody learns who has an account --------------------------------------------------------------------------


def test_an_unknown_phone_is_answered_like_a_known_one(carriers, time_stands_still) -> None:
    """X5: the same pages, word for word, whatever is tried; the phone itself is told what to do."""
    make_payer(phone=PHONE)
    said: dict[str, list[str]] = {PHONE: [], NEW_PHONE: []}
    for phone, seen in said.items():
        visitor = Visitor()
        page = give_phone(visitor, phone)
        seen.append(page.text)
        wrong = another(code_on(carriers, PHONE))
        for _ in range(codes.TRIES + 1):
            page = visitor.press(page, "验证", code=wrong)
            seen.append(page.text)
        seen.append(visitor.press(page, "再发一次").text.split("请等")[0])
    assert [text.replace("6713", "6712") for text in said[NEW_PHONE]] == said[PHONE]
    assert "还没有实名" in texts(carriers, NEW_PHONE)[0]
    assert not any(len(text) > 140 for text in texts(carriers, NEW_PHONE))


def test_real_names_are_checked_five_times_a_day(carriers, visitor) -> None:
    """X5: no tool to find out whose number goes with which phone; X8: and none to shut the person out."""
    for _ in range(log_in.CHECKS_A_DAY):
        assert "对不上" in real_name(visitor, phone="13900000000").text
    assert "核验的次数用完了" in real_name(visitor).text
    elsewhere = Visitor()
    elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.8"
    assert real_name(elsewhere).path == "/login/code/"


def test_one_address_checks_sixty_names_an_hour(carriers, visitor, monkeypatch) -> None:
    monkeypatch.setattr(log_in, "CHECKS_AN_HOUR", 1)
    real_name(visitor, LI_QIANG, "13900000000")
    assert "核验的次数用完了" in real_name(visitor).text


# --- something is away -----------------------------------------------------------------------------------------------


@pytest.fixture
def no_broker(settings, monkeypatch) -> None:
    """Valkey cannot be reached, by the limiter nor by the cache of sessions."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    monkeypatch.setattr(limiter, "_client", None)


def test_without_the_broker_people_get_in_and_limits_hold(carriers, no_broker) -> None:
    """X7: the limiter counts in PostgreSQL; sessions live there anyway."""
    user = make_payer()
    visitor = Visitor()
    assert get_in(visitor, carriers).path == "/"
    assert is_in(visitor, user)
    assert visitor.open("/me/").status == 200
    assert "秒再发" in give_phone(Visitor()).text
    visitor.press(visitor.open("/me/"), "退出并清除")
    assert not is_in(visitor)


def test_a_carrier_that_is_away_costs_nothing_typed(carriers, visitor) -> None:
    carriers.rule(point="realname", fault="server_error", times=1)
    page = real_name(visitor)
    assert "请1分钟后再点一次" in page.text
    assert WANG_FANG.number in page.html
    carriers.rule(point="realname", fault="unavailable", times=1)
    assert "请1分钟后再点一次" in real_name(visitor).text


def test_messages_that_cannot_be_sent_are_said(carriers, visitor, settings) -> None:
    make_payer()
    carriers.rule(point="sms", fault="server_error", times=1)
    assert "短信暂时发不出去" in give_phone(visitor).text
    settle(settings)
    carriers.rule(point="sms", fault="too_many", times=1)
    assert "短信暂时发不出去" in give_phone(visitor).text
    settle(settings)
    carriers.rule(point="sms", fault="refuse", times=1)
    page = give_phone(visitor)
    assert "收不到短信" in page.text
    assert page.path == "/login/question/"


def test_a_lost_message_leaves_ways_out_on_the_page(carriers, visitor) -> None:
    make_payer()
    carriers.rule(point="sms", fault="lose", times=1)
    page = give_phone(visitor)
    assert "没收到短信" in page.text
    assert page.link("去实名") == "/login/first/"
    assert page.has_button("再发一次")


def test_the_page_of_the_code_needs_a_phone_first(db) -> None:
    answer = Client().get("/login/code/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/")
    assert Client().post("/login/code/again/").headers["Location"] == "/login/"
