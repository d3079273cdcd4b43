"""Log-in, page by page (R02–R05, R32), and the way out."""

from dataclasses import replace

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core import clock, ids
from core.identity import mask_phone
from core.models import User
from core.refusals import Refused
from portal.accounts import codes, log_in, questions
from portal.accounts.access import (
    WHO_COOKIE,
    client_address,
    forget_forms,
    is_owners_browser,
    is_resident,
    kept_fields,
    payer_of,
    remember_owner,
    resident_required,
    safe_path,
    to_login,
    way_back,
)
from portal.accounts.forms import CodeForm, PhoneForm, RealNameForm
from portal.accounts.log_in import Claim
from portal.accounts.words import refusal_words
from portal.carriers import CarrierRefused, CarrierUnreachable, wallet_address, wallet_user
from portal.models import KeptForm

WALLETS = {"wechat": User.RealNameBy.WECHAT, "alipay": User.RealNameBy.ALIPAY}


@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """R02: a phone that has been here before, the first time, or a wallet. Keeps the way back."""
    if "next" in request.GET:
        request.session["next"] = request.GET["next"]
    form = PhoneForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sent = _send(request, Claim(phone=form.cleaned_data["phone"]), form)
        if sent:
            return sent
    context = {"form": form, "kept": "kept" in request.GET, "expired": "next" in request.GET}
    return render(request, "accounts/login.html", context)


@require_http_methods(["GET", "POST"])
def real_name(request: HttpRequest) -> HttpResponse:
    """R03: name, document, phone; proved by the carrier before a code is sent."""
    form = RealNameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        claim = Claim(said["phone"], said["name"], said["document_type"], said["number"])
        try:
            proved = log_in.prove_by_carrier(claim, address=client_address(request))
        except Refused as refusal:
            form.add_error("name" if refusal.code == "no_match" else None, refusal_words(refusal))
        else:
            sent = _send(request, proved, form)
            if sent:
                return sent
    return render(request, "accounts/real_name.html", {"form": form})


def _send(request: HttpRequest, claim: Claim, form: PhoneForm | RealNameForm) -> HttpResponse | None:
    """Send a code for a claim and go on to where it is typed, by way of a question where one is due.

    None where it is refused; the form says why.
    """
    try:
        _send_code(request, claim, questions.asker_of(request))
    except Refused as refusal:
        if refusal.code == "question":
            return _to_question(request, claim)
        form.add_error("phone", refusal_words(refusal))
        return None
    return redirect("accounts:code")


def _send_code(request: HttpRequest, claim: Claim, asker: codes.Asker, *, aloud: bool = False) -> None:
    """Send it and keep the claim, so that the page of the code knows whose it is."""
    known = bool(claim.proved_by) or log_in.is_known_phone(claim.phone)
    asker = _known_asker(request, asker, claim)
    codes.send_login_code(phone=claim.phone, asker=asker, is_known=known, aloud=aloud)
    questions.note_code(request.session)
    log_in.keep_claim(request.session, claim)


def _known_asker(request: HttpRequest, asker: codes.Asker, claim: Claim) -> codes.Asker:
    return replace(asker, is_owner=is_owners_browser(request, claim.phone))


def _to_question(request: HttpRequest, claim: Claim, *, aloud: bool = False) -> HttpResponse:
    """The claim waits in the session until the question is answered; the code before it stays good."""
    log_in.keep_claim(request.session, claim, waiting=True)
    return redirect(reverse("accounts:question") + ("?aloud=1" if aloud else ""))


