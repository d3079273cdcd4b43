"""S09, one discrepancy: what to do, what is known, who has it, and how it ends."""

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
from core.refusals import SHORTEST_REASON, Refused
from payments.gateways.desks import refund_desk
from payments.models import Declaration, Discrepancy, Refund
from payments.refunds import request_refund_of_held
from payments.states import AT_GATEWAY, DISCREPANCY, UNDER_WORK
from payments.words import figures
from portal.console.discrepancies import next_after, reference
from portal.console.evidence import ANSWERS, gather
from portal.console.page import page
from portal.console.playbooks import steps_for
from portal.console.proving import proved_first
from portal.console.scope import colleagues_of, discrepancy_or_404, forbid_lookers, staff_of, statements_for
from portal.console.statement_words import channel_name
from reconciliation import discrepancies as work
from reconciliation.channel_questions import ASK_EVERY, ask_channel
from reconciliation.models import Statement, Waiver

REASONS = {
    Discrepancy.Kind.DUPLICATE: Refund.Reason.DUPLICATE,
    Discrepancy.Kind.LATE_TAKEN: Refund.Reason.LATE_TAKEN,
}

TAKEN_BACK = (Discrepancy.Kind.REVERSED, Discrepancy.Kind.REFUND)


@require_GET
def detail(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """Everything about it on one page."""
    user = staff_of(request)
    row = discrepancy_or_404(user, discrepancy_id)
    is_open = row.status in UNDER_WORK
    waiver = Waiver.objects.filter(discrepancy=row, outcome="").select_related("asked_by").first()
    held = work.held_fen(row)
    context = {
        "row": row,
        "reference": reference(row),
        "state": DISCREPANCY.states[row.status],
        "days": (clock.today() - clock.business_date(row.opened_at)).days,
        "owner_by": work.owner_by(row),
        "verdict": _verdict(row, user, held, waiver),
        "steps": steps_for(row.kind),
        "known": gather(row),
        "held": held,
        "has_desk": row.receipt is None or refund_desk(row.receipt.gateway) is not None,
        "takes_back": _paid_lines(row) if is_open and row.kind in TAKEN_BACK else [],
        "refund": row.refunds.exclude(status="rejected").first(),
        "channel": channel_name(row.order.gateway) if row.order and row.order.gateway else "",
        "statement": (about := _statement(row, user)),
        "statement_channel": channel_name(about.channel) if about else "",
        "is_open": is_open,
        "is_mine": row.status == "in_hand" and row.owner_id == user.pk,
        "is_stuck": row.order is not None and row.order.status in AT_GATEWAY,
        "can_ask": row.order is not None and bool(row.order.gateway),
        "colleagues": colleagues_of(user).exclude(pk=row.owner_id or 0),
        "waiver": waiver,
        "mine_to_grant": waiver is not None and waiver.asked_by_id != user.pk,
        "next": next_after(user, row),
    }
    return page(request, "discrepancy", row.get_kind_display(), **context)


def _paid_lines(row: Discrepancy) -> list[tuple[Declaration, str]]:
    """What is still paid by an order whose money a channel says it has given back."""
    paid = Declaration.objects.filter(order=row.order_id, order__isnull=False, status="paid")
    return [(line, mask_name(line.registration.name)) for line in paid.select_related("registration").order_by("pk")]


def _verdict(row: Discrepancy, user: User, held: int, waiver: Waiver | None) -> tuple[str, str, str]:
    """(class, sentence, what it means)."""
    if row.status not in UNDER_WORK:
        return "info", str(DISCREPANCY.states[row.status].label), _("已经了结，只供查看。")
    if waiver is not None:
        who = waiver.asked_by.name
        return "wait", _("等第二人决定核销"), _("%(who)s申请核销，由另一人决定。") % {"who": who}
    if row.owner is None:
        if clock.today() > work.owner_by(row):
            return "no", _("超过两个工作日没有人接手"), _("请现在接手，或分给一个人。")
        by = figures.bare_date(work.owner_by(row))
        return "wait", _("还没有人接手"), _("%(date)s前要有人接手。") % {"date": by}
    if held:
        return (
            "wait",
            _("%(money)s挂在这里，没有记到任何人名下") % {"money": figures.money(held)},
            _("钱只能通过退费或另行退回出去。退完自动了结，这之前不能办结，也不能核销。"),
        )
    mine = row.owner_id == user.pk
    return "info", _("由你处理") if mine else _("由%(who)s处理") % {"who": row.owner.name}, _("按下面的步骤办。")


def _statement(row: Discrepancy, user: User) -> Statement | None:
    """The day that it is about."""
    known = row.facts.get("statement")
    return statements_for(user).filter(pk=known).first() if isinstance(known, int) else None


# --- what may be done --------------------------------------------------------------------------------------------


@require_POST
def take(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """接手."""
    user, row = _asked(request, discrepancy_id)
    return _done(request, row, "take_discrepancy", _("已接手。"),
                 lambda: work.take_discrepancy(discrepancy_id=row.pk, staff=user))  # fmt: skip


@require_POST
def assign(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """转给别人."""
    user, row = _asked(request, discrepancy_id)
    chosen = request.POST.get("owner", "")
    owner = colleagues_of(user).filter(pk=int(chosen) if chosen.isdecimal() and len(chosen) < 10 else 0).first()
    if owner is None:
        messages.warning(request, _("请选一个人。"))
        return redirect("admin:discrepancy", row.pk)
    return _done(request, row, "assign_discrepancy", _("已转给%(who)s。") % {"who": owner.name},
                 lambda: work.assign_discrepancy(discrepancy_id=row.pk, owner=owner, staff=user))  # fmt: skip


@require_POST
def note(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """记一笔."""
    user, row = _asked(request, discrepancy_id)
    return _done(request, row, "note_discrepancy", _("已记下。"), lambda: work.note_discrepancy(
        discrepancy_id=row.pk, text=request.POST.get("reason", ""), staff=user))  # fmt: skip


@require_POST
def resolve(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """办结."""
    user, row = _asked(request, discrepancy_id)
    return _done(request, row, "resolve_discrepancy", _("已办结。"), lambda: work.resolve_discrepancy(
        discrepancy_id=row.pk, reason=request.POST.get("reason", ""), staff=user))  # fmt: skip


@require_POST
@proved_first(gettext_lazy("决定核销"))
def waive(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """申请核销, or the second person's word on it."""
    user, row = _asked(request, discrepancy_id)
    waiting = Waiver.objects.filter(discrepancy=row, outcome="").first()
    if waiting is None:
        return _done(request, row, "request_waiver", _("已申请核销，等另一人决定。"), lambda: work.request_waiver(
            discrepancy_id=row.pk, reason=request.POST.get("reason", ""), staff=user))  # fmt: skip
    if request.POST.get("drop"):
        return _done(request, row, "drop_waiver", _("没有核销。"),
                     lambda: work.drop_waiver(waiver_id=waiting.pk, staff=user))  # fmt: skip
    return _done(request, row, "grant_waiver", _("已核销。"),
                 lambda: work.grant_waiver(waiver_id=waiting.pk, staff=user))  # fmt: skip


@require_POST
def ask(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """现在问渠道."""
    user, row = _asked(request, discrepancy_id)
    order = row.order
    if order is None or not limiter.take(f"ask:{order.order_no}", limit=1, period=ASK_EVERY).allowed:
        messages.warning(request, _("刚刚问过，过几秒再问。"))
        return redirect("admin:discrepancy", row.pk)
    answer = ask_channel(order_id=order.pk, staff=user)
    audit.record(
        actor=user.actor, action="ask_channel", subject_kind="order", subject_id=order.order_no,
        detail={"state": answer.state},
    )  # fmt: skip
    messages.success(request, _("渠道答：%(word)s。") % {"word": ANSWERS.get(answer.state, answer.state)})
    return redirect("admin:discrepancy", row.pk)


@require_POST
def give_back(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """申请退回: the money that it holds; a second person approves it as a refund (S06)."""
    user, row = _asked(request, discrepancy_id)
    why = request.POST.get("reason", "").strip()[:200]
    if len(why) < SHORTEST_REASON:
        messages.warning(request, _refused(Refused("no_reason")))
        return redirect("admin:discrepancy", row.pk)
    made: list[Refund] = []
    reason = REASONS.get(Discrepancy.Kind(row.kind), Refund.Reason.UNKNOWN_MONEY)
    answer = _done(request, row, "request_refund", _("已提出，等另一个人复审。"), lambda: made.append(
        request_refund_of_held(
            discrepancy_id=row.pk, reason=reason, note=why, actor=user.actor, requested_by=user
        )))  # fmt: skip
    return redirect("admin:refund", made[0].refund_no) if made else answer


def _asked(request: HttpRequest, discrepancy_id: int) -> tuple[User, Discrepancy]:
    user = forbid_lookers(request)
    return user, discrepancy_or_404(user, discrepancy_id)


def _done(request: HttpRequest, row: Discrepancy, action: str, said: str, act: Callable[[], Any]) -> HttpResponse:
    try:
        act()
    except Refused as refusal:
        messages.warning(request, _refused(refusal))
    else:
        audit.record(
            actor=staff_of(request).actor, action=action, subject_kind="discrepancy", subject_id=str(row.pk),
            reason=request.POST.get("reason", "").strip()[:200],
        )  # fmt: skip
        messages.success(request, said)
    return redirect("admin:discrepancy", row.pk)


def _refused(refusal: Refused) -> str:
    held = refusal.facts.get("amount_fen", 0)
    return {
        "finished": _("已经了结，不能再改。"),
        "taken": _("%(who)s已经接手。") % {"who": refusal.facts.get("owner", "")},
        "not_staff": _("只能分给在岗的工作人员。"),
        "not_yours": _("先接手，再处理。"),
        "no_reason": _("请写清经过，不能少于4个字。"),
        "holds_money": _("这里还有%(money)s，先退费。") % {"money": figures.money(held)},
        "still_stuck": _("订单还没有结果，先清除或等结果。"),
        "refund_hangs": _("这笔退费还没有结果，不能了结。退成了自动了结；退不成的，到退费页记另行退回。"),
        "waiver_waits": _("核销正等另一人决定。"),
        "decided": _("已经有人办过。"),
        "same_person": _("申请人不能自己决定，请另一人来看。"),
        "in_refund": _("这笔已在退费中。"),
        "not_held": _("这一类差错没有可退的钱。"),
        "no_money": _("这里没有挂着的钱。"),
        "no_gateway": _("这个渠道不能原路退回。按书面程序退了以后，在这里记另行退回。"),
    }[refusal.code]
