"""Policies of the files into published rows (PO-1). Loading again changes nothing; a change is a new version."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import connection, transaction

from core import clock
from core.transitions import advance, record_creation
from payments.models import CollectionPolicy
from payments.policies.demo_year import derive_demo_rows
from payments.policies.reading import dump_terms
from payments.policies.sources import PolicyRow, read_policies

ACTOR = "system:sources"
_LOCK = 7_401  # any number of our own: one loader at a time
_Key = tuple[str, str, int]
_Said = tuple[date, dict[str, Any]]


def load_policies(today: date, *, with_demo: bool) -> int:
    """Publish what the files hold and the tables do not; `with_demo` adds the years derived for `today`.

    Returns the number of new versions. Raises TermsInvalid when a file cannot be read.
    """
    rows = read_policies()
    return publish_rows([*rows, *(derive_demo_rows(rows, today) if with_demo else [])])


@transaction.atomic
def publish_rows(rows: Iterable[PolicyRow]) -> int:
    """Store rows as published versions, each number one above the last of its place, type and year."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    stored: dict[_Key, list[CollectionPolicy]] = {}
    for policy in CollectionPolicy.objects.order_by("version"):
        stored.setdefault((policy.region_id, policy.insurance_type_id, policy.coverage_year), []).append(policy)
    key = attrgetter("region", "insurance_type", "coverage_year")
    in_order = sorted(rows, key=attrgetter("region", "insurance_type", "coverage_year", "is_demo", "version"))
    new = [
        policy
        for place_type_year, versions in groupby(in_order, key)
        for policy in _missing(stored.get(place_type_year, []), list(versions))
    ]
    CollectionPolicy.objects.bulk_create(new)
    made = [policy.pk for policy in new]
    record_creation(CollectionPolicy, made, status="draft", actor=ACTOR)
    advance(CollectionPolicy, made, "publish", actor=ACTOR, values={"published_at": clock.now()})
    return len(new)


def _missing(stored: Sequence[CollectionPolicy], rows: Sequence[PolicyRow]) -> list[CollectionPolicy]:
    """The versions to add. What staff have drafted is theirs, and is not compared."""
    ours = [policy for policy in stored if policy.drafted_by_id is None and policy.status == "published"]
    sourced = [row for row in rows if not row.is_demo]
    before = [_stored(policy) for policy in ours if not policy.is_demo]
    wanted = sourced[_held(before, [_said(row) for row in sourced]) :]
    for row in rows:
        is_last = bool(ours) and not wanted and ours[-1].is_demo and _stored(ours[-1]) == _said(row)
        if row.is_demo and not is_last:
            wanted.append(row)
    last = max((policy.version for policy in stored), default=0)
    return [_policy(row, last + position) for position, row in enumerate(wanted, 1)]


def _held(stored: Sequence[_Said], rows: Sequence[_Said]) -> int:
    """How many of the rows, from the first on, are what was stored last. A later one would lie under a changed
    earlier one, so from the first difference on all are stored again."""
    for count in range(len(rows), 0, -1):
        if list(stored[-count:]) == list(rows[:count]):
            return count
    return 0


def _said(row: PolicyRow) -> _Said:
    return row.effective_on, dump_terms(row.terms)


def _stored(policy: CollectionPolicy) -> _Said:
    return policy.effective_on, policy.terms


def _policy(row: PolicyRow, version: int) -> CollectionPolicy:
    return CollectionPolicy(
        region_id=row.region, insurance_type_id=row.insurance_type, coverage_year=row.coverage_year, version=version,
        effective_on=row.effective_on, terms=dump_terms(row.terms), is_demo=row.is_demo, drafted_at=clock.now(),
    )  # fmt: skip
