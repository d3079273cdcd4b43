"""What can be paid and for how much, by the shipped policies."""

from dataclasses import replace
from datetime import date, time

import pytest

from payments.policies.terms import LatePrice, SubsidyRule, Tier
from payments.pricing import AssessedFact, ChannelFact, Line, NotOffered, Warn, price
from payments.pricing.offers import subsidy_for
from tests.payments.cases import (
    FLEXIBLE,
    FLEXIBLE_MEDICAL,
    GUTA,
    JINAN,
    LAIWU,
    MEDICAL,
    PENSION,
    PINGCHENG,
    SUPPLEMENTARY,
    WENDENG,
    codes,
    declared,
    judge,
    on_day,
    only,
    person,
    policies_on,
    registered,
    yuan_tiers,
)


def test_wendeng_2019_offers_the_fixed_tiers_without_300_to_an_ordinary_adult() -> None:
    """PO-2, PO-3."""
    payable = only(on_day("2019-02-01", registered()))
    assert yuan_tiers(payable) == [500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000]
    assert [each.subsidy_fen for each in payable.tiers] == [6000] + [8000] * 8
    assert [(each.amount_fen, each.groups) for each in payable.hidden_tiers] == [(30000, ("hardship",))]


def test_wendeng_2018_offers_300_to_the_severely_disabled_only() -> None:
    """PO-2."""
    assert yuan_tiers(only(on_day("2018-02-01", registered(group="severe_disability"))))[0] == 300
    assert yuan_tiers(only(on_day("2018-02-01", registered())))[0] == 500


def test_a_subsidy_that_no_source_states_stays_unknown() -> None:
    payable = only(on_day("2018-02-01", registered()))
    assert [each.subsidy_fen for each in payable.tiers][:2] == [6000, None]


@pytest.mark.parametrize(("born", "subsidy_fen"), [(date(1959, 5, 2), 6000), (date(1959, 5, 1), 0)])
def test_the_subsidy_ends_with_the_sixtieth_birthday(born: date, subsidy_fen: int) -> None:
    """PO-3: to age 59, also where people of 60 may still pay."""
    on = date(2019, 5, 1)
    rule = next(each.terms.subsidy for each in policies_on(on) if (each.region, each.coverage_year) == (WENDENG, 2019))
    tier = Tier(50_000, subsidy_fen=6000)
    terms = replace(policies_on(on)[0].terms, subsidy=rule)
    assert subsidy_for(terms, tier, born, on) == subsidy_fen


def test_a_subsidy_may_depend_on_the_day_of_payment() -> None:
    """PO-3."""
    terms = replace(policies_on(date(2026, 11, 21))[0].terms, subsidy=SubsidyRule(paid_by=date(2026, 12, 25)))
    days = (date(2026, 12, 25), date(2026, 12, 26))
    assert [subsidy_for(terms, Tier(1, 6000), None, on) for on in days] == [6000, 0]


def test_a_district_uses_its_citys_policy_until_it_has_its_own() -> None:
    """PO-1."""
    payable = only(on_day("2022-10-01", registered(MEDICAL)))
    assert (payable.region, yuan_tiers(payable)) == (WENDENG, [450, 650])
    assert only(on_day("2026-11-21", registered(PENSION, "371082"))).tiers[0].subsidy_fen is None
    assert only(on_day("2026-11-21", registered(PENSION, WENDENG))).tiers[0].subsidy_fen == 6000


def test_last_years_tier_is_told() -> None:
    facts = person(registered(), declarations=(declared(coverage_year=2025),))
    payable = only(judge(facts))
    assert payable.last_year_tier_fen == 100_000
    assert [each.amount_fen for each in payable.tiers if each.is_last_year] == [100_000]


def test_a_line_costs_its_tier_and_earns_its_subsidy() -> None:
    payable = only(on_day("2019-02-01", registered()))
    assert price(payable, 100_000) == Line(100_000, 8000, 100_000)


def test_a_tier_that_is_not_offered_is_refused() -> None:
    payable = only(on_day("2019-02-01", registered()))
    for tier_fen, code in ((30_000, "tier_not_offered"), (None, "tier_needed")):
        with pytest.raises(NotOffered) as refused:
            price(payable, tier_fen)
        assert refused.value.code == code


