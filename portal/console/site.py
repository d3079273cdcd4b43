"""The staff console: one AdminSite for reference data, browsing and work (HOUSE 5)."""

from datetime import timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _

from core import clock, limiter
from portal.console.log_in import StaffLogIn, log_in_key

TRIES = 5
LOCKED_FOR = timedelta(minutes=15)


class Console(AdminSite):
    """Password and second factor, then the region and the role decide what is seen."""

    site_header = site_title = _("社保缴费工作台")
    index_title = _("维护")
    enable_nav_sidebar = False  # the menu is drawn by templates/admin/base.html, without a script
    login_form: type[AdminAuthenticationForm] = StaffLogIn

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff whose second factor was checked in this session (X10)."""
        user = request.user
        return bool(user.is_active and user.is_staff and getattr(user, "is_verified", bool)())

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Five tries in a quarter of an hour for an account from one address: no village is locked out (X8)."""
        context = extra_context or {}
        if request.method == "POST":
            verdict = limiter.take(log_in_key(request), limit=TRIES, period=LOCKED_FOR)
            if not verdict.allowed:
                context["locked_until"] = verdict.retry_at
                request.method = "GET"  # the form is shown again, nothing of it is tried
        response = super().login(request, context)
        if request.user.is_authenticated and response.status_code == 302:
            limiter.clear(log_in_key(request))
            request.session["began_at"] = request.session["seen_at"] = int(clock.now().timestamp())
        return response

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The pages of work before the admin's own."""
        from portal.console.urls import pages

        return [*pages(self), *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The menu knows where it stands."""
        return super().each_context(request) | {"here": request.path}
