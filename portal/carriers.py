"""The carriers behind log-in and messages: short messages, calls, the real-name check, wallet log-in.

Every call is signed over time, method, target and body. An answer that does not come is told apart
from a refusal, because only the first may be tried again.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from django.conf import settings

from core import clock

_TIMEOUT = httpx.Timeout(8.0, connect=3.0)


class CarrierUnreachable(Exception):
    """No answer, or none that can be understood; the request may or may not have been carried out."""


class CarrierRefused(Exception):
    """The carrier said no; `code` is its word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RealName(StrEnum):
    """What the real-name check says of name, document and phone together."""

    MATCH = "match"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class WalletUser:
    """Who is logged in to a wallet. Without `real_named` nothing else is known of him."""

    real_named: bool
    name: str = ""
    document_type: str = ""
    document_no: str = ""
    phone: str = ""


def send_sms(*, phone: str, text: str, message_no: str) -> None:
    """Hand a message over; the same `message_no` is sent once. Raises CarrierRefused, CarrierUnreachable."""
    _call(settings.SMS_URL, {"phone": phone, "text": text, "message_no": message_no})


def read_aloud(*, phone: str, text: str, call_no: str) -> None:
    """Ring a phone and read a text to it; the same `call_no` rings once. Raises CarrierRefused, CarrierUnreachable."""
    _call(settings.VOICE_URL, {"phone": phone, "text": text, "call_no": call_no})


def check_real_name(*, name: str, document_type: str, document_no: str, phone: str) -> RealName:
    """Whether the four belong together. Raises CarrierUnreachable."""
    asked = {"name": name, "document_type": document_type, "document_no": document_no, "phone": phone}
    try:
        return RealName(_call(settings.REAL_NAME_URL, asked)["result"])
    except (CarrierRefused, KeyError, ValueError) as problem:
        raise CarrierUnreachable from problem


def wallet_address(*, wallet: str, redirect_uri: str, state: str) -> str:
    """Where a browser goes to log in with a wallet."""
    asked = {"client_id": "portal", "redirect_uri": redirect_uri, "state": state, "wallet": wallet}
    return f"{settings.WALLET_URL}/authorize?{urlencode(asked)}"


def wallet_user(*, code: str, redirect_uri: str) -> WalletUser:
    """Exchange the code that the browser brought. Raises CarrierRefused, CarrierUnreachable."""
    asked = {"client_id": "portal", "code": code, "redirect_uri": redirect_uri}
    said = _call(f"{settings.WALLET_URL}/token", asked)
    fields = ("name", "document_type", "document_no", "phone")
    return WalletUser(bool(said.get("real_named")), **{field: str(said.get(field, "")) for field in fields})


def _call(url: str, content: dict[str, str]) -> dict[str, Any]:
    body = json.dumps(content, ensure_ascii=False).encode()
    timestamp = str(int(clock.now().timestamp()))
    text = f"{timestamp}\nPOST\n{urlsplit(url).path}\n".encode() + body
    headers = {
        "Content-Type": "application/json",
        "X-Carrier-Timestamp": timestamp,
        "X-Carrier-Signature": hmac.new(settings.CARRIER_TOKEN.encode(), text, hashlib.sha256).hexdigest(),
    }
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=_TIMEOUT, trust_env=False)
        said = answer.json()
    except (httpx.HTTPError, ValueError) as problem:
        raise CarrierUnreachable from problem
    if answer.status_code >= 500 or answer.status_code == 429 or not isinstance(said, dict):
        raise CarrierUnreachable
    if answer.status_code >= 400:
        raise CarrierRefused(str(said.get("code", answer.status_code)))
    return said
