"""What a page may cost (SCREENS 2.1), and that no page scrolls sideways on the narrowest phone."""

import re
from pathlib import Path

import brotli
import pytest
from django.conf import settings

from portal.look import Look
from tests.portal.gallery import make_gallery
from tests.portal.test_accessibility import a_window, visit

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = Path(settings.BASE_DIR) / "templates"
KB = 1024


def packed(content: bytes) -> int:
    return len(brotli.compress(content, quality=11))


def test_the_stylesheet_stays_small() -> None:
    assert packed((STATIC / "portal.css").read_bytes()) <= 4 * KB


def test_scripts_stay_small_and_optional() -> None:
    assert sum(packed(path.read_bytes()) for path in STATIC.rglob("*.js")) <= 10 * KB


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.stem)
def test_templates_hold_no_script_and_no_style(path: Path) -> None:
    """The content security policy would not run them."""
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_pages_are_light(browser, outside, live_server) -> None:
    """At most 25 KB and five requests for the first visit of any page, and nothing from elsewhere."""
    gallery, site = make_gallery(outside, phone=True), live_server.url
    context = a_window(browser, site, 375, "light", Look())
    page = context.new_page()
    got: list[tuple[str, int]] = []
    complaints: list[str] = []
    page.on("response", lambda response: got.append((response.url, packed(response.body() or b""))))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    heavy = []
    for shown in visit(gallery, context, site, page):
        page.wait_for_load_state("networkidle")
        mine = [(url, size) for url, size in got if "/status/" not in url]  # asked again and again while waiting
        got.clear()
        if len(mine) > 5 or sum(size for _, size in mine) > 25 * KB:
            heavy.append((shown.name, mine))
        assert all(url.startswith(site) for url, _ in mine), shown.name
    context.close()
    assert heavy == []
    assert [text for text in complaints if "404" not in text] == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "look", [Look(), Look(elder=True), Look(elder=True, size="175"), Look(size="175")], ids=lambda look: look.classes
)
def test_nothing_scrolls_sideways_at_320_pixels(browser, outside, live_server, look: Look) -> None:
    """WCAG 1.4.10, 1.4.4: normal, elder, and the largest print that can be set."""
    gallery, site = make_gallery(outside, phone=True, look=look), live_server.url
    context = a_window(browser, site, 320, "light", look)
    page = context.new_page()
    wide = []
    for shown in visit(gallery, context, site, page):
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            wide.append(f"{shown.name}: {width}")
    context.close()
    assert wide == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("look", "least"), [(Look(), 44), (Look(elder=True), 60)], ids=["normal", "elder"])
def test_targets_are_large_enough_for_a_thumb(browser, outside, live_server, look: Look, least: int) -> None:
    """SCREENS 1.3: 44 in general, 60 in elder mode; links inside sentences are not counted."""
    gallery, site = make_gallery(outside, phone=True, look=look), live_server.url
    context = a_window(browser, site, 375, "light", look)
    page = context.new_page()
    small = set()
    for shown in visit(gallery, context, site, page):
        found = page.evaluate(
            """(least) => [...document.querySelectorAll(
                "a.btn, button, summary, select, .go a, .foot a, .back, .link, .tabs a, .opt:not(.off), " +
                "input:not([type=hidden],[type=radio],[type=checkbox])")]
                .filter((each) => each.offsetParent && each.getBoundingClientRect().height < least)
                .map((each) => each.outerHTML.slice(0, 70))""",
            least,
        )
        small |= {f"{shown.name}: {each}" for each in found}
    context.close()
    assert small == set()
