"""S08, the grid: channel by day, what each side says to the fen, what is missing, and handing a statement in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import BinaryIO, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core import audit
from core.refusals import Refused
from payments.words import figures
from portal.console.bars import bars
from portal.console.page import page
from portal.console.scope import forbid_lookers, merchants_for, staff_of, statements_for
from portal.console.statement_words import channel_name, day_tag, fault, is_late, tail
from reconciliation.agreements import channel_today
from reconciliation.channel_days import Side, counts, findings_of, in_window, receipts_by_day, stated
from reconciliation.models import SignOff, Statement, StatementAgreement
from reconciliation.statements import receive_statement

DAYS = 7
MOST_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cell:
    """One channel day: its tag in a word and a colour, what we hold, and what they say."""

    statement: Statement | None
    tag: str
    word: str
    ours: Side
    theirs: Side | None
    undone: int = 0
    is_signed: bool = False

    @property
    def look(self) -> str:
        return {"bad": "miss", "warn": "act"}.get(self.tag, "")

    @property
    def difference_fen(self) -> int:
        return self.theirs.fen - self.ours.fen if self.theirs else 0


@dataclass(frozen=True, slots=True)
class Row:
    """One merchant at one channel."""

    name: str
    merchant: str
    agreement: StatementAgreement
    cells: list[Cell]

    @property
    def ours(self) -> Side:
        return sum((cell.ours for cell in self.cells), Side())


@dataclass(frozen=True, slots=True)
class Sums:
    """The foot of one column; the last one is of all days."""

    ours: int
    theirs: int
    no_file: int

    @property
    def difference(self) -> int:
        return self.theirs + self.no_file - self.ours


@require_GET
def grid(request: HttpRequest) -> HttpResponse:
    """Seven days up to yesterday, or up to `until`."""
    user = staff_of(request)
    yesterday = channel_today() - timedelta(days=1)
    last = min(_day(request.GET.get("until", "")) or yesterday, channel_today())
    days = [last - timedelta(days=back) for back in reversed(range(DAYS))]
    found = list(
        statements_for(user).filter(channel_day__range=(days[0], last)).select_related("agreement").order_by("pk")
    )
    rows = _rows(found, days)
    sums = [_sums(row.cells[index] for row in rows) for index in range(DAYS)]
    total = _sums(cell for row in rows for cell in row.cells)
    cells = [cell for row in rows for cell in row.cells]
    context = {
        "days": days,
        "rows": rows,
        "sums": sums,
        "total": total,
        "feet": _feet([*sums, total]),
        "count": sum(row.ours.count for row in rows),
        "chart": bars([(each.ours, "now" if each.difference else "dim") for each in sums]),
        "undone_chart": bars([(sum(row.cells[n].undone for row in rows), "low") for n in range(DAYS)]),
        "undone": sum(cell.undone for cell in cells),
        "troubled": sum(cell.tag == "warn" for cell in cells),
        "missing": [
            (cell.statement, channel_name(cell.statement.channel))
            for cell in cells
            if cell.statement and is_late(cell.statement)
        ],
        "unreadable": [
            (cell.statement, channel_name(cell.statement.channel), fault(cell.statement))
            for cell in cells
            if cell.statement and cell.statement.status == "unreadable"
        ],
        "no_file": sum(cell.tag == "bad" for cell in cells),
        "first_trouble": next((row.cells[n] for n in range(DAYS) for row in rows if row.cells[n].look), None),
        "earlier": days[0] - timedelta(days=1),
        "later": last + timedelta(days=DAYS) if last < yesterday else None,
        "merchants": [(code, channel_name(code), numbers) for code, numbers in _agreed(merchants_for(user))],
        "yesterday": yesterday,
    }
    return page(request, "reconciliation", _("对账"), **context)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


def _agreed(merchants: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    known = set(StatementAgreement.objects.values_list("pk", flat=True))
    return [(code, numbers) for code, numbers in merchants.items() if code in known]


def _rows(found: list[Statement], days: list[date]) -> list[Row]:
    versions = in_window(found)
    ours = receipts_by_day({row.channel for row in found}, days[0], days[-1])
    findings = findings_of([row.pk for row in found])
    signed = set(SignOff.objects.filter(statement__in=found, outcome="done").values_list("statement", flat=True))
    merchants = sorted({(row.channel, row.merchant_id) for row in found})
    agreements = {row.channel: row.agreement for row in found}
    names = {channel: channel_name(channel) for channel, _merchant in merchants}
    return [
        Row(
            names[channel],
            tail(merchant),
            agreements[channel],
            [_cell(versions.get((channel, merchant, day), []), ours.get((channel, merchant, day), Side()),
                   findings, signed) for day in days],
        )
        for channel, merchant in merchants
    ]  # fmt: skip


def _cell(versions: list[Statement], ours: Side, findings: dict[int, tuple[int, int]], signed: set[int]) -> Cell:
    if not versions:
        return Cell(None, "idle", _("没有约定"), ours, None)
    newest = versions[-1]
    if newest.status == "awaited" and len(versions) > 1:
        newest = versions[-2]  # another file is awaited behind one that could not be read: the reason is what helps
    in_force = next((row for row in versions if counts(row)), None)
    found, undone = findings.get((in_force or newest).pk, (0, 0))
    tag, word = day_tag(newest, found, undone)
    theirs = stated(in_force) if in_force else None
    return Cell(newest, tag, word, ours, theirs, undone, is_signed=bool(in_force and in_force.pk in signed))


def _sums(cells: Iterable[Cell]) -> Sums:
    listed = list(cells)
    return Sums(
        sum(cell.ours.fen for cell in listed),
        sum(cell.theirs.fen for cell in listed if cell.theirs),
        sum(cell.ours.fen for cell in listed if cell.theirs is None),
    )


def _feet(sums: list[Sums]) -> list[tuple[str, bool, list[int]]]:
    """(heading, whether it is a sum, one amount a column)."""
    return [
        (_("我方合计"), True, [each.ours for each in sums]),
        (_("对账单合计"), False, [each.theirs for each in sums]),
        (_("还没文件"), False, [each.no_file for each in sums]),
    ]


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """A statement handed in by staff: kept as received, then read."""
    user = forbid_lookers(request)
    channel, _colon, merchant = request.POST.get("merchant", "").partition(":")
    day, file = _day(request.POST.get("day", "")), request.FILES.get("file")
    if merchant not in merchants_for(user).get(channel, []) or day is None:
        messages.warning(request, _("请选渠道、商户和渠道日。"))
        return redirect("admin:reconciliation")
    if file is None or not file.size or file.size > MOST_BYTES:
        messages.warning(request, _("请选文件。文件不能是空的，也不能超过200MB。"))
        return redirect("admin:reconciliation")
    try:
        statement = receive_statement(
            channel=channel, merchant=merchant, channel_day=day, content=cast(BinaryIO, file), actor=user.actor,
            file_name=str(file.name), again=True,
        )  # fmt: skip
    except Refused as refusal:
        messages.warning(request, _refused(refusal))
        return redirect("admin:reconciliation")
    audit.record(
        actor=user.actor, action="receive_statement", subject_kind="statement", subject_id=str(statement.pk),
        detail={"sha256": statement.sha256},
    )  # fmt: skip
    messages.success(request, _("已收下第%(version)d版，正在读取。") % {"version": statement.version})
    return redirect("admin:channel_day", statement.pk)


def _refused(refusal: Refused) -> str:
    if refusal.code == "day_not_over":
        return _("这一天还没有过完，%(at)s以后再交。") % {"at": figures.moment(refusal.facts["at"])}
    return {"channel_unknown": _("这个渠道没有对账约定。")}[refusal.code]
