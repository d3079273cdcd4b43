"""How a page looks to this reader: elder mode, text size, contrast; from the account, else a cookie (SCREENS 2.0)."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

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
        """For the cookie; `read_look` reads it back."""
        return f"{int(self.elder)}.{self.size}.{int(self.contrast)}"


def read_look(request: HttpRequest) -> Look:
    """The choice of this browser, or of the account that is logged in."""
    parts = request.COOKIES.get(COOKIE, "").split(".")
    if len(parts) == 3 and parts[1] in SIZES:
        return Look(parts[0] == "1", parts[1], parts[2] == "1")
    user = getattr(request, "user", None)
    return Look(elder=bool(user and user.is_authenticated and getattr(user, "elder_mode", False)))


def context(request: HttpRequest) -> dict[str, Any]:
    """For every template of residents' pages."""
    return {
        "look": read_look(request),
        "is_demo": settings.IS_DEMO,
        "idle_s": settings.SESSION_COOKIE_AGE,
    }
