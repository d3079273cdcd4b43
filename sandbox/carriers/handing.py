"""What both carriers do with what they are given: take it once under its number, and show what has arrived."""

import re
import secrets
from datetime import timedelta

from sandbox import clock, writes
from sandbox.carriers.signed import Declined, text_of
from sandbox.faults import Faults
from sandbox.models import Message

PHONE = re.compile(r"1\d{10}")
LISTED = 50


def hand_over(content: dict[str, object], struck: Faults, *, number_field: str, spoken: bool) -> tuple[Message, bool]:
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


def arrived(phone: str, *, spoken: bool) -> list[Message]:
    """What has come to a phone, newest first."""
    shown = Message.objects.filter(phone=phone, spoken=spoken, lost=False, arrives_at__lte=clock.now())
    return list(shown.order_by("-arrives_at", "-id")[:LISTED])
