"""Records of payments, and what became of one (R22, R23). Certificates come with their own issue."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from core import clock, ids
from core.identity import mask_name
from core.models import Transition, User
from payments import gateways
from payments.models import Declaration, Refund
from payments.policies.in_force import terms_of
from payments.policies.terms import PolicyTerms
from payments.records import RecordFilter, visible_people, visible_records
from payments.refund_asking import why_not
from payments.refund_records import refunds_by_record
from payments.states import DECLARATION, REFUNDING
from payments.words import figures, names, refund_words
from portal.accounts.access import payer_of, resident_required
from portal.pages import devices
from portal.pages.standing import declared_label
from registration.models import FamilyMember

PAGE_LENGTH = 50


@dataclass
class Tab:
    """One filter link."""

    label: str
    query: str
    is_current: bool


@dataclass
class ShownRecord:
    """One payment as R22 and R23 show it."""

    row: Declaration
    what: str
    person: str
    tag: str
    tag_kind: str
    channel: str
    on: str


def person_label(row: Declaration, relations: dict[bytes, str]) -> str:
    """王*国（父母）: the relation only where the viewer has stated one."""
    name, relation = mask_name(row.registration.name), relations.get(bytes(row.registration.number_index))
    return _("%(name)s（%(relation)s）") % {"name": name, "relation": relation} if relation else name


def relations_of(viewer: User) -> dict[bytes, str]:
    """What the viewer has said of each number on his list."""
    members = FamilyMember.objects.filter(payer=viewer, removed_at__isnull=True)
    return {bytes(member.number_index): str(FamilyMember.Relation(member.relation).label) for member in members}


def record_tag(row: Declaration, refund: Refund | None = None) -> tuple[str, str]:
    """The state in words, with its shape. A fresh payment is a record, confirmed later (AF-1)."""
    if refund is not None and refund.status in REFUNDING:
        return refund_words(refund.status).label, "half"
    if row.status == "paid":
        if row.record_on is not None and row.record_on > clock.today():
            if row.record_on == clock.today() + timedelta(days=1):
                return _("已缴，明天确认"), "half"
            return _("已缴，%(date)s确认") % {"date": figures.bare_date(row.record_on)}, "half"
        return _("已缴"), "done"
    if row.status == "in_payment":
        return _("确认中"), "half"
    if row.status == "refunded" or (refund is not None and refund.status == "refunded"):
        return _("已退费"), "none"
    return _("已付款，核对后退回"), "half"


def channel_label(row: Declaration) -> str:
    """The wallet where it was paid here, else the channel."""
    return devices.gateway_label(row.order.gateway) if _paid_here(row) else row.channel.local_name


def _paid_here(row: Declaration) -> bool:
    """Whether a wallet took it: an order of a counter bears the counter's own code."""
    return row.order.gateway in gateways.all_codes()


def shown_record(
    row: Declaration, terms: PolicyTerms, relations: dict[bytes, str], refund: Refund | None = None
) -> ShownRecord:
    """Put one record into words."""
    tag, kind = record_tag(row, refund)
    at = row.paid_at or row.declared_at
    return ShownRecord(
        row=row, what=declared_label(row, terms), person=person_label(row, relations), tag=tag, tag_kind=kind,
        channel=channel_label(row), on=figures.short_date(clock.business_date(at)),
    )  # fmt: skip


# --- R22 -------------------------------------------------------------------------------------------------------------


@require_GET
@resident_required
def listing(request: HttpRequest) -> HttpResponse:
    """R22: filters are links, so that each list has an address."""
    viewer = payer_of(request)
    relations = relations_of(viewer)
    asked = _filter(request)
    every = visible_records(viewer)
    rows = visible_records(viewer, asked)
    page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
    listed = list(page.object_list)
    terms, refunds = terms_of({row.policy_id for row in listed}), refunds_by_record(row.pk for row in listed)
    count = page.paginator.count
    context = {
        "records": [shown_record(row, terms[row.policy_id], relations, refunds.get(row.pk)) for row in listed],
        "page": page,
        "tabs": _tabs(list(every[:200]), asked, relations),
        "caption": ngettext("共%(count)d条", "共%(count)d条", count) % {"count": count},
        "has_fresh": any(row.record_on is not None and row.record_on > clock.today() for row in listed),
        "is_narrowed": asked != RecordFilter(),
        "query": _query(asked),
    }
    return render(request, "pages/records.html", context)


