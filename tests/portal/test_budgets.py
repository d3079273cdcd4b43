"""What a page may cost (SCREENS 2.1)."""

import re
from pathlib import Path

import brotli
import pytest
from django.conf import settings
from playwright.sync_api import Response

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
    got: list[Response] = []
    complaints: list[str] = []
    page.on("response", lambda answer: got.append(answer))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    weights: dict[str, int] = {}  # of what several pages share
    heavy = []
    for shown in visit(gallery, context, site, page):
        mine = {answer.url: answer for answer in got if "/status/" not in answer.url}  # asked again while waiting
        got.clear()
        assert all(url.startswith(site) for url in mine), shown.name
        weights |= {url: packed(mine[url].body()) for url in mine if url not in weights or "/static/" not in url}
        if len(mine) > 5 or sum(weights[url] for url in mine) > 25 * KB:
            heavy.append((shown.name, {url: weights[url] for url in mine}))
    context.close()
    assert heavy == []
    assert [text for text in complaints if "404" not in text] == []
