"""What a rule can do about a finding, it does; the rest becomes a case that holds the full amount (HOUSE 4.4)."""

import logging
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Least

from core import clock
from core.refusals import Refused
from core.transitions import advance
from payments.confirming import Outcome, Payment, confirm_payment
from payments.discrepancies import open_discrepancy
from payments.gateways.base import CURRENCY, RefundResult, RefundState, Result, TradeState
from payments.models import Discrepancy, Refund
from payments.receipts import Put, allocate, channel_day, record_receipt
from payments.refund_settling import RefundEvidence, RefundOutcome, settle_refund
from reconciliation.agreements import ONE_DAY, is_to_come
from reconciliation.models import Finding, Statement, StatementEntry
from reconciliation.refund_lines import refund_rows
from reconciliation.states import COMPLETE

log = logging.getLogger(__name__)

BATCH = 200
BATCH_TIME = timedelta(seconds=45)
LOOK_AGAIN = timedelta(minutes=10)
CASE_AFTER_TRIES, TRIES_COUNTED = 3, 1000
Done = tuple[str, Discrepancy | None]
"""What became of a finding, and the case that it opened."""

_OUTCOMES = {
    Outcome.PAID: "confirmed",
    Outcome.LATE: "confirmed",
    Outcome.REPEATED: "agrees",
    Outcome.DUPLICATE: "held",
    Outcome.MISMATCH: "held",
}


def apply_remedies(*, statement_id: int, actor: str = "system:statement") -> Statement:
    """Work through the findings of a matched statement; close it when nothing of it is left to be waited for.

    Each finding is a transaction of its own: a run that is cut off, or out of time, goes on where it was.
    """
    statement = Statement.objects.select_related("agreement").get(pk=statement_id)
    if statement.status != "matched":
        return statement
    ends_at = clock.now() + BATCH_TIME
    _settle_what_appeared(statement, actor)
    last = 0
    while ids := _unresolved(statement, last):
        for last in ids:
            _resolve(last, statement, actor)
        if clock.now() > ends_at:
            break
    if not Finding.objects.filter(statement=statement, resolution="").exists():
        advance(Statement, [statement.pk], "close", actor=actor, values={"next_try_at": None})
    else:
        Statement.objects.filter(pk=statement.pk).update(next_try_at=clock.now() + LOOK_AGAIN)
    statement.refresh_from_db()
    return statement


def _unresolved(statement: Statement, after: int) -> list[int]:
    rows = Finding.objects.filter(statement=statement, resolution="", pk__gt=after).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:BATCH])


def _resolve(finding_id: int, statement: Statement, actor: str) -> None:
    """One finding; one that cannot be worked must not stop the others (W7)."""
    try:
        with transaction.atomic():
            finding = Finding.objects.select_for_update().get(pk=finding_id)
            if finding.resolution:
                return
            done = _REMEDIES[finding.kind](finding, statement, actor)
            if done is not None:
                Finding.objects.filter(pk=finding.pk).update(
                    resolution=done[0], discrepancy=done[1], resolved_at=clock.now()
                )
                _settle_unworked(finding, actor)
    except Exception as problem:
        log.exception("finding %s could not be worked", finding_id)
        _count_failure(finding_id, statement, problem, actor)


def _count_failure(finding_id: int, statement: Statement, problem: Exception, actor: str) -> None:
    """What fails again and again is shown to somebody; it is tried on all the same."""
    Finding.objects.filter(pk=finding_id).update(tries=Least(F("tries") + 1, TRIES_COUNTED))
    finding = Finding.objects.select_related("order").get(pk=finding_id)
    if finding.tries >= CASE_AFTER_TRIES:
        open_discrepancy(
            kind=Discrepancy.Kind.STATEMENT, key=_unworked_key(finding), amount_fen=finding.amount_fen, actor=actor,
            order=finding.order,
            facts=_facts(finding, statement) | {"reason": "not_worked", "problem": type(problem).__name__},
        )  # fmt: skip


def _settle_unworked(finding: Finding, actor: str) -> None:
    if finding.tries >= CASE_AFTER_TRIES:
        ids = Discrepancy.objects.filter(key=_unworked_key(finding), status="open").values_list("pk", flat=True)
        advance(Discrepancy, list(ids), "settle", actor=actor, evidence={"finding": finding.pk})


def _unworked_key(finding: Finding) -> str:
    return f"finding-unworked:{finding.pk}"


# --- money that a line says came ---------------------------------------------------------------------------------


