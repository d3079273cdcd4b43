"""The carrier of short messages. What it accepts appears on the phone, unless it is delayed or lost."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.carriers.handing import arrived, hand_over
from sandbox.carriers.signed import Declined, body_of, door, phone_in_body
from sandbox.faults import Faults


@door("sms", phone_in_body)
def messages(request: HttpRequest, struck: Faults) -> HttpResponse:
    """POST sends, GET ?phone= lists what has arrived, newest first."""
    if request.method == "GET":
        return _arrived(request.GET.get("phone", ""))
    if request.method != "POST":
        raise Declined(405, "BAD_REQUEST", "只接受GET和POST")
    message, is_new = hand_over(body_of(request), struck, number_field="message_no", spoken=False)
    return JsonResponse({"message_no": message.message_no}, status=201 if is_new else 200)


def _arrived(phone: str) -> HttpResponse:
    rows = [
        {"phone": row.phone, "text": row.text, "message_no": row.message_no, "arrived_at": row.arrives_at}
        for row in arrived(phone, spoken=False)
    ]
    return JsonResponse({"messages": rows})
