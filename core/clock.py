"""The one place where time comes from (HOUSE 2.13).

`now()` is the real instant and stamps every `_at` column. `today()` is the business date in
Asia/Shanghai moved by a fixed number of days, and decides every `_on` column and every window.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import wraps
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)


def _real_now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _real_now


def now() -> datetime:
    """The real instant, aware, in UTC."""
    return _source()


def offset() -> timedelta:
    """How far the business calendar is moved; always zero in production."""
    return timedelta(days=settings.CLOCK_OFFSET_DAYS)


def business_now() -> datetime:
    """Local date and time on the business calendar, for windows that have hours."""
    return now().astimezone(SHANGHAI) + offset()


def today() -> date:
    """The business date."""
    return business_now().date()


def business_date(instant: datetime) -> date:
    """The business date on which an instant fell."""
    return (instant.astimezone(SHANGHAI) + offset()).date()


def midnight(on: date) -> datetime:
    """The real instant at which a business date begins."""
    return datetime.combine(on, time(), tzinfo=SHANGHAI) - offset()


@contextmanager
def running(source: Callable[[], datetime]) -> Iterator[None]:
    """Put another clock in place, for tests and the simulator."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Stop the clock at one instant."""
    with running(lambda: instant):
        yield


Answer = TypeVar("Answer")
_forgetting: list[Callable[[], None]] = []


def kept_for(seconds: float) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Keep a function's answers in this process for so long: for reference data that may be a moment old.

    Arguments must be positional and hashable. Nothing about a person or about money is ever kept.
    """

    def decorate(function: Callable[..., Answer]) -> Callable[..., Answer]:
        answers: dict[Hashable, tuple[datetime, Answer]] = {}
        _forgetting.append(answers.clear)

        @wraps(function)
        def asked(*arguments: Hashable) -> Answer:
            moment = now()
            known = answers.get(arguments)
            if known and timedelta() <= moment - known[0] < timedelta(seconds=seconds):
                return known[1]
            answer = function(*arguments)
            answers[arguments] = (moment, answer)
            return answer

        return asked

    return decorate


def forget_everything_kept() -> None:
    """Ask anew, after reference data were changed in this process; tests begin with it."""
    for forget in _forgetting:
        forget()
