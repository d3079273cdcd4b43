"""Clearing a stuck order by hand: only on evidence, never by its age (HOUSE 2.7, S04, PA-4).

`look_at` says what the evidence is and what it allows; both persons' steps ask the channel anew and look again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from core import clock
from core.models import User
from core.refusals import Refused, given_reason
from core.transitions import advance
from payments import gateways
from payments.gateways.base import TradeState
from payments.models import Discrepancy, Notification, PaymentOrder, PeriodClaim
from payments.order_checks import UNPAID
from payments.orders import GRACE, Waiting, clears_by, expire_order
from payments.states import AT_GATEWAY
from reconciliation.channel_questions import NOT_ASKED, SILENT, ask_channel
from reconciliation.models import ChannelAnswer, Clearing, Finding, Statement
from reconciliation.releases import days_of, is_named
from reconciliation.second_person import decide, refuse_same, waiting_step
from reconciliation.statements import in_force
from reconciliation.states import COMPLETE
from reconciliation.undone import is_undone, is_word_of_undone
from reconciliation.written_statements import WrittenStatement, attach, numbered

SECOND_AFTER = timedelta(hours=24)
SECOND_ABOVE_FEN = 500_000
"""Above this, or after a day, one person's word is not enough; nor ever where money came, or the ground is a paper."""
ON_PAPER = (Clearing.Ground.WRITTEN, Clearing.Ground.RETURNED)
BY_TWO = (Clearing.Ground.UNDONE, *ON_PAPER)
LONGEST = 500
FRESH = timedelta(minutes=10)
"""How long an answer of the channel is shown as one of now."""


@dataclass(frozen=True, slots=True)
class Check:
    """One piece of evidence: what it is about, whether it speaks for clearing (None: it need not), what is seen."""

    code: str
    met: bool | None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """All of it, and what follows: a ground, or why not and when it may be."""

    checks: tuple[Check, ...]
    ground: str
    refusal: str
    may_at: datetime | None
    may_write: str  # the ground that a paper may give where no machine gives one; empty: none
    needs_second: bool

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside the clearing."""
        return {"ground": self.ground, "checks": [asdict(check) for check in self.checks]}


def look_at(order: PaymentOrder, answer: ChannelAnswer | None) -> Look:
    """Judge the evidence as it is now; writes nothing."""
    checks = (_channel(order, answer), _expiry(order), *_days(order), _notices(order), _claims(order))
    ground, refusal = _judge(order, answer, checks)
    by_two = ground in BY_TWO or needs_second(order)
    return Look(checks, ground, refusal, _may_at(order, refusal), _on_paper(order, refusal), needs_second=by_two)


def _on_paper(order: PaymentOrder, refusal: str) -> str:
    if clock.now() < order.expires_at + GRACE:
        return ""
    if refusal == "refunded":
        return Clearing.Ground.RETURNED.value
    return Clearing.Ground.WRITTEN.value if refusal in ("silent", "statements_missing") else ""


def needs_second(order: PaymentOrder) -> bool:
    """Whether a second person must agree."""
    age = clock.now() - (order.started_at or order.created_at)
    return age > SECOND_AFTER or order.amount_fen > SECOND_ABOVE_FEN


def _judge(order: PaymentOrder, answer: ChannelAnswer | None, checks: tuple[Check, ...]) -> tuple[str, str]:
    """(ground, '') or ('', why not)."""
    if order.status not in AT_GATEWAY:
        return "", "finished"
    if any(check.code == "notices" and check.met is False for check in checks):
        return "", "notice_waiting"
    days = [check for check in checks if check.code == "day"]
    if any(check.facts.get("named") and not check.facts["undone"] for check in days):
        return "", "line_found"
    went_back = any(check.facts.get("named") for check in days)
    can_ask = order.gateway in gateways.all_codes()
    if can_ask and (answer is None or answer.state != SILENT):
        ground, refusal = _by_channel(order, answer, went_back=went_back)
        if refusal != "refunded" or not went_back:
            return ground, refusal
    else:
        refusal = "silent" if can_ask else "statements_missing"
    if not all(check.met for check in days):
        return "", refusal
    return (Clearing.Ground.UNDONE if went_back else Clearing.Ground.STATEMENTS).value, ""


def _by_channel(order: PaymentOrder, answer: ChannelAnswer | None, *, went_back: bool) -> tuple[str, str]:
    """What the channel's own word gives; `refunded` leaves it to the days to say that nothing is left."""
    if answer is None:
        return "", "not_asked"
    if answer.state == TradeState.CLOSED:
        return Clearing.Ground.CLOSED.value, ""
    if answer.state in UNPAID:
        is_over = clock.now() >= order.expires_at + GRACE
        return (Clearing.Ground.UNPAID.value, "") if is_over else ("", "not_expired")
    is_back = answer.state == TradeState.REFUNDED or (went_back and is_word_of_undone(order, answer.state))
    return "", "refunded" if is_back else "unclear"