def _confirm(finding: Finding, statement: Statement, actor: str) -> Done | None:
    """The one door for money decides: paid, late and re-attached where it is free, a duplicate, or not fitting."""
    if finding.receipt_id is not None:
        return _case(finding, statement, actor)
    entry = _entry(finding)
    result = Result(
        TradeState.PAID, entry.order_no, statement.merchant_id, entry.amount_fen, CURRENCY, _trade_no(entry),
        entry.paid_at, {"statement": statement.pk, "line": entry.line_no, "sha256": statement.sha256},
    )  # fmt: skip
    try:
        outcome = confirm_payment(order_no=entry.order_no, payment=Payment(result, statement.channel, "statement"))
    except Refused:
        return _hold(finding, statement, actor)
    opened = (f"duplicate:{statement.channel}:{_trade_no(entry)}", _mismatch_key(statement, entry))
    of_trade = Q(receipt__gateway=statement.channel, receipt__gateway_trade_no=_trade_no(entry))
    return _OUTCOMES[outcome], Discrepancy.objects.filter(Q(key__in=opened) | of_trade).order_by("-pk").first()


def _mismatch_key(statement: Statement, entry: StatementEntry) -> str:
    return f"mismatch:{statement.channel}:{_trade_no(entry)}:statement"


def _hold(finding: Finding, statement: Statement, actor: str) -> Done | None:
    """Money that has no order of ours is a receipt, held in full by a case (B8)."""
    if finding.receipt_id is not None:
        return _case(finding, statement, actor)
    entry = _entry(finding)
    if entry.amount_fen <= 0:
        return _case(finding, statement, actor)
    receipt_id = record_receipt(
        gateway=statement.channel, merchant_id=statement.merchant_id, gateway_trade_no=_trade_no(entry), order_id=None,
        amount_fen=entry.amount_fen, paid_at=entry.paid_at, source="statement",
    )  # fmt: skip
    if receipt_id is None:
        return "agrees", None  # a notice or a query was faster than this line
    is_wrong = finding.kind == Finding.Kind.WRONG_PARTY
    found = open_discrepancy(
        kind=Discrepancy.Kind.WRONG_PARTY if is_wrong else Discrepancy.Kind.UNKNOWN_ORDER,
        key=f"statement-money:{statement.channel}:{_trade_no(entry)}", amount_fen=entry.amount_fen, actor=actor,
        order=finding.order, receipt_id=receipt_id, facts=_facts(finding, statement),
    )  # fmt: skip
    allocate(receipt_id, [Put("discrepancy", found.pk, entry.amount_fen)])
    return "held", found


def _entry(finding: Finding) -> StatementEntry:
    return StatementEntry.objects.get(statement_id=finding.statement_id, line_no=finding.line_no or 0)


def _trade_no(entry: StatementEntry) -> str:
    """The channel's number of the trade; a line without one is named by its place."""
    return entry.gateway_trade_no or f"line:{entry.statement_id}:{entry.line_no}"


# --- what people decide ------------------------------------------------------------------------------------------

_CASES = {
    Finding.Kind.AMOUNT: Discrepancy.Kind.AMOUNT,
    Finding.Kind.WRONG_PARTY: Discrepancy.Kind.WRONG_PARTY,
    Finding.Kind.MISSING: Discrepancy.Kind.MISSING,
    Finding.Kind.REVERSAL: Discrepancy.Kind.REVERSED,
    Finding.Kind.REFUND: Discrepancy.Kind.REFUND,
    Finding.Kind.UNREFUNDED: Discrepancy.Kind.REFUND,
}
_UNREFUNDED = "unrefunded:"


def _case(finding: Finding, statement: Statement, actor: str) -> Done | None:
    kind, key = _CASES.get(Finding.Kind(finding.kind), Discrepancy.Kind.STATEMENT), _key(finding, statement)
    if explained := _explained(key, statement):
        return "case", explained
    found = open_discrepancy(
        kind=kind, key=key, amount_fen=finding.amount_fen, actor=actor, order=finding.order,
        receipt_id=finding.receipt_id, facts=_facts(finding, statement),
    )  # fmt: skip
    return "case", found


def _refund(finding: Finding, statement: Statement, actor: str) -> Done | None:
    """A row that fits a refund of ours is its success, through the one door for money that goes back."""
    if "refund" not in finding.facts:
        return _case(finding, statement, actor)
    entry = _entry(finding)
    result = RefundResult(
        RefundState.SUCCESS, entry.refund_no, statement.merchant_id, entry.order_no, entry.gateway_trade_no,
        entry.amount_fen, entry.gateway_refund_no, entry.paid_at,
    )  # fmt: skip
    evidence = RefundEvidence(result, statement.channel, "statement")
    outcome = settle_refund(refund_no=entry.refund_no, evidence=evidence)
    if outcome is RefundOutcome.MISMATCH:
        return _case(finding, statement, actor)
    return ("confirmed" if outcome is RefundOutcome.REFUNDED else "agrees"), None


def _key(finding: Finding, statement: Statement) -> str:
    """The same matter keeps its case through every version of a file."""
    if finding.kind == Finding.Kind.MISSING:
        return f"missing:{finding.receipt_id}"
    if finding.kind == Finding.Kind.UNREFUNDED:
        return f"{_UNREFUNDED}{finding.refund_no}"
    if finding.line_no is None or finding.kind == Finding.Kind.CORRECTED:
        return f"finding:{finding.pk}"
    entry = _entry(finding)
    number = entry.gateway_refund_no or entry.refund_no or _trade_no(entry)
    return f"{finding.kind}:{statement.channel}:{number}:{entry.amount_fen}"[:120]


