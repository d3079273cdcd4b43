"""What is known about a discrepancy: lines of statements, receipts and where they lie, notices, history, answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Transition
from core.states import TABLES
from payments.models import Discrepancy, Notification, PaymentOrder, Receipt
from payments.states import ORDER
from portal.console.record_words import actor_names
from portal.console.statement_words import channel_name
from reconciliation.models import ChannelAnswer, DiscrepancyNote, Finding, StatementEntry, Waiver

ANSWERS: dict[str, Promise] = {
    "": gettext_lazy("还没有问"),
    "paid": gettext_lazy("已支付"),
    "notpay": gettext_lazy("未支付"),
    "userpaying": gettext_lazy("支付中"),
    "closed": gettext_lazy("已关闭"),
    "refunded": gettext_lazy("已退款"),
    "not_found": gettext_lazy("没有这笔订单"),
    "unknown": gettext_lazy("说不清"),
    "silent": gettext_lazy("没有答复"),
    "not_asked": gettext_lazy("这个渠道不能问"),
}
PAYMENT_KINDS: dict[str, Promise] = {
    "payment": gettext_lazy("收款"),
    "refund": gettext_lazy("退费"),
    "reversal": gettext_lazy("冲正"),
    "other": gettext_lazy("其他"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a statement, as it stands there."""

    finding: Finding
    entry: StatementEntry | None
    kind: str
    channel: str


@dataclass(frozen=True, slots=True)
class Event:
    """One step of the work, oldest last."""

    at: datetime
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it."""

    lines: list[Line]
    receipts: list[Receipt]
    notices: list[Notification]
    answers: list[tuple[ChannelAnswer, str]]
    order: PaymentOrder | None
    order_state: Any
    history: list[Event]


def gather(row: Discrepancy) -> Evidence:
    """Everything that is written down about a discrepancy and its order."""
    order = row.order
    receipts = Receipt.objects.filter(Q(pk=row.receipt_id) | Q(order=order, order__isnull=False))
    return Evidence(
        _lines(row),
        list(receipts.prefetch_related("allocations").order_by("paid_at")),
        list(Notification.objects.filter(order_no=order.order_no).order_by("-received_at")[:20]) if order else [],
        answers_of(order) if order else [],
        order,
        ORDER.states[order.status] if order else None,
        sorted([*_moves(row, order), *_notes(row), *_waivers(row)], key=lambda each: each.at, reverse=True),
    )


def answers_of(order: PaymentOrder) -> list[tuple[ChannelAnswer, str]]:
    """The last five times that staff had the channel asked."""
    rows = ChannelAnswer.objects.filter(order=order).select_related("asked_by").order_by("-pk")[:5]
    return [(row, str(ANSWERS.get(row.state, row.state))) for row in rows]


def _lines(row: Discrepancy) -> list[Line]:
    about = Q(discrepancy=row)
    if row.order_id:
        about |= Q(order=row.order_id)
    found = list(Finding.objects.filter(about).select_related("statement").order_by("pk")[:20])
    entries = [(each, _entry(each)) for each in found]
    return [Line(each, entry, _kind(entry), channel_name(each.statement.channel)) for each, entry in entries]


def _entry(finding: Finding) -> StatementEntry | None:
    return StatementEntry.objects.filter(
        statement_id=finding.statement_id, line_no=finding.line_no or 0
    ).first()  # fmt: skip


def _kind(entry: StatementEntry | None) -> str:
    return str(PAYMENT_KINDS.get(entry.kind, entry.kind)) if entry else ""


def _moves(row: Discrepancy, order: PaymentOrder | None) -> Iterable[Event]:
    about = Q(kind="DISCREPANCY", object_id=row.pk)
    if order is not None:
        about |= Q(kind="ORDER", object_id=order.pk)
    moves = list(Transition.objects.filter(about).order_by("pk"))
    names = actor_names(move.actor for move in moves)
    for move in moves:
        state = TABLES[move.kind].states[move.to_state].label
        what = _("订单") if move.kind == "ORDER" else _("差错")
        said = _("%(what)s：%(state)s") % {"what": what, "state": state}
        if reason := move.evidence.get("reason"):
            said += _("，%(reason)s") % {"reason": reason}
        yield Event(move.at, names[move.actor], said)


def _notes(row: Discrepancy) -> Iterable[Event]:
    for note in DiscrepancyNote.objects.filter(discrepancy=row).select_related("written_by"):
        yield Event(note.written_at, note.written_by.name, note.text)


def _waivers(row: Discrepancy) -> Iterable[Event]:
    for waiver in Waiver.objects.filter(discrepancy=row).select_related("asked_by", "decided_by"):
        yield Event(waiver.asked_at, waiver.asked_by.name, _("申请核销：%(why)s") % {"why": waiver.note})
        if waiver.outcome == Waiver.Outcome.DROPPED and waiver.decided_at and waiver.decided_by:
            yield Event(waiver.decided_at, waiver.decided_by.name, _("没有核销"))
