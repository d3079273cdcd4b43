"""R08 and R28: the people of an account, and the account itself."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.identity import DocumentType, mask_phone
from core.models import User
from core.refusals import Refused
from core.sealed import SealBroken, unseal
from portal.accounts.access import payer_of, resident_required
from portal.forms import COMMON_DOCUMENTS, DocumentForm
from portal.pages.standing import shown
from registration.family import MOST_MEMBERS, add_member, change_relation, family_of, remove_member
from registration.models import FamilyMember

RELATIONS = [choice for choice in FamilyMember.Relation.choices if choice[0] != FamilyMember.Relation.SELF]
DOCUMENTS = (*COMMON_DOCUMENTS[:-1], DocumentType.BIRTH_CERTIFICATE, DocumentType.OTHER)


class MemberForm(DocumentForm):
    """R08: a relative, a neighbour, or oneself under another document (ID-2)."""

    relation = forms.ChoiceField(label=gettext_lazy("和你的关系"), choices=RELATIONS)
    consented = forms.BooleanField(
        label=gettext_lazy("我已获得本人同意"), error_messages={"required": gettext_lazy("要先得到本人同意。")}
    )
    field_order = ("name", "document_type", "number", "relation", "consented")

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        kinds = [(kind.value, kind.label) for kind in DOCUMENTS]
        self.fields["document_type"].choices = kinds  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@resident_required
def add_person(request: HttpRequest) -> HttpResponse:
    """R08. `agent`: the entry 我是经办人, for a holder of another document who pays for himself."""
    back = _back(request)
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            member = _add(request, form)
        except Refused as refusal:
            form.add_error(None, _refused(refusal))
        else:
            messages.success(request, _("已添加%(name)s。") % {"name": shown(member).name})
            return redirect(back)
    agent = "agent" in request.GET
    return render(request, "pages/add_person.html", {"form": form, "next": back, "agent": agent})


def _add(request: HttpRequest, form: MemberForm) -> FamilyMember:
    said = form.cleaned_data
    return add_member(
        payer=payer_of(request), relation=said["relation"], document_type=said["document_type"],
        number=said["number"], name=said["name"], consented=said["consented"], acts_as_agent="agent" in request.GET,
    )  # fmt: skip


def _refused(refusal: Refused) -> str:
    return {
        "already_added": _("已经添加过这位缴费人。"),
        "too_many": _("最多添加%(most)d位，可先删除不用的。") % {"most": MOST_MEMBERS},
        "too_often": _("今天添加得太多了。请明天再添加，或拨打12366。"),
    }.get(refusal.code, _("这位没有添加上，请再看一遍填的内容。"))


def _back(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else "/"


@require_GET
@resident_required
def me(request: HttpRequest) -> HttpResponse:
    """R28: what is known of the account, its people, and who may see whose records."""
    payer = payer_of(request)
    members = [(member, shown(member)) for member in family_of(payer)]
    context = {
        "payer": payer,
        "phone_tail": mask_phone(_phone(payer)),
        "proved_by": User.RealNameBy(payer.real_named_by).label,
        "members": members,
        "relations": RELATIONS,
        "room": MOST_MEMBERS - len(members),
    }
    return render(request, "pages/me.html", context)


def _phone(payer: User) -> str:
    try:
        return unseal(payer.phone_sealed, field="core_user.phone_sealed", index=bytes(payer.phone_index or b""))
    except SealBroken:
        return ""


@require_http_methods(["GET", "POST"])
@resident_required
def remove_person(request: HttpRequest, member_id: int) -> HttpResponse:
    """A page of its own before somebody leaves the list; what was paid for him stays."""
    member = next((row for row in family_of(payer_of(request)) if row.pk == member_id), None)
    if member is None or member.relation == FamilyMember.Relation.SELF:
        return redirect("pages:me")
    if request.method == "POST":
        remove_member(payer=payer_of(request), member_id=member_id)
        messages.success(request, _("已删除%(name)s。缴过的记录还在。") % {"name": shown(member).name})
        return redirect("pages:me")
    return render(request, "pages/remove_person.html", {"person": shown(member), "member": member})


@require_POST
@resident_required
def relation(request: HttpRequest, member_id: int) -> HttpResponse:
    """Name a relation anew."""
    wanted = request.POST.get("relation", "")
    if wanted in dict(RELATIONS) and change_relation(
        payer=payer_of(request), member_id=member_id, relation=wanted
    ):
        messages.success(request, _("关系已改。"))
    return redirect("pages:me")
