"""Which statements are awaited, by when, and what happens when one does not come (B5, I15)."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from core import clock
from core.heartbeats import beat
from core.transitions import advance, record_creation
from payments import gateways
from payments.discrepancies import open_discrepancy
from payments.models import Discrepancy, PayeeAccount, Receipt
from payments.receipts import CUT_OFF
from payments.states import UNDER_WORK
from reconciliation.models import Statement, StatementAgreement

# What gateways publish: the bill that we take, and the hour of the next day at which it is there
USUAL = {"wechat_pay": ("ALL", time(10, 0)), "alipay": ("trade", time(9, 30)), "unionpay": ("ZM", time(10, 0))}
CATCH_UP = timedelta(days=92)  # gateways keep their bills for three months
GIVEN_UP_LATELY = timedelta(days=7)  # how far back it is looked whether a number is still of use
ONE_DAY = timedelta(days=1)


def channel_today() -> date:
    """Today by the real calendar, which is the channels' own."""
    return clock.now().astimezone(clock.SHANGHAI).date()


def day_ends_at(agreement: StatementAgreement, day: date) -> datetime:
    """When the channel's own day is over: at midnight, or at the hour at which it cuts (HOUSE 2.13)."""
    cut_off = agreement.cut_off or CUT_OFF.get(agreement.pk, time(0))
    ends_on = day if cut_off > time(0) else day + ONE_DAY
    return datetime.combine(ends_on, cut_off, clock.SHANGHAI)


def merchants_at(channel: str) -> list[str]:
    """Every merchant number that collects for one of our payees at a channel."""
    known = PayeeAccount.objects.values_list("merchants", flat=True)
    return sorted({merchants[channel] for merchants in known if merchants.get(channel)})


def expect_statements(*, actor: str = "system:expect_statements") -> int:
    """Sweep: one awaited row for every channel, merchant and day that has ended; a case for each that is overdue.

    Days that a standstill has left out are made up for.
    """
    _agree_with_gateways()
    made = sum(_expect(agreement, actor) for agreement in StatementAgreement.objects.order_by("pk"))
    for statement in _overdue():
        open_case(statement, {"reason": "overdue", "due_at": statement.due_at.isoformat()}, actor=actor)
    beat("reconciliation.tasks.expect_statements")
    return made


def _agree_with_gateways() -> None:
    """A gateway that we are connected with states its days from today on, in the way that it publishes."""
    known = set(StatementAgreement.objects.values_list("pk", flat=True))
    for code in gateways.all_codes():
        if code not in known and code in USUAL:
            bill, due_time = USUAL[code]
            StatementAgreement.objects.get_or_create(
                channel=code,
                defaults={
                    "format": code, "bill": bill, "since": channel_today(), "due_time": due_time, "is_fetched": True,
                },
            )  # fmt: skip


@transaction.atomic
def _expect(agreement: StatementAgreement, actor: str) -> int:
    last = min(channel_today() - ONE_DAY, agreement.until or date.max)
    first = max(agreement.since, last - CATCH_UP)
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    known = set(
        Statement.objects.filter(agreement=agreement, channel_day__gte=first).values_list("merchant_id", "channel_day")
    )
    merchants = merchants_at(agreement.pk)
    wanted = {(merchant, day) for merchant in merchants for day in days}
    given_up = [(merchant, day) for merchant, day in known if merchant not in merchants]
    wanted |= _of_numbers_given_up(agreement, given_up, last)
    rows = [new_statement(agreement, merchant, day) for merchant, day in sorted(wanted - known)]
    made = Statement.objects.bulk_create(rows, ignore_conflicts=True)
    return _remember(agreement, made, actor)


