"""The pension estimate (PO-12, R13)."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.estimate import YEARS_MAX, Estimate, YearsOutOfRange, estimate_pension, planned_to_full
from payments.policies.sources import read_policies
from payments.policies.terms import EstimateRule


@cache
def wendeng_2019() -> EstimateRule:
    row = next(row for row in read_policies() if (row.region, row.coverage_year) == ("371003", 2019))
    assert row.terms.estimate is not None
    return row.terms.estimate


def estimate(tier_yuan: int, subsidy_yuan: int, years: int = 15) -> Estimate:
    return estimate_pension(
        wendeng_2019(),
        paid_years=0,
        planned_years=years,
        tier_fen=tier_yuan * 100,
        subsidy_fen=subsidy_yuan * 100,
    )


@pytest.mark.parametrize(
    ("tier", "subsidy", "monthly_fen", "months"),
    [(500, 60, 19043, 39), (1000, 80, 24655, 61), (2000, 80, 35446, 85), (5000, 80, 67820, 111)],
)
def test_the_figures_of_r13_come_out_to_the_fen(tier: int, subsidy: int, monthly_fen: int, months: int) -> None:
    found = estimate(tier, subsidy)
    assert (found.monthly_fen, found.months_to_recover) == (monthly_fen, months)


def test_years_beyond_fifteen_add_two_yuan_each() -> None:
    found = estimate(1000, 80, years=20)
    assert found.monthly_fen == 29540
    assert found.extra_monthly_fen == 1000


def test_own_money_and_subsidy_are_told_apart() -> None:
    found = estimate(1000, 80)
    assert (found.own_total_fen, found.subsidy_total_fen, found.account_fen) == (1_500_000, 120_000, 1_620_000)


def test_years_already_paid_count_like_those_to_come() -> None:
    found = estimate_pension(wendeng_2019(), paid_years=6, planned_years=9, tier_fen=100_000, subsidy_fen=8_000)
    assert found.monthly_fen == estimate(1000, 80).monthly_fen


def test_a_known_balance_takes_the_place_of_the_paid_years() -> None:
    found = estimate_pension(
        wendeng_2019(),
        paid_years=10,
        planned_years=5,
        tier_fen=100_000,
        subsidy_fen=8_000,
        account_so_far_fen=1_080_000,
    )
    assert found.monthly_fen == estimate(1000, 80).monthly_fen
    assert found.own_total_fen == 500_000


def test_older_pensioners_draw_more() -> None:
    found = estimate(1000, 80)
    assert found.by_age == ((65, 25155), (75, 25655))


def test_an_unknown_subsidy_counts_as_none() -> None:
    found = estimate_pension(wendeng_2019(), paid_years=0, planned_years=15, tier_fen=50_000, subsidy_fen=None)
    assert found.subsidy_total_fen == 0


@pytest.mark.parametrize(("paid", "planned"), [(-1, 5), (5, -1), (30, 21)])
def test_years_outside_nought_to_fifty_are_refused(paid: int, planned: int) -> None:
    with pytest.raises(YearsOutOfRange):
        estimate_pension(wendeng_2019(), paid_years=paid, planned_years=planned, tier_fen=1, subsidy_fen=0)


def test_the_page_proposes_the_years_missing_to_fifteen() -> None:
    assert [planned_to_full(wendeng_2019(), paid) for paid in (0, 6, 15, 20)] == [15, 9, 0, 0]


def test_fewer_years_than_a_pension_needs_are_said() -> None:
    assert not estimate(1000, 80, years=14).enough_years
    assert estimate(1000, 80, years=15).enough_years


@given(st.integers(0, YEARS_MAX), st.integers(0, 1_000_000), st.integers(0, 20_000))
def test_paying_more_or_longer_never_brings_less(years: int, tier_fen: int, subsidy_fen: int) -> None:
    def monthly(tier: int, count: int) -> int:
        return estimate_pension(
            wendeng_2019(), paid_years=0, planned_years=count, tier_fen=tier, subsidy_fen=subsidy_fen
        ).monthly_fen

    assert monthly(tier_fen, years) >= 13000
    assert monthly(tier_fen + 100, years) >= monthly(tier_fen, years)
    assert years == YEARS_MAX or monthly(tier_fen, years + 1) >= monthly(tier_fen, years)
