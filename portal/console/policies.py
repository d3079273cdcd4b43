"""S07: policies by place, type, year and version; drafts, differences, preview, and the second person's step."""

import json
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import audit, clock
from core.models import User
from core.refusals import Refused
from payments.models import CollectionPolicy
from payments.policies.changes import diff_terms
from payments.policies.invalid import TermsInvalid
from payments.policies.publishing import discard_draft, draft_policy, publish_policy
from payments.policies.reading import dump_terms, parse_terms
from payments.states import POLICY
from payments.words import names
from portal.console.page import page
from portal.console.preview import Asked, preview
from portal.console.proving import proved_first
from portal.console.scope import forbid_lookers, may_act, policies_for, staff_of

GRADES = {
    "S": gettext_lazy("通告原文"),
    "A": gettext_lazy("官方"),
    "B": gettext_lazy("转载"),
    "C": gettext_lazy("线索"),
    "D": gettext_lazy("推算"),
    "demo": gettext_lazy("演示"),
}
_LOADED = ("region", "insurance_type", "drafted_by", "published_by")


def _policy(user: User, policy_id: int) -> CollectionPolicy:
    found = policies_for(user).select_related(*_LOADED).filter(pk=policy_id).first()
    if found is None:
        raise Http404
    return found


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """All versions of the region, drafts first."""
    rows = policies_for(staff_of(request)).select_related(*_LOADED)
    in_order = rows.order_by("status", "region", "insurance_type__order", "-coverage_year", "-version")
    return page(request, "policies", _("政策"), rows=[(row, POLICY.states[row.status]) for row in in_order])


@require_GET
def detail(request: HttpRequest, policy_id: int) -> HttpResponse:
    """One version: what it says, how it differs from the one in force, and what a resident would see."""
    row = _policy(staff_of(request), policy_id)
    before = _before(row)
    terms = parse_terms(row.terms)
    asked = Asked.from_query(request.GET, terms)
    context = {
        "row": row,
        "state": POLICY.states[row.status],
        "before": before,
        "changes": diff_terms(parse_terms(before.terms), terms) if before else [],
        "sources": [(source, GRADES.get(source.grade, source.grade)) for source in terms.sources],
        "text": _as_text(terms),
        "asked": asked,
        "groups": [(group.code, names.group(group.code)) for group in terms.groups],
        "seen": preview(row, terms, asked),
        "seen_before": preview(before, parse_terms(before.terms), asked) if before else None,
        "mine": row.drafted_by_id == request.user.pk,
        "acts": may_act(staff_of(request)),
    }
    return page(request, "policy", f"{row.region} {row.insurance_type} {row.coverage_year}", **context)


def _before(row: CollectionPolicy) -> CollectionPolicy | None:
    """The published version that stood before this one."""
    same = CollectionPolicy.objects.filter(
        region=row.region_id, insurance_type=row.insurance_type_id, coverage_year=row.coverage_year,
        status="published", version__lt=row.version,
    )  # fmt: skip
    return same.order_by("-version").first()


def _as_text(terms: Any) -> str:
    return json.dumps(dump_terms(terms), ensure_ascii=False, indent=1)


@require_http_methods(["GET", "POST"])
def draft(request: HttpRequest, policy_id: int) -> HttpResponse:
    """A new version, written as text and checked before it is kept; nothing typed is lost."""
    user = forbid_lookers(request)
    base = _policy(user, policy_id)
    text = request.POST.get("terms") or _as_text(parse_terms(base.terms))
    on = request.POST.get("effective_on") or clock.today().isoformat()
    problem = ""
    if request.method == "POST":
        try:
            made = draft_policy(base=base, terms=json.loads(text), effective_on=date.fromisoformat(on), staff=user)
        except TermsInvalid as invalid:
            problem = _("%(path)s：%(message)s") % {"path": invalid.path, "message": invalid.message}
        except ValueError as invalid:
            problem = _("读不了：%(why)s") % {"why": invalid}
        else:
            audit.record(actor=user.actor, action="draft_policy", subject_kind="policy", subject_id=str(made.pk))
            return redirect("admin:policy", made.pk)
    return page(request, "policy_draft", _("起草新版"), base=base, text=text, on=on, problem=problem)


@require_POST
@proved_first(gettext_lazy("发布政策"))
def publish(request: HttpRequest, policy_id: int) -> HttpResponse:
    """The second person, who has looked at the differences and at the pages."""
    user = forbid_lookers(request)
    row = _policy(user, policy_id)
    if not (request.POST.get("seen_changes") and request.POST.get("seen_pages")):
        messages.warning(request, _("请先看差别和页面，再发布。"))
        return redirect("admin:policy", row.pk)
    try:
        publish_policy(policy_id=row.pk, staff=user)
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
    else:
        audit.record(actor=user.actor, action="publish_policy", subject_kind="policy", subject_id=str(row.pk))
        messages.success(request, _("已发布第%(version)d版。") % {"version": row.version})
    return redirect("admin:policy", row.pk)


def _refused(code: str) -> str:
    return {
        "same_person": _("起草人不能自己发布，请另一人来看。"),
        "too_late": _("生效日期已过，请另起一版。"),
        "not_a_draft": _("这一版已经不是草稿。"),
    }[code]


@require_POST
def discard(request: HttpRequest, policy_id: int) -> HttpResponse:
    """Throw a draft away."""
    user = forbid_lookers(request)
    row = _policy(user, policy_id)
    try:
        discard_draft(policy_id=row.pk, staff=user)
    except Refused as refusal:
        messages.warning(request, _refused(refusal.code))
    else:
        audit.record(actor=user.actor, action="discard_policy", subject_kind="policy", subject_id=str(row.pk))
        messages.success(request, _("草稿已作废。"))
    return redirect("admin:policies")
