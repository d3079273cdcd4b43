"""X10: before a decision about money the second factor is asked for again.

A stolen password opens nothing without it; a stolen session, or a desk that somebody has left, decides nothing. The
page that asks carries what was sent and goes on with it, so that nothing is typed twice. Right and wrong codes are in
the audit log.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django_otp import match_token

from core import audit, clock, limiter
from core.models import User
from payments.words import figures
from portal.console.log_in import LOCKED_FOR, TRIES
from portal.console.page import page
from portal.console.scope import forbid_lookers

GOOD_FOR = timedelta(minutes=5)
CODE = "proof_code"
_PROVED_AT = "proved_at"
_TYPED = ("reason", "note", "text", "document_no")  # the fields whose words are shown again


def note_proof(session: SessionBase) -> None:
    """The second factor was right just now, at log-in or here."""
    session[_PROVED_AT] = int(clock.now().timestamp())


def proved_first(
    act: Promise | str, who: Callable[[HttpRequest], User] = forbid_lookers
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Guard a view that decides about money; `act` says what it does: 同意退款. Pages that are only read pass.

    `who` names the member of staff, and refuses whoever must not even be asked.
    """

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(request: HttpRequest, *arguments: Any, **named: Any) -> Any:
            if request.method in ("GET", "HEAD") or _is_fresh(request.session):
                return view(request, *arguments, **named)
            user = who(request)
            if CODE not in request.POST:
                return _ask(request, act)
            if complaint := _complaint(user, request):
                return _ask(request, act, complaint)
            note_proof(request.session)
            return view(request, *arguments, **named)

        guarded.proves = act  # type: ignore[attr-defined]  # how a test finds the guarded ones
        return guarded

    return guard


def _is_fresh(session: SessionBase) -> bool:
    proved_at = float(session.get(_PROVED_AT, 0))
    return clock.now().timestamp() - proved_at < GOOD_FOR.total_seconds()


def _complaint(user: User, request: HttpRequest) -> str:
    """Judge the code that came with the form; '' where it is right. Every try is counted and written down."""
    verdict = limiter.take(f"staff-proof:{user.pk}", limit=TRIES, period=LOCKED_FOR)
    if not verdict.allowed:
        return _("口令试得太多了，什么也没有办。%(at)s以后再试。") % {"at": figures.moment(verdict.retry_at)}
    is_right = match_token(user, request.POST[CODE].strip()) is not None
    audit.record(
        actor=user.actor, action="prove_again" if is_right else "prove_again_failed", subject_kind="page",
        subject_id=str(getattr(request.resolver_match, "url_name", ""))[:40], detail={"path": request.path},
    )  # fmt: skip
    if not is_right:
        return _("动态口令不对，什么也没有办。用过的口令不能再用，请等下一个。")
    limiter.clear(f"staff-proof:{user.pk}")
    return ""


def _ask(request: HttpRequest, act: Promise | str, complaint: str = "") -> HttpResponse:
    """The page of the code. It holds the whole form; only a file has to be chosen again, browsers keep none."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in (CODE, "csrfmiddlewaretoken")
        for value in values
    ]
    context = {
        "act": act,
        "complaint": complaint,
        "fields": fields,
        "typed": [value for name, value in fields if name in _TYPED and value.strip()],
        "files": [(name, getattr(file, "name", "")) for name, file in request.FILES.items()],
        "minutes": int(GOOD_FOR.total_seconds()) // 60,
        # every guarded address is an act below the page that it was asked for on
        "back": request.path.rstrip("/").rpartition("/")[0] + "/",
    }
    return page(request, "prove", _("再填一次动态口令"), **context)
