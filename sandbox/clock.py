"""The sandbox's clock: instants are real, the business calendar is moved by the same offset as the portal's.

A tester may put the whole sandbox ahead of real time (the dial `ahead_seconds`), to tell a story of several days in one
go together with a portal that is moved by as much.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

SHANGHAI = ZoneInfo("Asia/Shanghai")
_ahead = timedelta()  # one process, one clock; the dial's row brings it back after a restart


def put_ahead(seconds: float) -> None:
    """Let every instant lie so far from the real one."""
    global _ahead
    _ahead = timedelta(seconds=seconds)


def now() -> datetime:
    return timezone.now().astimezone(SHANGHAI) + _ahead


def epoch() -> float:
    return now().timestamp()


def today() -> date:
    """The business day, by which statements will be cut and dated."""
    return now().date() + timedelta(days=settings.CLOCK_OFFSET_DAYS)


def rfc3339(moment: datetime) -> str:
    """WeChat's way to write an instant: 2026-11-21T09:30:00+08:00."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


def plain(moment: datetime) -> str:
    """Alipay's way: 2026-11-21 09:30:00, Beijing time."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def business_day(request: HttpRequest) -> dict[str, object]:
    return {"business_day": today()}


def from_epoch(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, SHANGHAI)
