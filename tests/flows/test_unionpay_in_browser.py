"""A payer pays by UnionPay in a real browser on the whole running stack.

Portal and sandbox are two sites there, so that the cashier's form goes abroad under our content security policy, and
the browser comes back by a cross-site POST that carries no cookie of ours (2.6).
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.flows.test_family_in_browser import DESKTOP, PHONE, choose_type, go_to_check, log_in, window
from tests.stack.running import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.fixture(autouse=True)
def _outside_as_at_the_start(stack: RunningStack) -> Iterator[None]:
    stack.control("clear")
    yield
    stack.control("clear")
    assert "no violation" in stack.manage("check_books")


def to_the_cashier(page: Page, stack: RunningStack, insurance_type: str) -> None:
    choose_type(page, stack, insurance_type)
    go_to_check(page)
    page.get_by_role("radio", name=re.compile("银联")).check()
    page.get_by_role("button", name=re.compile("确认并去支付")).click()
    page.get_by_role("button", name="打开银联").click()
    page.wait_for_url(f"{stack.sandbox_url}/unionpay/**")


def test_a_payer_pays_by_card_and_comes_back_logged_in(browser: Browser, stack: RunningStack) -> None:
    """PA-5, R17 to R20: any UnionPay card of anybody pays."""
    context = window(browser, **DESKTOP)
    page = context.new_page()
    log_in(page, stack, "何平", "210702197010010002", "13800000020")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    posted: list[Request] = []
    page.on("request", lambda request: posted.append(request) if "/hooks/return/" in request.url else None)
    to_the_cashier(page, stack, "居民医疗")
    page.get_by_test_id("next").click()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("元已缴$"))
    expect(page).to_have_url(re.compile(rf"^{re.escape(stack.portal_url)}/orders/"))
    [back] = posted
    assert back.method == "POST"
    assert "sid=" not in back.all_headers().get("cookie", ""), "SameSite=Lax keeps it back from a cross-site POST"
    assert not complaints
    page.get_by_role("link", name="看缴费记录").click()
    expect(page.get_by_role("link", name=re.compile("居民医疗"))).not_to_have_count(0)
    context.close()


def test_giving_up_at_the_cashier_is_no_failure_and_says_when_it_ends(browser: Browser, stack: RunningStack) -> None:
    """On a phone, without JavaScript; then the card is found after all."""
    context = window(browser, java_script_enabled=False, **PHONE)
    page = context.new_page()
    log_in(page, stack, "高翔", "371002200604210003", "13800000009")
    to_the_cashier(page, stack, "居民医疗")
    page.get_by_test_id("next").click()
    page.get_by_test_id("cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("正在向银联核对结果")
    expect(page.get_by_text("银联不能中途取消")).to_be_visible()
    assert "失败" not in page.content()
    page.get_by_role("button", name="查结果").click()
    expect(page.get_by_text("银联不能中途取消")).to_be_visible()
    page.get_by_role("link", name="返回去支付").click()
    page.get_by_role("button", name="打开银联").click()
    page.get_by_test_id("next").click()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("元已缴$"), timeout=30_000)
    context.close()
