"""The carrier of short messages. What it accepts appears on the phone, unless it is delayed or lost."""

from django.http import HttpRequest, HttpResponse

from sandbox.carriers.handing import Words, answer
from sandbox.carriers.signed import door, phone_in_body
from sandbox.faults import Faults

WORDS = Words(number="message_no", listed="messages", arrived_at="arrived_at")


@door("sms", phone_in_body)
def messages(request: HttpRequest, struck: Faults) -> HttpResponse:
    """POST sends, GET ?phone= lists what has arrived, newest first."""
    return answer(request, struck, WORDS, spoken=False)
