"""Misbehaviour: which faults strike this request or notice, and how an answer is lost, delayed or spoilt."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from sandbox import dials, writes
from sandbox.models import Rule

# Where faults strike → what can strike there. The control door refuses anything else.
TRANSPORT = {"lose_request", "lose_answer", "drop", "server_error", "garbage", "hang", "too_many"}
SIGNATURE = {"unsigned", "forged", "stale", "unknown_serial"}
NOTICE = SIGNATURE | {"never", "late", "twice", "not_utf8", "signtest", "other_order", "wrong_secret"}
NOTICE |= {"wrong_amount", "wrong_currency", "wrong_merchant", "wrong_app"}
CATALOGUE: dict[str, set[str]] = {
    "create": TRANSPORT | SIGNATURE | {"pay_first"},
    "query": TRANSPORT
    | SIGNATURE
    | {"not_found", "not_paid", "user_paying", "other_order", "wrong_amount", "wrong_currency", "wrong_merchant"},
    "close": TRANSPORT | SIGNATURE | {"close_ignored", "not_found"},
    "cancel": TRANSPORT | SIGNATURE,
    "bill": TRANSPORT | SIGNATURE | {"no_statement", "creating"},
    "download": TRANSPORT | {"expired"},
    "certificates": TRANSPORT | SIGNATURE,
    "cashier": TRANSPORT,
    "notice": NOTICE,
    "refund": TRANSPORT | SIGNATURE | {"balance_short", "stays_processing", "ends_abnormal", "ends_closed", "unclear"},
    "refund_query": TRANSPORT | SIGNATURE | {"not_found", "still_processing", "other_order", "wrong_amount"},
    "refund_notice": NOTICE - {"wrong_app", "wrong_currency"},
    "sms": TRANSPORT | {"refuse", "delay", "lose"},
    "voice": TRANSPORT | {"refuse", "delay", "lose"},
    "realname": TRANSPORT | {"match", "mismatch", "unknown", "unavailable"},
    "wallet": TRANSPORT | {"refuse"},
}


@dataclass(frozen=True)
class Fault:
    name: str
    params: dict[str, object] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        return float(str(self.params.get(name, default)))


class Faults:
    """The faults that strike one request or notice."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = {fault.name: fault for fault in faults}

    def __contains__(self, name: str) -> bool:
        return name in self._faults

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def get(self, name: str) -> Fault | None:
        return self._faults.get(name)

    def names(self) -> set[str]:
        return set(self._faults)

    def without(self, name: str) -> "Faults":
        return Faults([fault for fault in self if fault.name != name])

    def as_json(self) -> list[dict[str, object]]:
        return [{"name": fault.name, "params": fault.params} for fault in self]

    @classmethod
    def from_json(cls, rows: list[dict[str, object]]) -> "Faults":
        return cls([Fault(str(row["name"]), dict(row.get("params") or {})) for row in rows])  # type: ignore[call-overload]


NONE = Faults([])


def _chance(rule: Rule, order_no: str) -> bool:
    """Decided by the seed, the rule's content and the order, so that a run can be repeated."""
    if rule.probability >= 1:
        return True
    material = f"{dials.get('seed')}/{rule.point}/{rule.fault}/{order_no}/{rule.struck}"
    drawn = int.from_bytes(hashlib.sha256(material.encode()).digest()[:8], "big") / 2**64
    Rule.objects.filter(id=rule.id).update(struck=F("struck") + 1)
    return drawn < rule.probability


def _use_up(rule: Rule) -> bool:
    with writes.alone():
        return bool(Rule.objects.filter(id=rule.id, times__gt=0).update(times=F("times") - 1))


def take(gateway: str, point: str, *, order_no: str = "", amount_fen: int | None = None, phone: str = "") -> Faults:
    """The faults that strike here now; rules with a number of times are used up by it."""
    query = Q(gateway__in=["", gateway], point__in=["", point], order_no__in=["", order_no], phone__in=["", phone])
    query &= Q(amount_fen=None) | Q(amount_fen=amount_fen) if amount_fen is not None else Q(amount_fen=None)
    candidates = list(Rule.objects.filter(query).exclude(times=0).order_by("id"))
    struck = []
    for rule in candidates:
        if rule.fault not in CATALOGUE[point] or not order_no.endswith(rule.order_suffix):
            continue
        if not _chance(rule, order_no):
            continue
        if rule.times is not None and not _use_up(rule):
            continue  # another request was faster
        struck.append(Fault(rule.fault, rule.params))
    return Faults(struck)


def add(values: dict[str, object]) -> Rule:
    """A new rule. Raises ValueError when it could never strike."""
    known = {field.name for field in Rule._meta.fields} - {"id", "struck", "created_at"}
    unknown = set(values) - known
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    point, fault = str(values.get("point", "")), str(values.get("fault", ""))
    if point and point not in CATALOGUE:
        raise ValueError(f"no point is called {point}; there are: {', '.join(sorted(CATALOGUE))}")
    possible = CATALOGUE[point] if point else set().union(*CATALOGUE.values())
    if fault not in possible:
        raise ValueError(f"{fault!r} cannot happen at {point or 'any point'}; possible: {', '.join(sorted(possible))}")
    if values.get("times") is not None and int(str(values["times"])) < 1:
        raise ValueError("times must be 1 or more, or left out")
    with writes.alone():
        return Rule.objects.create(**values)


# How answers are lost and spoilt


def mark_dropped(response: HttpResponse | StreamingHttpResponse) -> HttpResponse | StreamingHttpResponse:
    response.sandbox_dropped = True  # type: ignore[union-attr]
    return response


def cut_connection() -> HttpResponse | StreamingHttpResponse:
    """No answer: the server, promised bytes that never come, closes the connection under the client's hands.

    At most the head of an answer gets out; that it does so every time is what the short sleep is for.
    """

    def nothing() -> Iterator[bytes]:
        time.sleep(0.05)
        yield from ()

    response = StreamingHttpResponse(nothing(), status=502, content_type="application/octet-stream")
    response.headers["Content-Length"] = "4096"
    return mark_dropped(response)


def cut_midway(answer: HttpResponse) -> HttpResponse | StreamingHttpResponse:
    """The head of the answer and half of its body, then silence."""

    def half() -> Iterator[bytes]:
        yield answer.content[: max(1, len(answer.content) // 2)]
        time.sleep(0.05)

    response = StreamingHttpResponse(half(), status=answer.status_code)
    for name, value in answer.headers.items():
        response.headers[name] = value
    response.headers["Content-Length"] = str(len(answer.content) + 512)
    return mark_dropped(response)


def serve(
    request: HttpRequest, faults: Faults, act: Callable[[], HttpResponse], *, refuse: Callable[[str, int], HttpResponse]
) -> HttpResponse | StreamingHttpResponse:
    """Act and answer as far as the transport faults allow.

    ``refuse(reason, status)`` writes the gateway's own words for ``server_error`` and ``too_many``.
    """
    if "lose_request" in faults:
        return cut_connection()
    if "too_many" in faults:
        return refuse("too_many", 429)
    broken = faults.get("server_error")
    if broken and not broken.params.get("done"):
        return refuse("server_error", int(broken.number("status", 500)))
    answer = act()
    slow = faults.get("hang")
    if slow:
        time.sleep(slow.number("seconds", 30))
    if broken:
        return refuse("server_error", int(broken.number("status", 500)))
    if "garbage" in faults:
        return HttpResponse(b"<html><title>502</title>\xff\xfe{", status=200, content_type="text/html")
    if "lose_answer" in faults:
        return cut_connection()
    if "drop" in faults:
        return cut_midway(answer)
    return answer