def test_an_annual_type_takes_no_months() -> None:
    """PO-6."""
    with pytest.raises(NotOffered) as refused:
        price(only(on_day("2019-02-01", registered())), 100_000, (1, 5))
    assert refused.value.code == "months_not_allowed"


# ---- medical: two dates, waiting ------------------------------------------------------------------------------------


def test_inside_the_concentrated_window_nothing_waits() -> None:
    """PO-4."""
    payable = only(on_day("2026-12-31", registered(MEDICAL)))
    assert (payable.waiting, Warn.WAITING in payable.warnings) == (None, False)


def test_after_the_concentrated_window_benefits_wait_three_months() -> None:
    """PO-4."""
    payable = only(on_day("2027-01-31", registered(MEDICAL)))
    assert payable.waiting is not None
    assert payable.waiting.benefits_from_on == date(2027, 4, 30)
    assert Warn.WAITING in payable.warnings


def test_an_exempt_group_never_waits() -> None:
    """PO-4: newborns."""
    facts = person(registered(MEDICAL, group="newborn"), on=date(2027, 1, 31), birth_on=date(2027, 1, 10))
    assert only(judge(facts, "2027-01-31")).waiting is None


def test_an_extension_holds_from_the_day_on_which_it_was_announced() -> None:
    """PO-1: Weihai's window of 2023 was extended on 28 February."""
    assert codes(
        on_day("2023-01-15", registered(MEDICAL), policies=policies_on(date(2023, 1, 15), with_demo=False))
    ) == ["C2"]
    payable = only(on_day("2023-03-01", registered(MEDICAL), policies=policies_on(date(2023, 3, 1), with_demo=False)))
    assert (payable.last_on, payable.waiting) == (date(2023, 4, 30), None)


def test_where_late_payers_bear_the_full_cost_the_tier_costs_more() -> None:
    """PO-4."""
    on = date(2027, 1, 31)
    policies = tuple(
        replace(p, terms=replace(p.terms, late_price=LatePrice.FULL_COST)) for p in policies_on(on) if p.region == JINAN
    )
    payable = only(judge(person(registered(MEDICAL, LAIWU), policies=policies), "2027-01-31"))
    assert (payable.tiers[0].tier_fen, payable.tiers[0].amount_fen) == (44_000, 120_000)
    assert price(payable, 44_000).amount_fen == 120_000


# ---- months ---------------------------------------------------------------------------------------------------------


def test_jinzhou_2022_is_paid_by_months_at_the_provisional_rate() -> None:
    """PO-6, PO-9."""
    payable = only(on_day("2022-02-10", registered(FLEXIBLE, GUTA, "flexible")))
    assert payable.months == tuple(range(1, 13))
    assert yuan_tiers(payable) == [685.0, 799.2, 913.4, 1027.6, 1141.8, 2283.6, 3425.4]
    assert payable.warnings == (Warn.PROVISIONAL,)
    assert price(payable, 68_500, (1, 5)) == Line(342_500, None, 68_500, 1, 5)


@pytest.mark.parametrize(
    ("months", "code"),
    [
        (None, "months_needed"),
        ((2, 5), "months_start"),
        ((1, 13), "months_not_consecutive"),
        ((1, 0), "months_not_consecutive"),
    ],
)
def test_months_run_from_the_first_unpaid_one_without_a_gap(months: tuple[int, int] | None, code: str) -> None:
    """PO-6."""
    payable = only(on_day("2022-02-10", registered(FLEXIBLE, GUTA, "flexible")))
    with pytest.raises(NotOffered) as refused:
        price(payable, 68_500, months)
    assert refused.value.code == code


def paid_run(first: int, last: int, tier_fen: int = 68_500) -> object:
    return declared("paid", FLEXIBLE, 2022, GUTA, tier_fen, first_month=first, last_month=last)


def test_after_five_months_the_other_seven_follow_on_the_same_tier() -> None:
    """PO-6, PO-8: an earlier month has fixed the tier."""
    facts = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 6, 1), declarations=(paid_run(1, 5),))
    payable = only(judge(facts, "2022-06-01"))
    assert payable.months == tuple(range(6, 13))
    assert yuan_tiers(payable) == [685.0]
    assert Warn.TIER_FIXED in payable.warnings
    with pytest.raises(NotOffered) as refused:
        price(payable, 79_920, (6, 12))
    assert refused.value.code == "C16"


