"""What became of an order (R19, R20, R21). Unknown is said as unknown; "没有扣款" only on a gateway's word."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core import clock
from core.models import Transition
from core.refusals import Refused
from payments import gateways, words
from payments.delays import AfterPayment
from payments.discrepancies import held_by
from payments.drafts import fill_again
from payments.models import Declaration, Discrepancy, PaymentOrder
from payments.order_checks import cancel_order, refresh_for_payer
from payments.orders import WENT_BACK, clears_by
from payments.policies.in_force import terms_of
from payments.refund_records import refunds_to
from payments.states import AT_GATEWAY, UNDER_WORK
from payments.words import NextStep, figures
from portal.accounts.access import payer_of, resident_required
from portal.pages import devices
from portal.pages.paying import OrderPerson, OrderSummary, line_label, method_url, order_of, summary_of


@require_GET
@resident_required
def order(request: HttpRequest, order_no: str) -> HttpResponse:
    """The one address of an order, kept for ever: its page follows its state."""
    found = order_of(payer_of(request), order_no)
    if found.status == "created" and found.expires_at > clock.now():
        return redirect(method_url(found))
    if found.status in AT_GATEWAY:
        return _confirming(request, found)
    return _paid(request, found) if found.status == "paid" else _unpaid(request, found)


# --- R19 -------------------------------------------------------------------------------------------------------------


def status_line(order: PaymentOrder) -> str:
    """What is known at this moment, in one sentence."""
    wallet = {"wallet": devices.gateway_name(order.gateway)}
    if order.unreachable_since is not None:
        return _("暂时联系不上%(wallet)s，我们会继续查。你的缴费单已保存。") % wallet
    if held := _held(order):
        return _("收到%(money)s，和要缴的不同。工作人员核对后退回，请不要再付。") % {"money": figures.money(held)}
    if said_unpaid(order):
        return _("刚才问过，%(wallet)s还没有收到付款。我们会继续查。") % wallet
    return _("正在等%(wallet)s的答复。") % wallet


def said_unpaid(order: PaymentOrder) -> bool:
    """Whether the gateway has answered that it holds no payment, so that going back to its cashier is safe."""
    asked = order.status == "awaiting" and order.checks > 0 and order.unreachable_since is None
    return asked and not _held(order)  # money of another amount has come


def can_go_back(order: PaymentOrder) -> bool:
    """Whether the same cashier is still open and its gateway has said that nobody paid there."""
    return said_unpaid(order) and order.hand_over is not None and order.expires_at > clock.now()


def can_close(order: PaymentOrder) -> bool:
    """Whether its payer can give the order up before it expires; the gateway may have no such call."""
    return order.gateway not in gateways.all_codes() or gateways.gateway(order.gateway).can_close


def _confirming(request: HttpRequest, order: PaymentOrder) -> HttpResponse:
    context = {
        "order": order,
        "summary": summary_of(order),
        "wallet": devices.gateway_name(order.gateway),
        "line": status_line(order),
        "clears_by": figures.moment(clears_by(order)),
        "started": figures.moment(order.started_at or order.created_at),
        "can_go_back": can_go_back(order),
        "can_close": can_close(order),
        "has_come": _held(order) > 0,
    }
    return render(request, "pages/confirming.html", context)


@require_GET
@resident_required
def status(request: HttpRequest, order_no: str) -> JsonResponse:
    """What the waiting pages poll: asks the gateway, at most every three seconds."""
    payer = payer_of(request)
    order_of(payer, order_no)
    found = refresh_for_payer(order_no=order_no, actor=payer.actor)
    waits = found.status in AT_GATEWAY
    line = status_line(found) if waits else _("有结果了。")
    return JsonResponse({"waits": waits, "line": line, "back": can_go_back(found)})


@require_POST
@resident_required
def refresh(request: HttpRequest, order_no: str) -> HttpResponse:
    """查结果."""
    payer = payer_of(request)
    order_of(payer, order_no)
    refresh_for_payer(order_no=order_no, actor=payer.actor)
    return redirect("pages:order", order_no)


# --- giving up, paying again -----------------------------------------------------------------------------------------


@require_POST
@resident_required
def cancel(request: HttpRequest, order_no: str) -> HttpResponse:
    """没付过款，取消这笔; with `then=again` on the way to another method."""
    payer = payer_of(request)
    found = order_of(payer, order_no)
    try:
        found = cancel_order(order_no=order_no, actor=payer.actor)
    except Refused as refusal:
        if refusal.code not in ("already_paid", "finished"):
            messages.warning(request, _not_cancelled(found, refusal))
        return redirect("pages:order", order_no)
    if request.POST.get("then") == "again":
        return _again(request, found)
    return redirect("pages:order", order_no)


def _not_cancelled(order: PaymentOrder, refusal: Refused) -> str:
    at = refusal.facts.get("at")
    said = {"wallet": devices.gateway_name(order.gateway), "at": figures.moment(at) if at else ""}
    if refusal.code == "too_early":
        return _("%(wallet)s要求提交满5分钟才能取消。%(at)s以后可以取消。") % said
    if refusal.code == "cannot_close":
        return _("%(wallet)s不能中途取消。没付过的话，最迟%(at)s自动取消。") % said
    if refusal.code == "unreachable":
        return _("暂时联系不上%(wallet)s，这笔还不能取消。最迟%(at)s有结果。") % said
    return _("%(wallet)s还没有确认没扣款，这笔还不能取消。最迟%(at)s有结果。") % said


@require_POST
@resident_required
def again(request: HttpRequest, order_no: str) -> HttpResponse:
    """重新支付: the lines go back into the basket and are priced anew; a retry is a new order (HOUSE 2.11)."""
    payer = payer_of(request)
    found = order_of(payer, order_no)
    if found.status == "created":
        try:
            found = cancel_order(order_no=order_no, actor=payer.actor)
        except Refused:
            return redirect("pages:order", order_no)
    if found.status not in ("failed", "expired"):
        return redirect("pages:order", order_no)
    return _again(request, found)


def _again(request: HttpRequest, order: PaymentOrder) -> HttpResponseRedirect:
    fill_again(payer=payer_of(request), order=order)
    response = redirect("pages:check")
    response["Location"] += "?method=ask"
    return response


# --- R20 -------------------------------------------------------------------------------------------------------------


@dataclass
class PaidLine:
    """One line of a paid order; not paid itself where its period had been taken meanwhile."""

    what: str
    amount_fen: int
    is_paid: bool


@dataclass
class PaidPerson:
    """One person of a paid order."""

    label: str
    amount_fen: int
    lines: list[PaidLine]


@dataclass
class After:
    """接下来 for the people of one place: the same dates are said once."""

    who: str
    steps: list[NextStep]


def _paid(request: HttpRequest, order: PaymentOrder) -> HttpResponse:
    summary = summary_of(order)
    left = PaymentOrder.objects.filter(checkout_no=order.checkout_no, payer=order.payer).exclude(status="paid")
    context = {
        "order": order,
        "summary": summary,
        "label": devices.gateway_label(order.gateway),
        "paid_at": figures.moment(order.paid_at) if order.paid_at else "",
        "paid_on": figures.short_date(clock.business_date(order.paid_at)) if order.paid_at else "",
        "after": _after(summary),
        "people": [_paid_person(person) for person in summary.people],
        "held": _held(order),
        "going_back": refunds_to(payer_of(request)).filter(receipt__order=order, declaration=None),
        "next_order": left.select_related("payee").order_by("pk").first(),
    }
    return render(request, "pages/paid.html", context)


def _paid_person(person: OrderPerson) -> PaidPerson:
    lines = [PaidLine(line_label(row), row.amount_fen, row.status in ("paid", "refunded")) for row in person.lines]
    return PaidPerson(person.label, sum(line.amount_fen for line in lines if line.is_paid), lines)


def _after(summary: OrderSummary) -> list[After]:
    """Dates as they stand on the declarations, with the delays of the terms that they were made under."""
    groups: dict[tuple[object, ...], tuple[list[OrderPerson], Declaration]] = {}
    for person in summary.people:
        for row in person.lines:
            if row.status == "paid":
                key = (row.record_on, row.printable_on, row.credit_on)
                people, _row = groups.setdefault(key, ([], row))
                if person not in people:
                    people.append(person)
    terms = terms_of({row.policy_id for _people, row in groups.values()})
    found = []
    for people, row in groups.values():
        dates = AfterPayment(row.record_on, row.printable_on, row.credit_on, row.dates_estimated)
        who = figures.listed(person.name for person in people) if len(groups) > 1 else ""
        found.append(After(who, words.next_steps(dates, terms[row.policy_id].delays)))
    return found


def _held(order: PaymentOrder) -> int:
    """Money of this order that we hold until it is given back: a second payment, or a period taken meanwhile."""
    kinds = (Discrepancy.Kind.DUPLICATE, Discrepancy.Kind.LATE_TAKEN, Discrepancy.Kind.AMOUNT)
    rows = Discrepancy.objects.filter(order=order, kind__in=kinds, status__in=UNDER_WORK)
    return sum(held_by(rows.values_list("pk", flat=True)).values())


# --- R21 -------------------------------------------------------------------------------------------------------------


def _unpaid(request: HttpRequest, order: PaymentOrder) -> HttpResponse:
    last = Transition.objects.filter(kind="ORDER", object_id=order.pk).order_by("-id").first()
    context = {
        "order": order,
        "summary": summary_of(order),
        "reason": _why_unpaid(order, last),
        "went_back": _went_back(last),
    }
    return render(request, "pages/unpaid.html", context)


def _went_back(last: Transition | None) -> bool:
    return last is not None and last.evidence.get("ground") in WENT_BACK


def _why_unpaid(order: PaymentOrder, last: Transition | None) -> str:
    if _went_back(last):
        return _("渠道收过这笔钱，又全额退回了。")
    if order.status == "failed":
        return _("%(wallet)s没有受理这笔缴费。") % {"wallet": devices.gateway_name(order.gateway)}
    if last is not None and last.event == "expire" and last.actor.startswith("resident:"):
        return _("你取消了这笔缴费。")
    if order.status == "created" or (last is not None and last.evidence.get("never_started")):
        return _("半小时内没有去支付，缴费单已关闭。")
    return _("超过时间没有付款，缴费单已关闭。")
