"""R34: pages for what went wrong. The first sentence says what happened to the money."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.access import is_resident
from portal.look import COOKIE, read_text


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: a wrong address, or somebody else's."""
    return render(request, "pages/not_found.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """500, without the database and the session: they may be what is broken."""
    context = {"is_demo": settings.IS_DEMO, "look": read_text(request.COOKIES.get(COOKIE, ""))}
    return render(None, "pages/broken.html", context, status=500)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token has run out: filled in again to be sent by hand, where it came from our own page."""
    fields = []
    if is_resident(request) and _is_ours(request):
        fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken" and len(value) < 2000
        ][:100]
    context = {"path": request.get_full_path(), "fields": fields}
    return render(request, "pages/form_expired.html", context, status=403)


def _is_ours(request: HttpRequest) -> bool:
    """A foreign page gets nothing back to send."""
    ours = urlsplit(settings.BASE_URL).netloc
    named = request.headers.get("Origin") or request.headers.get("Referer") or ""
    return bool(urlsplit(named).netloc == ours)
