"""Who may see a page: the one guard of residents' doors (fetch and authorise together).

Addresses that need nobody are listed in `tests/house/test_addresses.py`; every other view is guarded.
"""

import ipaddress
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from core import clock, ids
from core.models import User
from core.sealed import blind_index, seal, unseal
from portal.models import KeptForm

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
WHO_COOKIE = "who"  # who was logged in here last: whose form may be given back, whose phone has more codes; no proof
WHO_AGE_S = 180 * 24 * 3600
_KEPT_FIELD = "portal_keptform.fields_sealed"
_NEXT_AGE_S = 3600
_LONGEST_FORM = 20_000


def payer_of(request: HttpRequest) -> User:
    """The resident behind a guarded request."""
    return cast(User, request.user)


def is_resident(request: HttpRequest) -> bool:
    """Whether a resident is logged in; staff are not residents."""
    return request.user.is_authenticated and not payer_of(request).is_staff


def resident_required(view: View) -> View:
    """Let residents in; others log in first and come back to where they stood, with what they had filled in."""

    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponseBase:
        if is_resident(request):
            return view(request, *arguments, **named)
        return to_login(request)

    guarded.guarded_by = "resident"  # type: ignore[attr-defined]
    return cast(View, guarded)


def to_login(request: HttpRequest, back: str = "") -> HttpResponse:
    """Keep a posted form (ID-6) and go to log-in with a signed way back."""
    token = keep_form(request) if request.method == "POST" and not back else ""
    aim = back or (reverse("accounts:kept", args=[token]) if token else _readable_path(request))
    query = f"next={signing.dumps(aim, salt='next')}" + ("&kept=1" if token else "")
    return HttpResponseRedirect(f"{reverse('accounts:login')}?{query}")


def _readable_path(request: HttpRequest) -> str:
    """Where to go on after log-in: a page that only takes forms is no place to arrive at."""
    return request.get_full_path() if request.method in ("GET", "HEAD") else "/"


def way_back(signed: str) -> str:
    """The address that a signed `next` names; home for anything else."""
    try:
        path = str(signing.loads(signed, salt="next", max_age=_NEXT_AGE_S))
    except signing.BadSignature:
        return "/"
    return safe_path(path)


def safe_path(path: str) -> str:
    """An address of this site; home for any other."""
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None) else "/"


def keep_form(request: HttpRequest) -> str:
    """Seal a posted form away for an hour; '' where there is nothing worth keeping, or nobody to give it back to."""
    fields = request.POST.copy()
    fields.pop("csrfmiddlewaretoken", None)
    text, owner = fields.urlencode(), _last_owner(request)
    if not text or len(text) > _LONGEST_FORM or owner is None:
        return ""
    token = ids.token()
    KeptForm.objects.filter(kept_at__lt=clock.now() - clock.HOUR).delete()
    KeptForm.objects.create(
        token=token,
        owner_id=owner,
        path=request.get_full_path()[:300],
        fields_sealed=seal(text, field=_KEPT_FIELD, index=blind_index("name", token)),
    )
    return token


def kept_fields(form: KeptForm) -> str:
    """The kept form as it was sent, url-encoded."""
    return unseal(form.fields_sealed, field=_KEPT_FIELD, index=blind_index("name", form.token))


def _last_owner(request: HttpRequest) -> int | None:
    """Who was logged in on this browser last."""
    try:
        said: Any = signing.loads(request.COOKIES.get(WHO_COOKIE, ""), salt="who", max_age=WHO_AGE_S)
    except signing.BadSignature:
        return None
    return int(said) if User.objects.filter(pk=said).exists() else None


def is_owners_browser(request: HttpRequest, phone: str) -> bool:
    """Whether the owner of this phone was the last to be logged in here, and has not cleared it."""
    owner = _last_owner(request)
    return owner is not None and User.objects.filter(pk=owner, phone_index=blind_index("phone", phone)).exists()


def forget_forms(user: User) -> None:
    """After a log-out by hand nothing waits for anybody."""
    KeptForm.objects.filter(owner=user).delete()


def client_address(request: HttpRequest) -> str:
    """Where a request comes from, for limits: an IPv6 visitor has a whole /64.

    Behind the proxy it is the last hop of X-Forwarded-For, which the proxy writes itself.
    """
    named = str(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER:
        named = request.headers.get("X-Forwarded-For", named).rsplit(",", 1)[-1].strip()
    try:
        found = ipaddress.ip_address(named)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def remember_owner(response: HttpResponseBase, user: User, *, is_https: bool) -> None:
    """Note on the browser whose forms may be given back."""
    response.set_cookie(
        WHO_COOKIE, signing.dumps(user.pk, salt="who"), max_age=WHO_AGE_S, httponly=True, secure=is_https,
        samesite="Lax",
    )  # fmt: skip
