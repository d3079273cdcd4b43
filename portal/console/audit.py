"""S12: who looked at what and why; the chain shows that nothing was taken out."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core import audit, clock
from core.models import AuditEntry
from portal.console.page import page

SHOWN = 200


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """The newest entries; by actor and by action where asked. The chain is checked on request, it reads everything."""
    who, action = request.GET.get("who", "").strip()[:80], request.GET.get("action", "").strip()[:60]
    rows = AuditEntry.objects.order_by("-pk")
    rows = rows.filter(actor__contains=who) if who else rows
    rows = rows.filter(action=action) if action else rows
    checked = "check" in request.GET
    recent = AuditEntry.objects.filter(at__gt=clock.now() - timedelta(days=1))
    context = {
        "rows": rows[:SHOWN],
        "who": who,
        "action": action,
        "actions": AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct(),
        "checked": checked,
        "broken": audit.first_broken_link() if checked else None,
        "looks": recent.filter(action="reveal_number").count(),
        "searches": recent.filter(action="search").count(),
    }
    return page(request, "audit", _("审计"), **context)
