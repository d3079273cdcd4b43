"""What channels state in these tests: days written in our own format, delivered and worked through."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from core import clock
from core.money import plain_yuan
from payments.models import PaymentOrder, Receipt
from reconciliation.agreements import day_ends_at
from reconciliation.models import Finding, Statement, StatementAgreement
from reconciliation.statements import receive_statement
from reconciliation.working import reconcile_statement

CHANNEL = "wechat_pay"


@dataclass(frozen=True)
class Said:
    """One line. Amount in fen."""

    order_no: str
    trade_no: str
    amount: int
    at: datetime
    kind: str = "payment"
    refund_no: str = ""
    trade_refund_no: str = ""

    def but(self, **changes: Any) -> "Said":
        return replace(self, **changes)


def today() -> date:
    return clock.now().astimezone(clock.SHANGHAI).date()


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), clock.SHANGHAI)


@contextmanager
def days_later(days: float, hour: int = 13) -> Iterator[None]:
    """That many calendar days on, shortly after noon, when every statement of the day before is due."""
    moment = datetime.combine(today() + timedelta(days=days), time(hour), clock.SHANGHAI)
    with clock.at(moment):
        clock.forget_everything_kept()
        yield
    clock.forget_everything_kept()


def agree(channel: str = CHANNEL, **terms: Any) -> StatementAgreement:
    """That a channel states its days in the banks' format, from long ago on."""
    given = {
        "format": "bank", "bill": "bank", "since": today() - timedelta(days=30), "due_time": time(10),
    } | terms  # fmt: skip
    return StatementAgreement.objects.update_or_create(channel=channel, defaults=given)[0]


def line_of(order: PaymentOrder, trade_no: str = "", **changes: Any) -> Said:
    """What a channel says of an order that it has taken money for."""
    receipt = Receipt.objects.filter(order=order).order_by("pk").first()
    given = Said(
        order.order_no, trade_no or (receipt.gateway_trade_no if receipt else f"T{order.pk}"), order.amount_fen,
        receipt.paid_at if receipt else clock.now(),
    )  # fmt: skip
    return given.but(**changes)


def stated(lines: Sequence[Said], merchant: str, day: date, channel: str = CHANNEL) -> bytes:
    """A file of the banks' format."""
    rows = [
        f"statement|1|{channel}|{merchant}|{day}|UTF-8",
        "kind|order_no|trade_no|refund_no|trade_refund_no|amount|paid_at",
    ]
    for line in lines:
        at = line.at.astimezone(clock.SHANGHAI)
        rows.append(
            f"{line.kind}|{line.order_no}|{line.trade_no}|{line.refund_no}|{line.trade_refund_no}|"
            f"{plain_yuan(line.amount)}|{at:%Y-%m-%d %H:%M:%S}"
        )
    sums = [str(len(lines))]
    for kind in ("payment", "refund", "reversal"):
        some = [line.amount for line in lines if line.kind == kind]
        sums += [str(len(some)), plain_yuan(sum(some))]
    return "\n".join([*rows, "|".join(["end", *sums]), ""]).encode()


@contextmanager
def once_over(day: date, channel: str = CHANNEL) -> Iterator[None]:
    """Not before a channel's day has ended: sooner none of its statements is taken."""
    ends_at = day_ends_at(StatementAgreement(channel=channel), day)
    with clock.at(max(clock.now(), ends_at)):
        yield


def receive(
    lines: Sequence[Said], merchant: str, day: date | None = None, channel: str = CHANNEL, content: bytes | None = None,
    *, again: bool = False,
) -> Statement:  # fmt: skip
    """Kept as handed in; of a day that is still running, the moment it is over."""
    day = day or today()
    given = stated(lines, merchant, day, channel) if content is None else content
    with once_over(day, channel):
        return receive_statement(
            channel=channel, merchant=merchant, channel_day=day, content=io.BytesIO(given), file_name="day.txt",
            actor="system:test", again=again,
        )  # fmt: skip


def deliver(lines: Sequence[Said], merchant: str, day: date | None = None, channel: str = CHANNEL) -> Statement:
    """Received, read, matched and remedied."""
    statement = receive(lines, merchant, day, channel)
    with once_over(statement.channel_day, channel):
        return reconcile_statement(statement_id=statement.pk)


def found(statement: Statement) -> list[tuple[str, str]]:
    """(verdict, what became of it) of everything that did not simply agree."""
    return list(Finding.objects.filter(statement=statement).order_by("pk").values_list("kind", "resolution"))


def kinds(findings: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(kind for kind, _ in findings)
