"""Whether today and this hour lie inside a policy's window, and when it opens next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

from payments.policies.terms import PolicyTerms, Window

IsWorkingDay = Callable[[date], bool]
DEFERRED_DAYS_MAX = 15  # no break in the official calendar is longer


class WindowKind(StrEnum):
    OPEN = "open"
    UNANNOUNCED = "unannounced"  # no source states the first day
    NOT_OPEN = "not_open"
    CLOSED = "closed"
    NOT_TODAY = "not_today"  # outside the days of the month
    NOT_NOW = "not_now"  # outside the hours of the day


@dataclass(frozen=True, slots=True)
class WindowState:
    """Where a moment lies. `next_on`, `next_at`: when payment is possible again inside this window."""

    kind: WindowKind
    last_on: date
    next_on: date | None = None
    next_at: time | None = None


def monday_to_friday(on: date) -> bool:
    """The calendar of who has none."""
    return on.weekday() < 5


def window_state(terms: PolicyTerms, year: int, today: date, now: time, is_working_day: IsWorkingDay) -> WindowState:
    """Judge one moment against one policy (PO-1, PO-5)."""
    window = terms.window
    last_on = _deferred(terms.last_on(year), window, is_working_day)
    if window.opens_on is None:
        return WindowState(WindowKind.UNANNOUNCED, last_on)
    if today > last_on:
        return WindowState(WindowKind.CLOSED, last_on)
    if today < window.opens_on:
        first = _first_open_day(window.opens_on, window, is_working_day)
        return WindowState(WindowKind.NOT_OPEN, last_on, first, window.opens_at)
    if not _is_day(today, window, is_working_day):
        return _later(_first_open_day(today, window, is_working_day), WindowKind.NOT_TODAY, last_on, window)
    if window.opens_at is not None and now < window.opens_at:
        return WindowState(WindowKind.NOT_NOW, last_on, today, window.opens_at)
    if window.closes_at is not None and now >= window.closes_at:
        tomorrow = _first_open_day(today + timedelta(days=1), window, is_working_day)
        return _later(tomorrow, WindowKind.NOT_NOW, last_on, window)
    return WindowState(WindowKind.OPEN, last_on)


def _later(next_on: date, kind: WindowKind, last_on: date, window: Window) -> WindowState:
    if next_on > last_on:
        return WindowState(WindowKind.CLOSED, last_on)
    return WindowState(kind, last_on, next_on, window.opens_at)


def _deferred(last_on: date, window: Window, is_working_day: IsWorkingDay) -> date:
    """PO-5: a last day that is no working day moves only where the policy says so."""
    if not window.holidays_defer:
        return last_on
    days = (last_on + timedelta(days=ahead) for ahead in range(DEFERRED_DAYS_MAX))
    return next((day for day in days if is_working_day(day)), last_on)


def _is_day(on: date, window: Window, is_working_day: IsWorkingDay) -> bool:
    if window.day_from <= on.day <= window.day_to:
        return True
    if not window.holidays_defer:
        return False
    days_of_month = (on.replace(day=day) for day in range(window.day_from, on.day))
    inside = [day for day in days_of_month if day.day <= window.day_to]
    return bool(inside) and on <= _deferred(inside[-1], window, is_working_day)


def _first_open_day(on: date, window: Window, is_working_day: IsWorkingDay) -> date:
    """The first payable day of the month not before `on`; two months hold one for any window."""
    days = (on + timedelta(days=ahead) for ahead in range(62))
    return next(day for day in days if _is_day(day, window, is_working_day))
