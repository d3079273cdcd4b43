"""The carrier of calls: it rings a phone and reads a text aloud. The phone shows the words that were heard."""

from django.http import HttpRequest, HttpResponse

from sandbox.carriers.handing import Words, answer
from sandbox.carriers.signed import door, phone_in_body
from sandbox.faults import Faults

WORDS = Words(number="call_no", listed="calls", arrived_at="rang_at")


@door("voice", phone_in_body)
def calls(request: HttpRequest, struck: Faults) -> HttpResponse:
    """POST calls, GET ?phone= lists the calls that were taken, newest first."""
    return answer(request, struck, WORDS, spoken=True)
