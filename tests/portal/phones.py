"""What arrives on people's phones, and how people get in by it."""

import hashlib
import hmac
import json
import re
import time
from urllib.parse import parse_qsl, urlsplit

import httpx

from core.models import User
from tests.portal.visiting import Page, Visitor
from tests.sandbox.process import CARRIER_TOKEN, Sandbox
from tests.world import WANG_FANG, Somebody

PHONE = "13800006712"  # of the account that tests/world.py makes for 王芳


def texts(sandbox: Sandbox, phone: str) -> list[str]:
    """The messages of a phone, newest first."""
    target, timestamp = f"/sms/messages?phone={phone}", str(int(time.time()))
    signed = f"{timestamp}\nGET\n{target}\n".encode()
    headers = {
        "X-Carrier-Timestamp": timestamp,
        "X-Carrier-Signature": hmac.new(CARRIER_TOKEN.encode(), signed, hashlib.sha256).hexdigest(),
    }
    answer = sandbox.client.get(sandbox.url + target, headers=headers)
    return [message["text"] for message in answer.json()["messages"]]


def code_on(sandbox: Sandbox, phone: str) -> str:
    """The newest code on a phone."""
    found = [re.search(r"\d{6}", text) for text in texts(sandbox, phone)]
    return next(match.group() for match in found if match)


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def give_phone(visitor: Visitor, phone: str = PHONE, at: str = "/login/") -> Page:
    """R02: say a phone and have a code sent."""
    return visitor.press(visitor.open(at), "发验证码", phone=phone)


def log_in(visitor: Visitor, sandbox: Sandbox, phone: str = PHONE, at: str = "/login/") -> Page:
    """By phone and code, as somebody who has been here before."""
    return visitor.press(give_phone(visitor, phone, at), "验证", code=code_on(sandbox, phone))


def real_name(visitor: Visitor, who: Somebody = WANG_FANG, phone: str = PHONE, **changes: object) -> Page:
    """R03: fill in the form of the first time."""
    said = {"document_type": "201", "name": who.name, "number": who.number, "phone": phone, "consented": "on"}
    return visitor.press(visitor.open("/login/first/"), "下一步", **(said | changes))


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


def is_in(visitor: Visitor, user: User | None = None) -> bool:
    """Whether the visitor is logged in, as this account."""
    said = visitor.client.session.get("_auth_user_id")
    return said is not None if user is None else said == str(user.pk)
