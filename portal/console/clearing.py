"""S04: clearing a stuck order: the evidence, what it allows, the second person, and what happened."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from core import audit, clock, limiter
from core.identity import mask_name
from core.models import User
from core.refusals import Refused
from payments import gateways
from payments.models import Declaration, Discrepancy, PaymentOrder
from payments.orders import WENT_BACK, clears_by
from payments.states import AT_GATEWAY, DECLARATION, ORDER, UNDER_WORK
from payments.words import figures, order_words
from portal.console.clearing_words import check_words, refusal_words, verdict_words
from portal.console.evidence import answers_of
from portal.console.outside import paper_answer, paper_of
from portal.console.page import page
from portal.console.proving import proved_first
from portal.console.scope import forbid_lookers, order_or_404, staff_of
from portal.console.statement_words import channel_name
from reconciliation.channel_questions import ASK_EVERY, ask_channel, last_answer
from reconciliation.clearing import (
    FRESH,
    ON_PAPER,
    confirm_clearing,
    drop_clearing,
    look_at,
    request_clearing,
)
from reconciliation.models import ChannelAnswer, Clearing


@require_GET
def detail(request: HttpRequest, order_id: int) -> HttpResponse:
    """The evidence above every button; nothing is asked or changed by looking."""
    user = staff_of(request)
    order = order_or_404(user, order_id)
    answer = _fresh(order)
    look = look_at(order, answer)
    waiting = Clearing.objects.filter(order=order, outcome="").select_related("asked_by").first()
    lines = list(Declaration.objects.filter(order=order).select_related("registration", "region").order_by("pk"))
    gateway = channel_name(order.gateway)
    context = {
        "order": order,
        "reference": order.order_no[-6:],
        "state": ORDER.states[order.status],
        "lines": [(line, mask_name(line.registration.name), DECLARATION.states[line.status]) for line in lines],
        "payer": mask_name(order.payer.name) if order.payer else "",
        "channel": gateway,
        "look": look,
        "checks": [check_words(check, gateway, look.ground) for check in look.checks],
        "verdict": verdict_words(look, waiting),
        "went_back": (look.ground or look.may_write) in WENT_BACK,
        "step": _step(order, waiting),
        "answer": answer,
        "can_ask": order.status in AT_GATEWAY and order.gateway in gateways.all_codes(),
        "answers": answers_of(order),
        "clears_by": (look.may_at or clears_by(order)) if order.status in AT_GATEWAY else None,
        "waited": _waited(order),
        "waiting": waiting,
        "mine_to_confirm": waiting is not None and waiting.asked_by_id != user.pk,
        "done": Clearing.objects.filter(order=order, outcome="done").select_related("asked_by", "decided_by").first(),
        "grounds": dict(Clearing.Ground.choices),
        "resident": order_words(order.status, gateway),
        "case": Discrepancy.objects.filter(order=order, kind="stuck", status__in=UNDER_WORK).first(),
    }
    return page(request, "clearing", _("清除卡住的申报"), **context)


def _fresh(order: PaymentOrder) -> ChannelAnswer | None:
    """The last answer, where it is one of now."""
    answer = last_answer(order)
    return answer if answer and clock.now() - answer.asked_at < FRESH else None


def _step(order: PaymentOrder, waiting: Clearing | None) -> int:
    if order.status not in AT_GATEWAY:
        return 3
    return 2 if waiting else 1


def _waited(order: PaymentOrder) -> tuple[int, int]:
    """(days, hours) since it was handed over."""
    hours = int((clock.now() - (order.started_at or order.created_at)).total_seconds() // 3600)
    return hours // 24, hours % 24


@require_POST
def ask(request: HttpRequest, order_id: int) -> HttpResponse:
    """再问一次渠道."""
    user = forbid_lookers(request)
    order = order_or_404(user, order_id)
    if not limiter.take(f"ask:{order.order_no}", limit=1, period=ASK_EVERY).allowed:
        messages.warning(request, _("刚刚问过，过几秒再问。"))
        return redirect("admin:clearing", order.pk)
    answer = ask_channel(order_id=order.pk, staff=user)
    audit.record(
        actor=user.actor, action="ask_channel", subject_kind="order", subject_id=order.order_no,
        detail={"state": answer.state},
    )  # fmt: skip
    return redirect("admin:clearing", order.pk)


@require_POST
@proved_first(gettext_lazy("清除申报"))
def request_(request: HttpRequest, order_id: int) -> HttpResponse:
    """The first person."""
    user = forbid_lookers(request)
    order = order_or_404(user, order_id)
    note, ground = request.POST.get("note", ""), request.POST.get("ground", "")
    if ground not in Clearing.Ground.values:
        messages.warning(request, _("请选依据。"))
        return redirect("admin:clearing", order.pk)
    written = paper_of(request) if ground in ON_PAPER else None
    return _done(request, user, order, "request_clearing", lambda: request_clearing(
        order_id=order.pk, ground=ground, note=note, staff=user, written=written))  # fmt: skip


@require_POST
@proved_first(gettext_lazy("决定清除"))
def decide(request: HttpRequest, order_id: int) -> HttpResponse:
    """The second person agrees, or somebody drops it."""
    user = forbid_lookers(request)
    order = order_or_404(user, order_id)
    waiting = Clearing.objects.filter(order=order, outcome="").first()
    if waiting is None:
        messages.warning(request, refusal_words("decided", None))
        return redirect("admin:clearing", order.pk)
    if request.POST.get("drop"):
        return _done(request, user, order, "drop_clearing",
                     lambda: drop_clearing(clearing_id=waiting.pk, staff=user))  # fmt: skip
    return _done(request, user, order, "confirm_clearing",
                 lambda: confirm_clearing(clearing_id=waiting.pk, staff=user))  # fmt: skip


@require_GET
def document(request: HttpRequest, order_id: int, clearing_id: int) -> HttpResponse:
    """The channel's written statement, for the second person; as a download, it is somebody else's file."""
    user = staff_of(request)
    order = order_or_404(user, order_id)
    return paper_answer(user, Clearing.objects.filter(pk=clearing_id, order=order).first(), "clearing")


def _done(
    request: HttpRequest, user: User, order: PaymentOrder, action: str, act: Callable[[], Clearing]
) -> HttpResponse:
    try:
        clearing = act()
    except Refused as refusal:
        messages.warning(request, refusal_words(refusal.code, refusal.facts.get("at")))
        return redirect("admin:clearing", order.pk)
    detail: dict[str, Any] = {"ground": clearing.ground, "outcome": clearing.outcome or "waiting"}
    audit.record(
        actor=user.actor, action=action, subject_kind="order", subject_id=order.order_no, reason=clearing.note[:200],
        detail={**detail, "evidence": clearing.evidence, "document_sha256": clearing.sha256},
    )  # fmt: skip
    messages.success(request, _said(clearing) % {"money": figures.money(order.amount_fen)})
    return redirect("admin:clearing", order.pk)


def _said(clearing: Clearing) -> str:
    if clearing.outcome != Clearing.Outcome.DONE:
        return _("没有清除。") if clearing.outcome else _("已交第二人确认。")
    if clearing.ground in WENT_BACK:
        return _("已清除，期间空出。%(money)s已由渠道退回，缴款人会收到短信。")
    return _("已清除，期间空出。%(money)s没有扣款，缴款人会收到短信。")
