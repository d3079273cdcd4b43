"""R35 and R36: elder mode, text size, contrast, language; and what the portal promises."""

import re

import pytest

from portal.look import Look
from tests.portal.visiting import Visitor
from tests.world import make_ground, make_payer


@pytest.fixture(autouse=True)
def _ground(db: None) -> None:
    make_ground()


def classes(html: str) -> set[str]:
    found = re.search(r'<html[^>]* class="([^"]*)"', html)
    return set(found.group(1).split()) if found else set()


def test_elder_mode_is_one_tap_away_on_every_page() -> None:
    visitor = Visitor()
    for path in ("/", "/login/", "/help/", "/accessibility/"):
        assert visitor.open(path).has_button("大字版")
    page = visitor.press(visitor.open("/help/?q=验证码"), "大字版")
    assert page.url.startswith("/help/?q=")
    assert classes(page.html) == {"elder"}
    assert page.has_button("标准版")
    assert classes(visitor.press(page, "标准版").html) == set()


def test_settings_are_kept_and_shown(db) -> None:
    visitor = Visitor()
    page = visitor.press(visitor.open("/settings/"), "保存", contrast="on", size="150")
    assert classes(page.html) == {"contrast", "size-150"}
    assert re.search(r'id="s-150"[^>]* checked', page.html)
    assert re.search(r'id="contrast"[^>]* checked', page.html)
    assert classes(visitor.open("/").html) == {"contrast", "size-150"}


def test_a_size_that_does_not_exist_is_the_normal_one() -> None:
    visitor = Visitor()
    assert classes(visitor.press(visitor.open("/settings/"), "保存", size='9"><b>').html) == set()


@pytest.mark.parametrize("cookie", ["", "1", "1.999.1", "x.y.z", "1.100", '1.100.1"><script>'])
def test_a_broken_cookie_breaks_nothing(cookie: str) -> None:
    visitor = Visitor()
    visitor.client.cookies["look"] = cookie
    page = visitor.open("/")
    assert page.status == 200
    assert "<script>" not in page.html


def test_the_look_follows_the_account_to_another_browser() -> None:
    fang = make_payer()
    first = Visitor(fang)
    first.press(first.open("/settings/"), "保存", elder="on", size="125", contrast="on")
    fang.refresh_from_db()
    assert fang.elder_mode
    assert classes(Visitor(fang).open("/").html) == {"elder", "size-125", "contrast"}
    assert classes(Visitor().open("/").html) == set()


def test_what_is_written_is_read_back() -> None:
    assert Look(True, "175", False).as_text() == "1.175.0"
    assert Look(True, "175", True).classes == "elder contrast size-175"


def test_language_is_said_to_readers_and_can_be_chosen() -> None:
    visitor = Visitor()
    page = visitor.open("/settings/")
    assert '<html lang="zh-Hans"' in page.html
    page = visitor.press(page, "保存", language="en")
    assert '<html lang="en"' in page.html
    assert visitor.client.cookies["lang"].value == "en"


def test_foreign_addresses_are_no_way_back() -> None:
    visitor = Visitor()
    page = visitor.open("/")
    for aim in ("https://evil.example/", "//evil.example/"):
        assert visitor.press(page, "大字版", next=aim).url == "/"


def test_the_promises_are_complete() -> None:
    """R36: what is collected and why, how it is kept, whom it goes to, what one can ask for."""
    text = Visitor().open("/accessibility/").text
    for word in ("收集什么，为什么", "怎么保护", "交给谁", "你可以", "14岁", "12366", "键盘"):
        assert word in text


def test_help_finds_answers_by_words() -> None:
    """R30"""
    visitor = Visitor()
    page = visitor.press(visitor.open("/help/"), "找答案", q="收不到验证码")
    assert page.text.index("收不到验证码") > 0
    assert "在两个地方参保" not in page.text
    page = visitor.press(page, "找答案", q="龘龘龘")
    assert "没找到" in page.text
    assert "在两个地方参保" in page.text
    assert page.link("打电话问12366") == "tel:12366"
    assert "文登区人社局" in page.text
