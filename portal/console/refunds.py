"""S06: refunds from the request to the money's return; two people, evidence before every button."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import audit, clock, limiter
from core.identity import mask_name
from core.models import Transition, User
from core.refusals import SHORTEST_REASON, Refused
from core.states import State
from payments import gateways
from payments.gateways.desks import refund_desk
from payments.models import Declaration, Refund
from payments.refund_asking import REASONS
from payments.refund_checks import refresh_refund
from payments.refund_dates import dates_of
from payments.refund_records import refunds_by_record
from payments.refund_reviews import approve_reviewed, first_review, needs_review, review_refund, reviewed_first
from payments.refunds import has_ended, reject_refund, request_refund, retry_refund
from payments.states import REFUND, REFUNDING
from payments.words import names
from payments.words.refunds import REJECTIONS, refund_reason, rejection
from portal.console.page import page
from portal.console.proving import proved_first
from portal.console.record_words import actor_names
from portal.console.refund_evidence import evidence_of, notices_of
from portal.console.scope import declarations_for, forbid_lookers, may_act, refunds_for, staff_of
from reconciliation.channel_questions import ASK_EVERY
from reconciliation.models import OutsideSettlement

SHOWN = 200
SLOW = timedelta(days=1)
TO_DECIDE = ("requested", "failed", "outside")
ORDERS = {"age": "requested_at", "amount": "-amount_fen"}
LISTS = {
    "open": REFUNDING, "waiting": ("requested", "outside"), "failed": ("failed",), "done": ("refunded", "rejected"),
}  # fmt: skip
_LOADED = (
    "receipt", "receipt__order", "receipt__order__payee", "declaration", "declaration__registration",
    "declaration__region", "declaration__order", "discrepancy", "requested_by", "approved_by",
)  # fmt: skip


@dataclass(frozen=True)
class QueueRow:
    """One refund in the queue, and what it waits for."""

    refund: Refund
    state: State
    what: str
    person: str
    waits_for: str
    is_slow: bool


def _rows(user: User) -> QuerySet[Refund]:
    return refunds_for(user).select_related(*_LOADED)


def _refund(request: HttpRequest, refund_no: str) -> Refund:
    found = _rows(staff_of(request)).filter(refund_no=refund_no).first()
    if found is None:
        raise Http404
    return found


# --- the queue -------------------------------------------------------------------------------------------------------


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Requested ones first, then those that did not go through, then those under way; by age or by amount."""
    shown, by = request.GET.get("show", "open"), request.GET.get("by", "age")
    shown, by = shown if shown in LISTS else "open", by if by in ORDERS else "age"
    whens = [When(status__in=("requested", "outside"), then=Value(0)), When(status="failed", then=Value(1))]
    rank = Case(*whens, default=Value(2), output_field=IntegerField())
    rows = _rows(staff_of(request)).filter(status__in=LISTS[shown]).annotate(rank=rank)
    found = list(rows.order_by("rank", ORDERS[by], "pk")[:SHOWN])
    reviewed = reviewed_first(row.refund_no for row in found)
    context = {
        "rows": [_queued(row, row.refund_no in reviewed) for row in found],
        "total": sum(row.amount_fen for row in found),
        "shown": shown,
        "by": by,
        "lists": [("open", _("没办完的")), ("waiting", _("待审核")), ("failed", _("退费未成")), ("done", _("办完的"))],
    }
    return page(request, "refunds", _("退费"), **context)


def _queued(refund: Refund, is_reviewed: bool) -> QueueRow:
    waits = {
        "requested": _("复审") if is_reviewed or not needs_review(refund) else _("初审"),
        "failed": _("另行退回") if has_ended(refund) else _("再退一次"),
        "outside": _("第二人"),
    }
    return QueueRow(
        refund=refund, state=REFUND.states[refund.status], what=what_of(refund), person=person_of(refund),
        waits_for=waits.get(refund.status, ""),
        is_slow=refund.status in TO_DECIDE and clock.now() - refund.requested_at > SLOW,
    )  # fmt: skip


