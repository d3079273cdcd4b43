"""The carrier of calls: it rings a phone and reads a text aloud. The phone shows the words that were heard."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.carriers.handing import arrived, hand_over
from sandbox.carriers.signed import Declined, body_of, door, phone_in_body
from sandbox.faults import Faults


@door("voice", phone_in_body)
def calls(request: HttpRequest, struck: Faults) -> HttpResponse:
    """POST calls, GET ?phone= lists the calls that were taken, newest first."""
    if request.method == "GET":
        return _taken(request.GET.get("phone", ""))
    if request.method != "POST":
        raise Declined(405, "BAD_REQUEST", "只接受GET和POST")
    call, is_new = hand_over(body_of(request), struck, number_field="call_no", spoken=True)
    return JsonResponse({"call_no": call.message_no}, status=201 if is_new else 200)


def _taken(phone: str) -> HttpResponse:
    rows = [
        {"phone": row.phone, "text": row.text, "call_no": row.message_no, "rang_at": row.arrives_at}
        for row in arrived(phone, spoken=True)
    ]
    return JsonResponse({"calls": rows})