def _filter(request: HttpRequest) -> RecordFilter:
    insurance_type = request.GET.get("type", "")
    return RecordFilter(
        person_id=_whole(request.GET.get("person", "")),
        insurance_type=insurance_type if insurance_type in names.INSURANCE_TYPES else None,
        paid_year=_year(request.GET.get("year", "")),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _year(text: str) -> int | None:
    year = _whole(text)
    return year if year is not None and 2000 <= year <= 2100 else None


def _query(asked: RecordFilter) -> str:
    values = {"person": asked.person_id, "type": asked.insurance_type, "year": asked.paid_year}
    return urlencode({name: value for name, value in values.items() if value is not None})


def _tabs(rows: list[Declaration], asked: RecordFilter, relations: dict[bytes, str]) -> list[Tab]:
    """All, then each person, contribution and year that occurs; one filter at a time."""
    people = {row.person_id: person_label(row, relations) for row in rows}
    kinds = {row.insurance_type_id: names.insurance_type(row.insurance_type_id) for row in rows}
    years = sorted({clock.business_date(row.declared_at).year for row in rows}, reverse=True)
    found = [(_("全部"), RecordFilter())]
    found += [(label, RecordFilter(person_id=person)) for person, label in people.items() if len(people) > 1]
    found += [(label, RecordFilter(insurance_type=kind)) for kind, label in kinds.items() if len(kinds) > 1]
    found += [(_("%(year)d年缴的") % {"year": year}, RecordFilter(paid_year=year)) for year in years if len(years) > 1]
    return [Tab(label, _query(each), each == asked) for label, each in found]


# --- R23 -------------------------------------------------------------------------------------------------------------


@dataclass
class TimelineStep:
    """One step: done, current, or to come."""

    title: str
    when: str
    remark: str
    state: str  # done, current or empty


@require_GET
@resident_required
def detail(request: HttpRequest, declaration_no: str) -> HttpResponse:
    """R23; 404 for what this account may not see."""
    viewer = payer_of(request)
    row = visible_records(viewer).filter(declaration_no=declaration_no).first()
    if row is None:
        raise Http404
    terms = terms_of([row.policy_id])[row.policy_id]
    own, refund = row.payer_id == viewer.pk, refunds_by_record([row.pk]).get(row.pk)
    context = {
        "record": shown_record(row, terms, relations_of(viewer), refund),
        "row": row,
        "tier": _tier(row, terms),
        "paid_by": _paid_by(row, own, viewer),
        "reference": ids.short_reference(row.order.order_no) if own else "",
        "order_no": row.order.order_no if own else "",
        "steps": timeline(row, refund),
        "refund": refund if own else None,
        "refund_word": refund_words(refund.status).label if refund else "",
        "can_ask_back": own and why_not(row, terms, refund, clock.today()) not in ("in_refund", "refunded", "not_paid"),
        "wallet": devices.gateway_name(row.order.gateway) if _paid_here(row) else row.channel.local_name,
    }
    return render(request, "pages/record.html", context)


def _tier(row: Declaration, terms: PolicyTerms) -> str:
    if row.first_month is not None and row.last_month is not None:
        count = row.last_month - row.first_month + 1
        months = ngettext("%(count)d个月", "%(count)d个月", count) % {"count": count}
        return _("每月%(money)s，%(months)s") % {"money": figures.tier(row.tier_fen), "months": months}
    group = terms.group(row.group_id)
    if group is None or len(group.tiers) < 2:
        return _("全年")
    return _("%(tier)s档") % {"tier": figures.tier(row.tier_fen)}


def _paid_by(row: Declaration, own: bool, viewer: User) -> str:
    """Nobody's name but the viewer's own (PA-3)."""
    if own:
        return mask_name(viewer.name)
    if row.person_id in visible_people(viewer) and row.payer_id is not None:
        return _("他人代缴")
    return row.channel.local_name


def timeline(row: Declaration, refund: Refund | None = None) -> list[TimelineStep]:
    """提交, 付款, 对账, 到账: what has happened from the history of states, what will from the dates of the place."""
    moves = {move.event: move.at for move in Transition.objects.filter(kind=DECLARATION.kind, object_id=row.pk)}
    steps = [TimelineStep(_("提交"), figures.moment(row.declared_at), _("已完成"), "done")]
    steps.append(_payment_step(row, moves))
    if row.status == "refunded" or (row.status != "paid" and refund is not None and refund.status == "refunded"):
        at = moves.get("refund") or (refund.settled_at if refund else None)
        steps.append(TimelineStep(_("退费"), figures.moment(at) if at else "", _("已退回"), "done"))
        return steps
    if row.status == "paid":
        steps += _later_steps(row)
    _mark_current(steps)
    return steps


def _payment_step(row: Declaration, moves: dict[str, datetime]) -> TimelineStep:
    if row.paid_at is not None:
        return TimelineStep(
            _("付款"), figures.moment(row.paid_at), _("已完成，%(who)s已确认") % {"who": _who(row)}, "done"
        )
    if row.status == "in_payment":
        at = moves.get("pay")
        return TimelineStep(_("付款"), figures.moment(at) if at else "", _("正在核对结果，请不要重复缴费"), "")
    return TimelineStep(_("付款"), "", _("付款到的时候，这一期已经缴过。这笔钱我们核对后退回。"), "")


def _who(row: Declaration) -> str:
    return devices.gateway_name(row.order.gateway) if _paid_here(row) else row.channel.local_name


def _later_steps(row: Declaration) -> list[TimelineStep]:
    today = clock.today()
    estimate = _("（预计，放假安排还没公布）") if row.dates_estimated else ""
    steps = []
    for title, on, done, coming in (
        (_("确认记录"), row.record_on, _("已成为确认记录"), _("还没到：和%(who)s的账单核对") % {"who": _who(row)}),
        (_("到账"), row.credit_on, _("社保账户里应能看到"), _("还没到：经办机构记入社保账户")),
    ):
        if on is not None:
            reached = on <= today
            remark = done if reached else coming + estimate
            steps.append(TimelineStep(title, figures.short_date(on), remark, "done" if reached else ""))
    return steps


def _mark_current(steps: list[TimelineStep]) -> None:
    """The first step that is not done is where things stand."""
    for step in steps:
        if step.state != "done":
            step.state = "current"
            return
