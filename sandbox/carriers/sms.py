"""The carrier of short messages. What it accepts appears on the phone, unless it is delayed or lost."""

import re
import secrets
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox import clock, writes
from sandbox.carriers.signed import Declined, body_of, door, phone_in_body, text_of
from sandbox.faults import Faults
from sandbox.models import Message

PHONE = re.compile(r"1\d{10}")


@door("sms", phone_in_body)
def messages(request: HttpRequest, struck: Faults) -> HttpResponse:
    """POST sends, GET ?phone= lists what has arrived, newest first."""
    if request.method == "GET":
        return _arrived(request.GET.get("phone", ""))
    if request.method != "POST":
        raise Declined(405, "BAD_REQUEST", "只接受GET和POST")
    content = body_of(request)
    phone, text = text_of(content, "phone"), text_of(content, "text", most=500)
    if not PHONE.fullmatch(phone):
        raise Declined(422, "BAD_PHONE", "手机号格式错误")
    if "refuse" in struck:
        raise Declined(422, "REFUSED", "该号码不能接收短信")
    number = str(content.get("message_no") or secrets.token_hex(16))[:64]
    moment, late = clock.now(), struck.get("delay")
    with writes.alone():
        message, is_new = Message.objects.get_or_create(
            message_no=number,
            defaults={
                "phone": phone,
                "text": text,
                "received_at": moment,
                "arrives_at": moment + timedelta(seconds=late.number("seconds", 60) if late else 0),
                "lost": "lose" in struck,
            },
        )
    if not is_new and (message.phone, message.text) != (phone, text):
        raise Declined(409, "NUMBER_USED", "同一message_no的内容不一致")
    return JsonResponse({"message_no": message.message_no}, status=201 if is_new else 200)


def _arrived(phone: str) -> HttpResponse:
    shown = Message.objects.filter(phone=phone, lost=False, arrives_at__lte=clock.now()).order_by("-arrives_at", "-id")
    rows = [
        {"phone": row.phone, "text": row.text, "message_no": row.message_no, "arrived_at": row.arrives_at}
        for row in shown[:50]
    ]
    return JsonResponse({"messages": rows})
