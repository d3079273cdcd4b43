"""R28: seeing another person's records, let by that person's own code (HOUSE 5, `view`)."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.identity import mask_name
from core.refusals import Refused
from portal.accounts import codes, questions
from portal.accounts.access import payer_of, resident_required
from portal.accounts.forms import CodeForm
from portal.accounts.words import refusal_words
from registration import grants
from registration.family import family_of
from registration.models import FamilyMember


@require_http_methods(["GET", "POST"])
@resident_required
def ask(request: HttpRequest, member_id: int) -> HttpResponse:
    """Say whose records and what happens; send the code. The same is said whether he has an account or not (X5)."""
    member = _other(request, member_id)
    if request.method == "POST":
        aloud = "aloud" in request.POST
        try:
            _send(request, member, questions.asker_of(request), aloud=aloud)
            return redirect("accounts:view_code", member_id)
        except Refused as refusal:
            if refusal.code == "question":
                address = reverse("accounts:view_question", args=[member_id])
                return redirect(address + ("?aloud=1" if aloud else ""))
            messages.warning(request, refusal_words(refusal))
    context = {"name": mask_name(member.name), "member": member, "days": grants.LIFE.days}
    return render(request, "accounts/view_ask.html", context)


def _send(request: HttpRequest, member: FamilyMember, asker: codes.Asker, *, aloud: bool) -> None:
    codes.send_view_code(
        key=_key(request, member), phone=grants.phone_of(grants.account_of(member)),
        viewer_name=payer_of(request).name, asker=asker, aloud=aloud,
    )  # fmt: skip
    questions.note_code(request.session)
    if aloud:
        messages.success(request, _("本人用过本网站的，会接到电话，听到验证码。"))


def _key(request: HttpRequest, member: FamilyMember) -> bytes:
    return codes.view_key(payer_of(request).pk, bytes(member.number_index))


@require_http_methods(["GET", "POST"])
@resident_required
def question(request: HttpRequest, member_id: int) -> HttpResponse:
    """The question before a second code; `?aloud`: the code is to be read out."""
    member, aloud = _other(request, member_id), "aloud" in request.GET

    def send(asker: codes.Asker) -> None:
        _send(request, member, asker, aloud=aloud)

    then = reverse("accounts:view_code", args=[member_id])
    back = reverse("accounts:view_ask", args=[member_id])
    return questions.ask_first(
        request, key=_key(request, member), send=send, then=then, context={"aloud": aloud, "back": back}
    )


@require_http_methods(["GET", "POST"])
@resident_required
def code(request: HttpRequest, member_id: int) -> HttpResponse:
    """The code that the person read out."""
    member = _other(request, member_id)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes.check_code(key=_key(request, member), code=form.cleaned_data["code"])
        except Refused as refusal:
            form.add_error("code", refusal_words(refusal))
        else:
            grants.grant_view(viewer=payer_of(request), member=member)
            messages.success(request, _("%(name)s的缴费记录，现在可以看了。") % {"name": mask_name(member.name)})
            return redirect("pages:records")
    wait = questions.wait_of(request.session, has_more=codes.has_look_code_left(key=_key(request, member)))
    context = {"form": form, "name": mask_name(member.name), "member": member, **wait}
    return render(request, "accounts/view_code.html", context)


def _other(request: HttpRequest, member_id: int) -> FamilyMember:
    """One of the payer's people other than himself; 404 for anybody else's."""
    found = family_of(payer_of(request)).filter(pk=member_id).exclude(relation=FamilyMember.Relation.SELF).first()
    if found is None:
        raise Http404
    return found


@require_POST
@resident_required
def revoke(request: HttpRequest, grant_id: int) -> HttpResponse:
    """The person himself takes the permission back."""
    if grants.revoke_view(owner=payer_of(request), grant_id=grant_id):
        messages.success(request, _("已取消。这个人不能再看你的缴费记录。"))
    return redirect("pages:me")
