"""How a page looks to this reader: elder mode, text size, contrast; from the account, else a cookie (SCREENS 2.0)."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core import clock
from core.models import User

SIZES = ("100", "125", "150", "175")
COOKIE = "look"
COOKIE_AGE_S = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Look:
    """What the reader has chosen."""

    elder: bool = False
    size: str = "100"
    contrast: bool = False

    @property
    def classes(self) -> str:
        """The classes of <html>."""
        named = [("elder", self.elder), ("contrast", self.contrast), (f"size-{self.size}", self.size != "100")]
        return " ".join(name for name, on in named if on)

    def as_text(self) -> str:
        """For the cookie and the account."""
        return f"{int(self.elder)}.{self.size}.{int(self.contrast)}"


def read_look(request: HttpRequest) -> Look:
    """The choice of this browser, or of the account that is logged in."""
    user = getattr(request, "user", None)
    known = user if user is not None and user.is_authenticated else None
    kept = known.preferences.get("look", "") if known else ""
    return read_text(request.COOKIES.get(COOKIE, "")) or read_text(str(kept)) or Look()


def read_text(text: str) -> Look | None:
    """What `as_text` wrote; None for anything else."""
    parts = text.split(".")
    return Look(parts[0] == "1", parts[1], parts[2] == "1") if len(parts) == 3 and parts[1] in SIZES else None


def keep_look(user: User, look: Look) -> None:
    """Keep the choice on the account, so that another browser shows pages alike."""
    preferences = {**user.preferences, "look": look.as_text()}
    User.objects.filter(pk=user.pk).update(elder_mode=look.elder, preferences=preferences)


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template of residents' pages."""
    return {
        "look": read_look(request),
        "is_demo": settings.IS_DEMO,
        "idle_s": _seconds_left(request),
    }


def _seconds_left(request: HttpRequest) -> int:
    """Until this session ends if nothing more is done, for the warning before it."""
    session = getattr(request, "session", None)
    seen = session.get("seen_at") if session is not None else None
    return int(seen + settings.SESSION_COOKIE_AGE - clock.now().timestamp()) if seen else settings.SESSION_COOKIE_AGE
