"""Working days (工作日): weekends and public holidays excluded, make-up days included.

The truth is a table, filled once from the library `chinese_calendar` and then kept by staff, because the official
list of a year is published late in the year before. A year whose list is missing is an estimate: weekends and those
statutory days that need no list. Such answers are marked, pages say so, and staff are told which years are missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar

from core import clock
from core.models import CalendarDay, CalendarYear

KNOWN_FROM_YEAR = 2004  # the first year of the library
LOOK_AHEAD_YEARS = 5
KEEP_SECONDS = 60
"""How long a process trusts what it has read: an edit by staff is everywhere within a minute."""

SOURCE = f"chinesecalendar {chinese_calendar.__version__}"


@dataclass(frozen=True, slots=True)
class OfficialYear:
    """One year of the table: the days that differ from Monday to Friday, and whether its list was entered."""

    differing: dict[date, bool]
    is_official: bool


def is_working_day(on: date) -> bool:
    """Whether offices work on a day; by estimate where the year's list is missing (`is_estimate`)."""
    year = _year(on.year)
    if on in year.differing:
        return year.differing[on]
    return on.weekday() < 5 and (year.is_official or not is_statutory_holiday(on))


def is_estimate(year: int) -> bool:
    """Whether the official list of a year has not been entered."""
    return not _year(year).is_official


def add_working_days(on: date, days: int) -> tuple[date, bool]:
    """The working day `days` after a day that does not count itself, and whether it is an estimate.

    Raises ValueError for a negative number.
    """
    if days < 0:
        raise ValueError("days are counted forward")
    reached, estimated = on, False
    while days:
        reached += timedelta(days=1)
        estimated = estimated or is_estimate(reached.year)
        days -= is_working_day(reached)
    return reached, estimated


def missing_years(today: date) -> list[int]:
    """Years that dates already reach into and that staff still have to enter: this one, and from November the next."""
    wanted = [today.year, today.year + 1] if today.month >= 11 else [today.year]
    return [year for year in wanted if is_estimate(year)]


def is_statutory_holiday(on: date) -> bool:
    """The statutory days that can be told without a list, as the rule stands from 2025.

    New Year's Day, Qingming, Labour Day (2 days) and National Day (3 days). Spring Festival, Dragon Boat and
    Mid-Autumn follow the moon and are not told; nor are days moved to or from weekends (调休).
    """
    return (on.month, on.day) in _FIXED or on == qingming(on.year)


_FIXED = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}


def qingming(year: int) -> date:
    """Tomb-Sweeping Day of a year from 2000 to 2099, by the usual approximation of the solar term."""
    of_century = year % 100
    return date(year, 4, int(of_century * 0.2422 + 4.81) - of_century // 4)


@clock.kept_for(KEEP_SECONDS)
def _year(year: int) -> OfficialYear:
    days = CalendarDay.objects.filter(on__year=year).values_list("on", "is_working")
    return OfficialYear(dict(days), CalendarYear.objects.filter(pk=year).exists())


def seed_years(last_year: int) -> list[int]:
    """Fill the table with the years that the library knows, up to a few after `last_year`.

    Years that are there already, and days that staff have entered, are left as they are. Returns the years added.
    """
    there = set(CalendarYear.objects.values_list("year", flat=True))
    added = {}
    for year in range(KNOWN_FROM_YEAR, last_year + LOOK_AHEAD_YEARS):
        if year in there:
            continue
        try:
            added[year] = list(_differing_days(year))
        except NotImplementedError:  # the library's word for a year whose list it does not have
            continue
    CalendarDay.objects.bulk_create([day for days in added.values() for day in days], ignore_conflicts=True)
    CalendarYear.objects.bulk_create([CalendarYear(year=year, source=SOURCE) for year in added], ignore_conflicts=True)
    clock.forget_everything_kept()
    return sorted(added)


def _differing_days(year: int) -> Iterable[CalendarDay]:
    """The days of a year on which the official list says something else than the day of the week."""
    on = date(year, 1, 1)
    while on.year == year:
        works = chinese_calendar.is_workday(on)
        if works != (on.weekday() < 5):
            name = chinese_calendar.get_holiday_detail(on)[1]
            holiday = chinese_calendar.Holiday(name).chinese if name else ""
            note = f"{holiday}调休上班" if works else holiday
            yield CalendarDay(on=on, is_working=works, note=note, source=SOURCE)
        on += timedelta(days=1)
