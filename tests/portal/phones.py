"""What arrives on people's phones, and how people get in by it."""

import hashlib
import hmac
import json
import re
import time
from urllib.parse import parse_qsl, urlsplit

import httpx
from django.core import signing

from core.models import User
from portal.accounts.access import WHO_COOKIE
from tests.portal.visiting import Page, Visitor, sum_asked
from tests.sandbox.process import CARRIER_TOKEN, Sandbox
from tests.world import WANG_FANG, Somebody

PHONE = "13800006712"  # of the account that tests/world.py makes for 王芳


def texts(sandbox: Sandbox, phone: str) -> list[str]:
    """The messages of a phone, newest first."""
    return [message["text"] for message in _asked(sandbox, f"/sms/messages?phone={phone}")["messages"]]


def calls(sandbox: Sandbox, phone: str) -> list[str]:
    """What calls read aloud to a phone, newest first."""
    return [call["text"] for call in _asked(sandbox, f"/voice/calls?phone={phone}")["calls"]]


def _asked(sandbox: Sandbox, target: str) -> dict[str, list[dict[str, str]]]:
    timestamp = str(int(time.time()))
    signed = f"{timestamp}\nGET\n{target}\n".encode()
    headers = {
        "X-Carrier-Timestamp": timestamp,
        "X-Carrier-Signature": hmac.new(CARRIER_TOKEN.encode(), signed, hashlib.sha256).hexdigest(),
    }
    return sandbox.client.get(sandbox.url + target, headers=headers).json()


def code_on(sandbox: Sandbox, phone: str) -> str:
    """The newest code on a phone."""
    found = [re.search(r"\d{6}", text) for text in texts(sandbox, phone)]
    return next(match.group() for match in found if match)


def code_heard(sandbox: Sandbox, phone: str) -> str:
    """The code that the last call read, digit by digit."""
    found = re.search(r"：(\d(?:，\d){5})。", calls(sandbox, phone)[0])
    assert found
    return found.group(1).replace("，", "")


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def give_phone(visitor: Visitor, phone: str = PHONE, at: str = "/login/") -> Page:
    """R02: say a phone and have a code sent, with the answer to the question where one stands before it (X7)."""
    return answered(visitor, visitor.press(visitor.open(at), "发验证码", phone=phone))


def answered(visitor: Visitor, page: Page) -> Page:
    """Go on from the page of the question, if this is it."""
    if not page.path.endswith("/question/"):
        return page
    return visitor.press(page, "验证码", answer=sum_asked(page.text))


def send_again(visitor: Visitor, page: Page, label: str = "再发一次") -> Page:
    """R04: another code, or one that is read out, with the answer that it asks for."""
    return answered(visitor, visitor.press(page, label))


def log_in(visitor: Visitor, sandbox: Sandbox, phone: str = PHONE, at: str = "/login/") -> Page:
    """By phone and code, as somebody who has been here before."""
    return visitor.press(give_phone(visitor, phone, at), "验证", code=code_on(sandbox, phone))


def real_name(visitor: Visitor, who: Somebody = WANG_FANG, phone: str = PHONE, **changes: object) -> Page:
    """R03: fill in the form of the first time."""
    said = {"document_type": "201", "name": who.name, "number": who.number, "phone": phone, "consented": "on"}
    return answered(visitor, visitor.press(visitor.open("/login/first/"), "下一步", **(said | changes)))


def first_time(visitor: Visitor, sandbox: Sandbox, who: Somebody = WANG_FANG, phone: str = PHONE) -> Page:
    """By real name, phone and code."""
    return visitor.press(real_name(visitor, who, phone), "验证", code=code_on(sandbox, phone))


def by_wallet(visitor: Visitor, document_no: str, wallet: str = "wechat") -> Page:
    """Through the wallet's own log-in and back."""
    there = visitor.client.get(f"/login/wallet/{wallet}/").headers["Location"]
    answer = httpx.post(there, data={"document_no": document_no}, trust_env=False)
    return visitor.open("{0.path}?{0.query}".format(urlsplit(answer.headers["Location"])))


def asked_of_wallet(visitor: Visitor) -> dict[str, str]:
    """What the portal asks a wallet for."""
    return dict(parse_qsl(urlsplit(visitor.client.get("/login/wallet/alipay/").headers["Location"]).query))


def know_people(sandbox: Sandbox, *people: dict[str, object]) -> None:
    """Tell the carriers and wallets who there is."""
    (sandbox.home / "data" / "people.json").write_text(json.dumps(people, ensure_ascii=False))


def come_back(visitor: Visitor, user: User) -> None:
    """This browser is the one on which the user was logged in last."""
    visitor.client.cookies[WHO_COOKIE] = signing.dumps(user.pk, salt="who")


def is_in(visitor: Visitor, user: User | None = None) -> bool:
    """Whether the visitor is logged in, as this account."""
    said = visitor.client.session.get("_auth_user_id")
    return said is not None if user is None else said == str(user.pk)
