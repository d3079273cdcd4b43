"""The staff console: one AdminSite for reference data, browsing and work (HOUSE 5)."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core import clock, limiter
from portal.console.log_in import LOCKED_FOR, TRIES, StaffLogIn, log_in_key
from portal.console.proving import note_proof, proved_first
from portal.console.scope import staff_of

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
# tables that say where money goes, what is counted as received, and who may decide
PROVED_TABLES = (
    "payments.payeeaccount", "payments.payeeroute", "reconciliation.statementagreement", "otp_totp.totpdevice",
)  # fmt: skip


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
            note_proof(request.session)
        return response

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Tables that money hangs on change after the second factor only, like decisions (X10)."""
        model = getattr(getattr(view, "__self__", None), "model", None)
        if model is not None and model._meta.label_lower in PROVED_TABLES:
            act = format_lazy(_("改{what}"), what=model._meta.verbose_name_plural)
            view = cast(View, proved_first(act, staff_of)(view))
        return super().admin_view(view, cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The pages of work before the admin's own."""
        from portal.console.urls import pages

        return [*pages(self), *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The menu knows where it stands."""
        return super().each_context(request) | {"here": request.path}
