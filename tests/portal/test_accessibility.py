"""Every page as its readers see it: axe finds nothing in any look, nothing scrolls sideways, what is touched is large
enough, the focus is seen; and the keyboard alone gets in."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from core.models import User
from portal.look import COOKIE, Look
from tests.outside import forget_limits
from tests.portal.gallery import Gallery, Shown, make_gallery, show
from tests.portal.phones import PHONE, code_heard, code_on
from tests.portal.visiting import DESKTOP, sum_asked
from tests.portal.visiting import PHONE as PHONE_AGENT
from tests.world import make_ground, make_payer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# WCAG 2.2 A and AA as axe checks it, and its best practice; where only colours differ, only colours
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# a sticky bar half over a control is judged by where the window ends: windows here are as tall as pages get
TALL = 4000
NARROWEST = 320
Check = Callable[[Page], Iterator[str]]


def a_window(browser: Browser, site: str, width: int, scheme: str, look: Look) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": width, "height": TALL}, color_scheme=scheme, locale="zh-CN",
        user_agent=PHONE_AGENT if width < 500 else DESKTOP, reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(15_000)
    context.add_cookies([{"name": COOKIE, "value": look.as_text(), "url": site}])
    return context


def visit(gallery: Gallery, context: BrowserContext, site: str, page: Page) -> Iterator[Shown]:
    """Every page of the gallery in turn, with the right person in front of it."""
    for as_visitor in (True, False):
        gallery.sign_in(context, site, as_visitor=as_visitor)
        for shown in gallery.pages:
            if shown.visitor is as_visitor:
                address = show(context, site, shown)
                page.goto(address)
                assert page.url == address, f"{shown.name} at {address} led to {page.url}"
                yield shown


# --- what is looked for on a page -------------------------------------------------------------------------------------


def axe(rules: object, *, without: Sequence[str] = ()) -> Check:
    """Violations by axe (SCREENS 2.1: none). `without`: rules that are left out."""

    def check(page: Page) -> Iterator[str]:
        left_out = {name: {"enabled": False} for name in without}
        options = {"resultTypes": ["violations"], "runOnly": rules, "rules": left_out}
        answer = page.evaluate("(options) => axe.run(document, options)", options)
        for violation in answer["violations"]:
            places = [node["target"] for node in violation["nodes"]][:3]
            yield f"{violation['id']} ({violation['impact']}) {places}"

    return check


def in_the_dark(page: Page) -> Iterator[str]:
    """Colours of the dark scheme."""
    page.emulate_media(color_scheme="dark")
    yield from axe(COLOURS)(page)
    page.emulate_media(color_scheme="light")


def in_high_contrast(page: Page) -> Iterator[str]:
    """Colours of the switch in the settings, which is a class and nothing else."""
    page.evaluate("document.documentElement.classList.add('contrast')")
    yield from axe(COLOURS)(page)
    page.evaluate("document.documentElement.classList.remove('contrast')")


def small_targets(least: int) -> Check:
    """SCREENS 1.3: 44 in general, 60 in elder mode; links inside sentences are not counted."""

    def check(page: Page) -> Iterator[str]:
        yield from page.evaluate(
            """(least) => [...document.querySelectorAll(
                "a.btn, button, summary, select, .go a, .foot a, .back, .link, .tabs a, .opt:not(.off), " +
                "input:not([type=hidden],[type=radio],[type=checkbox])")]
                .filter((each) => each.offsetParent && each.getBoundingClientRect().height < least)
                .map((each) => each.outerHTML.slice(0, 70))""",
            least,
        )

    return check


def sideways(page: Page) -> Iterator[str]:
    """WCAG 1.4.10, 1.4.4: on the narrowest phone, in this print and in the largest that can be set."""
    usual = page.viewport_size
    page.set_viewport_size({"width": NARROWEST, "height": 800})
    for size in ("", "size-175"):
        if size:
            page.evaluate("(size) => document.documentElement.classList.add(size)", size)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > NARROWEST:
            yield f"{width} pixels wide {size}"
    page.evaluate("document.documentElement.classList.remove('size-175')")
    page.set_viewport_size(usual)


def lost_focus(page: Page) -> Iterator[str]:
    """WCAG 2.4.7, 2.4.11: an outline, never hidden under the sticky bar."""
    usual = page.viewport_size
    page.set_viewport_size({"width": 375, "height": 667})
    for _ in range(12):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
                const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
                if (at === document.body) return "";
                const x = box.left + Math.min(box.width / 2, 8), y = box.top + box.height / 2;
                const top = document.elementFromPoint(x, y);
                const seen = top && (at.contains(top) || top.contains(at) || at.labels?.[0]?.contains(top));
                return (style.outlineStyle === "none" ? "no outline " : "") + (seen ? "" : "covered ") &&
                    at.outerHTML.slice(0, 90);
            }"""
        )
        if seen:
            yield f"focus: {seen}"
    page.set_viewport_size(usual)


