"""S03: one person, one page; read-only where money is."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core import audit, clock
from core.identity import DocumentType, age_years, mask_name, mask_number_for_others
from core.models import User
from core.sealed import SealBroken, unseal
from core.states import State
from payments import gateways, words
from payments.facts import judge, person_facts
from payments.models import Declaration, Discrepancy, Notification, PaymentOrder, Receipt, Refund
from payments.pricing import Blocker, Payable
from payments.refund_records import refunds_by_record
from payments.states import DECLARATION, DISCREPANCY, ORDER
from payments.words import names
from portal.console.page import page
from portal.console.scope import may_act, person_or_404, staff_of
from portal.console.timeline import KINDS, timeline
from registration.local_names import is_english
from registration.models import InsuredPerson, PersonDocument, Registration
from registration.people import payers_of

SEALED = "registration_persondocument.number_sealed"


@dataclass(frozen=True, slots=True)
class Due:
    """One line of 应缴: what, can it be paid, and why not."""

    what: str
    tag: str
    word: str
    why: str


@require_GET
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Everything about one person, and one timeline."""
    user = staff_of(request)
    found = person_or_404(user, person_id)
    audit.record(actor=user.actor, action="open_person", subject_kind="person", subject_id=str(found.pk))
    declarations = list(
        Declaration.objects.filter(person=found).select_related("order", "region", "channel").order_by("-declared_at")
    )
    orders = [row.order_id for row in declarations]
    wanted = request.GET.get("kind", "")
    context = {
        "person": found,
        "name": mask_name(found.name),
        "age": age_years(found.birth_on, clock.today()) if found.birth_on else None,
        "documents": [(DocumentType(row.document_type).label, _masked(row)) for row in found.documents.all()],
        "registrations": _registrations(found),
        "acts": may_act(user),
        "dues": _dues(found),
        "declarations": _declared(user, declarations),
        "orders": [(row, ORDER.states[row.status], _way(row)) for row in _orders(orders)],
        "receipts": Receipt.objects.filter(order_id__in=orders).prefetch_related("allocations").order_by("-paid_at"),
        "discrepancies": [
            (row, DISCREPANCY.states[row.status]) for row in Discrepancy.objects.filter(order_id__in=orders)
        ],
        "notices": _notices(orders),
        "payers": [(row, mask_name(row.payer.name), mask_name(row.name)) for row in payers_of(found)[:20]],
        "timeline": timeline(found, declarations, wanted),
        "kinds": KINDS,
        "wanted": wanted,
    }
    return page(request, "person", mask_name(found.name), **context)


def _declared(user: User, rows: list[Declaration]) -> list[tuple[Declaration, State, Refund | None, bool]]:
    """Each with its state, its refund, and whether one can be asked for here (PA-6)."""
    refunds = refunds_by_record(row.pk for row in rows)
    acts, found = may_act(user), []
    for row in rows:
        here, refund = row.region_id.startswith(user.region_prefix), refunds.get(row.pk)
        is_free = refund is None or refund.status == "rejected"
        may_ask = acts and here and is_free and row.status == "paid"
        found.append((row, DECLARATION.states[row.status], refund if here else None, may_ask))
    return found


def _masked(row: PersonDocument) -> str:
    try:
        return mask_number_for_others(_number(row))
    except SealBroken:
        return _("读不出")


def _number(row: PersonDocument) -> str:
    return unseal(row.number_sealed, field=SEALED, index=bytes(row.number_index))


def _registrations(found: InsuredPerson) -> list[tuple[Registration, bool]]:
    """Each with whether another place holds the same type (RG-3)."""
    rows = list(Registration.objects.filter(person=found).select_related("region", "group", "agency", "insurance_type"))
    living: dict[str, set[str]] = {}
    for row in rows:
        if row.ended_on is None:
            living.setdefault(row.insurance_type_id, set()).add(row.region_id)
    return [(row, row.ended_on is None and len(living[row.insurance_type_id]) > 1) for row in rows]


def _dues(found: InsuredPerson) -> list[Due]:
    """What the residents' pages would say, from the same function (HOUSE 2.12)."""
    answer = judge(person_facts(found))
    return [*map(_payable, answer.payables), *map(_blocked, answer.blockers)]


def _payable(payable: Payable) -> Due:
    what = f"{names.insurance_type(payable.insurance_type)} {payable.coverage_year} {payable.region_name}"
    warned = list(words.warning_words(payable).values())
    why = _sentences([words.until_words(payable), *warned])
    return Due(what, "warn" if payable.waiting or len(warned) > 1 else "done", _("可缴"), why)


def _sentences(said: Iterable[str]) -> str:
    """One after the other, as the reader's language writes them."""
    return (" " if is_english() else "").join(filter(None, said))


def _blocked(blocker: Blocker) -> Due:
    said = words.blocker_words(blocker)
    kind = names.insurance_type(blocker.insurance_type) if blocker.insurance_type else ""
    what = f"{kind} {blocker.coverage_year or ''}"
    tag = "idle" if blocker.code in ("C7", "C8", "C16") else "bad"
    return Due(what.strip() or _("全部"), tag, f"{said.headline} {blocker.code}", _sentences([*said.body, said.when]))


def _orders(ids: list[int]) -> list[PaymentOrder]:
    return list(PaymentOrder.objects.filter(pk__in=ids).select_related("payee", "payer", "channel").order_by("-pk"))


def _way(order: PaymentOrder) -> str:
    """微信支付, or the counter where it was paid."""
    known = order.gateway in gateways.all_codes()
    return str(gateways.gateway(order.gateway).label) if known else order.channel.name


def _notices(orders: list[int]) -> list[Notification]:
    numbers = PaymentOrder.objects.filter(pk__in=orders).values_list("order_no", flat=True)
    return list(Notification.objects.filter(order_no__in=list(numbers)).order_by("-received_at")[:50])


@require_POST
def reveal(request: HttpRequest, person_id: int) -> HttpResponse:
    """The full number, once, for a reason that is recorded (HOUSE 5)."""
    user = staff_of(request)
    found = person_or_404(user, person_id)
    reason = request.POST.get("reason", "").strip()[:200]
    if len(reason) < 4:
        messages.warning(request, _("请写清查看完整信息的理由。"))
        return redirect("admin:person", found.pk)
    audit.record(
        actor=user.actor, action="reveal_number", subject_kind="person", subject_id=str(found.pk), reason=reason
    )
    shown = [(DocumentType(row.document_type).label, _number(row)) for row in found.documents.all()]
    return page(request, "reveal", _("完整信息"), person=found, shown=shown, reason=reason)
