"""What both carriers do with what they are given: take it once under its number, and show what has arrived."""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox import clock, writes
from sandbox.carriers.signed import Declined, body_of, text_of
from sandbox.faults import Faults
from sandbox.models import Message

PHONE = re.compile(r"1\d{10}")
LISTED = 50


@dataclass(frozen=True)
class Words:
    """How a carrier calls the number of what it is given, what it lists, and when each has come."""

    number: str
    listed: str
    arrived_at: str


def answer(request: HttpRequest, struck: Faults, words: Words, *, spoken: bool) -> HttpResponse:
    """POST takes a message or call, GET ?phone= lists what has come. Raises Declined."""
    if request.method == "GET":
        rows = [
            {"phone": row.phone, "text": row.text, words.number: row.message_no, words.arrived_at: row.arrives_at}
            for row in _arrived(request.GET.get("phone", ""), spoken=spoken)
        ]
        return JsonResponse({words.listed: rows})
    if request.method != "POST":
        raise Declined(405, "BAD_REQUEST", "只接受GET和POST")
    taken, is_new = _hand_over(body_of(request), struck, number_field=words.number, spoken=spoken)
    return JsonResponse({words.number: taken.message_no}, status=201 if is_new else 200)


def _hand_over(content: dict[str, object], struck: Faults, *, number_field: str, spoken: bool) -> tuple[Message, bool]:
    """Keep a message or call for its phone; whether it is new. The same number with the same content is one."""
    phone, text = text_of(content, "phone"), text_of(content, "text", most=500)
    if not PHONE.fullmatch(phone):
        raise Declined(422, "BAD_PHONE", "手机号格式错误")
    if "refuse" in struck:
        raise Declined(422, "REFUSED", "该号码不能接听电话" if spoken else "该号码不能接收短信")
    number = str(content.get(number_field) or secrets.token_hex(16))[:64]
    moment, late = clock.now(), struck.get("delay")
    with writes.alone():
        message, is_new = Message.objects.get_or_create(
            message_no=number,
            defaults={
                "phone": phone,
                "text": text,
                "spoken": spoken,
                "received_at": moment,
                "arrives_at": moment + timedelta(seconds=late.number("seconds", 60) if late else 0),
                "lost": "lose" in struck,
            },
        )
    if not is_new and (message.phone, message.text, message.spoken) != (phone, text, spoken):
        raise Declined(409, "NUMBER_USED", f"同一{number_field}的内容不一致")
    return message, is_new


def _arrived(phone: str, *, spoken: bool) -> list[Message]:
    """What has come to a phone, newest first."""
    shown = Message.objects.filter(phone=phone, spoken=spoken, lost=False, arrives_at__lte=clock.now())
    return list(shown.order_by("-arrives_at", "-id")[:LISTED])
