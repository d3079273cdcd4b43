"""Without JavaScript, on the whole running stack: a family in large print, and a foreigner by keyboard in English."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stack.running import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

PHONE_AGENT = "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
PHONE = {"viewport": {"width": 375, "height": 812}, "user_agent": PHONE_AGENT, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
MAIMAITI = ("阿依古丽·买买提", "653101199007200002", "13800000026")
SMITH = ("SMITH JOHN", "937840198010310009", "13800000029")
STEPS_AT_MOST = 15
REFRESHED_MS = 30_000
"""Without a script the page that waits for a result comes anew every few seconds."""


@pytest.fixture(autouse=True)
def _books_agree(stack: RunningStack) -> Iterator[None]:
    stack.control("clear")
    yield
    stack.control("clear")
    assert "no violation" in stack.manage("check_books")


def a_page(browser: Browser, locale: str, **options: object) -> Page:
    context = browser.new_context(java_script_enabled=False, locale=locale, timezone_id="Asia/Shanghai", **options)
    context.set_default_timeout(20_000)
    return context.new_page()


def code_on_the_phone(stack: RunningStack, phone: str, before: str) -> str:
    """The digits that follow `before` in the last text message."""
    shown = httpx.get(f"{stack.sandbox_url}/phone", params={"phone": phone}, trust_env=False).text
    found = re.search(before + r"(\d{6})", shown)
    assert found, shown
    return found.group(1)


# --- in large print --------------------------------------------------------------------------------------------------


def in_large_print(page: Page) -> None:
    """The page is in elder mode and as wide as the phone."""
    assert "elder" in (page.locator("html").get_attribute("class") or ""), page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= 375, page.url


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(name)).first.click()
    in_large_print(page)


def log_in_first(page: Page, stack: RunningStack, name: str, number: str, phone: str) -> None:
    page.goto(f"{stack.portal_url}/login/first/")
    in_large_print(page)
    page.get_by_label("姓名", exact=True).fill(name)
    page.get_by_label("证件号码", exact=True).fill(number)
    page.get_by_label("手机号", exact=True).fill(phone)
    page.get_by_role("checkbox").check()
    press(page, "下一步")
    page.get_by_label("短信验证码").fill(code_on_the_phone(stack, phone, "验证码"))
    press(page, "^验证$")
    expect(page).to_have_url(f"{stack.portal_url}/")


def add(page: Page, stack: RunningStack, name: str, number: str, relation: str) -> None:
    page.goto(f"{stack.portal_url}/me/add/")
    page.get_by_label("姓名", exact=True).fill(name)
    page.get_by_label("证件号码", exact=True).fill(number)
    page.get_by_label("和你的关系").select_option(label=relation)
    page.get_by_role("checkbox").check()
    press(page, "保存")
    if page.get_by_role("alert").count():  # a 15-digit number is asked about once
        press(page, "保存")
    expect(page.get_by_text(re.compile("^已添加"))).to_be_visible()


def answer_until_check(page: Page) -> None:
    """The first tier where there is a choice."""
    for _ in range(STEPS_AT_MOST):
        in_large_print(page)
        if page.url.endswith("/pay/check/"):
            return
        if page.url.endswith("/registration/"):
            press(page, "信息正确")
        elif page.url.endswith("/tier/"):
            page.get_by_role("radio").first.check()
            press(page, "下一步")
        elif page.url.endswith("/basket/"):
            page.get_by_role("link", name="去核对").click()
        else:
            press(page, "下一步")
    raise AssertionError(f"still at {page.url}")


def test_a_family_is_paid_for_in_large_print_without_a_script(browser: Browser, stack: RunningStack) -> None:
    """PA-1, ID-3: three of one city, two of them found by what the agency has wrong; R12 to R22 in elder mode."""
    page = a_page(browser, "zh-CN", **PHONE)
    page.goto(stack.portal_url)
    page.get_by_role("button", name="大字版").click()
    in_large_print(page)
    log_in_first(page, stack, *MAIMAITI)
    add(page, stack, "王志刚", "371083197507070006", "配偶")  # his own name is written with another character
    add(page, stack, "张桂兰", "371002691212000", "父母")  # registered under her old number

    page.goto(f"{stack.portal_url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("家里还有6项没缴")
    page.get_by_role("link", name="去缴费").first.click()
    page.get_by_role("radio", name=re.compile("居民医疗")).first.check()
    press(page, "下一步")
    people = page.get_by_role("checkbox")
    expect(people).to_have_count(3)
    for one in people.all():
        one.check()
    press(page, "下一步")
    answer_until_check(page)
    expect(page.get_by_role("heading", level=2, name=re.compile("（(本人|配偶|父母)）"))).to_have_count(3)
    page.get_by_role("radio", name=re.compile("微信支付")).check()
    press(page, "确认并去支付")
    page.get_by_role("link", name="打开微信支付").click()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("元已缴$"), timeout=REFRESHED_MS)
    in_large_print(page)
    page.get_by_role("link", name="看缴费记录").click()
    in_large_print(page)
    expect(page.get_by_role("link", name=re.compile("居民医疗"))).to_have_count(3)
    page.goto(f"{stack.portal_url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("家里还有3项没缴")
    page.context.close()


# --- by the keyboard, in English -------------------------------------------------------------------------------------

FOCUSED = """() => {
  const at = document.activeElement, label = at.labels && at.labels[0];
  return [(label ? label.innerText : at.innerText).trim(), getComputedStyle(at).outlineStyle];
}"""


def tab_to(page: Page, label: str) -> None:
    """Tab on until the control of that label has the focus, which is to be seen wherever it stands."""
    for _ in range(60):
        page.keyboard.press("Tab")
        text, outline = page.evaluate(FOCUSED)
        assert outline != "none", f"no focus to be seen at {text}"
        if text.startswith(label):
            return
    raise AssertionError(f"the keyboard does not reach {label} on {page.url}")


def type_into(page: Page, label: str, text: str) -> None:
    tab_to(page, label)
    page.keyboard.type(text)


def enter(page: Page, label: str, then: str) -> None:
    """Tab to a button or link and press Enter; a page at an address like `then` follows."""
    tab_to(page, label)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(then))
    assert page.locator("html").get_attribute("lang") == "en", page.url


def tick(page: Page, label: str) -> None:
    tab_to(page, label)
    page.keyboard.press("Space")


def choose(page: Page, label: str) -> None:
    """Tab to the group of radio buttons, then arrows to the one of that label."""
    tab_to(page, "")
    while page.evaluate("document.activeElement.type") != "radio":
        tab_to(page, "")
    page.keyboard.press("Space")
    for _ in range(20):
        if page.evaluate(FOCUSED)[0].startswith(label):
            assert page.evaluate("document.activeElement.checked")
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no choice {label} on {page.url}")


def test_a_foreign_resident_pays_in_english_by_keyboard_without_a_script(browser: Browser, stack: RunningStack) -> None:
    """ID-2, WCAG 2.1.1, 3.1.1: the language is the browser's; Tab, Space and Enter from log-in to the record."""
    name, number, phone = SMITH
    page = a_page(browser, "en-GB", **DESKTOP)
    page.goto(stack.portal_url)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)[0] == "Skip to main content"
    enter(page, "First time here", "/login/first/$")
    type_into(page, "Document type", "Foreign perm")
    type_into(page, "Name", name)
    type_into(page, "Document number", number)
    type_into(page, "Phone number", phone)
    tick(page, "I agree")
    enter(page, "Next", "/login/code/$")
    type_into(page, "Code", code_on_the_phone(stack, phone, "Code "))
    enter(page, "Confirm", ":[0-9]+/$")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your family has 2 items to pay")

    enter(page, "Pay", "/pay/")
    choose(page, "Resident medical")
    enter(page, "Next", "/people/$")
    enter(page, "Next", "/registration/$")
    expect(page.get_by_text("Huancui", exact=True)).to_be_visible()
    enter(page, "This is right", "/tier/$")
    choose(page, "¥450")
    enter(page, "Next", "/pay/check/$")
    choose(page, "Alipay")
    enter(page, "Confirm and pay", "/pay/$")
    tab_to(page, "Open Alipay")
    page.keyboard.press("Enter")
    for button in ("scan", "pay", "done"):  # the wallet's own pages
        page.get_by_test_id(button).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("¥450.00 paid", timeout=REFRESHED_MS)
    enter(page, "See payment records", "/records/$")
    enter(page, "Resident medical", "/records/.+")
    expect(page.get_by_text("Huancui", exact=True)).to_be_visible()
    page.context.close()
