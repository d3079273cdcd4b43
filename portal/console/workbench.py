"""S01: what is wrong, since when, and where to begin."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core import clock
from core.models import User
from core.states import State
from core.working_days import missing_years
from payments.models import CollectionPolicy, Diagnosis, Refund
from payments.policies.in_force import terms_of
from payments.states import AT_GATEWAY, REFUND, UNDER_WORK
from portal.console.page import page
from portal.console.scope import (
    agencies_for,
    discrepancies_for,
    orders_for,
    place_of,
    policies_for,
    refunds_for,
    staff_of,
    statements_for,
)
from reconciliation.discrepancies import without_owner_too_long
from reconciliation.models import Clearing, SignOff, Waiver
from registration.models import FeedFreshness

STUCK_AFTER = timedelta(days=2)
LATE_AFTER = timedelta(hours=36)
SHOWN = 20


@require_GET
def workbench(request: HttpRequest) -> HttpResponse:
    """Seven figures that lead to their lists; the oldest first."""
    user, moment = staff_of(request), clock.now()
    stuck = orders_for(user).filter(status__in=AT_GATEWAY, started_at__lt=moment - STUCK_AFTER)
    late = FeedFreshness.objects.filter(agency__in=agencies_for(user), last_received_at__lt=moment - LATE_AFTER)
    second = _second_person(user)
    context = {
        **second,
        "second_count": sum(len(rows) for rows in second.values()),
        "unowned": without_owner_too_long(discrepancies_for(user))[:SHOWN],
        "today": clock.today(),
        "place": place_of(user),
        "cases": discrepancies_for(user).filter(status__in=UNDER_WORK).order_by("opened_at")[:SHOWN],
        "refunds": _refunds(user),
        "stuck": stuck.order_by("started_at")[:SHOWN],
        "late": late.select_related("agency", "region").order_by("last_received_at")[:SHOWN],
        "answers": Diagnosis.objects.filter(reply_by_on__isnull=False, replied_at__isnull=True)
        .select_related("insurance_type")
        .order_by("reply_by_on")[:SHOWN],
        "open_policies": _open_today(user),
        "missing_years": missing_years(clock.today()),
    }
    return page(request, "workbench", _("工作台"), **context)


def _second_person(user: User) -> dict[str, list[Any]]:
    """What one person has begun and a second one must decide."""
    drafts = policies_for(user).filter(status="draft").select_related("region", "insurance_type", "drafted_by")
    clearings = Clearing.objects.filter(outcome="", order__in=orders_for(user)).select_related("order", "asked_by")
    waivers = Waiver.objects.filter(outcome="", discrepancy__in=discrepancies_for(user))
    sign_offs = SignOff.objects.filter(outcome="", statement__in=statements_for(user))
    return {
        "drafts": list(drafts),
        "clearings": list(clearings.order_by("asked_at")),
        "waivers": list(waivers.select_related("discrepancy", "asked_by").order_by("asked_at")),
        "sign_offs": list(sign_offs.select_related("statement", "asked_by").order_by("asked_at")),
    }


def _refunds(user: User) -> list[tuple[Refund, State]]:
    """Refunds that somebody must look at: asked for, or not gone through."""
    rows = refunds_for(user).filter(status__in=("requested", "failed", "outside")).order_by("requested_at")
    return [(row, REFUND.states[row.status]) for row in rows[:SHOWN]]


def _open_today(user: User) -> list[CollectionPolicy]:
    """Policies under which somebody can pay today."""
    today = clock.today()
    rows = list(
        policies_for(user).filter(status="published", effective_on__lte=today, coverage_year__gte=today.year - 1)
        .select_related("region", "insurance_type").order_by("region", "insurance_type__order", "coverage_year")
    )  # fmt: skip
    terms = terms_of(row.pk for row in rows)
    newest = {(row.region_id, row.insurance_type_id, row.coverage_year): row for row in sorted(rows, key=_version)}
    return [
        row
        for row in newest.values()
        if (opens_on := terms[row.pk].window.opens_on) is not None
        and opens_on <= today <= terms[row.pk].last_on(row.coverage_year)
    ]


def _version(row: CollectionPolicy) -> int:
    return row.version