def _explained(key: str, statement: Statement) -> Discrepancy | None:
    """The case that people have ended about this matter in another version of the file: they are not asked twice.

    What a rule ended and what has come back since, or stands on another day, is new trouble.
    """
    ended = Discrepancy.objects.filter(
        key=key, status__in=("resolved", "waived"), findings__statement__agreement=statement.agreement_id,
        findings__statement__merchant_id=statement.merchant_id, findings__statement__channel_day=statement.channel_day,
    )  # fmt: skip
    return ended.order_by("-pk").first()


def _facts(finding: Finding, statement: Statement) -> dict[str, object]:
    return {
        "finding": finding.kind, "statement": statement.pk, "line": finding.line_no, "channel": statement.channel,
        "day": statement.channel_day.isoformat(), "version": statement.version, **finding.facts,
    }  # fmt: skip


def _missing(finding: Finding, statement: Statement, actor: str) -> Done | None:
    """A receipt without a line may appear a day later, for cut-offs differ. After that: a case, nothing undone (B9)."""
    if _is_listed(finding.receipt_id):
        return "appeared", None
    if statement.superseded_by_id is None and _waits_for(statement, [statement.channel_day + ONE_DAY]):
        return None
    return _case(finding, statement, actor)


def _unrefunded(finding: Finding, statement: Statement, actor: str) -> Done | None:
    """Ours that no statement lists: channels book a refund when it begins or when it ends, or a day later (B9)."""
    if refund_rows(statement.channel).filter(refund_no=finding.refund_no).exists():
        return "appeared", None
    refund = Refund.objects.get(refund_no=finding.refund_no)
    first = channel_day(refund.gateway, refund.sent_at or clock.now())
    last = statement.channel_day + ONE_DAY
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return None if _waits_for(statement, days or [last]) else _case(finding, statement, actor)


def _waits_for(like: Statement, days: Iterable[date]) -> bool:
    """Whether the statement of one of these days is still to come, or to be matched."""
    return any(not is_complete(like, day) and is_to_come(like, day) for day in days)


def _is_listed(receipt_id: int | None) -> bool:
    """Whether the statement of another day holds the receipt's line."""
    listed = Finding.objects.filter(kind=Finding.Kind.OTHER_DAY, receipt=receipt_id, statement__superseded_by=None)
    return listed.exists()


def is_complete(like: Statement, day: date) -> bool:
    """Whether the statement of another day of the same merchant has been matched."""
    return Statement.objects.filter(
        agreement=like.agreement_id, merchant_id=like.merchant_id, channel_day=day, status__in=COMPLETE,
        superseded_by=None,
    ).exists()  # fmt: skip


def _settle_what_appeared(statement: Statement, actor: str) -> None:
    """Cases about receipts that no line named are over once this statement names them."""
    listed = Finding.objects.filter(statement=statement, kind=Finding.Kind.OTHER_DAY).values("receipt")
    still = Finding.objects.filter(statement=statement, kind=Finding.Kind.MISSING).values("receipt")
    cases = Discrepancy.objects.filter(kind=Discrepancy.Kind.MISSING, status="open")
    over = set(cases.filter(receipt__in=listed).values_list("pk", flat=True))
    of_before = cases.filter(findings__statement__superseded_by=statement).exclude(receipt__in=still)
    over |= set(of_before.values_list("pk", flat=True))
    over |= _refunds_that_appeared(statement)
    advance(Discrepancy, sorted(over), "settle", actor=actor, evidence={"statement": statement.pk})


def _refunds_that_appeared(statement: Statement) -> set[int]:
    """Cases about refunds that no statement listed, and this one does."""
    cases = Discrepancy.objects.filter(kind=Discrepancy.Kind.REFUND, status="open", key__startswith=_UNREFUNDED)
    by_number = {key.removeprefix(_UNREFUNDED): pk for key, pk in cases.values_list("key", "pk")}
    listed = refund_rows(statement.channel).filter(statement=statement, refund_no__in=list(by_number))
    return {by_number[number] for number in listed.values_list("refund_no", flat=True)}


_REMEDIES: dict[str, Callable[[Finding, Statement, str], Done | None]] = {
    Finding.Kind.LATE: _confirm,
    Finding.Kind.DUPLICATE: _confirm,
    Finding.Kind.AMOUNT: _confirm,
    Finding.Kind.UNKNOWN: _hold,
    Finding.Kind.WRONG_PARTY: _hold,
    Finding.Kind.MISSING: _missing,
    Finding.Kind.REPEATED: _case,
    Finding.Kind.REVERSAL: _case,
    Finding.Kind.REFUND: _refund,
    Finding.Kind.UNREFUNDED: _unrefunded,
    Finding.Kind.OTHER: _case,
    Finding.Kind.CORRECTED: _case,
    Finding.Kind.OTHER_DAY: lambda finding, statement, actor: ("agrees", None),
}
