"""Staff log-in: password, then the code of the second factor, on one form."""

import hashlib
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp import match_token

from core.models import User
from portal.accounts.access import client_address

TRIES = 5
LOCKED_FOR = timedelta(minutes=15)


class StaffLogIn(AdminAuthenticationForm):
    """One answer for a wrong password, a wrong code and a missing device."""

    code = forms.CharField(
        label=_("动态口令"), max_length=6,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        user: User | None = self.user_cache
        if user is None:
            return cleaned
        device = match_token(user, str(self.cleaned_data.get("code", "")).strip())
        if device is None:
            raise self.get_invalid_login_error()
        user.otp_device = device  # type: ignore[attr-defined]  # django_otp marks the session at the log-in
        return cleaned


def log_in_key(request: HttpRequest) -> str:
    """The limiter's key: this account from this address."""
    pair = f"{request.POST.get('username', '')}\n{client_address(request)}"
    return f"staff-log-in:{hashlib.sha256(pair.encode()).hexdigest()}"
