"""Sessions: how long they last, and that their end costs nobody his work (ID-6, R32, SCREENS 2.5)."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import signing

from core import clock
from core.models import User
from portal.accounts import access
from portal.models import KeptForm
from registration.models import FamilyMember
from tests.outside import forget_limits
from tests.portal.phones import is_in, log_in
from tests.portal.visiting import Page, Visitor
from tests.world import LI_QIANG, LIU_XIAOYU, make_ground, make_payer

OTHER_PHONE = "13900006713"


@pytest.fixture(autouse=True)
def _ground(db: None) -> None:
    make_ground()


@pytest.fixture
def fang(carriers) -> Visitor:
    """王芳, logged in by her phone a moment ago."""
    make_payer()
    visitor = Visitor()
    assert log_in(visitor, carriers).path == "/"
    return visitor


def age_session(visitor: Visitor, *, idle: timedelta = timedelta(), total: timedelta = timedelta()) -> None:
    """Move what the session says of its beginning and its last use into the past."""
    session = visitor.client.session
    session["seen_at"] -= int(idle.total_seconds())
    session["began_at"] -= int((total or idle).total_seconds())
    session.save()


def expire(visitor: Visitor) -> None:
    age_session(visitor, idle=timedelta(minutes=31))


def add_son(visitor: Visitor, page: Page) -> Page:
    said = {"document_type": "201", "name": LIU_XIAOYU.name, "number": LIU_XIAOYU.number}
    return visitor.press(page, "保存", relation="child", consented="on", **said)


# --- ID-6: nothing is lost ----------------------------------------------------------------------------------------


def test_after_an_expired_session_one_stands_where_one_stood(carriers, fang, settings) -> None:
    """ID-6"""
    expire(fang)
    page = fang.open("/me/add/?next=/me/")
    assert (page.path, is_in(fang)) == ("/login/", False)
    assert "登录后回到刚才的页面" in page.text
    forget_limits(settings.REDIS_URL)
    page = log_in(fang, carriers, at=page.url)
    assert page.url.endswith("/me/add/?next=/me/")


def test_a_form_sent_too_late_is_given_back_to_be_sent_by_hand(carriers, fang, settings) -> None:
    """ID-6: filled in again, not sent by itself."""
    page = fang.open("/me/add/")
    expire(fang)
    page = add_son(fang, page)
    assert page.path == "/login/"
    assert "没有提交，没有扣款。刚才填的内容已保存" in page.text
    kept = KeptForm.objects.get()
    assert LIU_XIAOYU.number not in kept.fields_sealed
    forget_limits(settings.REDIS_URL)
    page = log_in(fang, carriers, at=page.url)
    assert "刚才填的内容还在" in page.text
    assert not FamilyMember.objects.filter(relation="child").exists()
    page = fang.press(page, "接着办")
    assert "已添加刘*宇" in page.text
    assert FamilyMember.objects.filter(relation="child").count() == 1


def test_a_kept_form_is_given_to_nobody_else(carriers, fang, settings) -> None:
    """ID-6: the next person on the same browser finds nothing of it."""
    page = fang.open("/me/add/")
    expire(fang)
    page = add_son(fang, page)
    make_payer(LI_QIANG, OTHER_PHONE)
    forget_limits(settings.REDIS_URL)
    page = log_in(fang, carriers, OTHER_PHONE, at=page.url)
    assert page.path == "/"
    assert "宇" not in page.html
    token = KeptForm.objects.get().token
    assert fang.open(f"/login/kept/{token}/").path == "/"


def test_a_kept_form_lasts_an_hour(carriers, fang, settings) -> None:
    page = fang.open("/me/add/")
    expire(fang)
    page = add_son(fang, page)
    KeptForm.objects.update(kept_at=clock.now() - clock.HOUR)
    forget_limits(settings.REDIS_URL)
    assert log_in(fang, carriers, at=page.url).path == "/"


def test_nothing_is_kept_of_a_browser_that_nobody_logged_in_on() -> None:
    visitor = Visitor()
    page = visitor.open("/login/")
    token = next(value for form in page.forms for name, value in form.fields if name == "csrfmiddlewaretoken")
    answer = visitor.client.post("/me/add/", {"csrfmiddlewaretoken": token, "name": "王芳"})
    assert answer.status_code == 302
    assert "kept" not in answer.headers["Location"]
    assert not KeptForm.objects.exists()


def test_a_forged_note_of_whose_form_it_is_keeps_nothing(fang) -> None:
    page = fang.open("/me/add/")
    expire(fang)
    fang.client.cookies[access.WHO_COOKIE] = signing.dumps(1, salt="another")
    assert "已保存" not in add_son(fang, page).text
    assert not KeptForm.objects.exists()


def test_a_very_long_form_is_not_kept(fang) -> None:
    page = fang.open("/me/add/")
    expire(fang)
    page = fang.press(page, "保存", name="王" * 10_000)
    assert page.path == "/login/"
    assert not KeptForm.objects.exists()


@pytest.mark.parametrize("aim", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_way_back_leads_to_this_site_only(carriers, fang, settings, aim: str) -> None:
    visitor = Visitor()
    forget_limits(settings.REDIS_URL)
    page = log_in(visitor, carriers, at=f"/login/?next={signing.dumps(aim, salt='next')}")
    assert page.url == "/"
    forget_limits(settings.REDIS_URL)
    assert log_in(Visitor(), carriers, at="/login/?next=/records/").url == "/"  # unsigned


# --- how long -----------------------------------------------------------------------------------------------------


def test_a_session_in_use_goes_on(fang) -> None:
    for _ in range(3):
        age_session(fang, idle=timedelta(minutes=20))
        assert fang.open("/me/").path == "/me/"


def test_after_eight_hours_everybody_logs_in_again(fang) -> None:
    age_session(fang, total=timedelta(hours=8, minutes=1))
    assert fang.open("/me/").path == "/login/"


def test_staff_sessions_end_after_fifteen_idle_minutes(fang) -> None:
    User.objects.update(is_staff=True)
    age_session(fang, idle=timedelta(minutes=16))
    fang.open("/")
    assert not is_in(fang)


def test_the_page_warns_by_the_time_that_is_left(fang) -> None:
    """SCREENS 2.1: five minutes before, also where the last note of use is older than this page."""
    age_session(fang, idle=timedelta(seconds=100))
    left = int(re.search(r'data-idle="(\d+)"', fang.open("/me/").html).group(1))
    assert 1690 <= left <= 1700


def test_one_tap_goes_on(fang) -> None:
    age_session(fang, idle=timedelta(minutes=26))
    page = fang.press(fang.open("/me/"), "继续使用")
    assert page.path == "/me/"
    assert clock.now().timestamp() - fang.client.session["seen_at"] < 60


def test_the_tap_that_comes_too_late_leads_back_to_the_page(carriers, fang, settings) -> None:
    page = fang.open("/me/")
    expire(fang)
    page = fang.press(page, "继续使用")
    assert page.path == "/login/"
    forget_limits(settings.REDIS_URL)
    assert log_in(fang, carriers, at=page.url).path == "/me/"


def test_logging_in_begins_a_new_session(carriers) -> None:
    make_payer()
    visitor = Visitor()
    visitor.open("/login/?next=x")
    before = visitor.client.session.session_key
    log_in(visitor, carriers)
    assert visitor.client.session.session_key != before


# --- leaving, and several people on one browser --------------------------------------------------------------------


def test_leaving_clears(fang) -> None:
    page = fang.press(fang.open("/me/"), "大字版")
    KeptForm.objects.create(token="t", path="/me/", fields_sealed="", owner_id=fang.client.session["_auth_user_id"])
    token = next(value for form in page.forms for name, value in form.fields if name == "csrfmiddlewaretoken")
    answer = fang.client.post("/leave/", {"csrfmiddlewaretoken": token})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert fang.client.cookies["sid"].value == ""
    assert fang.client.cookies[access.WHO_COOKIE].value == ""
    assert not KeptForm.objects.exists()
    assert "已退出" in answer.content.decode()
    assert 'class="elder"' in fang.open("/").html  # whoever reads large print goes on reading it


def test_two_people_on_one_browser_see_their_own(carriers, fang, settings) -> None:
    strong = make_payer(LI_QIANG, OTHER_PHONE)
    add_son(fang, fang.open("/me/add/"))
    fang.press(fang.open("/me/"), "退出并清除")
    forget_limits(settings.REDIS_URL)
    assert log_in(fang, carriers, OTHER_PHONE).path == "/"
    assert is_in(fang, strong)
    page = fang.open("/me/")
    assert "李强" in page.text
    assert "王" not in page.text.replace("王*", "")
    assert "刘*宇" not in page.text


@pytest.mark.parametrize("path", ["/", "/login/", "/me/", "/help/", "/records/", "/nowhere/"])
def test_no_page_stays_in_a_cache(fang, path: str) -> None:
    for visitor in (fang, Visitor()):
        assert visitor.client.get(path).headers["Cache-Control"] == "private, no-store"


def test_way_back_is_this_site(db) -> None:
    assert access.safe_path("/me/?next=/records/") == "/me/?next=/records/"
    for foreign in ("", "https://evil.example/", "//evil.example", "me", "/\\evil.example"):
        assert urlsplit(access.safe_path(foreign)).path == "/"
