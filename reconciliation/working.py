"""From a received file to a closed day: what a nudge, the sweep and the command all run (HOUSE 2.1)."""

import logging
from datetime import timedelta
from typing import Any

from django.db import connection

from core import clock
from core.heartbeats import beat
from core.nudge import nudge
from reconciliation.matching import match_statement
from reconciliation.models import Statement
from reconciliation.remedies import apply_remedies
from reconciliation.statements import LEASE, read_statement
from reconciliation.states import TO_WORK

log = logging.getLogger(__name__)

LARGE_BYTES = 4 * 1024 * 1024
AT_ONCE = 20


def reconcile_statement(*, statement_id: int, actor: str = "system:reconcile") -> Statement:
    """Read, match and remedy, as far as it goes today. Run again, it goes on where it stands."""
    statement = read_statement(statement_id=statement_id, actor=actor)
    if statement.status == "read":
        statement = match_statement(statement_id=statement_id, actor=actor)
        _wake_day_before(statement)
    return apply_remedies(statement_id=statement_id)


def _wake_day_before(statement: Statement) -> None:
    """What the day before lacked is judged now that its next day is known (B9)."""
    Statement.objects.filter(
        agreement=statement.agreement_id, merchant_id=statement.merchant_id, status="matched",
        channel_day=statement.channel_day - timedelta(days=1),
    ).update(next_try_at=clock.now())  # fmt: skip


_LEASE = """
UPDATE reconciliation_statement SET tries = least(tries + 1, 1000),
    next_try_at = %(now)s + %(lease_s)s * least(tries + 1, 6) * interval '1 second'
WHERE id IN (SELECT id FROM reconciliation_statement
             WHERE next_try_at <= %(now)s AND status = ANY(%(statuses)s)
             ORDER BY next_try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, size_bytes, status"""


def lease(statuses: tuple[str, ...], limit: int = AT_ONCE) -> list[tuple[int, int, str]]:
    """Take statements whose time has come: id, size, status. A worker that dies costs a lease and nothing else."""
    facts: dict[str, Any] = {
        "now": clock.now(),
        "lease_s": LEASE.total_seconds(),
        "statuses": list(statuses),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, facts)
        return sorted(cursor.fetchall())


def work_through_statements() -> list[int]:
    """Sweep: take up what was received, read or matched and is not done; a large file goes to a task of its own."""
    leased = lease(TO_WORK)
    for statement_id, size, status in leased:
        if size >= LARGE_BYTES and status != "matched":
            nudge("reconciliation.tasks.reconcile_statement", statement_id)
            continue
        try:
            reconcile_statement(statement_id=statement_id)
        except Exception:
            log.exception("statement %s could not be worked", statement_id)
    beat("reconciliation.tasks.work_through_statements")
    return [row[0] for row in leased]
