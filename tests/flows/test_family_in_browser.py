"""A resident pays for a family in a real browser, from log-in to record, on the whole running stack.

On a phone with WeChat's H5 cashier, on a desktop by scanning and by Alipay, without JavaScript, by the
keyboard alone. How pages look and weigh is for `tests/portal`; here they come from the real server.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core import clock
from tests.portal.visiting import sum_asked
from tests.stack.running import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

PHONE_AGENT = "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
PHONE = {"viewport": {"width": 375, "height": 812}, "user_agent": PHONE_AGENT, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
WANG_FANG = ("王芳", "371003198503150001", "13800000001")
LIU_JIANJUN = ("刘建军", "371003198309200001")
WANG_JIANGUO = ("王建国", "371081196803010000")
FIRST_VISIT_BYTES = 25_000  # SCREENS 2.1, compressed


@pytest.fixture(autouse=True)
def _outside_as_at_the_start(stack: RunningStack) -> Iterator[None]:
    stack.control("clear")
    yield
    stack.control("clear")
    assert "no violation" in stack.manage("check_books")


def window(browser: Browser, **options: object) -> BrowserContext:
    context = browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", **options)
    context.set_default_timeout(20_000)
    return context


def code_on_the_phone(stack: RunningStack, phone: str) -> str:
    shown = httpx.get(f"{stack.sandbox_url}/phone", params={"phone": phone}, trust_env=False).text
    found = re.search(r"验证码(\d{6})", shown)
    assert found, shown
    return found.group(1)


def log_in(page: Page, stack: RunningStack, name: str, number: str, phone: str) -> None:
    """ID-5: name, number and phone once, then the code from the phone."""
    page.goto(f"{stack.portal_url}/login/first/")
    page.get_by_label("姓名", exact=True).fill(name)
    page.get_by_label("证件号码", exact=True).fill(number)
    page.get_by_label("手机号", exact=True).fill(phone)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="下一步").click()
    if page.url.endswith("/login/question/"):  # a code has gone to this number today
        page.get_by_label("等于几").fill(str(sum_asked(page.inner_text("main"))))
        page.get_by_role("button", name="发验证码").click()
    page.get_by_label("短信验证码").fill(code_on_the_phone(stack, phone))
    page.get_by_role("button", name="验证", exact=True).click()
    expect(page).to_have_url(f"{stack.portal_url}/")


def add(page: Page, name: str, number: str, relation: str) -> None:
    page.get_by_role("link", name="增加一位").first.click()
    page.get_by_label("姓名", exact=True).fill(name)
    page.get_by_label("证件号码", exact=True).fill(number)
    page.get_by_label("和你的关系").select_option(label=relation)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="保存").click()


def choose_type(page: Page, stack: RunningStack, name: str) -> None:
    page.goto(f"{stack.portal_url}/pay/types/")
    page.get_by_role("radio", name=re.compile(name)).first.check()
    page.get_by_role("button", name="下一步").click()


def next_step(page: Page) -> None:
    page.get_by_role("button", name=re.compile("下一步")).click()


def go_to_check(page: Page) -> None:
    """Answer what is asked on the way, the first tier where there is a choice, until the check page."""
    for _ in range(12):
        if page.url.endswith("/pay/check/"):
            return
        if page.url.endswith("/registration/"):
            page.get_by_role("button", name="信息正确").click()
        elif page.url.endswith("/tier/"):
            page.get_by_role("radio").first.check()
            next_step(page)
        elif page.url.endswith("/basket/"):
            page.get_by_role("link", name="去核对").click()
        else:
            next_step(page)
    raise AssertionError(f"still at {page.url}")


def test_a_family_is_paid_for_on_a_phone(browser: Browser, stack: RunningStack) -> None:
    """王芳 pays the pension of three, by WeChat's H5 cashier (PA-1, RG-1, AF-1, 2.6)."""
    context = window(browser, **PHONE)
    page = context.new_page()
    log_in(page, stack, *WANG_FANG)
    page.goto(f"{stack.portal_url}/me/")
    add(page, *LIU_JIANJUN, relation="配偶")
    page.goto(f"{stack.portal_url}/me/")
    add(page, *WANG_JIANGUO, relation="父母")

    choose_type(page, stack, "居民养老")
    for person in ("刘*军", "王*国"):
        page.get_by_role("checkbox", name=re.compile(re.escape(person))).check()
    expect(page.get_by_role("button", name=re.compile("已选3人"))).to_be_visible()
    next_step(page)
    page.get_by_role("button", name="信息正确").click()
    for tier in ("1,000元", "500元", "800元"):
        page.get_by_role("radio", name=re.compile(rf"^{re.escape(tier)}")).first.check()
        next_step(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("缴费清单")
    page.get_by_role("link", name="去核对").click()
    page.get_by_role("radio", name=re.compile("微信支付")).check()
    page.get_by_role("button", name="确认并去支付 2,300.00元").click()
    page.get_by_role("link", name="打开微信支付").click()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2,300.00元已缴")
    expect(page.get_by_text("查记录")).to_be_visible()
    page.get_by_role("link", name="看缴费记录").click()
    expect(page.get_by_role("link", name=f"居民养老 {clock.today().year}年度")).to_have_count(3)
    assert "371003" not in page.content()
    context.close()


def test_coming_back_without_paying_is_no_failure(browser: Browser, stack: RunningStack) -> None:
    """The wallet sends browsers back whatever has happened (SCREENS 1.5); the way back to it opens (R19)."""
    context = window(browser, **PHONE)
    page = context.new_page()
    log_in(page, stack, "赵龘", "37100319940202000X", "13800000024")
    choose_type(page, stack, "居民养老")
    go_to_check(page)
    page.get_by_role("radio", name=re.compile("微信支付")).check()
    page.get_by_role("button", name=re.compile("确认并去支付")).click()
    page.get_by_role("link", name="打开微信支付").click()
    page.get_by_test_id("cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("正在向微信核对结果")
    expect(page.get_by_text("刚才问过")).to_be_visible()
    assert "失败" not in page.content()
    page.get_by_role("link", name="返回去支付").click()
    page.get_by_role("link", name="打开微信支付").click()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("元已缴$"))
    context.close()


def test_a_desktop_shows_a_code_and_turns_to_the_result_by_itself(browser: Browser, stack: RunningStack) -> None:
    """R18 to R20, while another device scans."""
    context = window(browser, **DESKTOP)
    page = context.new_page()
    log_in(page, stack, "陈𠮷", "371003199609010001", "13800000025")
    choose_type(page, stack, "居民医疗")
    go_to_check(page)
    page.get_by_role("radio", name=re.compile("微信支付")).check()
    page.get_by_role("button", name=re.compile("确认并去支付")).click()
    expect(page.get_by_role("img", name=re.compile("付款二维码"))).to_be_visible()
    text = re.search(r"weixin://[^\s<]+", page.content())
    assert text
    other_device = context.new_page()
    other_device.goto(f"{stack.sandbox_url}/phone/scan?code={text.group(0)}")
    other_device.get_by_test_id("pay").click()
    other_device.close()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("元已缴$"))
    context.close()