def what_of(refund: Refund) -> str:
    """居民养老 2026, or the kind of held money."""
    row = refund.declaration
    if row is not None:
        return f"{names.insurance_type(row.insurance_type_id)} {row.coverage_year}"
    return str(refund.discrepancy.get_kind_display()) if refund.discrepancy else ""


def person_of(refund: Refund) -> str:
    """The insured person, masked."""
    return mask_name(refund.declaration.registration.name) if refund.declaration else ""


# --- one refund ------------------------------------------------------------------------------------------------------


@require_GET
def detail(request: HttpRequest, refund_no: str) -> HttpResponse:
    """What it is, what it stands on, who has said what, and what may be done now."""
    user, refund = staff_of(request), _refund(request, refund_no)
    review = first_review(refund)
    step = _step(user, refund, reviewed_by=review.actor if review else "")
    context = {
        "refund": refund,
        "state": REFUND.states[refund.status],
        "what": what_of(refund),
        "person": person_of(refund),
        "reason": refund_reason(refund.reason),
        "asked_by": _asked_by(refund),
        "review": review,
        "evidence": evidence_of(refund, review),
        "lines": [(row, mask_name(row.registration.name)) for row in _lines(refund)],
        "way": gateways.gateway(refund.gateway).label if refund.gateway in gateways.all_codes() else refund.gateway,
        "left": refund.receipt.amount_fen - refund.amount_fen,
        "notices": notices_of(refund),
        "history": _history(refund),
        "rejected": rejection(refund.failure) if refund.status == "rejected" else "",
        "rejections": REJECTIONS.items(),
        "dates": dates_of(refund),
        "step": step,
        "verdict": _verdict(step, refund),
        "settlement": (settlement := _settlement(refund)),
        "mine_to_confirm": settlement is not None and settlement.asked_by_id != user.pk and may_act(user),
        "phase": _phase(refund, bool(review)),
    }
    return page(request, "refund", f"{_('退费')} {refund_no[-6:]}", **context)


def _lines(refund: Refund) -> list[Declaration]:
    """Everything that the order has paid for."""
    rows = Declaration.objects.filter(order__receipts=refund.receipt_id)
    return list(rows.select_related("region", "registration").order_by("pk"))


def _asked_by(refund: Refund) -> str:
    asker = refund.requested_by
    if asker is None:
        return _("规则")
    return asker.name if asker.is_staff else _("%(name)s，付款人本人") % {"name": mask_name(asker.name)}


def _settlement(refund: Refund) -> OutsideSettlement | None:
    """That it has gone back in another way: asked for, or done."""
    rows = OutsideSettlement.objects.filter(refund=refund).exclude(outcome="dropped")
    return rows.select_related("asked_by", "decided_by").order_by("-pk").first()


def _step(user: User, refund: Refund, *, reviewed_by: str) -> str:
    """What this member of staff may do now: review, approve, retry, outside (find another way), settle; or why not:
    mine, look; or nothing: over."""
    if refund.status in ("failed", "outside"):
        what = "settle" if refund.status == "outside" else "outside" if has_ended(refund) else "retry"
        return what if may_act(user) else "look"
    if refund.status != "requested":
        return "over"
    if not may_act(user):
        return "look"
    if needs_review(refund) and not reviewed_by:
        return "review"
    return "mine" if reviewed_by == user.actor or refund.requested_by_id == user.pk else "approve"


def _verdict(step: str, refund: Refund) -> tuple[str, str, str]:
    """(class, title, sentence) of the box that stands above the evidence."""
    return {
        "review": ("info", _("等初审"), _("看过下面的核对再写意见。复审要另一个人。")),
        "approve": ("info", _("等复审"), _("你不是提出人，也不是初审人，可以复审。")),
        "mine": ("wait", _("等第二人"), _("提出人和初审人不能自己复审。")),
        "retry": ("no", _("退费未成"), _again(refund)),
        "outside": ("no", _("退费未成"), _("钱还在原处。这个退费号在渠道已经结束，再退也退不成。请另行退回。")),
        "settle": ("wait", _("另行退回，等第二人"), _("第二人看过凭证再确认。确认以前，钱还记在原处。")),
        "look": ("wait", _("只能看"), _("你的岗位不办退费。")),
        "over": ("info", _("已经决定"), _("现在不用做什么。")),
    }[step]


