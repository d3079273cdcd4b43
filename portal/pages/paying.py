"""From an order to a cashier (R17, R18). Nothing here says that anything was paid."""

from dataclasses import dataclass

import segno
from csp.decorators import csp_update
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from core import clock, ids
from core.identity import mask_name
from core.models import User
from core.refusals import Refused
from payments import gateways
from payments.models import Declaration, PaymentOrder
from payments.orders import clears_by, start_payment
from payments.policies.in_force import terms_of
from payments.states import AT_GATEWAY
from payments.words import figures
from portal.accounts.access import client_address, payer_of, resident_required
from portal.pages import devices
from portal.pages.standing import declared_label
from registration.models import FamilyMember


def order_of(payer: User, order_no: str) -> PaymentOrder:
    """One of this account's own orders; 404 for anybody else's."""
    found = PaymentOrder.objects.select_related("payee").filter(payer=payer, order_no=order_no).first()
    if found is None:
        raise Http404
    return found


def method_url(order: PaymentOrder) -> str:
    """R17 of an order."""
    return reverse("pages:method", args=[order.order_no])


# --- what an order is about ------------------------------------------------------------------------------------------


@dataclass
class OrderPerson:
    """One person of an order with his lines."""

    name: str
    relation: str
    lines: list[Declaration]

    @property
    def label(self) -> str:
        return (
            _("%(name)s（%(relation)s）") % {"name": self.name, "relation": self.relation}
            if self.relation
            else self.name
        )

    @property
    def amount_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)


def order_people(order: PaymentOrder) -> list[OrderPerson]:
    """Who is paid for, masked, in the order of the lines."""
    rows = (
        Declaration.objects.filter(order=order)
        .select_related("registration", "policy", "region", "order")
        .order_by("pk")
    )
    relations = {
        bytes(member.number_index): str(FamilyMember.Relation(member.relation).label)
        for member in FamilyMember.objects.filter(payer=order.payer, removed_at__isnull=True)
    }
    found: dict[int, OrderPerson] = {}
    for row in rows:
        relation = relations.get(bytes(row.registration.number_index), "")
        person = found.setdefault(row.person_id, OrderPerson(mask_name(row.registration.name), relation, []))
        person.lines.append(row)
    return list(found.values())


def line_label(row: Declaration) -> str:
    """居民养老 2026年度, by the terms under which it was declared."""
    return declared_label(row, terms_of([row.policy_id])[row.policy_id])


@dataclass
class OrderSummary:
    """这笔缴费: the card beside every page of an order."""

    order: PaymentOrder
    people: list[OrderPerson]

    @property
    def names(self) -> str:
        return figures.listed(person.name for person in self.people)

    @property
    def reference(self) -> str:
        return ids.short_reference(self.order.order_no)

    @property
    def counts(self) -> str:
        """2人，3项."""
        people, lines = len(self.people), self.order.line_count
        return _("%(people)s，%(lines)s") % {
            "people": ngettext("%(count)d人", "%(count)d人", people) % {"count": people},
            "lines": ngettext("%(count)d项", "%(count)d项", lines) % {"count": lines},
        }


def summary_of(order: PaymentOrder) -> OrderSummary:
    """The summary of an order."""
    return OrderSummary(order, order_people(order))


def turn_of(order: PaymentOrder) -> tuple[int, int]:
    """Which payment of its checkout an order is: (2, 3) is the second of three."""
    numbers = list(
        PaymentOrder.objects.filter(checkout_no=order.checkout_no).order_by("pk").values_list("pk", flat=True)
    )
    return numbers.index(order.pk) + 1, len(numbers)