def test_a_hole_is_filled_first_and_the_run_ends_before_paid_months() -> None:
    """PO-6."""
    runs = (paid_run(1, 2), paid_run(6, 7))
    facts = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 8, 1), declarations=runs)
    assert only(judge(facts, "2022-08-01")).months == (3, 4, 5)


def test_the_final_rate_keeps_a_payer_on_his_tier() -> None:
    """PO-9: from 16 August 2022 the same 60 % costs 766.00."""
    facts = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 8, 16), declarations=(paid_run(1, 7),))
    payable = only(judge(facts, "2022-08-16"))
    assert yuan_tiers(payable) == [766.0]
    assert Warn.PROVISIONAL not in payable.warnings
    assert price(payable, 76_600, (8, 12)).amount_fen == 383_000


def test_a_person_registered_in_may_pays_from_may() -> None:
    """PO-6."""
    late = registered(FLEXIBLE, GUTA, "flexible", registered_on=date(2022, 5, 20))
    assert only(on_day("2022-06-01", late)).months == tuple(range(5, 13))


def test_all_twelve_months_paid_is_paid() -> None:
    facts = person(
        registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 9, 1), declarations=(paid_run(1, 5), paid_run(6, 12))
    )
    assert codes(judge(facts, "2022-09-01")) == ["C8", "C16"]


# ---- top-up ---------------------------------------------------------------------------------------------------------


def jinan_paid(tier_fen: int, *more: object, day: str = "2026-11-21") -> object:
    paid = declared("paid", PENSION, 2026, LAIWU, tier_fen)
    return judge(person(registered(PENSION, LAIWU), on=date.fromisoformat(day), declarations=(paid, *more)), day)


def test_jinan_lets_a_paid_tier_be_topped_up_until_the_end_of_the_year() -> None:
    """PO-8: 350 paid, 450 more reach 800; the subsidy follows the final tier."""
    found = jinan_paid(35_000)
    [payable] = found.payables
    assert (payable.part, payable.paid_tier_fen, payable.last_on) == ("topup", 35_000, date(2026, 12, 31))
    assert price(payable, 80_000) == Line(45_000, 4000, 80_000)
    assert codes(found) == ["C8"]


def test_the_highest_tier_cannot_be_topped_up() -> None:
    """PO-8."""
    assert jinan_paid(800_000).payables == ()


def test_a_second_top_up_is_refused() -> None:
    """PO-8, PA-2: the top-up is a part of its own and is paid once."""
    found = jinan_paid(35_000, declared("paid", PENSION, 2026, LAIWU, 80_000, part="topup"))
    assert found.payables == ()
    assert {(each.code, each.part) for each in found.blockers} == {("C8", "base"), ("C8", "topup")}


def test_a_top_up_keeps_the_days_and_channels_of_its_place() -> None:
    """PO-8, PO-13."""
    on = date(2026, 11, 21)
    days = tuple(replace(p, terms=replace(p.terms, window=replace(p.terms.window, day_to=20))) for p in policies_on(on))
    paid = (declared("paid", PENSION, 2026, LAIWU, 35_000),)
    found = judge(person(registered(PENSION, LAIWU), policies=days, declarations=paid))
    assert [(each.code, each.part) for each in found.blockers] == [("C8", "base"), ("C1", "topup")]
    elsewhere = ChannelFact("bank", kind="bank_app", region_prefixes=("2107",))
    found = judge(person(registered(PENSION, LAIWU), declarations=paid, channel=elsewhere))
    assert [(each.code, each.part) for each in found.blockers] == [("C8", "base"), ("C21", "topup")]


def test_wendeng_locks_the_tier_once_it_is_paid() -> None:
    """PO-8."""
    found = judge(person(registered(), declarations=(declared(),)))
    assert found.payables == ()
    assert codes(found) == ["C8", "C16"]


# ---- places ---------------------------------------------------------------------------------------------------------


def test_two_places_are_both_shown_and_the_payer_is_warned() -> None:
    """RG-3."""
    found = on_day("2026-11-21", registered(MEDICAL), registered(MEDICAL, LAIWU))
    assert [each.region for each in found.payables] == [LAIWU, WENDENG]
    assert all(Warn.TWO_PLACES in each.warnings for each in found.payables)
    assert codes(found) == []