LOOKS: dict[str, tuple[int, str, Look, list[Check]]] = {
    "phone": (
        375, "light", Look(),
        [axe(EVERYTHING), in_the_dark, in_high_contrast, small_targets(44), sideways, lost_focus],
    ),
    "phone-elder": (375, "light", Look(elder=True), [axe(EVERYTHING), small_targets(60), sideways]),
    "desk-dark": (1280, "dark", Look(), [axe(COLOURS)]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_every_page_can_be_read_and_used(browser: Browser, outside: Any, live_server: Any, name: str) -> None:
    """One visit to every page in each look, and everything that holds for that look."""
    width, scheme, look, checks = LOOKS[name]
    gallery, site = make_gallery(outside, phone=width < 500, look=look), live_server.url
    context = a_window(browser, site, width, scheme, look)
    context.add_init_script(Axe().axe_script)
    page = context.new_page()
    found = [
        f"{shown.name}: {complaint}"
        for shown in visit(gallery, context, site, page)
        for check in checks
        for complaint in check(page)
    ]
    context.close()
    assert found == []


def test_the_keyboard_alone_gets_in(browser, carriers, live_server) -> None:
    """ID-5, WCAG 2.1.1, 2.4.1, 3.3.8: Tab and Enter, the code may be pasted; what is wrong gets the focus."""
    make_ground()
    user = make_payer()
    context = a_window(browser, live_server.url, 375, "light", Look())
    page = context.new_page()
    page.goto(live_server.url + "/login/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.id") == "speak":  # where the browser can speak
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "id_phone"
    page.keyboard.press("Enter")
    page.wait_for_selector("#errors")
    assert page.evaluate("document.activeElement.id") == "errors"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "id_phone"
    page.keyboard.type(PHONE)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/login/code/"))
    page.focus("#id_code")
    page.keyboard.insert_text(f" {code_on(carriers, PHONE)} ")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('现在没有要缴的')")
    assert page.url.split("#")[0] == live_server.url + "/"
    assert User.objects.get() == user
    context.close()


def test_the_keyboard_alone_answers_the_question(browser, carriers, live_server, settings) -> None:
    """X7, R04, WCAG 2.1.1, 3.3.1: Tab, Enter and digits, from the button of the call to the code that was heard."""
    make_ground()
    phone = "137" + str(time.time_ns())[-11:-3]
    user = make_payer(phone=phone)
    context = a_window(browser, live_server.url, 375, "light", Look(elder=True))
    page = context.new_page()
    page.clock.install()
    page.goto(live_server.url + "/login/")
    type_at(page, "id_phone", phone)
    page.wait_for_url(re.compile("/login/code/"))
    counts_down(page)
    forget_limits(settings.REDIS_URL, "code-pause")
    tab_to(page, "document.activeElement.textContent === '语音验证码'")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/login/question/"))
    type_at(page, "id_answer", "99")
    page.wait_for_selector("#errors")
    assert page.evaluate("document.activeElement.id") == "errors"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "id_answer"
    assert page.input_value("#id_answer") == ""
    named = page.get_by_role("textbox", name=re.compile("^.加.等于几？$"))
    assert named.count() == 1, "the question is the name of its field"
    page.keyboard.type(str(sum_asked(page.inner_text("main"))))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/login/code/"))
    type_at(page, "id_code", code_heard(carriers, phone))
    page.wait_for_selector("h1:has-text('现在没有要缴的')")
    assert User.objects.get() == user
    context.close()


def counts_down(page: Page) -> None:
    """R04: said politely, by quarters of a minute."""
    told = page.locator("[role=status][data-wait]")
    assert told.inner_text() == "还要等60秒，才能再发一次。"
    page.clock.fast_forward(31_000)
    assert told.inner_text() == "还要等30秒，才能再发一次。"
    page.clock.fast_forward(30_000)
    assert told.inner_text() == "现在可以再发一次。"


def tab_to(page: Page, reached: str) -> None:
    """Tab on until this is true of what has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(reached):
            return
    raise AssertionError(f"the keyboard does not get to where {reached} on {page.url}")


def type_at(page: Page, field_id: str, text: str) -> None:
    tab_to(page, f"document.activeElement.id === '{field_id}'")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