# --- R17 -------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@resident_required
def method(request: HttpRequest, order_no: str) -> HttpResponse:
    """R17: the wallets that can open on this device; a guide where none can."""
    payer = payer_of(request)
    order = order_of(payer, order_no)
    if order.status != "created" or order.expires_at <= clock.now():
        return redirect("pages:order", order_no)
    found = devices.offers(request, order.payee.merchants)
    error = ""
    if request.method == "POST":
        chosen = next(
            (each for each in found if each.gateway == request.POST.get("gateway") and not each.back_at), None
        )
        if chosen is not None:
            return go_to_cashier(request, order, chosen)
        error = _("请选择怎么付。")
    turn, turns = turn_of(order)
    context = {
        "order": order,
        "summary": summary_of(order),
        "offers": found,
        "usual": devices.usual_gateway(payer, found),
        "error": error,
        "turn": turn,
        "turns": turns,
        "until": figures.moment(order.expires_at),
        "in_wallet": devices.device_of(request),
        "address": request.build_absolute_uri(request.path),
    }
    return render(request, "pages/method.html", context)


def go_to_cashier(request: HttpRequest, order: PaymentOrder, offer: devices.Offer) -> HttpResponseRedirect:
    """Start the payment; the page of the order says what came of it."""
    payer = payer_of(request)
    try:
        started = start_payment(
            order_no=order.order_no, gateway=offer.gateway, method=offer.method,
            payer_ip=client_address(request).split("/")[0], actor=payer.actor,
        )  # fmt: skip
    except Refused as refusal:
        return _not_started(request, order, refusal)
    return redirect("pages:pay" if started.hand_over else "pages:order", order.order_no)


def _not_started(request: HttpRequest, order: PaymentOrder, refusal: Refused) -> HttpResponseRedirect:
    if refusal.code == "gateway_down":
        back_at = refusal.facts.get("back_at")
        words = {"wallet": devices.gateway_name(refusal.facts["gateway"])}
        when = {"at": figures.moment(back_at)} if back_at else {"at": ""}
        messages.warning(request, _("%(wallet)s暂时没有应答，约%(at)s恢复。可以换一种方式。") % (words | when))
        return redirect(method_url(order))
    return redirect("pages:order", order.order_no)


# --- R18 -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QrCode:
    """A QR code as one SVG path on a square of `side` modules, quiet zone included."""

    path: str
    side: int


def qr_code(text: str) -> QrCode:
    """Draw a code as runs of modules; level M survives a scratched screen."""
    code, border = segno.make(text, error="m", micro=False), 3
    runs = []
    for y, row in enumerate(code.matrix):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            start = x
            while x < len(row) and row[x]:
                x += 1
            runs.append(f"M{start + border} {y + border}.5h{x - start}")
    return QrCode("".join(runs), len(code.matrix) + 2 * border)


@require_GET
@resident_required
def pay(request: HttpRequest, order_no: str) -> HttpResponse:
    """R18: a code to scan, or one link or form to the cashier; never a redirect of its own accord."""
    order = order_of(payer_of(request), order_no)
    if order.status == "created":
        return redirect(method_url(order))
    if order.status not in AT_GATEWAY or not order.hand_over or order.expires_at <= clock.now():
        return redirect("pages:order", order_no)
    kind, gateway = order.hand_over["kind"], gateways.gateway(order.gateway)
    context = {
        "order": order,
        "summary": summary_of(order),
        "wallet": devices.gateway_name(order.gateway),
        "label": devices.gateway_label(order.gateway),
        "url": order.hand_over["url"],
        "code": qr_code(order.hand_over["url"]) if kind == "qr" else None,
        "fields": order.hand_over["fields"] if kind == "form" else None,
        "until": figures.hour(order.expires_at.astimezone(clock.SHANGHAI).time()),
        "can_close": gateway.can_close,
        "clears_by": figures.moment(clears_by(order)),
    }
    shown = render(request, "pages/pay.html", context)
    if kind == "form":  # browsers also hold every redirect of a form against the list (2.6)
        csp_update({"form-action": list(gateway.cashier_hosts)})(lambda asked: shown)(request)
    return shown