def _may_at(order: PaymentOrder, refusal: str) -> datetime | None:
    if refusal == "not_expired":
        return order.expires_at + GRACE
    if refusal not in ("silent", "statements_missing", "unclear", "refunded"):
        return None
    # whoever was silent just now is not waited for: the statements are what tells next
    since = order.unreachable_since or clock.now()
    return clears_by(Waiting(order.status, order.created_at, order.started_at, order.expires_at, since, order.gateway))


def _channel(order: PaymentOrder, answer: ChannelAnswer | None) -> Check:
    if order.gateway not in gateways.all_codes():
        return Check("channel", None, {"state": NOT_ASKED})
    if answer is None:
        return Check("channel", False, {"state": ""})
    says_no = answer.state in (TradeState.CLOSED, TradeState.REFUNDED, *UNPAID)
    facts = {"state": answer.state, "at": answer.asked_at, "took_ms": answer.took_ms}
    return Check("channel", None if answer.state == SILENT else says_no, facts)


def _expiry(order: PaymentOrder) -> Check:
    ends_at = order.expires_at + GRACE
    return Check("expiry", clock.now() >= ends_at, {"ends_at": ends_at})


def _days(order: PaymentOrder) -> list[Check]:
    """D, D+1 and on, as far as the order could still be paid: complete, and none of its money left in them."""
    days = days_of(order)
    there = in_force(order.gateway, order.merchant_id, days)
    ids = [row.pk for row in there.values()]
    found = Finding.objects.filter(order=order, statement__in=ids).values_list("statement", flat=True)
    named = set(found) | {each for each in ids if is_named(order.order_no, [each])}
    undone = bool(named) and is_undone(order, ids)
    return [_day(order, day, there.get(day), named, undone=undone) for day in days]


def _day(order: PaymentOrder, day: date, statement: Statement | None, named: set[int], *, undone: bool) -> Check:
    is_complete = statement is not None and statement.status in COMPLETE
    is_silent = statement is not None and statement.pk not in named
    facts = _day_facts(order, day, statement, named)
    if facts["named"]:
        facts["undone"] = undone
    return Check("day", is_complete and (is_silent or undone), facts)


def _day_facts(order: PaymentOrder, day: date, statement: Statement | None, named: set[int]) -> dict[str, Any]:
    if statement is None:
        awaited = Statement.objects.filter(
            agreement=order.gateway, merchant_id=order.merchant_id, channel_day=day
        ).order_by("-version").first()  # fmt: skip
        said = {"status": awaited.status, "due_at": awaited.due_at, "tries": awaited.tries} if awaited else {}
        return {"day": day, "named": False, **said}
    return {
        "day": day, "named": statement.pk in named, "statement": statement.pk, "status": statement.status,
        "version": statement.version, "sha256": statement.sha256, "lines": statement.line_count,
        "paid_fen": statement.totals.get("paid_fen", 0),
    }  # fmt: skip


def _notices(order: PaymentOrder) -> Check:
    waiting = Notification.objects.filter(order_no=order.order_no, next_try_at__isnull=False).count()
    return Check("notices", waiting == 0, {"waiting": waiting})


def _claims(order: PaymentOrder) -> Check:
    """The periods that it keeps others from paying: what clearing gives free."""
    return Check("claims", None, {"count": PeriodClaim.objects.filter(declaration__order=order).count()})


