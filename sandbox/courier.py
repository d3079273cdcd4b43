"""The courier: a thread that sends due notices and makes due payments, from rows, so that a killed sandbox goes on.

Only one process runs it (granian with one worker). A lease keeps a slow merchant from being sent the same row twice
at once; leases of a killed process are void at the next start.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import httpx
from django.db import close_old_connections, connection
from django.db.models import F

from sandbox import clock, dials, events, faults, writes
from sandbox.models import Notice, Payment, Refund, Trade

log = logging.getLogger("sandbox.courier")
LEASE_SECONDS = 60.0
PAUSE_SECONDS = 0.25
HANDS = 12


@dataclass(frozen=True)
class Parcel:
    headers: dict[str, str]
    body: bytes


class Carrier(Protocol):
    """What each gateway gives the courier."""

    TIMETABLE: tuple[float, ...]  # seconds from one try to the next

    def new_notice_id(self) -> str: ...
    def compose(self, notice_id: str, trade: Trade, payment: Payment, struck: faults.Faults) -> str: ...
    def tells_of(self, refund: Refund) -> bool: ...
    def compose_refund(self, notice_id: str, refund: Refund, struck: faults.Faults) -> str: ...
    def pack(self, notice: Notice, struck: faults.Faults) -> Parcel: ...
    def is_accepted(self, status: int, body: bytes) -> bool: ...


GATEWAYS: dict[str, Carrier] = {}
CHORES: list[Callable[[], None]] = []  # other work that becomes due, done in every round


class UnderWay:
    """How many notices are in hands now."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        with self._lock:
            self.count += 1

    def end(self) -> None:
        with self._lock:
            self.count -= 1


_under_way = UnderWay()
_round = threading.Lock()  # held while rows are taken up, so that nobody empties the table meanwhile
_bell = threading.Event()
_thread: threading.Thread | None = None
_start_lock = threading.Lock()


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    """One for all hands. Connections are not kept: a merchant who restarts must not cost a try."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(trust_env=False, follow_redirects=False, limits=limits)


def wake() -> None:
    _bell.set()


def start() -> None:
    """Start the thread, once per process."""
    global _thread
    with _start_lock:
        if _thread is None:
            _thread = threading.Thread(target=_run, name="courier", daemon=True)
            _thread.start()


def _run() -> None:
    pool = ThreadPoolExecutor(max_workers=HANDS, thread_name_prefix="courier-hand")
    fresh = True
    while True:
        try:
            if fresh:
                Notice.objects.filter(state=Notice.WAITING).update(leased_until=0)
                fresh = False
            for chore in CHORES:
                chore()
            if not dials.get("courier_paused"):
                with _round:
                    # Never more than the hands can take: a row leased and left lying would be leased again.
                    for notice_id in lease_due_notices(limit=max(0, HANDS - _under_way.count)):
                        _under_way.begin()
                        pool.submit(_send_safely, notice_id)
        except Exception:
            # The tables may not be there yet, or the disk full: go on trying.
            log.exception("courier round failed")
            connection.close()
        _bell.wait(PAUSE_SECONDS)
        _bell.clear()


def drop_everything() -> None:
    """Forget every notice; comes back when none is on its way either, so that nobody hears of what was."""
    with _round, writes.alone():
        Notice.objects.all().delete()
    while _under_way.count:
        time.sleep(0.01)


def plan(
    trade: Trade, notice_id: str, url: str, body: str, struck: faults.Faults, *, refund: Refund | None = None
) -> list[Notice]:
    """The row of a new notice, or two where it is to come twice, with the faults that strike it written into them."""
    late, twice = struck.get("late"), struck.get("twice")
    common: dict[str, object] = {
        "gateway": trade.gateway,
        "trade": trade,
        "refund": refund,
        "order_no": trade.order_no,
        "notice_id": notice_id,
        "url": url,
        "body": body,
        "faults": struck.as_json(),
        "state": Notice.HELD if "never" in struck else Notice.WAITING,
        "since": clock.epoch(),
        "wait_seconds": late.number("seconds", 3600) if late else 0,
    }
    rows = [Notice(**common)]
    if twice:
        rows.append(Notice(**common, extra_seconds=twice.number("apart_seconds", 1)))
    return Notice.objects.bulk_create(rows)


def lease_due_notices(*, limit: int) -> list[int]:
    """Ids of notices to be sent now, leased to this process."""
    moment, speed = clock.epoch(), dials.number("speed")
    due = Notice.objects.filter(
        state=Notice.WAITING,
        leased_until__lt=moment,
        since__lte=moment - F("wait_seconds") / speed - F("extra_seconds"),
    )
    if limit == 0:
        return []
    ids = list(due.order_by("since").values_list("id", flat=True)[:limit])
    if ids:
        with writes.alone():
            Notice.objects.filter(id__in=ids).update(leased_until=moment + LEASE_SECONDS)
    return ids


def _send_safely(notice_id: int) -> None:
    try:
        send(Notice.objects.get(id=notice_id))
    except Exception:
        log.exception("notice could not be sent")
    finally:
        close_old_connections()
        _under_way.end()
        wake()


def post(url: str, parcel: Parcel) -> tuple[int, bytes, str]:
    """Deliver; returns status (0: no answer), body and what went wrong."""
    try:
        timeout = dials.number("notice_timeout_seconds")
        answer = _client().post(url, content=parcel.body, headers=parcel.headers, timeout=timeout)
        return answer.status_code, answer.content[:2000], ""
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as problem:
        return 0, b"", type(problem).__name__


def send_together(notice: Notice, *, times: int) -> list[dict[str, object]]:
    """The same notice over several links at the same moment, and what was answered to each."""
    with ThreadPoolExecutor(max_workers=max(1, times)) as pool:
        return list(pool.map(_send_and_release, [notice] * max(1, times)))


def _send_and_release(notice: Notice) -> dict[str, object]:
    try:
        return send(notice)
    finally:
        connection.close()


def send(notice: Notice) -> dict[str, object]:
    """One try of one notice; plans the next by the vendor's timetable."""
    carrier = GATEWAYS[notice.gateway]
    struck = faults.Faults([f for f in faults.Faults.from_json(notice.faults) if notice.tries < f.number("tries", 99)])
    status, body, problem = post(notice.url, carrier.pack(notice, struck))
    accepted = carrier.is_accepted(status, body)
    tries = notice.tries + 1
    values: dict[str, object] = {"tries": tries, "since": clock.epoch(), "leased_until": 0, "extra_seconds": 0}
    if accepted:
        values["state"] = Notice.DELIVERED
    elif notice.state == Notice.HELD:
        pass  # sent by hand; it stays with the tester
    elif tries > len(carrier.TIMETABLE):
        values["state"] = Notice.GIVEN_UP
    else:
        values["wait_seconds"] = carrier.TIMETABLE[tries - 1]
    detail: dict[str, object] = {
        "notice_id": notice.notice_id,
        "try": tries,
        "accepted": accepted,
        "problem": problem,
        "faults": [fault.name for fault in struck],
        "answer": body.decode("utf-8", "replace"),
    }
    point = "refund_notice" if notice.refund_id else "notice"
    events.record("notice", gateway=notice.gateway, point=point, order_no=notice.order_no, status=status, detail=detail)
    with writes.alone():  # after the record: whoever sees the new state finds the try that led to it
        Notice.objects.filter(id=notice.id).update(**values)
    return {"status": status, **detail}
