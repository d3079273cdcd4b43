"""A resident without a browser: forms over HTTP through the doors, as a phone without JavaScript would."""

import html
import re
import time
from collections.abc import Callable
from typing import ClassVar

import httpx

from tests.portal.visiting import sum_asked
from tests.stack.running import RunningStack

WANG_FANG = ("王芳", "371003198503150001", "13800000001")
FAMILY = (
    ("刘建军", "371003198309200001", "spouse"),
    ("王建国", "371081196803010000", "parent"),
    ("刘小宇", "371003201606070009", "child"),
)


class Resident:
    """Remembers its cookies and the page it stands on."""

    opened: ClassVar[list["Resident"]] = []

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.opened.append(self)
        self.http = httpx.Client(base_url=stack.portal_url, follow_redirects=True, timeout=30, trust_env=False)
        self.page: httpx.Response | None = None

    @classmethod
    def all_leave(cls) -> None:
        """Close every connection."""
        while cls.opened:
            cls.opened.pop().http.close()

    def get(self, path: str) -> str:
        self.page = self.http.get(path)
        return self.text

    def post(self, path: str, **fields: object) -> str:
        """Send a form as its page would, with its CSRF token and its own Referer."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.text)
        data = {"csrfmiddlewaretoken": token.group(1) if token else "", **fields}
        self.page = self.http.post(path, data=data, headers={"Referer": str(self.page.url) if self.page else ""})
        return self.text

    @property
    def text(self) -> str:
        return html.unescape(self.page.text) if self.page is not None else ""

    @property
    def path(self) -> str:
        return self.page.url.path if self.page is not None else ""

    def hidden(self, name: str) -> list[str]:
        """Values of the hidden fields of that name."""
        return re.findall(rf'name="{name}" value="([^"]*)"', self.text)

    # --- the way of a payer -------------------------------------------------------------------------------------

    def log_in(self, name: str, number: str, phone: str) -> None:
        """The first time: real name, then the code from the phone (ID-5)."""
        kind = {"81": "237", "83": "238"}.get(number[:2], "201")
        self.get("/login/first/")
        self.post("/login/first/", name=name, document_type=kind, number=number, phone=phone, consented="on")
        self.answer()
        assert self.path == "/login/code/", self.text
        shown = httpx.get(f"{self.stack.sandbox_url}/phone", params={"phone": phone}, trust_env=False).text
        code = re.search(r"验证码(\d{6})", shown)
        assert code
        self.post("/login/code/", code=code.group(1))
        assert self.path == "/", self.text

    def answer(self) -> None:
        """The question before every code to a number but the first of a day (X7), where this is its page."""
        if self.path == "/login/question/":
            self.post("/login/question/", answer=sum_asked(self.text))

    def add(self, name: str, number: str, relation: str) -> None:
        self.get("/me/add/")
        self.post("/me/add/", name=name, document_type="201", number=number, relation=relation, consented="on")

    def choose(self, what: str, tier_fen: int | None = None) -> None:
        """Everybody who can pay for `what` (type/year/part), at one tier, the first where none is named."""
        self.get(f"/pay/{what}/people/")
        people = re.findall(r'name="p" value="(\d+)"', self.text)
        assert people, self.text
        self.post(self.path, p=people)
        for _ in range(20):
            if self.path == "/pay/registration/":
                self.post(self.path, registration=self.hidden("registration"))
            elif self.path.endswith("/tier/"):
                first = re.search(r'type="radio"[^>]*name="tier" value="(\d+)"', self.text)
                assert first, self.text
                self.post(self.path, tier=str(tier_fen) if tier_fen else first.group(1))
            else:
                return
        raise AssertionError(f"still at {self.path}")

    def confirm(self, gateway: str = "wechat_pay") -> str:
        """From the check page to the cashier; the order's number."""
        self.get("/pay/check/")
        self.post(
            "/pay/check/", token=self.hidden("token")[0], line=self.hidden("line"), amount=self.hidden("amount"),
            gateway=gateway,
        )  # fmt: skip
        return self.path.split("/")[2]

    def status_of(self, order_no: str) -> str:
        """The words on the order's page."""
        return self.get(f"/orders/{order_no}/")


def eventually(condition: Callable[[], object], seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.3)
