"""R35 and R36: how pages look, the language, and what the portal promises about access and privacy."""

from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import is_resident, payer_of, safe_path
from portal.look import COOKIE, COOKIE_AGE_S, SIZES, Look, keep_look, read_look


@require_http_methods(["GET", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """R35: elder mode, text size, contrast, language."""
    if request.method == "GET":
        context = {"sizes": SIZES, "languages": settings.LANGUAGES, "chosen": request.LANGUAGE_CODE}
        return render(request, "pages/settings.html", context)
    size, language = request.POST.get("size", "100"), request.POST.get("language", "")
    look = Look("elder" in request.POST, size if size in SIZES else "100", "contrast" in request.POST)
    response = _keep(request, look, "/settings/")
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, language, max_age=COOKIE_AGE_S, samesite="Lax", secure=settings.IS_HTTPS
        )
    return response


@require_POST
def elder(request: HttpRequest) -> HttpResponse:
    """大字版 and back, from the head of any page; the reader stays where he is."""
    wanted = request.POST.get("next", "/")
    look = read_look(request)
    return _keep(request, replace(look, elder=not look.elder), safe_path(wanted))


def _keep(request: HttpRequest, look: Look, back: str) -> HttpResponseRedirect:
    """On the browser, and on the account where somebody is logged in."""
    if is_resident(request):
        keep_look(payer_of(request), look)
    response = HttpResponseRedirect(back)
    response.set_cookie(
        COOKIE, look.as_text(), max_age=COOKIE_AGE_S, samesite="Lax", secure=settings.IS_HTTPS, httponly=True
    )
    return response


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """R36."""
    return render(request, "pages/accessibility.html")
