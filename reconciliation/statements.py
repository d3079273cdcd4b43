"""Statements: kept as received, then read as one (HOUSE 2.3, 4.4).

What is wrong with a file may turn up with its last byte, and then nothing of it counts (B6). The same file again
changes nothing, unless it was refused and somebody wants it to be read again; a corrected one is a new version, and
what it says differently is shown (B7).
"""

import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from core import clock, ids
from core.nudge import nudge
from core.refusals import Refused
from core.transitions import advance, record_creation
from payments.states import UNDER_WORK
from reconciliation.agreements import cases_of, day_ends_at, new_statement, open_case, settle_cases
from reconciliation.corrections import show_differences
from reconciliation.entries import copy_entries
from reconciliation.formats import PARSERS
from reconciliation.formats.base import Expected, ParsedStatement, StatementError, Totals
from reconciliation.models import Statement, StatementAgreement
from reconciliation.states import READ

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
AGAIN_HOURS_MAX = 24
_LOCK_RECEIVE, _LOCK_READ = 7_401, 7_402  # numbers of our own for advisory locks
_NOTHING = Totals("empty", 0, 0, 0, 0, 0, 0, 0, 0, 0)


def receive_statement(
    *,
    channel: str,
    merchant: str,
    channel_day: date,
    content: BinaryIO,
    actor: str,
    file_name: str = "",
    sha1: str = "",
    is_empty: bool = False,
    again: bool = False,
) -> Statement:
    """Keep a file as received and nudge its reading. The same file again gives the same row back.

    `sha1`: of the uncompressed text, where the channel has stated it. `is_empty`: the content is no file but the
    channel's signed word that nothing moved on that day. `again`: somebody hands it in, so that the same file is
    read once more if it was refused: the fault may have been ours. Raises Refused: channel_unknown, day_not_over
    (with `at`: from when on the day can be stated).
    """
    agreement = StatementAgreement.objects.filter(pk=channel).first()
    if agreement is None:
        raise Refused("channel_unknown", channel=channel)
    if clock.now() < (ends_at := day_ends_at(agreement, channel_day)):
        raise Refused("day_not_over", day=channel_day, at=ends_at)
    stored = f"statements/{ids.public_no()}.bill"
    path = Path(settings.FILES_DIR) / stored
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"file_name": Path(file_name).name[:200], "stored_path": stored, "sha1": sha1, "is_empty": is_empty}
    try:
        kept["sha256"], kept["size_bytes"] = _keep(content, path)
        statement = _register(agreement, merchant, channel_day, kept, actor, again=again)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if statement.stored_path != stored:
        path.unlink(missing_ok=True)
    return statement


