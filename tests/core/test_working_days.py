from collections.abc import Iterator
from datetime import date, timedelta

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import clock, working_days
from core.models import CalendarDay, CalendarYear

pytestmark = pytest.mark.django_db

PUBLISHED = date(2026, 12, 31)


@pytest.fixture(autouse=True)
def fresh_calendar() -> Iterator[None]:
    CalendarDay.objects.all().delete()
    CalendarYear.objects.all().delete()
    clock.forget_everything_kept()
    yield
    clock.forget_everything_kept()


def seed() -> None:
    working_days.seed_years(2026)


def test_seeding_takes_every_year_that_the_library_knows_and_survives_those_it_does_not() -> None:
    assert working_days.seed_years(2026) == list(range(2004, 2027))
    with pytest.raises(NotImplementedError):
        chinese_calendar.is_workday(date(2027, 1, 4))


def test_seeding_again_adds_nothing_and_keeps_what_staff_entered() -> None:
    seed()
    CalendarDay.objects.filter(on=date(2026, 10, 1)).update(note="局里通知")
    assert working_days.seed_years(2026) == []
    assert CalendarDay.objects.get(on=date(2026, 10, 1)).note == "局里通知"


def test_every_day_of_the_known_years_agrees_with_the_library() -> None:
    seed()
    on = date(2018, 1, 1)
    while on <= PUBLISHED:
        assert working_days.is_working_day(on) == chinese_calendar.is_workday(on), on
        on += timedelta(days=1)


@pytest.mark.parametrize(
    ("on", "works"),
    [
        (date(2026, 1, 4), True),  # a Sunday worked for New Year's Day
        (date(2026, 2, 14), True),  # a Saturday worked for the Spring Festival
        (date(2026, 2, 16), False),  # a Monday off
        (date(2026, 10, 10), True),
        (date(2026, 11, 21), False),  # an ordinary Saturday
        (date(2026, 11, 23), True),
    ],
)
def test_make_up_days_count_and_breaks_do_not(on: date, works: bool) -> None:
    """Fault C5."""
    seed()
    assert working_days.is_working_day(on) is works


def test_the_day_of_payment_does_not_count() -> None:
    """AF-1, AF-3."""
    seed()
    monday = date(2026, 11, 23)
    assert working_days.add_working_days(monday, 1) == (date(2026, 11, 24), False)
    assert working_days.add_working_days(monday, 3) == (date(2026, 11, 26), False)
    assert working_days.add_working_days(date(2026, 11, 21), 1) == (monday, False)


def test_a_long_break_is_stepped_over() -> None:
    seed()
    assert working_days.add_working_days(date(2026, 2, 14), 1) == (date(2026, 2, 24), False)


def test_a_count_that_ends_in_a_year_without_a_list_is_an_estimate() -> None:
    seed()
    reached, estimated = working_days.add_working_days(date(2026, 12, 30), 3)
    assert (reached, estimated) == (date(2027, 1, 5), True)
    assert working_days.add_working_days(date(2026, 12, 30), 1) == (date(2026, 12, 31), False)


def test_an_estimate_knows_the_statutory_days_that_need_no_list() -> None:
    """Fault C4."""
    assert not working_days.is_working_day(date(2027, 1, 1))
    assert not working_days.is_working_day(date(2027, 4, 5))
    assert not working_days.is_working_day(date(2027, 10, 1))
    assert working_days.is_working_day(date(2027, 1, 4))
    assert not working_days.is_working_day(date(2027, 1, 2))


@pytest.mark.parametrize("year", range(2008, 2027))
def test_qingming_is_a_day_off_in_every_published_year(year: int) -> None:
    assert chinese_calendar.is_holiday(working_days.qingming(year))


def test_what_staff_enter_for_a_missing_year_holds_and_ends_the_estimate() -> None:
    assert working_days.is_estimate(2027)
    assert working_days.is_working_day(date(2027, 2, 8))
    CalendarYear.objects.create(year=2027, source="国务院办公厅通知")
    CalendarDay.objects.create(on=date(2027, 2, 8), is_working=False, note="春节")
    CalendarDay.objects.create(on=date(2027, 2, 14), is_working=True, note="春节调休上班")
    clock.forget_everything_kept()
    assert not working_days.is_estimate(2027)
    assert not working_days.is_working_day(date(2027, 2, 8))
    assert working_days.is_working_day(date(2027, 2, 14))


def test_staff_are_told_of_the_next_year_from_november_on() -> None:
    """Fault C4."""
    seed()
    assert working_days.missing_years(date(2026, 10, 31)) == []
    assert working_days.missing_years(date(2026, 11, 21)) == [2027]
    assert working_days.missing_years(date(2027, 3, 1)) == [2027]


def test_a_count_backwards_is_refused() -> None:
    with pytest.raises(ValueError):
        working_days.add_working_days(date(2026, 11, 21), -1)


def test_a_year_is_read_once_and_not_for_every_day(django_assert_num_queries) -> None:
    seed()
    with django_assert_num_queries(2):
        for ahead in range(60):
            working_days.is_working_day(date(2026, 3, 1) + timedelta(days=ahead))


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2005, 1, 1), date(2030, 12, 1)), st.integers(0, 20))
def test_exactly_that_many_working_days_lie_between(on: date, days: int) -> None:
    reached, _ = working_days.add_working_days(on, days)
    between = (on + timedelta(days=ahead) for ahead in range(1, (reached - on).days + 1))
    assert sum(working_days.is_working_day(day) for day in between) == days
    assert days == 0 or working_days.is_working_day(reached)