# --- the two steps -----------------------------------------------------------------------------------------------


def request_clearing(
    *, order_id: int, ground: str, note: str, staff: User, written: WrittenStatement | None = None
) -> Clearing:
    """The first person: asks the channel, and clears at once where no second person is needed.

    Raises Refused: every `refusal` of `Look` (with `at`), `ground_differs` (the evidence says something else),
    `no_reason`, `no_document`, `waits` (another one is waiting for its second person).
    """
    reason = given_reason(note, longest=LONGEST)
    paper = numbered(written) if ground in ON_PAPER else None
    order = PaymentOrder.objects.get(pk=order_id)
    by_two = ground in BY_TWO or needs_second(order)
    answer = ask_channel(order_id=order_id, staff=staff, closing=not by_two)
    with transaction.atomic():
        order = PaymentOrder.objects.select_for_update().get(pk=order_id)
        look = look_at(order, answer)
        _refuse(look, ground)
        if Clearing.objects.filter(order=order, outcome="").exists():
            raise Refused("waits")
        clearing = Clearing(
            order=order, ground=ground, note=reason, asked_by=staff, evidence=_plain(look),
            needs_second=ground in BY_TWO or look.needs_second,
        )  # fmt: skip
        if paper is not None:
            attach(clearing, paper)
        clearing.save(force_insert=True)
        if not clearing.needs_second:
            _clear(clearing, look, staff)
    return clearing


def confirm_clearing(*, clearing_id: int, staff: User) -> Clearing:
    """The second person: the channel is asked once more, and the evidence looked at as it is now.

    Raises Refused: `decided`, `same_person`, and every `refusal` of `Look`.
    """
    clearing = Clearing.objects.get(pk=clearing_id)
    if clearing.outcome:
        raise Refused("decided", outcome=clearing.outcome)
    refuse_same(clearing, staff)
    answer = ask_channel(order_id=clearing.order_id, staff=staff, closing=True)
    with transaction.atomic():
        order = PaymentOrder.objects.select_for_update().get(pk=clearing.order_id)
        clearing = waiting_step(Clearing, clearing_id)
        look = look_at(order, answer)
        if not look.ground:
            _refuse(look, clearing.ground)
        _clear(clearing, look, staff)
    return clearing


def drop_clearing(*, clearing_id: int, staff: User) -> Clearing:
    """It is not cleared: the second person says no, or the first takes it back. Raises Refused: `decided`."""
    with transaction.atomic():
        return decide(waiting_step(Clearing, clearing_id), staff, Clearing.Outcome.DROPPED)


def _refuse(look: Look, ground: str) -> None:
    if look.may_write and ground == look.may_write:
        return
    if look.refusal:
        raise Refused(look.refusal, at=look.may_at)
    if ground != look.ground:
        raise Refused("ground_differs", ground=look.ground)


def _clear(clearing: Clearing, look: Look, staff: User) -> None:
    """Close the order and free its declarations; the payer is told by the sweep that reads the history."""
    evidence: Mapping[str, Any] = {
        **_plain(look), "source": "staff", "clearing": clearing.pk, "ground": clearing.ground,
        "document": clearing.document_no, "document_sha256": clearing.sha256,
        "asked_by": clearing.asked_by.username,
    }  # fmt: skip
    if not expire_order(order_id=clearing.order_id, actor=staff.actor, evidence=evidence):
        raise Refused("finished")
    decide(clearing, staff, Clearing.Outcome.DONE)
    stuck = Discrepancy.objects.filter(order=clearing.order_id, kind=Discrepancy.Kind.STUCK)
    ids, told = list(stuck.values_list("pk", flat=True)), {"source": "clearing", "clearing": clearing.pk}
    advance(Discrepancy, ids, "settle", actor=staff.actor, evidence=told)
    advance(Discrepancy, ids, "resolve", actor=staff.actor, evidence=told)


def _plain(look: Look) -> dict[str, Any]:
    """Without instants and dates of Python's own."""
    said = look.as_json()
    for check in said["checks"]:
        check["facts"] = {name: _text(value) for name, value in check["facts"].items()}
    return said


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