def _keep(content: BinaryIO, path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        path.chmod(0o600)
        while block := content.read(1 << 20):
            digest.update(block)
            size += len(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())  # the row that will speak of it must find it after a crash
    return digest.hexdigest(), size


def read_again(*, statement_id: int, actor: str) -> Statement:
    """Take a file that was refused as the day's next version: the fault may have been ours, and be mended.

    Raises Refused: `not_refused`, `superseded` (a later file has come, or counts already).
    """
    statement = Statement.objects.select_related("agreement").get(pk=statement_id)
    if statement.status != "unreadable":
        raise Refused("not_refused")
    if _versions(statement).filter(version__gt=statement.version).exclude(status="awaited").exists():
        raise Refused("superseded")
    kept: dict[str, object] = {
        name: getattr(statement, name)
        for name in ("file_name", "stored_path", "sha1", "is_empty", "sha256", "size_bytes")
    }
    return _register(statement.agreement, statement.merchant_id, statement.channel_day, kept, actor, again=True)


def _is_refused(statement: Statement) -> bool:
    return statement.status == "unreadable" and statement.superseded_by_id is None


@transaction.atomic
def _register(
    agreement: StatementAgreement, merchant: str, day: date, kept: dict[str, object], actor: str, *, again: bool
) -> Statement:
    """The row of a file: the awaited one, a new version, or the one that has had this very file."""
    _lock_day(agreement.pk, merchant, day)
    versions = list(
        Statement.objects.filter(agreement=agreement, merchant_id=merchant, channel_day=day).order_by("version")
    )
    for version in reversed(versions):
        if version.sha256 == kept["sha256"] and not (again and _is_refused(version)):
            return version
    last = versions[-1] if versions else None
    if last is None or last.status != "awaited":
        last = _await(new_statement(agreement, merchant, day, last.version + 1 if last else 1), actor)
    moment = clock.now()
    advance(
        Statement, [last.pk], "receive", actor=actor, evidence={"sha256": kept["sha256"]},
        values={"received_at": moment, "next_try_at": moment + LEASE, "tries": 0, "trouble": "", **kept},
    )  # fmt: skip
    last.refresh_from_db()
    nudge("reconciliation.tasks.reconcile_statement", last.pk)
    return last


def _lock_day(channel: str, merchant: str, day: date) -> None:
    """One at a time makes versions of a day."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_RECEIVE, f"{channel}:{merchant}:{day}"])


def _await(statement: Statement, actor: str) -> Statement:
    Statement.objects.bulk_create([statement])
    record_creation(Statement, [statement.pk], status="awaited", actor=actor)
    return statement


def file_of(statement: Statement) -> Path:
    """The file as received."""
    return Path(settings.FILES_DIR) / statement.stored_path


def read_statement(*, statement_id: int, actor: str = "system:read_statement") -> Statement:
    """Take the lines of a received file into the books, all or none; earlier versions no longer count then.

    A file that is wrong becomes `unreadable` with the line and a case. Run again after a crash, it starts over.
    """
    statement = Statement.objects.select_related("agreement").get(pk=statement_id)
    for earlier in _unread_before(statement):
        read_statement(statement_id=earlier, actor=actor)
    try:
        _read(statement, actor)
    except StatementError as error:
        _spoil(statement, error, actor)
    statement.refresh_from_db()
    return statement


def _unread_before(statement: Statement) -> list[int]:
    """Versions are read in their order, so that a correction has something to differ from."""
    earlier = _versions(statement).filter(status="received", version__lt=statement.version)
    return list(earlier.values_list("pk", flat=True))


def _versions(statement: Statement) -> QuerySet[Statement]:
    return Statement.objects.filter(
        agreement=statement.agreement_id, merchant_id=statement.merchant_id, channel_day=statement.channel_day
    ).order_by("version")


@transaction.atomic
def _read(statement: Statement, actor: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_READ, statement.pk])
    if not Statement.objects.filter(pk=statement.pk, status="received").exists():
        return  # another run was faster
    with file_of(statement).open("rb") as file:
        parsed = _parsed(statement, file)
        copy_entries(statement.pk, parsed.rows())
    totals = parsed.totals or _NOTHING
    before = _versions(statement).filter(status__in=READ, superseded_by=None).exclude(pk=statement.pk).last()
    evidence = {"sha256": statement.sha256, "lines": totals.lines, "version": statement.version}
    values = {"line_count": totals.lines, "totals": asdict(totals), "tries": 0, "next_try_at": clock.now() + LEASE}
    advance(Statement, [statement.pk], "read", actor=actor, evidence=evidence, values=values)
    _versions(statement).filter(version__lt=statement.version, superseded_by=None).update(superseded_by=statement)
    if before is not None:
        show_differences(before=before, after=statement)
    settle_cases(statement, actor=actor)


def stated_day(statement: Statement) -> date:
    """The day as the channel's file names it: in the demo the outside world lives on the moved calendar too."""
    return statement.channel_day + clock.offset()


def _parsed(statement: Statement, file: BinaryIO) -> ParsedStatement:
    agreement = statement.agreement
    if statement.is_empty:
        return ParsedStatement(iter(()), lambda: "empty")
    expected = Expected(
        day=stated_day(statement), merchant=statement.merchant_id, cut_off=agreement.cut_off,
        channel=statement.channel if agreement.format == "bank" else "", sha1=statement.sha1,
    )  # fmt: skip
    return PARSERS[agreement.format](file, expected)


@transaction.atomic
def _spoil(statement: Statement, error: StatementError, actor: str) -> None:
    """Refused whole: the day stays open until a file comes that can be read."""
    log.warning("statement %s is unreadable: %s", statement, error)
    _lock_day(statement.channel, statement.merchant_id, statement.channel_day)
    facts = {name: str(value) for name, value in error.facts.items()}
    moved = advance(
        Statement, [statement.pk], "spoil", actor=actor, evidence={"code": error.code.value, "line": error.line},
        values={
            "refusal_code": error.code.value, "refusal_line": error.line, "refusal_facts": facts, "next_try_at": None,
        },
    )  # fmt: skip
    if moved:
        open_case(statement, {"reason": "unreadable", "code": error.code.value, "line": error.line}, actor=actor)
        _await_another(statement, actor)


def _await_another(spoilt: Statement, actor: str) -> None:
    """Where nothing of the day counts and no other file has come, one is awaited, and fetched where we fetch.

    A channel that goes on sending what cannot be read is asked less and less often.
    """
    if _versions(spoilt).filter(Q(version__gt=spoilt.version) | Q(status__in=READ, superseded_by=None)).exists():
        return
    row = new_statement(spoilt.agreement, spoilt.merchant_id, spoilt.channel_day, spoilt.version + 1)
    if row.next_try_at is not None:
        row.next_try_at = max(row.due_at, clock.now() + min(spoilt.version - 1, AGAIN_HOURS_MAX) * clock.HOUR)
    _await(row, actor)


# --- as evidence -------------------------------------------------------------------------------------------------


def in_force(channel: str, merchant: str, days: Iterable[date]) -> dict[date, Statement]:
    """The version of each day that counts: read, not corrected since, and not about to be.

    Evidence that is being replaced is no evidence: a day is left out while a later version is awaited or waits to be
    read, or was refused and its case is not over.
    """
    versions = Statement.objects.filter(agreement=channel, merchant_id=merchant, channel_day__in=list(days))
    counting = {
        row.channel_day: row for row in versions if row.status in READ and row.superseded_by_id is None
    }  # fmt: skip
    for row in versions:
        if row.channel_day in counting and row.version > counting[row.channel_day].version and _is_pending(row):
            del counting[row.channel_day]
    return counting


def _is_pending(correction: Statement) -> bool:
    """Whether it may still be read. A refused one of which staff have said that it was none is done with."""
    return correction.status != "unreadable" or cases_of(correction).filter(status__in=UNDER_WORK).exists()
