"""R08 and R28: the people of an account, and the account itself."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.identity import DocumentType, mask_name, mask_phone
from core.models import User
from core.refusals import Refused
from portal.accounts.access import payer_of, resident_required, safe_path
from portal.forms import COMMON_DOCUMENTS, DocumentForm
from portal.pages.standing import shown
from registration import grants
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

    def __init__(self, *args: Any, agent: bool = False, **values: Any) -> None:
        super().__init__(*args, **values)
        kinds = [(kind.value, kind.label) for kind in DOCUMENTS]
        self.fields["document_type"].choices = kinds  # type: ignore[attr-defined]
        if agent:  # he is the person himself, under another document
            del self.fields["relation"]
            self.fields["consented"].label = _("这是我本人的证件")
            self.fields["consented"].error_messages["required"] = _("请确认这是你本人的证件。")


@require_http_methods(["GET", "POST"])
@resident_required
def add_person(request: HttpRequest) -> HttpResponse:
    """R08. `agent`: the entry 我是经办人, for a holder of another document who pays for himself."""
    back, agent = _back(request), "agent" in request.GET
    form = MemberForm(request.POST or None, agent=agent)
    if request.method == "POST" and form.is_valid():
        try:
            member = _add(request, form)
        except Refused as refusal:
            form.add_error(None, _refused(refusal))
        else:
            messages.success(request, _("已添加%(name)s。") % {"name": shown(member).name})
            return redirect(back)
    return render(request, "pages/add_person.html", {"form": form, "next": back, "agent": agent})


def _add(request: HttpRequest, form: MemberForm) -> FamilyMember:
    said = form.cleaned_data
    return add_member(
        payer=payer_of(request), relation=said.get("relation", FamilyMember.Relation.OTHER),
        document_type=said["document_type"], number=said["number"], name=said["name"],
        consented=said["consented"], acts_as_agent="agent" in request.GET,
    )  # fmt: skip


def _refused(refusal: Refused) -> str:
    return {
        "already_added": _("已经添加过这位缴费人。"),
        "too_many": _("最多添加%(most)d位，可先删除不用的。") % {"most": MOST_MEMBERS},
        "too_often": _("今天添加得太多了。请明天再添加，或拨打12366。"),
    }.get(refusal.code, _("这位没有添加上，请再看一遍填的内容。"))


def _back(request: HttpRequest) -> str:
    return safe_path(request.POST.get("next") or request.GET.get("next") or "")


@require_GET
@resident_required
def me(request: HttpRequest) -> HttpResponse:
    """R28: what is known of the account, its people, and who may see whose records."""
    payer = payer_of(request)
    people = list(family_of(payer))
    seen = grants.seen_members(viewer=payer, members=people)
    members = [(member, shown(member), seen.get(member.pk)) for member in people]
    context = {
        "payer": payer,
        "viewers": [(grant, mask_name(grant.viewer.name)) for grant in grants.viewers_of(payer)],
        "phone_tail": mask_phone(grants.phone_of(payer)),
        "proved_by": User.RealNameBy(payer.real_named_by).label,
        "members": members,
        "relations": RELATIONS,
        "room": MOST_MEMBERS - len(members),
    }
    return render(request, "pages/me.html", context)


@require_http_methods(["GET", "POST"])
@resident_required
def remove_person(request: HttpRequest, member_id: int) -> HttpResponse:
    """A page of its own before somebody leaves the list; what was paid for him stays."""
    member = next((row for row in family_of(payer_of(request)) if row.pk == member_id), None)
    if member is None or member.relation == FamilyMember.Relation.SELF:
        return redirect("pages:me")
    if request.method == "POST":
        grants.give_up_view(viewer=payer_of(request), member=member)
        remove_member(payer=payer_of(request), member_id=member_id)
        messages.success(request, _("已删除%(name)s。缴过的记录还在。") % {"name": shown(member).name})
        return redirect("pages:me")
    return render(request, "pages/remove_person.html", {"person": shown(member), "member": member})


@require_POST
@resident_required
def relation(request: HttpRequest, member_id: int) -> HttpResponse:
    """Name a relation anew."""
    wanted = request.POST.get("relation", "")
    if wanted in dict(RELATIONS) and change_relation(payer=payer_of(request), member_id=member_id, relation=wanted):
        messages.success(request, _("关系已改。"))
    return redirect("pages:me")
