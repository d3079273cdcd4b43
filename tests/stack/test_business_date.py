"""The business date of a data directory."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from script.stack.business_date import offset_days
from script.stack.trouble import Trouble

TODAY = date(2026, 11, 21)


@pytest.fixture
def remembered(tmp_path: Path) -> Path:
    return tmp_path / "clock_offset"


def test_without_a_date_the_calendar_is_the_real_one(remembered: Path) -> None:
    assert offset_days(remembered, as_of="", today=TODAY) == 0


def test_first_day_is_the_date_that_was_asked_for(remembered: Path) -> None:
    days = offset_days(remembered, as_of="2022-02-10", today=TODAY)
    assert TODAY + timedelta(days=days) == date(2022, 2, 10)


def test_calendar_goes_on_from_there_whether_the_date_is_named_again_or_not(remembered: Path) -> None:
    days = offset_days(remembered, as_of="2022-02-10", today=TODAY)
    for as_of in ("", "2022-02-10"):
        assert offset_days(remembered, as_of=as_of, today=TODAY + timedelta(days=5)) == days


def test_another_date_for_the_same_data_is_refused(remembered: Path) -> None:
    offset_days(remembered, as_of="2022-02-10", today=TODAY)
    with pytest.raises(Trouble, match="began as of 2022-02-10, so PORTAL_AS_OF=2023-01-01 cannot"):
        offset_days(remembered, as_of="2023-01-01", today=TODAY)


def test_date_for_data_that_began_with_the_real_one_is_refused(remembered: Path) -> None:
    offset_days(remembered, as_of="", today=TODAY)
    with pytest.raises(Trouble, match="began with the real date"):
        offset_days(remembered, as_of="2022-02-10", today=TODAY)


def test_what_is_no_date_is_told_and_nothing_is_remembered(remembered: Path) -> None:
    with pytest.raises(Trouble, match=r"10\.2\.2022 is no date"):
        offset_days(remembered, as_of="10.2.2022", today=TODAY)
    assert not remembered.exists()