def test_without_javascript_a_flexible_worker_pays_some_months_by_alipay(browser: Browser, stack: RunningStack) -> None:
    """PO-6, and every page without script."""
    context = window(browser, java_script_enabled=False, **DESKTOP)
    page = context.new_page()
    log_in(page, stack, "郭强", "210702198605050008", "13800000018")
    page.goto(f"{stack.portal_url}/pay/")
    for _ in range(3):
        if page.get_by_role("button", name="信息正确").count():
            page.get_by_role("button", name="信息正确").click()
        elif page.get_by_role("radio").count():
            page.get_by_role("radio").first.check()
            next_step(page)
        elif page.get_by_role("checkbox").count():
            next_step(page)
    page.get_by_label("缴到").select_option(index=2)
    next_step(page)
    expect(page.get_by_text(re.compile("每月"))).to_have_count(1)
    page.get_by_role("radio", name=re.compile("支付宝")).check()
    page.get_by_role("button", name=re.compile("确认并去支付")).click()
    page.get_by_role("link", name="打开支付宝").click()
    page.get_by_test_id("scan").click()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("元已缴$"))
    context.close()


def test_the_keyboard_alone_is_enough(browser: Browser, stack: RunningStack) -> None:
    """Tab, space, arrows and Enter; the skip link comes first and the focus is always to be seen."""
    context = window(browser, **DESKTOP)
    page = context.new_page()
    log_in(page, stack, "宋丽", "371003198811300008", "13800000008")
    page.goto(f"{stack.portal_url}/pay/types/")
    page.keyboard.press("Tab")
    assert focused(page).startswith("跳到正文")
    tab_to(page, "居民医疗")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/")
    tab_to(page, "下一步")
    page.keyboard.press("Enter")
    page.wait_for_url("**/registration/")
    tab_to(page, "信息正确")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tier/")
    tab_to(page, "450元")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/check/")
    assert "650.00元" in page.content()
    tab_to(page, "微信支付")
    tab_to(page, "确认并去支付")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pay/")
    assert page.get_by_role("img", name=re.compile("付款二维码")).is_visible()
    context.close()


