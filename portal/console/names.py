"""S05: confirm a changed name, or say which agency mends it."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core import audit
from core.identity import mask_name
from core.refusals import Refused
from payments.name_changes import confirm_name_change, who_mends_names
from payments.policies.terms import Owner
from portal.console.page import page
from portal.console.scope import forbid_lookers
from registration.models import Registration


@require_http_methods(["GET", "POST"])
def change_name(request: HttpRequest, registration_id: int) -> HttpResponse:
    """Old, new, ground; payable at once where the tax office mends it."""
    user = forbid_lookers(request)
    rows = Registration.objects.filter(region__code__startswith=user.region_prefix).select_related("agency", "person")
    row = rows.select_related("insurance_type", "region").filter(pk=registration_id).first()
    if row is None:
        raise Http404
    is_ours = who_mends_names(row) is Owner.TAX
    if request.method == "POST" and is_ours:
        try:
            confirm_name_change(
                registration_id=row.pk, new_name=request.POST.get("name", ""), reason=request.POST.get("reason", ""),
                staff=user,
            )  # fmt: skip
        except Refused as refusal:
            messages.warning(request, _words(refusal.code))
        else:
            audit.record(
                actor=user.actor, action="change_name", subject_kind="person", subject_id=str(row.person_id),
                reason=request.POST.get("reason", "")[:200], detail={"registration": row.pk},
            )  # fmt: skip
            messages.success(request, _("已改名，缴费人现在就能缴。"))
            return redirect("admin:person", row.person_id)
    return page(request, "name", _("确认更名"), row=row, name=mask_name(row.name), is_ours=is_ours)


def _words(code: str) -> str:
    return {
        "agency_mends": _("这个地方由经办机构改名。"),
        "bad_name": _("姓名应为2到50个字。"),
        "same_name": _("新姓名和登记的一样。"),
        "no_reason": _("请写清依据，不能少于4个字。"),
    }[code]
