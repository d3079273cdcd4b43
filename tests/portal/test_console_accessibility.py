"""The console as its readers see it: axe finds nothing in either scheme, and no page is wider than a small screen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings, settings
from playwright.sync_api import Browser, Page

from portal.look import Look
from tests.portal.console_gallery import open_desk
from tests.portal.gallery import Shown, show
from tests.portal.test_accessibility import EVERYTHING, Check, a_window, axe, in_the_dark

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SMALL = 1024
OUT_OF_THE_BAR = """() => {
    const bar = document.getElementById("header"), bottom = bar.getBoundingClientRect().bottom;
    return [...bar.children].some((each) => each.getBoundingClientRect().bottom > bottom);
}"""
COLOURFUL = {
    "workbench", "person", "policy_drafted", "clearing", "clearing_refused", "refund_reviewed", "reconciliation",
    "channel_day", "discrepancy", "prove_wrong",
}  # fmt: skip
"""Pages that have every part of the stylesheet between them."""


def cramped(page: Page) -> Iterator[str]:
    """Tables that are wider scroll by themselves, and the head of the page stays in its bar."""
    usual = page.viewport_size
    page.set_viewport_size({"width": SMALL, "height": 768})
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > SMALL:
        yield f"{width} pixels wide"
    if page.evaluate(OUT_OF_THE_BAR):
        yield "the head of the page lies over it"
    page.set_viewport_size(usual)


def test_every_page_of_the_console_can_be_read_and_used(
    browser: Browser, live_server: Any, settings: LazySettings, tmp_path: Path, rendered: set[str]
) -> None:
    settings.FILES_DIR = tmp_path
    site, found = live_server.url, []
    context = a_window(browser, site, 1280, "light", Look())
    context.add_init_script(Axe().axe_script)
    page = context.new_page()
    page.goto(site + "/console/login/")
    found += [f"login: {complaint}" for check in (axe(EVERYTHING), in_the_dark) for complaint in check(page)]
    with open_desk() as desk:
        desk.sign_in(context, site)
        for shown in desk.pages:
            address = show(context, site, shown)
            page.goto(address)
            assert page.url == address, f"{shown.name} at {address} led to {page.url}"
            for check in checks_of(shown):
                found += [f"{shown.name}: {complaint}" for complaint in check(page)]
    context.close()
    assert found == []
    assert unseen(rendered) == set()


def checks_of(shown: Shown) -> list[Check]:
    """Colours are the slowest to judge, and the same on every page."""
    if shown.name in COLOURFUL:
        return [axe(EVERYTHING), in_the_dark, cramped]
    return [axe(EVERYTHING, without=["color-contrast"]), cramped]


def unseen(rendered: set[str]) -> set[str]:
    """Templates of the console that hang nowhere in its gallery."""
    folder = settings.BASE_DIR / "templates"
    return {str(path.relative_to(folder)) for path in (folder / "console").glob("*.html")} - rendered
