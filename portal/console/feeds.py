"""S10: what agencies sent, how old it is, and what was sent back."""

import csv
import io
from typing import BinaryIO, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from core import audit, clock
from core.models import User
from core.refusals import Refused
from portal.console.page import page
from portal.console.scope import agencies_for, feeds_for, forbid_lookers, may_act, staff_of
from registration.feeds import receive_feed
from registration.models import FeedBatch, FeedFreshness
from registration.states import FEED_BATCH

SHOWN = 100
LATE_AFTER_HOURS = 36
MOST_BYTES = 200 * 1024 * 1024


@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """Freshness by agency and place, the latest batches, and the way to hand a file in."""
    user = staff_of(request)
    if request.method == "POST":
        return _receive(request, forbid_lookers(request))
    fresh = FeedFreshness.objects.filter(agency__in=agencies_for(user)).select_related("agency", "region")
    moment = clock.now()
    ages = [(row, int((moment - row.last_received_at).total_seconds() // 3600)) for row in fresh]
    context = {
        "fresh": [(row, hours, hours > LATE_AFTER_HOURS) for row, hours in sorted(ages, key=lambda each: -each[1])],
        "batches": [(row, FEED_BATCH.states[row.status]) for row in _latest(user)],
        "agencies": agencies_for(user).order_by("region", "kind"),
        "acts": may_act(user),
    }
    return page(request, "feeds", _("数据通道"), **context)


def _latest(user: User) -> list[FeedBatch]:
    return list(feeds_for(user).select_related("agency").order_by("-received_at")[:SHOWN])


def _receive(request: HttpRequest, user: User) -> HttpResponse:
    agency = agencies_for(user).filter(pk=request.POST.get("agency", "")).first()
    file = request.FILES.get("file")
    if agency is None or file is None or not file.size or file.size > MOST_BYTES:
        messages.warning(request, _("请选机构和文件。文件不能超过200MB。"))
        return redirect("admin:feeds")
    try:
        stream = cast(BinaryIO, file)
        batch = receive_feed(agency_code=agency.code, file_name=str(file.name), stream=stream, actor=user.actor)
    except Refused as refusal:
        messages.warning(request, _("没有收下：%(code)s") % {"code": refusal.code})
        return redirect("admin:feeds")
    audit.record(actor=user.actor, action="receive_feed", subject_kind="feed", subject_id=str(batch.pk))
    messages.success(request, _("已收下，正在入库。"))
    return redirect("admin:feed", batch.pk)


def _batch(user: User, batch_id: int) -> FeedBatch:
    found = feeds_for(user).select_related("agency").filter(pk=batch_id).first()
    if found is None:
        raise Http404
    return found


@require_GET
def detail(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Counts, and each line that was sent back with its reason."""
    row = _batch(staff_of(request), batch_id)
    rejects = row.rejects.order_by("line")[:500]
    return page(request, "feed", row.number, row=row, state=FEED_BATCH.states[row.status], rejects=rejects)


@require_GET
def rejects_csv(request: HttpRequest, batch_id: int) -> HttpResponse:
    """For the agency: UTF-8 with BOM; nothing that a spreadsheet takes for a formula (X9)."""
    user = staff_of(request)
    row = _batch(user, batch_id)
    audit.record(actor=user.actor, action="export_rejects", subject_kind="feed", subject_id=str(row.pk))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_("行号"), _("原因代码"), _("说明"), _("人员编号")])
    for reject in row.rejects.order_by("line").iterator():
        writer.writerow([reject.line, *map(harmless, (reject.code, reject.detail, reject.agency_person_no))])
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="rejects-{row.pk}.csv"'
    return response


def harmless(text: str) -> str:
    """Text that no spreadsheet calculates."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
