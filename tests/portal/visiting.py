"""A visitor without JavaScript: reads pages, follows links, fills forms and presses their buttons."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.test import Client

from core.models import User

VOID = {"meta", "link", "input", "br", "img", "hr", "path", "rect"}
PHONE = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


@dataclass
class Button:
    label: str
    name: str = ""
    value: str = ""
    action: str = ""  # its own, instead of its form's


@dataclass
class Form:
    method: str
    action: str
    id: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.title = ""
        self._open: list[str] = []
        self._form: Form | None = None
        self._label: list[str] | None = None
        self._target: Button | tuple[str, str] | None = None
        self._loose: list[tuple[str, Button]] = []
        self._select: str = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self._form = Form(given.get("method", "get"), given.get("action", ""), given.get("id", ""))
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and "name" in given:
            ticked = given.get("type") not in ("radio", "checkbox") or "checked" in given
            if ticked:
                self._form.fields.append((given["name"], given.get("value", "on")))
        elif tag == "select":
            self._select, self._options = given.get("name", ""), []
        elif tag == "option":
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "button":
            self._label = []
            button = Button("", given.get("name", ""), given.get("value", ""), given.get("formaction", ""))
            self._target = button
            if given.get("form"):
                self._loose.append((given["form"], button))
            elif self._form is not None:
                self._form.buttons.append(button)
        elif tag == "a" and "href" in given:
            self._label, self._target = [], ("link", given["href"])

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "form":
            self._form = None
        elif tag == "select" and self._form is not None and self._options:
            chosen = next((value for value, is_selected in self._options if is_selected), self._options[0][0])
            self._form.fields.append((self._select, chosen))
        elif tag in ("button", "a") and self._target is not None:
            label = "".join(self._label or [])
            if isinstance(self._target, Button):
                self._target.label = label
            else:
                self.links.append((label, self._target[1]))
            self._label, self._target = None, None

    def handle_data(self, data: str) -> None:
        text = data.strip()
        if "title" in self._open and "svg" not in self._open:
            self.title += text
        elif text and not {"script", "style"} & set(self._open):
            self.words.append(text)
            if self._label is not None:
                self._label.append(text)

    def finish(self) -> None:
        for name, button in self._loose:
            next(form for form in self.forms if form.id == name).buttons.append(button)


@dataclass
class Page:
    url: str
    status: int
    html: str

    def __post_init__(self) -> None:
        reader = _Reader()
        reader.feed(self.html)
        reader.finish()
        self.forms, self.links, self.title = reader.forms, reader.links, reader.title
        self.text = "".join(reader.words)

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def link(self, label: str) -> str:
        found = [href for text, href in self.links if label in text]
        assert found, f"no link {label} on {self.url}: {[text for text, _ in self.links]}"
        return found[0]

    def has_button(self, label: str) -> bool:
        return any(label in button.label for form in self.forms for button in form.buttons)


class Visitor:
    """One person with one browser."""

    def __init__(self, user: User | None = None, agent: str = DESKTOP) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"user-agent": agent})
        self.taps = 0
        if user is not None:
            self.client.force_login(user)

    def open(self, url: str) -> Page:
        """Go to an address, following redirects on this site."""
        answer = self.client.get(url, follow=True)
        last = answer.redirect_chain[-1][0] if answer.redirect_chain else url
        return Page(urljoin(url, last), answer.status_code, answer.content.decode())

    def follow(self, page: Page, label: str) -> Page:
        self.taps += 1
        return self.open(urljoin(page.url, page.link(label)))

    def press(self, page: Page, label: str, **changes: object) -> Page:
        """Press a button with what the form holds, changed by what the visitor chose or typed."""
        self.taps += 1
        for form in page.forms:
            for button in form.buttons:
                if label in button.label:
                    return self._send(page, form, button, changes)
        raise AssertionError(f"no button {label} on {page.url}: {[b.label for f in page.forms for b in f.buttons]}")

    def choose_and_press(self, page: Page, label: str, **changes: object) -> Page:
        """The same, counting a tap for each thing chosen."""
        self.taps += len(changes)
        return self.press(page, label, **changes)

    def _send(self, page: Page, form: Form, button: Button, changes: dict[str, object]) -> Page:
        data: dict[str, list[str]] = {}
        for name, value in form.fields:
            data.setdefault(name, []).append(value)
        for name, value in changes.items():
            data[name] = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        if button.name:
            data[button.name] = [button.value]
        action = button.action or form.action
        url = urljoin(page.url, action) if action else page.url
        if form.method.lower() == "get":
            answer = self.client.get(url, data, follow=True)
        else:
            answer = self.client.post(url, data, follow=True)
        last = answer.redirect_chain[-1][0] if answer.redirect_chain else url
        return Page(urljoin(url, last), answer.status_code, answer.content.decode())


def amounts(text: str) -> list[str]:
    """Every amount in yuan that a text says."""
    return re.findall(r"[0-9,]+\.[0-9]{2}元", text)


NUMBER_WORDS = "零一二三四五六七八九"


def sum_asked(text: str) -> int:
    """The answer to the question that stands before a second code (X7)."""
    found = re.search(r"([一二三四五六七八九])加([一二三四五六七八九])等于几", text)
    assert found, text
    return sum(NUMBER_WORDS.index(word) for word in found.groups())