def _again(refund: Refund) -> str:
    """What sending a refused refund once more may bring, as its gateway takes it."""
    desk = refund_desk(refund.gateway)
    if desk is None:
        return _("钱还在原处。这个渠道现在不能原路退，请另行退回。")
    if desk.takes_refused_again:
        return _("钱还在原处。查清原因以后，可以用同一个号再退一次。")
    return _("钱还在原处。再退时先问渠道：它没有记下这个号，就用同一个号再发；记下了，以它查到的结果为准。")


def _phase(refund: Refund, is_reviewed: bool) -> int:
    """Which of 申请, 初审, 复审, 退款, 到账 is the current one."""
    if refund.status == "requested":
        return 3 if is_reviewed or not needs_review(refund) else 2
    return {"refunded": 5, "rejected": 3}.get(refund.status, 4)


def _history(refund: Refund) -> list[tuple[datetime, str, str]]:
    rows = list(Transition.objects.filter(kind=REFUND.kind, object_id=refund.pk).order_by("pk"))
    names = actor_names(row.actor for row in rows)
    return [(row.at, str(REFUND.states[row.to_state].label), names[row.actor]) for row in rows]


# --- what staff do ---------------------------------------------------------------------------------------------------


@require_POST
def review(request: HttpRequest, refund_no: str) -> HttpResponse:
    """初审; its opinion is kept in the audit log."""
    user, refund = forbid_lookers(request), _refund(request, refund_no)
    try:
        review_refund(refund_no=refund.refund_no, note=request.POST.get("note", ""), staff=user)
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
    else:
        messages.success(request, _("已初审，等另一个人复审。"))
    return redirect("admin:refund", refund_no)


@require_POST
@proved_first(gettext_lazy("同意退款"))
def approve(request: HttpRequest, refund_no: str) -> HttpResponse:
    """复审: the money is sent at once."""
    user, refund = forbid_lookers(request), _refund(request, refund_no)
    if not request.POST.get("seen"):
        messages.warning(request, _("请先看核对，再同意。"))
        return redirect("admin:refund", refund_no)
    try:
        approve_reviewed(refund_no=refund.refund_no, staff=user)
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
    else:
        _write_down(user, "approve_refund", refund, "")
        messages.success(request, _("已同意，马上退款。"))
    return redirect("admin:refund", refund_no)


@require_POST
def reject(request: HttpRequest, refund_no: str) -> HttpResponse:
    """不同意, with a reason that the payer reads."""
    user, refund = forbid_lookers(request), _refund(request, refund_no)
    code, text = request.POST.get("why", ""), " ".join(request.POST.get("text", "").split())[:60]
    why = text if len(text) >= SHORTEST_REASON else code if code in REJECTIONS else ""
    if not why:
        messages.warning(request, _("请选择或写明不同意的理由，申请人会看到。"))
        return redirect("admin:refund", refund_no)
    try:
        reject_refund(refund_no=refund.refund_no, why=why, actor=user.actor)
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
    else:
        _write_down(user, "reject_refund", refund, why)
        messages.success(request, _("已记下不同意，申请人会收到短信。"))
    return redirect("admin:refund", refund_no)


@require_POST
@proved_first(gettext_lazy("再退一次"))
def retry(request: HttpRequest, refund_no: str) -> HttpResponse:
    """A failed one once more, under its number."""
    user, refund = forbid_lookers(request), _refund(request, refund_no)
    try:
        retry_refund(refund_no=refund.refund_no, actor=user.actor)
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
    else:
        _write_down(user, "retry_refund", refund, "")
        messages.success(request, _("再退一次，用的是同一个号。"))
    return redirect("admin:refund", refund_no)


