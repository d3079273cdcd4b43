"""How long a session lasts, and that nothing personal is kept by a browser or a proxy (SCREENS 2.1, 2.5)."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from core import clock

TOUCH_AFTER = timedelta(minutes=2)
STAFF_IDLE = timedelta(minutes=15)

GetResponse = Callable[[HttpRequest], HttpResponse]


class SessionLimits:
    """Ends a session after 30 idle minutes (staff: 15) or eight hours in all, and keeps pages out of caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            _limit(request)
        response = self.get_response(request)
        if not response.has_header("Cache-Control") and not request.path.startswith(settings.STATIC_URL):
            response.headers["Cache-Control"] = "private, no-store"
        return response


def _limit(request: HttpRequest) -> None:
    """Move the idle end forward now and then; a write for every page would cost more than it says."""
    began, seen = request.session.get("began_at"), request.session.get("seen_at")
    if began is None or seen is None:
        return
    moment = clock.now().timestamp()
    idle = STAFF_IDLE.total_seconds() if getattr(request.user, "is_staff", False) else settings.SESSION_COOKIE_AGE
    if moment - began > settings.SESSION_TOTAL_AGE.total_seconds() or moment - seen > idle:
        logout(request)
    elif moment - seen > TOUCH_AFTER.total_seconds():
        request.session["seen_at"] = int(moment)