FOCUSED = """() => {
  const at = document.activeElement, label = at.labels && at.labels[0];
  const outline = getComputedStyle(at).outlineStyle;
  return [label ? label.innerText : at.innerText, outline];
}"""


def focused(page: Page) -> str:
    text, _outline = page.evaluate(FOCUSED)
    return text.strip()


def tab_to(page: Page, label: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        text, outline = page.evaluate(FOCUSED)
        assert outline != "none", f"no focus to be seen at {text}"
        if text.strip().startswith(label):
            return
    raise AssertionError(f"the keyboard does not reach {label}")


# --- as the server sends it -------------------------------------------------------------------------------------------


def places_chosen(page: Page, stack: RunningStack) -> list[str]:
    """陈静 chooses one of her two places (RG-3); the addresses of what she saw."""
    choose_type(page, stack, "居民医疗")
    people = page.url
    next_step(page)
    place = page.url
    page.get_by_role("radio").first.check()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="选这里缴费").click()
    seen = [people, place, page.url]
    return [url.removeprefix(stack.portal_url) for url in seen]


def test_pages_are_light_and_come_from_one_server(browser: Browser, stack: RunningStack) -> None:
    """At most 25 KB and five requests on a first visit, nothing from another host, no complaint (SCREENS 2.1)."""
    context = window(browser, **DESKTOP)
    page = context.new_page()
    log_in(page, stack, "陈静", "371082199005180005", "13800000006")
    paths = ["/", "/me/", "/help/", "/why/", "/records/", "/pay/types/", *places_chosen(page, stack), "/pay/basket/"]
    kept = context.storage_state()
    context.close()
    heavy = {}
    for path in paths:
        if found := too_heavy(window(browser, storage_state=kept, **DESKTOP), stack.portal_url, path):
            heavy[path] = found
    assert not heavy


def too_heavy(context: BrowserContext, site: str, path: str) -> tuple[object, ...] | None:
    """What one first visit brought, where that is too much: bytes as sent, requests, other hosts, complaints."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    addresses: list[str] = []
    complaints: list[str] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.on("request", lambda request: addresses.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(site + path, wait_until="networkidle")
    context.close()
    away = [url for url in addresses if not url.startswith((site, "data:"))]
    if sum(sizes) > FIRST_VISIT_BYTES or len(sizes) > 5 or away or complaints:
        return sum(sizes), len(sizes), away, complaints
    return None
