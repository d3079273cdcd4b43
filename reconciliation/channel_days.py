"""A channel day in figures: four buckets that add up to the fen on both sides, and what is still to be done.

Their side is what the statement says. Ours is every receipt of the day; what the statement itself brought into the
books afterwards stands in a line of its own, so that the difference as it was found stays visible.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from payments.models import Receipt, Refund
from payments.states import UNDER_WORK
from reconciliation.agreements import ONE_DAY, day_ends_at
from reconciliation.models import Finding, Statement
from reconciliation.states import READ

THEIRS = ("late", "duplicate", "unknown", "wrong_party", "repeated", "other_day")
MINE = ("missing",)
AMOUNT = ("amount",)
OTHERS = ("refund", "unrefunded", "reversal", "other", "corrected")
BUCKETS: dict[str, tuple[str, ...]] = {"mine": MINE, "theirs": THEIRS, "amount": AMOUNT, "others": OTHERS}


@dataclass(frozen=True, slots=True)
class Side:
    """How many payments, and what they come to."""

    count: int = 0
    fen: int = 0

    def __add__(self, other: "Side") -> "Side":
        return Side(self.count + other.count, self.fen + other.fen)

    def __sub__(self, other: "Side") -> "Side":
        return Side(self.count - other.count, self.fen - other.fen)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One of the four: ours, theirs, and how many findings of it there were and are not done."""

    code: str  # agree, mine, theirs, amount
    ours: Side
    theirs: Side
    found: int = 0
    undone: int = 0

    @property
    def difference_fen(self) -> int:
        return self.theirs.fen - self.ours.fen


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A channel day of one merchant."""

    buckets: tuple[Bucket, ...]
    booked_later: Side  # receipts that came into the books since, as a rule by the statement itself
    ours: Side
    theirs: Side
    undone: int

    @property
    def found(self) -> "Side":
        """Our side as the statement found it."""
        return sum((bucket.ours for bucket in self.buckets), Side())

    @property
    def difference_fen(self) -> int:
        """What their side says more, with all that is booked by now."""
        return self.theirs.fen - self.ours.fen

    @property
    def later_difference_fen(self) -> int:
        """The same of what was booked later."""
        return -self.booked_later.fen

    @property
    def differs(self) -> bool:
        """Whether anything at all was found."""
        return any(bucket.found for bucket in self.buckets)


def day_figures(statement: Statement) -> DayFigures:
    """The figures of a statement whose lines count."""
    ours = receipts_of(statement)
    theirs = stated(statement)
    rows = _counts([statement.pk])
    found, undone = ({row["kind"]: row[name] for row in rows} for name in ("found", "undone"))
    lines, ours_of_amount = _lines_by_kind(statement), _ours_of_amount(statement)
    mine = _missing(statement)
    their_only = _sum(lines, (*THEIRS, "reversal"))
    differing = _sum(lines, AMOUNT)
    agree = theirs - their_only - differing
    buckets = (
        Bucket("agree", agree, agree),
        Bucket("mine", mine, Side(), _of(found, MINE), _of(undone, MINE)),
        Bucket("theirs", Side(), their_only, _of(found, THEIRS), _of(undone, THEIRS)),
        Bucket("amount", ours_of_amount, differing, _of(found, AMOUNT), _of(undone, AMOUNT)),
        Bucket("others", Side(), Side(), _of(found, OTHERS), _of(undone, OTHERS)),
    )
    later = ours - agree - mine - ours_of_amount
    return DayFigures(buckets, later, ours, theirs, sum(undone.values()))


def receipts_of(statement: Statement) -> Side:
    """What we hold of the day."""
    rows = Receipt.objects.filter(
        gateway=statement.channel, merchant_id=statement.merchant_id, channel_day=statement.channel_day
    )
    sums = rows.aggregate(count=Count("pk"), fen=Sum("amount_fen"))
    return Side(sums["count"], int(sums["fen"] or 0))


def refunds_of(statement: Statement) -> QuerySet[Refund]:
    """What we have given back on the day, as far as its end is known."""
    ends_at = day_ends_at(statement.agreement, statement.channel_day)
    begins_at = day_ends_at(statement.agreement, statement.channel_day - ONE_DAY)
    return Refund.objects.filter(
        gateway=statement.channel, merchant_id=statement.merchant_id, status="refunded",
        settled_at__gte=begins_at, settled_at__lt=ends_at,
    )  # fmt: skip


def stated(statement: Statement) -> Side:
    """What the statement says came."""
    return Side(statement.totals.get("payments", 0), statement.totals.get("paid_fen", 0))


def receipts_by_day(channels: Iterable[str], first: date, last: date) -> dict[tuple[str, str, date], Side]:
    """What we hold, for every (channel, merchant, channel day) of some days."""
    rows = (
        Receipt.objects.filter(gateway__in=list(channels), channel_day__range=(first, last))
        .values_list("gateway", "merchant_id", "channel_day")
        .annotate(count=Count("pk"), fen=Sum("amount_fen"))
        .order_by()
    )
    return {(gateway, merchant, day): Side(count, int(fen)) for gateway, merchant, day, count, fen in rows}


def findings_of(statement_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """(found, still undone) by statement."""
    totals: dict[int, tuple[int, int]] = {}
    for row in _counts(statement_ids):
        found, undone = totals.get(row["statement"], (0, 0))
        totals[row["statement"]] = (found + row["found"], undone + row["undone"])
    return totals


def undone(statement: Statement) -> int:
    """Findings that are to be worked, or whose case is not over."""
    return findings_of([statement.pk]).get(statement.pk, (0, 0))[1]


def in_window(statements: Iterable[Statement]) -> dict[tuple[str, str, date], list[Statement]]:
    """Versions of each (channel, merchant, channel day), the newest last."""
    days: dict[tuple[str, str, date], list[Statement]] = {}
    for row in sorted(statements, key=lambda each: each.version):
        days.setdefault((row.channel, row.merchant_id, row.channel_day), []).append(row)
    return days


def counts(statement: Statement) -> bool:
    """Whether its lines are those of the day."""
    return statement.status in READ and statement.superseded_by_id is None


_UNDONE = Q(resolution="") | Q(discrepancy__status__in=UNDER_WORK)


def _counts(statement_ids: Iterable[int]) -> list[dict[str, Any]]:
    rows = Finding.objects.filter(statement__in=list(statement_ids)).values("statement", "kind")
    counted = rows.annotate(found=Count("pk"), undone=Count("pk", filter=_UNDONE)).order_by()
    return [dict(row) for row in counted]


# A line has at most one finding about the payment itself; what a correction changed is told beside it.
_LINES = """
SELECT f.kind, count(*), sum(e.amount_fen)
FROM reconciliation_finding f
JOIN reconciliation_statemententry e ON e.statement_id = f.statement_id AND e.line_no = f.line_no
WHERE f.statement_id = %s AND f.kind <> 'corrected' AND e.kind = 'payment' GROUP BY f.kind"""


def _lines_by_kind(statement: Statement) -> dict[str, Side]:
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [statement.pk])
        return {kind: Side(count, int(fen)) for kind, count, fen in cursor.fetchall()}


def _ours_of_amount(statement: Statement) -> Side:
    """Our receipts of the day whose line says another amount."""
    rows = Finding.objects.filter(
        statement=statement, kind__in=AMOUNT, receipt__channel_day=statement.channel_day,
        receipt__merchant_id=statement.merchant_id,
    )  # fmt: skip
    sums = rows.aggregate(count=Count("pk"), fen=Sum("receipt__amount_fen"))
    return Side(sums["count"], int(sums["fen"] or 0))


def _missing(statement: Statement) -> Side:
    sums = Finding.objects.filter(statement=statement, kind__in=MINE).aggregate(
        count=Count("pk"), fen=Sum("amount_fen")
    )
    return Side(sums["count"], int(sums["fen"] or 0))


def _sum(lines: dict[str, Side], kinds: Iterable[str]) -> Side:
    return sum((lines.get(kind, Side()) for kind in kinds), Side())


def _of(counted: dict[str, int], kinds: Iterable[str]) -> int:
    return sum(counted.get(kind, 0) for kind in kinds)
