"""The portal in English: no Chinese is left on a page but names and what places have written, and nothing overflows."""

import re

import pytest
from playwright.sync_api import Browser

from core import clock
from payments.models import PayeeAccount
from registration.catalogue import load_catalogue
from registration.models import Agency, Registration
from tests.outside import Sandbox
from tests.portal.gallery import Gallery, make_gallery, show
from tests.portal.visiting import PHONE as PHONE_AGENT
from tests.portal.visiting import Visitor
from tests.world import make_family, make_ground

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+")
MASKED = re.compile(r"[王刘李]\*[军国宇兰]?")


def as_written() -> set[str]:
    """What stays Chinese: people, addresses and registering bodies are shown as they are written."""
    found = {"王芳", "简体中文"}
    found |= set(Agency.objects.values_list("address", flat=True))
    found |= set(Registration.objects.values_list("registering_body", flat=True))
    return {text for text in found if text}


def english_visitor(gallery: Gallery, *, as_visitor: bool) -> Visitor:
    visitor = Visitor(None if as_visitor else gallery.family.payer)
    visitor.client.cookies["lang"] = "en"
    return visitor


@pytest.mark.django_db(transaction=True)
def test_english_pages_hold_no_chinese(carriers: Sandbox) -> None:
    """Every page of the gallery; its catalogue is the one that is shipped, with English names of places."""
    gallery = make_gallery(carriers, phone=False)
    load_catalogue()
    Agency.objects.filter(name_en="").update(name_en="Another bureau")
    PayeeAccount.objects.update(name_en="Another tax bureau")
    kept, left = as_written(), {}
    for shown in gallery.pages:
        if shown.html:
            continue  # answers to forms that were sent from Chinese pages
        page = english_visitor(gallery, as_visitor=shown.visitor).open(shown.path)
        assert '<html lang="en"' in page.html, shown.name
        text = MASKED.sub("", re.sub(r"<[^>]*>", " ", re.sub(r"<script.*?</script>", "", page.html, flags=re.S)))
        attributes = " ".join(re.findall(r'(?:alt|title|aria-label|placeholder|data-[a-z]+)="([^"]*)"', page.html))
        for text_kept in sorted(kept, key=len, reverse=True):
            text = text.replace(text_kept, "")
        if found := CHINESE.findall(text + attributes):
            left[shown.name] = found
    assert left == {}


@pytest.mark.django_db
def test_names_follow_the_language_within_one_process() -> None:
    """Feeds and policies are kept for a moment: what was read for one reader is not shown to another."""
    family = make_family()
    load_catalogue()
    chinese, english = Visitor(family.payer), Visitor(family.payer)
    english.client.cookies["lang"] = "en"
    path = f"/why/{family.son.pk}/resident_pension/{clock.today().year}/"  # not registered: the agency is named
    for _ in range(2):
        assert "文登区人社局的信息更新到" in chinese.open(path).text
        assert "Data of the Wendeng human resources bureau is as of" in english.open(path).text


@pytest.mark.django_db
def test_a_language_that_there_is_not_changes_nothing() -> None:
    make_ground()
    visitor = Visitor()
    page = visitor.press(visitor.open("/settings/"), "保存", language="en")
    assert "Text size" in page.text
    page = visitor.press(page, "Save", language="xx")
    assert '<html lang="en"' in page.html
    page = visitor.press(page, "Save", language="zh-hans")
    assert '<html lang="zh-Hans"' in page.html
    assert "字号" in page.text


@pytest.mark.django_db
def test_help_is_searched_by_english_words() -> None:
    """R30: two letters in common are no answer."""
    make_ground()
    visitor = Visitor()
    visitor.client.cookies["lang"] = "en"
    page = visitor.press(visitor.open("/help/"), "Find an answer", q="No CODE by sms")
    assert "No code arrives" in page.text
    assert "Insured in two places" not in page.text
    page = visitor.press(page, "Find an answer", q="zzzz")
    assert "Nothing found" in page.text
    assert "Insured in two places" in page.text


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("elder", [False, True])
def test_english_fits(browser: Browser, outside: Sandbox, live_server, elder: bool) -> None:
    """WCAG 1.4.10: English is longer; no page scrolls sideways at 320 pixels, in elder mode neither."""
    gallery, site = make_gallery(outside, phone=True), live_server.url
    context = browser.new_context(
        viewport={"width": 320, "height": 800}, locale="en-GB", reduced_motion="reduce", user_agent=PHONE_AGENT
    )  # fmt: skip
    context.add_cookies(
        [
            {"name": "lang", "value": "en", "url": site},
            {"name": "look", "value": "1.100.0" if elder else "0.100.0", "url": site},
        ]
    )
    page, wide = context.new_page(), []
    for as_visitor in (True, False):
        gallery.sign_in(context, site, as_visitor=as_visitor)
        for shown in gallery.pages:
            if shown.visitor is as_visitor and not shown.html:
                page.goto(show(context, site, shown))
                needed = page.evaluate("document.documentElement.scrollWidth")
                if needed > 320:
                    wide.append(f"{shown.name}: {needed}")
    context.close()
    assert wide == []
