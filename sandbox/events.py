"""The event log: every request from outside and every notice sent, so that tests can ask what really happened."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse

from sandbox import clock
from sandbox.models import Event

KEPT = 50_000  # events; older ones go


@dataclass
class Note:
    """What a door tells the log about the request in hand."""

    gateway: str
    point: str
    order_no: str = ""
    faults: list[str] = field(default_factory=list)
    private: bool = False  # bodies that name people are not kept


def record(kind: str, **values: object) -> Event:
    event = Event.objects.create(at=clock.now(), kind=kind, **values)
    if event.id % 1000 == 0:
        Event.objects.filter(id__lte=event.id - KEPT).delete()
    return event


def note(request: HttpRequest, note: Note) -> None:
    request.sandbox_note = note  # type: ignore[attr-defined]


class RecordRequests:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        arrived = clock.epoch()
        response = self.get_response(request)
        note: Note | None = getattr(request, "sandbox_note", None)
        if note is None:
            return response
        detail: dict[str, object] = {
            "method": request.method,
            "path": request.path,
            "faults": note.faults,
            "seconds": round(clock.epoch() - arrived, 4),
        }
        if not note.private:
            detail["query"] = request.META.get("QUERY_STRING", "")[:2000]
            detail["body"] = request.body[:4000].decode("utf-8", "replace")
            if not response.streaming:
                detail["answer"] = response.content[:2000].decode("utf-8", "replace")
        record(
            "request",
            gateway=note.gateway,
            point=note.point,
            order_no=note.order_no,
            status=0 if getattr(response, "sandbox_dropped", False) else response.status_code,
            detail=detail,
        )
        return response
