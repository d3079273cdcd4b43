"""Declaring and letting go: the claims that keep every channel from paying a period twice (PA-2).

Functions here run inside the transaction of `payments/orders.py`; the lock order is
order → declarations by id → claims.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction

from core import clock, ids
from core.refusals import Refused
from core.statements import Prepared
from core.transitions import advance
from payments.models import Declaration, PeriodClaim


@dataclass(frozen=True, slots=True)
class NewDeclaration:
    """A priced line. Months count from the first month of the coverage year; None for annual types."""

    order_id: int
    person_id: int
    registration_id: int
    insurance_type: str
    region: str
    group: str
    policy_id: int
    coverage_year: int
    part: str
    tier_fen: int
    amount_fen: int
    subsidy_fen: int | None
    first_month: int | None = None
    last_month: int | None = None
    coverage_start_month: int = 1

    def periods(self) -> list[int]:
        """What is claimed: the coverage year, or the calendar months as YYYYMM (HOUSE 2.6)."""
        if self.first_month is None or self.last_month is None:
            return [self.coverage_year]
        return claimed_months(self.coverage_year, self.coverage_start_month, self.first_month, self.last_month)


def claimed_months(coverage_year: int, start_month: int, first: int, last: int) -> list[int]:
    """Calendar months YYYYMM of the run `first`..`last` of a coverage year that begins in `start_month`."""
    counted = (start_month - 1 + offset for offset in range(first - 1, last))
    return [(coverage_year + month // 12) * 100 + month % 12 + 1 for month in counted]


_DECLARE = Prepared("""
WITH line AS (
    SELECT * FROM jsonb_to_recordset(%(lines)s::jsonb) AS l(
        declaration_no text, order_id bigint, person_id bigint, registration_id bigint, insurance_type text,
        region text, "group" text, policy_id bigint, coverage_year smallint, part text, tier_fen bigint,
        amount_fen bigint, subsidy_fen bigint, first_month smallint, last_month smallint, periods jsonb)
), made AS (
    INSERT INTO payments_declaration (
        declaration_no, order_id, person_id, registration_id, insurance_type_id, region_id, group_id, policy_id,
        coverage_year, part, tier_fen, amount_fen, subsidy_fen, first_month, last_month,
        payer_id, channel_id, status, declared_at, dates_estimated)
    SELECT declaration_no, order_id, person_id, registration_id, insurance_type, region, "group", policy_id,
        coverage_year, part, tier_fen, amount_fen, subsidy_fen, first_month, last_month,
        %(payer)s::bigint, %(channel)s, 'declared', %(at)s::timestamptz, false FROM line
    RETURNING id, declaration_no
), claimed AS (
    INSERT INTO payments_periodclaim (person_id, insurance_type_id, period, part, declaration_id)
    SELECT person_id, insurance_type, period::int, part, made.id
    FROM line JOIN made USING (declaration_no), jsonb_array_elements_text(periods) AS period
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (person_id, insurance_type_id, period, part) DO NOTHING
    RETURNING id
), told AS (
    INSERT INTO core_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
    SELECT 'DECLARATION', id, NULL, 'declared', 'create', %(actor)s, '{}', %(at)s::timestamptz FROM made
)
SELECT array_agg(id ORDER BY id), (SELECT count(*) FROM claimed) FROM made""")


def declare(*, lines: Sequence[NewDeclaration], payer_id: int | None, channel_code: str, actor: str) -> list[int]:
    """Insert the declarations and their claims in one statement; return the ids.

    Raises Refused("taken", lines=[indexes]) where a period is claimed already; the caller's
    transaction must then be rolled back.
    """
    rows = [asdict(line) | {"declaration_no": ids.public_no(), "periods": line.periods()} for line in lines]
    with connection.cursor() as cursor:
        cursor.execute(
            _DECLARE,
            {"lines": json.dumps(rows), "payer": payer_id, "channel": channel_code, "actor": actor, "at": clock.now()},
        )
        declaration_ids, claimed = cursor.fetchone()
    if claimed != sum(len(row["periods"]) for row in rows):
        raise Refused("taken", lines=_taken(lines, set(declaration_ids)))
    return list(declaration_ids)


def _taken(lines: Sequence[NewDeclaration], own: set[int]) -> list[int]:
    """Indexes of the lines of which another declaration holds a period."""
    people = {line.person_id for line in lines}
    held = {
        (claim.person_id, claim.insurance_type_id, claim.period, claim.part)
        for claim in PeriodClaim.objects.filter(person_id__in=people).exclude(declaration_id__in=own)
    }
    taken, seen = [], set(held)
    for index, line in enumerate(lines):
        keys = {(line.person_id, line.insurance_type, period, line.part) for period in line.periods()}
        if keys & seen:
            taken.append(index)
        seen |= keys
    return taken


def free(declaration_ids: Iterable[int], event: str, *, actor: str, evidence: Mapping[str, Any]) -> list[int]:
    """End declarations by `withdraw`, `release` or `refund` and drop their claims (HOUSE 2.7)."""
    moved = advance(Declaration, declaration_ids, event, actor=actor, evidence=evidence)
    PeriodClaim.objects.filter(declaration_id__in=moved).delete()
    return moved


_RECLAIM = """
INSERT INTO payments_periodclaim (person_id, insurance_type_id, period, part, declaration_id)
SELECT %s, %s, period, %s, %s FROM unnest(%s::int[]) AS period ORDER BY period
ON CONFLICT (person_id, insurance_type_id, period, part) DO NOTHING"""


def claim_again(declaration: Declaration) -> bool:
    """Take the claims of a freed declaration back, all or none; False where a period is taken (HOUSE 2.4)."""
    periods = [declaration.coverage_year]
    if declaration.first_month is not None and declaration.last_month is not None:
        start = declaration.policy.terms.get("coverage_start_month", 1)
        periods = claimed_months(declaration.coverage_year, start, declaration.first_month, declaration.last_month)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _RECLAIM,
            [declaration.person_id, declaration.insurance_type_id, declaration.part, declaration.pk, periods],
        )
        whole: bool = cursor.rowcount == len(periods)
        transaction.set_rollback(not whole)
    return whole
