"""How the carriers know their customer: an HMAC over time, method, path with query, and body.

``X-Carrier-Timestamp``: epoch seconds, at most five minutes away. ``X-Carrier-Signature``: hexadecimal HMAC-SHA256
with the shared ``carrier_token`` over the lines timestamp, method, target and body, joined by line ends.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from sandbox import clock, events, faults, secret_keys
from sandbox.faults import Faults

Answer = HttpResponse | StreamingHttpResponse
FRESH_SECONDS = 300


class Declined(Exception):
    """An error answer: {"code", "message"} and whatever else the caller may need."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        super().__init__(code)
        self.status, self.content = status, {"code": code, "message": message, **more}


def signature(timestamp: str, method: str, target: str, body: bytes) -> str:
    text = f"{timestamp}\n{method}\n{target}\n".encode() + body
    return hmac.new(secret_keys.secret("carrier_token").encode(), text, hashlib.sha256).hexdigest()


def is_customer(request: HttpRequest) -> bool:
    timestamp = request.headers.get("X-Carrier-Timestamp", "")
    given = request.headers.get("X-Carrier-Signature", "")
    if not timestamp.isdecimal() or abs(clock.epoch() - int(timestamp)) > FRESH_SECONDS:
        return False
    wanted = signature(timestamp, str(request.method), request.get_full_path(), request.body)
    return hmac.compare_digest(given.encode(), wanted.encode())


def body_of(request: HttpRequest) -> dict[str, object]:
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Declined(400, "BAD_REQUEST", "请求体不是JSON对象")
    return content


def text_of(content: dict[str, object], field: str, *, most: int = 200) -> str:
    value = content.get(field, "")
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise Declined(400, "BAD_REQUEST", f"缺少字段{field}或格式错误")
    return value.strip()


def door(
    point: str, phone_of: Callable[[HttpRequest], str] = lambda _: ""
) -> Callable[[Callable[[HttpRequest, Faults], HttpResponse]], Callable[[HttpRequest], Answer]]:
    """A carrier's endpoint: signed, logged without what it says of people, and open to faults."""

    def wrap(view: Callable[[HttpRequest, Faults], HttpResponse]) -> Callable[[HttpRequest], Answer]:
        @wraps(view)
        def guarded(request: HttpRequest) -> Answer:
            struck = faults.take("carrier", point, phone=phone_of(request))
            events.note(request, events.Note("carrier", point, "", [fault.name for fault in struck], private=True))

            def act() -> HttpResponse:
                try:
                    if not is_customer(request):
                        raise Declined(401, "BAD_SIGNATURE", "签名错误或已过期")
                    return view(request, struck)
                except Declined as declined:
                    return JsonResponse(declined.content, status=declined.status)

            return faults.serve(request, struck, act, refuse=_refuse)

        return guarded

    return wrap


def _refuse(reason: str, status: int) -> HttpResponse:
    if reason == "too_many":
        answer = JsonResponse({"code": "RATE_LIMITED", "message": "发送过于频繁", "retry_after": 60}, status=429)
        answer.headers["Retry-After"] = "60"
        return answer
    return JsonResponse({"code": "SYSTEM_ERROR", "message": "系统繁忙"}, status=status)


def phone_in_body(request: HttpRequest) -> str:
    """The phone that a rule may name; anything unreadable is judged later."""
    try:
        return str(json.loads(request.body).get("phone", ""))
    except (ValueError, AttributeError):
        return ""