@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """R04: the code that came by short message or call."""
    claim = log_in.read_claim(request.session)
    if claim is None:
        return redirect("accounts:login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes.check_code(key=codes.login_key(claim.phone), code=form.cleaned_data["code"])
            return _welcome(request, claim)
        except Refused as refusal:
            form.add_error("code", refusal_words(refusal))
    asker = _known_asker(request, questions.asker_of(request), claim)
    has_more = codes.has_login_code_left(phone=claim.phone, asker=asker)
    context = {
        "form": form,
        "tail": mask_phone(claim.phone),
        "a_day": asker.a_day,
        **questions.wait_of(request.session, has_more=has_more),
    }
    return render(request, "accounts/code.html", context)


@require_POST
def resend(request: HttpRequest) -> HttpResponse:
    """Send another code, or have one read out by a call; the one before ends."""
    claim = log_in.read_claim(request.session)
    if claim is None:
        return redirect("accounts:login")
    aloud = "aloud" in request.POST
    try:
        _send_another(request, claim, questions.asker_of(request), aloud=aloud)
    except Refused as refusal:
        if refusal.code == "question":
            return _to_question(request, claim, aloud=aloud)
        messages.warning(request, refusal_words(refusal))
    return redirect("accounts:code")


def _send_another(request: HttpRequest, claim: Claim, asker: codes.Asker, *, aloud: bool) -> None:
    _send_code(request, claim, asker, aloud=aloud)
    tail = mask_phone(claim.phone)
    if aloud:
        messages.success(request, _("正在打电话给尾号%(tail)s。请接听，听新验证码。") % {"tail": tail})
    else:
        messages.success(request, _("新验证码已发到尾号%(tail)s。") % {"tail": tail})


@require_http_methods(["GET", "POST"])
def question(request: HttpRequest) -> HttpResponse:
    """The question before a second code; `?aloud`: the code is to be read out."""
    claim = log_in.read_claim(request.session, waiting=True)
    if claim is None:
        return redirect("accounts:code")
    aloud = "aloud" in request.GET
    back = reverse("accounts:code" if log_in.read_claim(request.session) else "accounts:login")

    def send(asker: codes.Asker) -> None:
        _send_another(request, claim, asker, aloud=aloud)

    return questions.ask_first(
        request, key=codes.login_key(claim.phone), send=send, then="accounts:code",
        context={"aloud": aloud, "back": back, "is_login": True},
    )  # fmt: skip


def _welcome(request: HttpRequest, claim: Claim) -> HttpResponse:
    """A new session, and back to where the person stood."""
    back = way_back(str(request.session.get("next", "")))
    user = log_in.finish(request, claim)
    request.session.pop("next", None)
    response = HttpResponseRedirect(back)
    remember_owner(response, user, is_https=settings.IS_HTTPS)
    return response


@require_GET
def wallet(request: HttpRequest, name: str) -> HttpResponse:
    """To the wallet's own log-in."""
    if name not in WALLETS:
        raise Http404
    request.session["wallet"] = {"name": name, "state": ids.token()}
    address = wallet_address(wallet=name, redirect_uri=_wallet_return(), state=request.session["wallet"]["state"])
    return HttpResponseRedirect(address)


def _wallet_return() -> str:
    return f"{settings.BASE_URL}/login/wallet/return/"


@require_GET
def wallet_return(request: HttpRequest) -> HttpResponse:
    """Back from a wallet: a real-named user needs neither code nor password (ID-5)."""
    asked = request.session.pop("wallet", None)
    if not asked or request.GET.get("state") != asked["state"] or "code" not in request.GET:
        messages.warning(request, _("没有登录。可以再试一次，或用手机号登录。"))
        return redirect("accounts:login")
    try:
        found = wallet_user(code=request.GET["code"], redirect_uri=_wallet_return())
    except (CarrierRefused, CarrierUnreachable):
        messages.warning(request, _("这次没有登录成功。请再点一次，或用手机号登录。"))
        return redirect("accounts:login")
    if not found.real_named:
        messages.warning(request, _("这个钱包还没有实名或没有开通支付。可先用手机号登录，缴费时再选其他方式。"))
        return redirect("accounts:login")
    claim = Claim(found.phone, found.name, found.document_type, found.document_no, WALLETS[asked["name"]].value)
    if claim.phone:
        return _welcome(request, claim)
    log_in.keep_claim(request.session, claim)
    return redirect("accounts:missing")


@require_http_methods(["GET", "POST"])
def missing(request: HttpRequest) -> HttpResponse:
    """R05: what the wallet did not say, the phone alone."""
    claim = log_in.read_claim(request.session)
    if claim is None or not claim.proved_by:
        return redirect("accounts:login")
    form = PhoneForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        full = Claim(form.cleaned_data["phone"], claim.name, claim.document_type, claim.number, claim.proved_by)
        sent = _send(request, full, form)
        if sent:
            return sent
    return render(request, "accounts/missing.html", {"form": form})


@require_GET
@resident_required
def kept(request: HttpRequest, token: str) -> HttpResponse:
    """R32: a form that came after its session had ended, filled in again for the same person; he sends it himself."""
    row = KeptForm.objects.filter(token=token, kept_at__gte=clock.now() - clock.HOUR).first()
    if row is None or row.owner_id != payer_of(request).pk:
        return redirect("/")
    fields = [(name, value) for name, values in QueryDict(kept_fields(row)).lists() for value in values]
    return render(request, "accounts/kept.html", {"path": row.path, "fields": fields})


@require_POST
def extend(request: HttpRequest) -> HttpResponse:
    """继续使用: the middleware has moved the end of the session. Pressed too late, it leads to log-in and back."""
    back = safe_path(request.POST.get("next", ""))
    return HttpResponseRedirect(back) if is_resident(request) else to_login(request, back)


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """退出并清除, for phones that several people use."""
    if is_resident(request):
        forget_forms(payer_of(request))
    logout(request)
    response = render(request, "accounts/left.html")
    response.delete_cookie(WHO_COOKIE, samesite="Lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'  # how pages look may stay
    return response