@require_POST
def ask_gateway(request: HttpRequest, refund_no: str) -> HttpResponse:
    """Whether it has gone back after all: its success takes effect, nothing else changes anything."""
    user, refund = forbid_lookers(request), _refund(request, refund_no)
    if not limiter.take(f"ask:{refund_no}", limit=1, period=ASK_EVERY).allowed:
        messages.warning(request, _("刚刚问过，过几秒再问。"))
        return redirect("admin:refund", refund_no)
    found = refresh_refund(refund_no=refund.refund_no)
    _write_down(user, "ask_refund", found, "")
    messages.success(request, _("问过渠道，现在是：%(state)s。") % {"state": REFUND.states[found.status].label})
    return redirect("admin:refund", refund_no)


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, declaration_no: str) -> HttpResponse:
    """A member of staff asks, as a rule because it was paid in the wrong place (PA-6); another decides."""
    user = forbid_lookers(request)
    rows = declarations_for(user).select_related("registration", "region", "order", "order__payee")
    row = get_object_or_404(rows, declaration_no=declaration_no)
    running = refunds_by_record([row.pk]).get(row.pk)
    if running is not None and running.status != "rejected":
        return redirect("admin:refund", running.refund_no)
    if request.method == "POST":
        made = _asked(request, user, row)
        if made is not None:
            return redirect("admin:refund", made.refund_no)
    context = {
        "row": row,
        "name": mask_name(row.registration.name),
        "what": f"{names.insurance_type(row.insurance_type_id)} {row.coverage_year}",
        "reasons": [(reason.value, refund_reason(reason)) for reason in REASONS],
        "note": request.POST.get("note", ""),
        "chosen": request.POST.get("reason", Refund.Reason.WRONG_PLACE),
        "has_desk": refund_desk(row.order.gateway) is not None,
    }
    return page(request, "refund_ask", _("提出退费"), **context)


def _asked(request: HttpRequest, user: User, row: Declaration) -> Refund | None:
    reason, note = request.POST.get("reason", ""), " ".join(request.POST.get("note", "").split())[:200]
    if reason not in REASONS or len(note) < SHORTEST_REASON:
        messages.warning(request, _("请选原因，并写清依据，不能少于4个字。"))
        return None
    try:
        made = request_refund(
            declaration_no=row.declaration_no, reason=Refund.Reason(reason), note=note, actor=user.actor,
            requested_by=user,
        )  # fmt: skip
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
        return None
    _write_down(user, "request_refund", made, note)
    messages.success(request, _("已提出，等另一个人复审。"))
    return made


def _write_down(user: User, action: str, refund: Refund, reason: str) -> None:
    detail = {"amount_fen": refund.amount_fen, "refund": refund.pk}
    audit.record(actor=user.actor, action=action, subject_kind="refund", subject_id=refund.refund_no, reason=reason,
                 detail=detail)  # fmt: skip


def _refused(code: str) -> str:
    return {
        "same_person": _("提出人和初审人不能自己复审。"),
        "not_reviewed": _("还没有初审。"),
        "reviewed": _("已有人初审。"),
        "no_review_needed": _("同事提出的，直接由另一个人复审。"),
        "no_note": _("请写初审意见，不能少于4个字。"),
        "finished": _("这笔已经决定过。"),
        "not_failed": _("这笔不用再退一次。"),
        "ended": _("这个退费号在渠道已经结束，再退也退不成。请另行退回。"),
        "not_paid": _("这笔还没有缴成，不用退费。"),
        "in_refund": _("这笔已在退费中。"),
        "topped_up": _("这一期补过差额，先退差额，再退这一笔。"),
        "no_gateway": _("这笔不能原路退回。钱按书面程序退了以后，在这里记另行退回。"),
        "no_money": _("这笔钱还在核对，现在不能退。"),
    }.get(code, code)