def test_an_ended_registration_is_no_second_place() -> None:
    """RG-3: cancelled at A."""
    found = on_day("2026-11-21", registered(MEDICAL), registered(MEDICAL, LAIWU, ended_on=date(2026, 11, 1)))
    assert [each.region for each in found.payables] == [WENDENG]
    assert Warn.TWO_PLACES not in found.payables[0].warnings


# ---- basic before supplementary, specials, years from July to June -------------------------------------------


def test_supplementary_pension_is_open_once_the_basic_one_is_paid() -> None:
    """PO-5, Datong on 10 February 2022."""
    both = (registered(PENSION, PINGCHENG), registered(SUPPLEMENTARY, PINGCHENG))
    paid = declared("paid", PENSION, 2022, PINGCHENG, 20_000)
    found = judge(person(*both, on=date(2022, 2, 10), declarations=(paid,)), "2022-02-10", insurance_type=SUPPLEMENTARY)
    payable = only(found)
    assert [(each.amount_fen, each.subsidy_fen) for each in payable.tiers][:2] == [(20_000, 7000), (50_000, 12_000)]


def test_tiers_that_only_a_weak_source_gives_are_not_offered_in_a_real_year() -> None:
    payable = only(on_day("2022-02-10", registered(PENSION, PINGCHENG)))
    assert yuan_tiers(payable) == [200, 5000]
    assert sum(each.unverified for each in payable.hidden_tiers) == 8


def test_an_assessed_amount_is_paid_as_it_is() -> None:
    """PO-7: Jinzhou's resident medical of 2022 is a special contribution."""
    assessed = AssessedFact("A1", 7, MEDICAL, GUTA, 2022, 32_000, agency_name="锦州市医保局")
    found = on_day("2022-02-10", registered(MEDICAL, GUTA, registration_id=7), assessed=(assessed,))
    payable = only(found)
    assert (payable.part, payable.fixed_fen, payable.tiers) == ("A1", 32_000, ())
    assert price(payable, None) == Line(32_000, 0, 32_000)
    with pytest.raises(NotOffered):
        price(payable, 40_000)
    with pytest.raises(NotOffered):
        price(payable, None, (1, 5))


def test_a_special_amount_has_its_waiting_and_its_deadline_too() -> None:
    """PO-4, PO-7."""
    assessed = (AssessedFact("A1", 7, MEDICAL, GUTA, 2022, 32_000),)
    late = only(on_day("2022-06-10", registered(MEDICAL, GUTA, registration_id=7), assessed=assessed))
    assert Warn.WAITING in late.warnings
    assert late.waiting is not None
    assert late.waiting.benefits_from_on is None
    after = on_day("2022-10-01", registered(MEDICAL, GUTA, registration_id=7), assessed=assessed)
    assert [each.part for each in after.payables] != ["A1"]


def test_a_coverage_year_may_run_from_july_to_june() -> None:
    """PO-14: the year is named by the year in which it begins."""
    facts = person(registered(FLEXIBLE_MEDICAL, GUTA, "flexible"), on=date(2022, 3, 1))
    found = judge(facts, "2022-03-01")
    assert [(each.code, each.coverage_year) for each in found.blockers] == [("C13", 2021)]
    terms = next(p.terms for p in facts.policies if p.insurance_type == FLEXIBLE_MEDICAL and p.region == "210700")
    assert terms.coverage(2021) == (date(2021, 7, 1), date(2022, 6, 30))


def test_daily_hours_open_at_their_minute_and_close_before_theirs() -> None:
    """PO-1."""
    on = date(2026, 11, 21)
    policies = tuple(
        replace(p, terms=replace(p.terms, window=replace(p.terms.window, opens_at=time(8, 30), closes_at=time(22))))
        for p in policies_on(on)
    )
    facts = person(registered(), policies=policies)
    assert codes(judge(facts, at=time(8, 29))) == ["C1"]
    assert codes(judge(facts, at=time(8, 30))) == []
    assert codes(judge(facts, at=time(21, 59))) == []
    assert codes(judge(facts, at=time(22))) == ["C1"]
