"""S02: one box. Every search is recorded with its purpose; a number typed here never stands in an address."""

import re
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core import audit
from core.identity import mask_name, normalise_number
from core.models import User
from payments.models import Declaration, Diagnosis, PaymentOrder
from portal.console.page import page
from portal.console.scope import orders_for, people_for, staff_of
from registration.models import InsuredPerson, Registration
from registration.people import find_by_name, find_by_number, find_by_phone

MOST = 20
_NAME_AND_BIRTH = re.compile(
    r"^(?P<name>\D+?)[\s,，]*(?P<year>\d{4})[-./年]?(?P<month>\d{1,2})[-./月]?(?P<day>\d{1,2})日?$"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought, and by what it was asked."""

    asked_by: str
    people: list[InsuredPerson]


@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """The box, and the people that it found; one person opens at once."""
    if request.method == "GET":
        return page(request, "search", _("查人查单"), purposes=purposes())
    user, asked = staff_of(request), request.POST.get("q", "").strip()[:80]
    found = find(user, asked)
    audit.record(
        actor=user.actor, action="search", subject_kind=found.asked_by, reason=request.POST.get("purpose", "")[:200],
        detail={"found": len(found.people)},
    )  # fmt: skip
    if len(found.people) == 1:
        return redirect("admin:person", found.people[0].pk)
    rows = [(one, mask_name(one.name), places_of(one)) for one in found.people]
    return page(request, "search", _("查人查单"), rows=rows, asked=True, purposes=purposes())


def purposes() -> list[str]:
    """Why staff look somebody up."""
    return [_("12366来电"), _("窗口来人"), _("核对差错"), _("复核")]


def find(user: User, asked: str) -> Found:
    """Tell what was typed by its shape."""
    people, plain = people_for(user), normalise_number(asked)
    named = _NAME_AND_BIRTH.match(asked)
    if named:
        return Found("name", _by_name(people, named))
    if re.fullmatch(r"1\d{10}", plain):
        return Found("phone", list(find_by_phone(people, plain)[:MOST]))
    if re.fullmatch(r"\d{6}", plain):
        by_code = list(_by_diagnosis(people, plain))
        return Found("diagnosis", by_code or list(_by_order(user, people, plain)))
    if re.fullmatch(r"[0-9A-Z]{26}|[0-9A-Z]{6}", plain) and not re.fullmatch(r"\d+", plain):
        return Found("order", list(_by_order(user, people, plain)))
    return Found("number", list(find_by_number(people, asked)[:MOST]))


def _by_name(people: QuerySet[InsuredPerson], said: re.Match[str]) -> list[InsuredPerson]:
    try:
        born = date(int(said["year"]), int(said["month"]), int(said["day"]))
    except ValueError:
        return []
    return list(find_by_name(people, said["name"], born)[:MOST])


def _by_order(user: User, people: QuerySet[InsuredPerson], number: str) -> QuerySet[InsuredPerson]:
    """The whole number, or the last six characters, which are looked for among recent orders only."""
    orders: QuerySet[PaymentOrder] = orders_for(user).order_by("-pk")
    if len(number) == 26:
        found = list(orders.filter(order_no=number).values_list("pk", flat=True))
    else:
        recent = orders.values_list("pk", "order_no")[:20_000]
        found = [pk for pk, order_no in recent if order_no.endswith(number)]
    return people.filter(pk__in=Declaration.objects.filter(order_id__in=found).values("person_id"))[:MOST]


def _by_diagnosis(people: QuerySet[InsuredPerson], code: str) -> QuerySet[InsuredPerson]:
    asked = Diagnosis.objects.filter(code=code).select_related("member").first()
    if asked is None:
        return people.none()
    holders = Registration.objects.filter(
        number_index=bytes(asked.member.number_index), name_folded=asked.member.name_folded
    )
    return people.filter(pk__in=holders.values("person_id"))[:MOST]


def places_of(person: InsuredPerson) -> str:
    """Where a person is registered."""
    return "、".join(dict.fromkeys(person.registrations.order_by("pk").values_list("region__name", flat=True)))
