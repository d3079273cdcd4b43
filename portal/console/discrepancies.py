"""Held money and stuck orders, oldest first. Looking only: remedies come with reconciliation."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core import clock
from payments.states import DISCREPANCY
from portal.console.page import page
from portal.console.scope import discrepancies_for, staff_of

SHOWN = 200


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Open ones first, with the money that they hold."""
    rows = discrepancies_for(staff_of(request)).select_related("order").order_by("opened_at")
    still_open = rows.filter(status__in=("open", "in_hand"))
    shown = [(row, DISCREPANCY.states[row.status], (clock.now() - row.opened_at).days) for row in still_open[:SHOWN]]
    held = sum(row.amount_fen for row, _state, _days in shown)
    return page(request, "discrepancies", _("差错"), rows=shown, held=held)
