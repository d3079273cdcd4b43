"""One line of time for one person: his own acts, gateways, agencies' data, rules and staff, newest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import clock
from core.models import AuditEntry, Transition
from core.states import TABLES
from payments.models import Declaration, Notification, Refund
from payments.words import names
from portal.console.record_words import actor_names, outcome_word
from portal.console.statement_words import channel_name
from registration.local_names import local_name
from registration.models import InsuredPerson, Registration

KINDS = {
    "self": gettext_lazy("本人"),
    "gateway": gettext_lazy("渠道"),
    "data": gettext_lazy("数据"),
    "system": gettext_lazy("系统"),
    "staff": gettext_lazy("人工"),
}
MOST = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, by whom, in words."""

    at: datetime
    kind: str
    text: str

    @property
    def word(self) -> str:
        return str(KINDS[self.kind])


def timeline(
    person: InsuredPerson, declarations: Sequence[Declaration], wanted: str = ""
) -> list[tuple[date, list[Event]]]:
    """Events by business day; `wanted` narrows to one kind."""
    events = [*_moves(declarations), *_notices(declarations), *_feeds(person), *_looks(person)]
    kept = sorted((each for each in events if wanted in ("", each.kind)), key=lambda each: each.at, reverse=True)
    by_day = groupby(kept[:MOST], key=lambda each: clock.business_date(each.at))
    return [(day, list(each)) for day, each in by_day]


def _moves(declarations: Sequence[Declaration]) -> Iterable[Event]:
    orders = {row.order_id: row.order for row in declarations}
    lines = [row.pk for row in declarations]
    refunds = list(Refund.objects.filter(declaration__in=lines).values_list("pk", flat=True))
    for kind, ids, what in (
        ("ORDER", list(orders), _("订单")), ("DECLARATION", lines, _("申报")), ("REFUND", refunds, _("退费")),
    ):  # fmt: skip
        states = TABLES[kind].states
        for row in Transition.objects.filter(kind=kind, object_id__in=ids).order_by("pk"):
            said = {"what": what, "state": states[row.to_state].label}
            yield Event(row.at, _kind(row.actor), _("%(what)s：%(state)s") % said)


def _kind(actor: str) -> str:
    who = actor.partition(":")[0]
    if who in ("resident", "staff"):
        return {"resident": "self", "staff": "staff"}[who]
    return "gateway" if actor in ("system:notification", "system:query", "system:bank") else "system"


def _notices(declarations: Sequence[Declaration]) -> Iterable[Event]:
    numbers = [row.order.order_no for row in declarations]
    for row in Notification.objects.filter(order_no__in=numbers):
        said = {"gateway": channel_name(row.gateway), "verdict": row.get_verdict_display()}
        said["outcome"] = outcome_word(row.outcome)
        yield Event(row.received_at, "gateway", _("%(gateway)s通知：%(verdict)s，%(outcome)s") % said)


def _feeds(person: InsuredPerson) -> Iterable[Event]:
    for row in Registration.objects.filter(person=person).select_related("agency", "insurance_type", "region"):
        said = {
            "agency": local_name(row.agency), "type": names.insurance_type(row.insurance_type_id),
            "place": local_name(row.region),
        }  # fmt: skip
        yield Event(row.received_at, "data", _("%(agency)s送来%(type)s登记，%(place)s") % said)


def _looks(person: InsuredPerson) -> Iterable[Event]:
    words = {"open_person": _("打开了本页"), "reveal_number": _("看了完整信息"), "change_name": _("确认了更名")}
    rows = list(AuditEntry.objects.filter(subject_kind="person", subject_id=str(person.pk)).order_by("-pk")[:50])
    known = actor_names(row.actor for row in rows)
    for row in rows:
        said = {"who": known[row.actor], "what": words.get(row.action, row.action)}
        text = _("%(who)s：%(what)s") % said
        yield Event(row.at, "staff", text + (_("，%(reason)s") % {"reason": row.reason} if row.reason else ""))