def _of_numbers_given_up(
    agreement: StatementAgreement, stated: Iterable[tuple[str, date]], last: date
) -> set[tuple[str, date]]:
    """Days of numbers by which nobody collects any more: each is stated until a whole day has brought nothing."""
    ended: dict[str, date] = {}
    for merchant, day in stated:
        ended[merchant] = max(day, ended.get(merchant, day))
    wanted = set()
    for merchant, day in ended.items():
        if day < last - GIVEN_UP_LATELY:
            continue
        money = Receipt.objects.filter(gateway=agreement.pk, merchant_id=merchant)
        while day < last and money.filter(channel_day__in=[day, day + ONE_DAY]).exists():
            day += ONE_DAY
            wanted.add((merchant, day))
    return wanted


def is_to_come(like: Statement, day: date) -> bool:
    """Whether the statement of another day of the same merchant is there, is awaited, or will be.

    None is awaited behind the end of an agreement, nor by a number by which nobody collects any more; it may still
    be handed in until the hour at which it would have been due.
    """
    agreement = like.agreement
    if Statement.objects.filter(agreement=agreement, merchant_id=like.merchant_id, channel_day=day).exists():
        return True
    is_agreed = agreement.until is None or day <= agreement.until
    return (is_agreed and like.merchant_id in merchants_at(agreement.pk)) or clock.now() < agreement.due_at(day)


def _remember(agreement: StatementAgreement, rows: list[Statement], actor: str) -> int:
    """Write the first history row of those that this call made: another worker may have made some of them."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.id FROM reconciliation_statement s
               WHERE s.agreement_id = %s AND s.channel_day = ANY(%s) AND s.status = 'awaited' AND NOT EXISTS (
                   SELECT FROM core_transition t WHERE t.kind = 'STATEMENT' AND t.object_id = s.id)
               ORDER BY s.id FOR UPDATE""",
            [agreement.pk, sorted({row.channel_day for row in rows})],
        )
        ids = [row[0] for row in cursor.fetchall()]
    record_creation(Statement, ids, status="awaited", actor=actor)
    return len(ids)


def new_statement(agreement: StatementAgreement, merchant: str, day: date, version: int = 1) -> Statement:
    """An awaited row, not yet saved; those that we fetch are looked for when they are due."""
    due_at = agreement.due_at(day)
    return Statement(
        agreement=agreement, merchant_id=merchant, channel_day=day, version=version, due_at=due_at,
        next_try_at=due_at if agreement.is_fetched else None,
    )  # fmt: skip


def _overdue() -> list[Statement]:
    """Awaited past due and grace, of which nobody knows: without a case that is worked on, or was let go by two."""
    waiting = Statement.objects.filter(status="awaited", due_at__lte=clock.now()).select_related("agreement")
    late = [row for row in waiting if row.due_at + timedelta(hours=row.agreement.grace_hours) <= clock.now()]
    known = Discrepancy.objects.filter(key__in=[_case_key(row) for row in late], status__in=(*UNDER_WORK, "waived"))
    told = set(known.values_list("key", flat=True))
    return [row for row in late if _case_key(row) not in told]


def _case_key(statement: Statement) -> str:
    return f"statement:{statement.channel}:{statement.merchant_id}:{statement.channel_day}"


def cases_of(statement: Statement) -> QuerySet[Discrepancy]:
    """What was said about the statement of a day that is missing or cannot be read, whatever its version."""
    return Discrepancy.objects.filter(key=_case_key(statement))


def open_case(statement: Statement, facts: dict[str, Any], *, actor: str) -> None:
    """That it is missing or cannot be read: one case at a time for a day, a new one where the last is over."""
    open_discrepancy(
        kind=Discrepancy.Kind.STATEMENT, key=_case_key(statement), amount_fen=0, actor=actor,
        facts={"statement": statement.pk, **facts},
    )  # fmt: skip


def settle_cases(statement: Statement, *, actor: str) -> None:
    """The statement is there and was read: what was said about its absence is over, unless somebody works on it."""
    ids = cases_of(statement).filter(status="open").values_list("pk", flat=True)
    advance(Discrepancy, list(ids), "settle", actor=actor, evidence={"statement": statement.pk})
