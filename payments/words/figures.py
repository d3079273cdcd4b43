"""How dates, moments and money are written for people (SCREENS 2.0)."""

from collections.abc import Iterable
from datetime import date, datetime, time
from functools import lru_cache

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from core import clock
from core.money import Fen, yuan

WEEKDAYS = [
    gettext_lazy("周一"),
    gettext_lazy("周二"),
    gettext_lazy("周三"),
    gettext_lazy("周四"),
    gettext_lazy("周五"),
    gettext_lazy("周六"),
    gettext_lazy("周日"),
]


MONTHS = [
    gettext_lazy("1月"),
    gettext_lazy("2月"),
    gettext_lazy("3月"),
    gettext_lazy("4月"),
    gettext_lazy("5月"),
    gettext_lazy("6月"),
    gettext_lazy("7月"),
    gettext_lazy("8月"),
    gettext_lazy("9月"),
    gettext_lazy("10月"),
    gettext_lazy("11月"),
    gettext_lazy("12月"),
]


def month(number: int) -> str:
    """7月."""
    return str(MONTHS[number - 1])


def listed(names: Iterable[str]) -> str:
    """王芳、李强: names in a row."""
    return _("、").join(names)


def full_date(on: date) -> str:
    """2026年11月24日（周二）."""
    return _written(on, get_language(), with_year=True, with_weekday=True)


def short_date(on: date, today: date | None = None) -> str:
    """11月24日（周二）; with its year where that is not the year of `today`."""
    other_year = on.year != (today or clock.today()).year
    return _written(on, get_language(), with_year=other_year, with_weekday=True)


def bare_date(on: date, today: date | None = None) -> str:
    """3月31日, for dates inside a sentence; with its year where that is not the year of `today`."""
    other_year = on.year != (today or clock.today()).year
    return _written(on, get_language(), with_year=other_year, with_weekday=False)


def moment(at: datetime, today: date | None = None) -> str:
    """11月23日（周一）14:05: an instant on the business calendar."""
    local = at.astimezone(clock.SHANGHAI) + clock.offset()
    return date_and_hour(local.date(), local.time(), today)


def date_and_hour(on: date, at: time, today: date | None = None) -> str:
    """11月23日（周一）14:05, where both are already those of the business calendar."""
    return _("%(date)s%(time)s") % {"date": short_date(on, today), "time": hour(at)}


def hour(at: time) -> str:
    """8:30."""
    return f"{at.hour}:{at.minute:02d}"


def money(amount_fen: Fen) -> str:
    """1,000.00元."""
    return _("%(yuan)s元") % {"yuan": yuan(amount_fen)}


def tier(amount_fen: Fen) -> str:
    """1,000元 for whole yuan, else with its fen: the name of a tier."""
    return _("%(yuan)s元") % {"yuan": yuan(amount_fen).removesuffix(".00")}


@lru_cache(maxsize=4096)
def _written(on: date, language: str | None, *, with_year: bool, with_weekday: bool) -> str:
    """A date in the language that is active: a page names the same few days again and again."""
    parts = {"year": on.year, "month": MONTHS[on.month - 1], "day": on.day, "weekday": WEEKDAYS[on.weekday()]}
    day = _("%(year)d年%(month)s%(day)d日") if with_year else _("%(month)s%(day)d日")
    long_day = _("%(year)d年%(month)s%(day)d日（%(weekday)s）") if with_year else _("%(month)s%(day)d日（%(weekday)s）")
    return (long_day if with_weekday else day) % parts
