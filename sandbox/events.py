"""The event log: every request from outside and every notice sent, so that tests can ask what really happened.

Events are written in bundles a moment later; whoever reads them through ``latest`` gets all that happened before.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from sandbox import clock, writes
from sandbox.models import Event

KEPT = 50_000  # events; older ones go

_waiting: list[Event] = []
_handover = threading.Lock()


@dataclass
class Note:
    """What a door tells the log about the request in hand."""

    gateway: str
    point: str
    order_no: str = ""
    faults: list[str] = field(default_factory=list)
    private: bool = False  # bodies that name people are not kept


def record(kind: str, **values: object) -> None:
    event = Event(at=clock.now(), kind=kind, **values)
    with _handover:
        _waiting.append(event)


def write() -> None:
    """Write what has gathered, in the order in which it happened."""
    with writes.alone():
        with _handover:
            bundle = _waiting[:]
            _waiting.clear()
        if bundle:
            Event.objects.bulk_create(bundle, batch_size=500)
            newest = Event.objects.order_by("-id").values_list("id", flat=True)[0]
            Event.objects.filter(id__lte=newest - KEPT).delete()


def latest() -> "QuerySet[Event]":
    write()
    return Event.objects.all()


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
