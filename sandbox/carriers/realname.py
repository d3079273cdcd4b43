"""The real-name check of a telephone carrier: do name, document and phone belong together?"""

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.carriers import people
from sandbox.carriers.signed import Declined, body_of, door, phone_in_body, text_of
from sandbox.faults import Faults

VERDICTS = ("match", "mismatch", "unknown", "unavailable")


@door("realname", phone_in_body)
def verify(request: HttpRequest, struck: Faults) -> HttpResponse:
    if request.method != "POST":
        raise Declined(405, "BAD_REQUEST", "只接受POST")
    content = body_of(request)
    given = [text_of(content, field) for field in ("name", "document_type", "document_no", "phone")]
    forced = next((word for word in VERDICTS if word in struck), None)
    return JsonResponse({"result": forced or people.verdict(*given)})
