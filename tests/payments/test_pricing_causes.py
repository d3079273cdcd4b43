"""Why something cannot be paid: every cause of SCREENS 2.4 that pricing owns."""

from dataclasses import replace
from datetime import date, datetime, time

import pytest

from payments.policies.terms import ChannelTerms, Owner, Renewal
from payments.pricing import (
    AssessedFact,
    Assessment,
    Blocker,
    ChannelFact,
    Check,
    CheckState,
    Identity,
    RefundFact,
    Warn,
    When,
)
from payments.pricing.assess import headline_first, unexplained
from payments.pricing.scope import Period
from tests.payments.cases import (
    FLEXIBLE,
    GUTA,
    LAIWU,
    MEDICAL,
    PENSION,
    PINGCHENG,
    SUPPLEMENTARY,
    WENDENG,
    changed,
    codes,
    declared,
    feed,
    judge,
    on_day,
    person,
    policies_on,
    registered,
)

TODAY = date(2026, 11, 21)


def cause(found: Assessment) -> Blocker:
    """The headline, when nothing can be paid."""
    assert found.payables == ()
    assert found.headline is not None
    return found.headline


def states(found: Assessment) -> dict[str, CheckState]:
    return {each.subject: each.state for each in found.checks}


# ---- C1, C2: when ---------------------------------------------------------------------------------------------------


def test_c1_after_the_25th_datong_waits_for_the_first_of_the_next_month() -> None:
    """PO-5: days 1 to 25, not moved for holidays."""
    blocker = cause(on_day("2022-02-26", registered(PENSION, PINGCHENG)))
    assert (blocker.code, blocker.owner, blocker.come_back_on) == ("C1", Owner.TAX, date(2022, 3, 1))


def test_c1_a_day_25_on_a_holiday_is_not_moved() -> None:
    """PO-5: 25 June 2022 was a Saturday; the next day is closed for good."""
    assert codes(on_day("2022-06-25", registered(PENSION, PINGCHENG))) == []
    bare = policies_on(date(2022, 6, 26), with_demo=False)
    assert codes(on_day("2022-06-26", registered(PENSION, PINGCHENG), policies=bare)) == ["C2"]


def test_c1_where_a_policy_defers_the_last_day_moves_to_the_next_working_day() -> None:
    on = date(2022, 6, 26)  # a Sunday
    policies = tuple(
        replace(p, terms=replace(p.terms, window=replace(p.terms.window, holidays_defer=True)))
        for p in policies_on(on, with_demo=False)
    )
    facts = person(registered(PENSION, PINGCHENG), policies=policies)
    assert codes(judge(facts, "2022-06-26")) == []
    assert codes(judge(facts, "2022-06-27")) == []
    assert codes(judge(facts, "2022-06-28")) == ["C2"]


def test_c1_outside_the_hours_of_the_day_names_the_hour() -> None:
    window = replace(policies_on(TODAY)[0].terms.window, opens_on=date(2026, 1, 1), deadline=date(2026, 12, 31))
    window = replace(window, concentrated_to=None, day_to=31, opens_at=time(8, 30), closes_at=time(17))
    facts = person(registered(), policies=changed(TODAY, window=window))
    early = cause(judge(facts, at=time(7), year=2026))
    assert (early.code, early.come_back_on, early.come_back_time) == ("C1", TODAY, time(8, 30))
    evening = cause(judge(facts, at=time(17), year=2026))
    assert (evening.come_back_on, evening.come_back_time) == (date(2026, 11, 22), time(8, 30))
    last_evening = cause(judge(facts, "2026-12-31", at=time(17), year=2026))
    assert last_evening.code == "C2"


def test_c2_before_the_window_the_first_day_is_named() -> None:
    """PO-1."""
    blocker = cause(on_day("2022-02-10", registered(PENSION, LAIWU)))
    assert (blocker.code, blocker.evidence["kind"], blocker.come_back_on) == ("C2", "not_open", date(2022, 4, 1))


def test_c2_after_the_window_the_next_one_is_named() -> None:
    blocker = cause(on_day("2026-11-21", registered(PENSION, LAIWU)))
    assert (blocker.code, blocker.evidence["kind"], blocker.come_back_on) == ("C2", "closed", date(2027, 4, 1))


def test_c2_where_nothing_has_been_published_there_is_no_date() -> None:
    blocker = cause(on_day("2026-11-21", registered(PENSION, "210781")))
    assert (blocker.code, blocker.when) == ("C2", When.WHEN_ANNOUNCED)


def test_c2_a_year_whose_first_day_no_source_gives_is_not_open() -> None:
    bare = policies_on(date(2024, 5, 1), with_demo=False)
    blocker = cause(on_day("2024-05-01", registered(PENSION, LAIWU), policies=bare))
    assert (blocker.code, blocker.evidence["kind"]) == ("C2", "unannounced")


# ---- C3, C4, C5: who is registered ----------------------------------------------------------------------------------

FEEDS = (feed("hr", "2026-11-20T18:00:00+08:00"), feed("medical", "2026-11-20T18:00:00+08:00"))


def nobody(**more: object) -> Assessment:
    return judge(person(identity=Identity(matched=False), feeds=FEEDS, **more), insurance_type=MEDICAL, year=2027)


def test_c3_number_and_name_that_match_nothing_get_one_answer() -> None:
    """ID-3: whether the number exists is never told; registrations are not even looked at."""
    unknown = nobody()
    misspelt = judge(
        person(registered(MEDICAL), identity=Identity(matched=False), feeds=FEEDS), insurance_type=MEDICAL, year=2027
    )
    assert unknown == misspelt
    assert (cause(unknown).code, cause(unknown).when) == ("C3", When.AFTER_MENDED)
    assert set(states(unknown).values()) == {CheckState.ACTION, CheckState.UNKNOWN}


def test_c4_who_is_known_but_not_registered_for_the_type_is_told_where_to_register() -> None:
    """RG-1."""
    blocker = cause(judge(person(registered(), feeds=FEEDS), insurance_type=MEDICAL, year=2027))
    assert (blocker.code, blocker.owner, blocker.when) == ("C4", Owner.MEDICAL, When.AFTER_REGISTERING)
    assert blocker.evidence["feeds"][0]["agency_name"] == "文登区医保局"


def test_c4_an_ended_registration_is_none() -> None:
    """RG-1."""
    ended = registered(MEDICAL, ended_on=date(2026, 6, 30))
    assert cause(judge(person(registered(), ended, feeds=FEEDS), insurance_type=MEDICAL)).code == "C4"


def test_c5_registered_later_than_the_last_feed_means_wait_three_days() -> None:
    """RG-2."""
    blocker = cause(nobody(stated_registered_on=date(2026, 11, 21)))
    assert (blocker.code, blocker.come_back_on, blocker.owner) == ("C5", date(2026, 11, 24), Owner.SYSTEM)
    assert blocker.evidence["feeds"][0]["last_received_at"] == datetime.fromisoformat("2026-11-20T18:00:00+08:00")


def test_c5_three_days_without_data_are_a_matter_for_12366() -> None:
    """RG-2."""
    blocker = cause(nobody(stated_registered_on=date(2026, 11, 20), on=TODAY))
    assert blocker.come_back_on == date(2026, 11, 23)
    late = judge(
        person(identity=Identity(matched=False), feeds=FEEDS, stated_registered_on=date(2026, 11, 20)),
        "2026-11-23",
        insurance_type=MEDICAL,
    )
    assert (cause(late).code, cause(late).owner, cause(late).when) == ("C5", Owner.TAX, When.NOW)


def test_c5_ends_when_a_later_feed_has_come_without_him() -> None:
    """RG-2, ID-3."""
    assert cause(nobody(stated_registered_on=date(2026, 11, 18))).code == "C3"


def test_c5_an_agency_that_never_sent_everything_cannot_show_that_nobody_is_registered() -> None:
    """RG-2."""
    partial = (feed("medical", "2026-11-20T18:00:00+08:00", full=None),)
    assert cause(judge(person(registered(), feeds=partial), insurance_type=MEDICAL, year=2027)).code == "C5"


# ---- C6, C7: which registration -------------------------------------------------------------------------------------


def test_c6_a_collective_registers_its_people_anew_every_year() -> None:
    """RG-4: Jinan."""
    last_year = registered(MEDICAL, LAIWU, coverage_year=2026, registering_body="凤城小学")
    blocker = cause(on_day("2026-11-21", last_year))
    assert (blocker.code, blocker.owner) == ("C6", Owner.COLLECTIVE)
    assert blocker.evidence["registering_body"] == "凤城小学"
    own = on_day("2026-11-21", registered(MEDICAL, LAIWU, coverage_year=2026))
    assert codes(own) == []


def test_c6_this_years_registration_counts() -> None:
    """RG-4."""
    found = on_day(
        "2026-11-21",
        registered(MEDICAL, LAIWU, coverage_year=2026, registering_body="凤城小学"),
        registered(MEDICAL, LAIWU, coverage_year=2027, registering_body="凤城小学", registration_id=2),
    )
    assert [each.registration_id for each in found.payables] == [2]


def test_c6_the_agencys_own_word_goes_before_the_rule() -> None:
    """RG-4: everybody of former Laiwu."""
    blocker = cause(on_day("2026-11-21", registered(MEDICAL, LAIWU, renewal=Renewal.EVERYONE)))
    assert (blocker.code, blocker.owner) == ("C6", Owner.MEDICAL)


def test_c7_a_newborn_of_last_year_has_to_become_a_child_first() -> None:
    """RG-5."""
    born_2026 = on_day("2026-11-21", registered(MEDICAL, group="newborn"), birth_on=date(2026, 3, 1))
    assert cause(born_2026).evidence["change_to"] == "minor"
    assert (cause(born_2026).owner, cause(born_2026).when) == (Owner.MEDICAL, When.AFTER_CHANGE)
    born_2027 = on_day("2027-02-01", registered(MEDICAL, group="newborn"), birth_on=date(2027, 1, 5))
    assert codes(born_2027) == []


def test_c7_a_newborn_in_datong_pays_nothing_in_the_year_of_birth() -> None:
    """RG-5, PO-1."""
    found = on_day("2027-02-01", registered(MEDICAL, PINGCHENG, "newborn"), birth_on=date(2027, 1, 5))
    assert (cause(found).evidence["reason"], cause(found).when) == ("newborn_free", When.NEVER)


def test_c7_the_government_pays_for_the_severely_disabled() -> None:
    """PO-3."""
    found = on_day("2019-02-01", registered(group="severe_disability"))
    assert cause(found).evidence["government_pays_fen"] == 30_000
    assert codes(found) == ["C7"]


@pytest.mark.parametrize(
    ("born", "reason"),
    [(date(1966, 11, 21), "benefit_age"), (date(2011, 1, 1), "too_young"), (date(1966, 11, 22), None)],
)
def test_c7_pension_is_paid_from_16_to_59(born: date, reason: str | None) -> None:
    """RG-6."""
    found = on_day("2026-11-21", registered(), birth_on=born)
    assert (found.headline.evidence["reason"] if found.headline else None) == reason


def test_c7_a_group_that_the_place_does_not_know_is_checked_with_the_agency() -> None:
    blocker = cause(on_day("2026-11-21", registered(group="preferential")))
    assert (blocker.code, blocker.owner, blocker.evidence["reason"]) == ("C7", Owner.HR, "group_unknown")


def test_c7_a_year_without_amounts_is_said_to_be_without_amounts() -> None:
    bare = policies_on(date(2021, 2, 1), with_demo=False)
    blocker = cause(on_day("2021-02-01", registered(PENSION, PINGCHENG), policies=bare))
    assert (blocker.code, blocker.evidence["reason"]) == ("C7", "no_amount")


# ---- C8, C9, C11, C14: money ----------------------------------------------------------------------------------------


def test_c8_a_paid_year_is_paid_at_every_place() -> None:
    """PA-2, PA-3."""
    facts = person(registered(MEDICAL), registered(MEDICAL, LAIWU), declarations=(declared("paid", MEDICAL, 2027),))
    found = judge(facts)
    assert found.payables == ()
    assert {(each.code, each.region) for each in found.blockers if each.code == "C8"} == {
        ("C8", WENDENG),
        ("C8", LAIWU),
    }


def test_c8_tells_a_stranger_no_more_than_that_there_is_a_record() -> None:
    """PA-3."""
    facts = person(registered(), declarations=(declared(),), viewer_is_owner=False)
    assert cause(judge(facts)).evidence == {"private": True, "own": False}
    payer = person(registered(), declarations=(declared(own=True),), viewer_is_owner=False)
    assert cause(judge(payer)).evidence["amount_fen"] == 100_000


@pytest.mark.parametrize("status", ["declared", "in_payment"])
def test_c9_an_attempt_without_a_result_blocks_with_the_moment_by_which_it_clears(status: str) -> None:
    """PA-3, PA-4."""
    attempt = declared(status, own=True)
    blocker = cause(judge(person(registered(), declarations=(attempt,))))
    assert (blocker.code, blocker.come_back_at, blocker.actionable) == ("C9", attempt.clears_by, True)


def test_c9_only_who_made_the_attempt_can_act_on_it() -> None:
    """PA-3; HOUSE 2.6."""
    facts = person(registered(), declarations=(declared("in_payment"),), viewer_is_owner=False)
    blocker = cause(judge(facts))
    assert (blocker.actionable, blocker.evidence["private"]) == (False, True)


@pytest.mark.parametrize("status", ["withdrawn", "released", "refunded"])
def test_a_freed_period_is_payable_again(status: str) -> None:
    """PA-4, PA-6."""
    assert codes(judge(person(registered(), declarations=(declared(status),)))) == []


def test_c9_one_open_month_stops_the_months_after_it() -> None:
    """PO-6: nothing may leave a gap."""
    attempt = declared("in_payment", FLEXIBLE, 2022, GUTA, 68_500, first_month=1, last_month=5)
    facts = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 2, 10), declarations=(attempt,))
    assert codes(judge(facts, "2022-02-10")) == ["C9"]


def test_c11_paid_where_he_is_no_longer_insured() -> None:
    """PA-6."""
    moved = (registered(MEDICAL, LAIWU, ended_on=date(2026, 10, 1)), registered(MEDICAL))
    facts = person(*moved, declarations=(declared("paid", MEDICAL, 2027, LAIWU),))
    assert cause(judge(facts)).code == "C11"


def test_c14_a_refund_under_way_stands_before_the_payment_it_takes_back() -> None:
    """PA-7."""
    refund = RefundFact(PENSION, 2026, WENDENG, expected_on=date(2026, 11, 25))
    found = judge(person(registered(), declarations=(declared(),), refunds=(refund,)))
    assert codes(found) == ["C14"]
    assert cause(found).come_back_on == date(2026, 11, 25)


# ---- C10, C12, C13, C15, C16, C20, C21, C22 -------------------------------------------------------------------------


def test_c10_a_channel_that_cannot_show_two_places_sends_the_payer_elsewhere() -> None:
    """RG-3, PA-9."""
    terminal = ChannelFact("terminal", kind="terminal", chooses_place=False)
    found = on_day("2026-11-21", registered(MEDICAL), registered(MEDICAL, LAIWU), channel=terminal)
    assert codes(found) == ["C10", "C10"]
    portal = on_day("2026-11-21", registered(MEDICAL), registered(MEDICAL, LAIWU))
    assert len(portal.payables) == 2
    assert Check("registration", CheckState.ACTION, "C10") in portal.checks


def supplementary(on: str, *declarations: object) -> Assessment:
    both = (registered(PENSION, PINGCHENG), registered(SUPPLEMENTARY, PINGCHENG))
    facts = person(*both, on=date.fromisoformat(on), declarations=declarations)
    return judge(facts, on, insurance_type=SUPPLEMENTARY)


def test_c12_basic_pension_of_the_same_year_comes_first() -> None:
    """PO-5."""
    blocker = cause(supplementary("2022-02-10"))
    assert (blocker.code, blocker.owner, blocker.when) == ("C12", Owner.PAYER, When.NOW)
    last_year = declared("paid", PENSION, 2021, PINGCHENG)
    assert cause(supplementary("2022-02-10", last_year)).code == "C12"


def test_c12_a_declared_basic_pension_is_not_a_paid_one() -> None:
    """PO-5."""
    blocker = cause(supplementary("2022-02-10", declared("in_payment", PENSION, 2022, PINGCHENG)))
    assert (blocker.code, blocker.evidence["under_way"], blocker.actionable) == ("C12", True, False)


def test_c12_stands_behind_a_closed_day() -> None:
    """Two causes at once: nobody can act on the second before the first has passed."""
    assert codes(supplementary("2022-02-26")) == ["C1", "C12"]


def test_c13_a_special_contribution_is_assessed_first() -> None:
    """PO-7."""
    blocker = cause(on_day("2022-02-10", registered(MEDICAL, GUTA)))
    assert (blocker.code, blocker.owner, blocker.when) == ("C13", Owner.MEDICAL, When.WHEN_ASSESSED)


def test_c13_a_past_year_is_a_back_payment() -> None:
    """PO-10."""
    found = judge(person(registered()), insurance_type=PENSION, year=2025)
    assert cause(found).code == "C13"


def test_c2_missed_flexible_years_normally_cannot_be_paid_later() -> None:
    """PO-9."""
    facts = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 2, 10))
    assert codes(judge(facts, "2022-02-10", insurance_type=FLEXIBLE, year=2021)) == ["C2"]
    january = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 1, 10))
    assert codes(judge(january, "2022-01-10", insurance_type=FLEXIBLE, year=2021)) == ["C13"]


def test_c13_an_assessment_that_has_run_out_is_made_anew() -> None:
    """PO-7."""
    assessed = AssessedFact("A1", 7, PENSION, WENDENG, 2024, 50_000, payable_to=date(2026, 11, 20))
    found = judge(person(registered(registration_id=7), assessed=(assessed,)), insurance_type=PENSION, year=2024)
    assert [(each.code, each.part) for each in found.blockers] == [("C13", "A1")]
    in_time = judge(
        person(registered(registration_id=7), on=date(2026, 11, 20), assessed=(assessed,)),
        "2026-11-20",
        insurance_type=PENSION,
        year=2024,
    )
    assert [each.part for each in in_time.payables] == ["A1"]


def test_c21_wendeng_takes_no_back_payments_online() -> None:
    """PA-10."""
    assessed = (AssessedFact("A1", 7, PENSION, WENDENG, 2017, 50_000),)
    policies = policies_on(date(2018, 2, 1), with_demo=False)
    found = on_day("2018-02-01", registered(registration_id=7), policies=policies, assessed=assessed)
    assert [(each.code, each.part) for each in found.blockers] == [("C21", "A1")]
    assert [each.coverage_year for each in found.payables] == [2018]


APP = ChannelFact("liaoshitong", "辽事通", "government_app")


def test_c15_one_channel_takes_identity_cards_only() -> None:
    """PO-13, ID-2: 辽事通 in Jinzhou."""
    holder = Identity(matched=True, document_type="208")
    on = "2022-02-10"
    worker = registered(FLEXIBLE, GUTA, "flexible")
    assert cause(on_day(on, worker, channel=APP, identity=holder)).code == "C15"
    assert codes(on_day(on, worker, channel=APP)) == []
    assert codes(on_day(on, worker, identity=holder)) == []


def test_c21_a_channel_opens_on_its_day_and_hour() -> None:
    """PO-13: 5 January 2022 at 8:30."""
    facts = person(registered(FLEXIBLE, GUTA, "flexible"), on=date(2022, 1, 5), channel=APP)
    blocker = cause(judge(facts, "2022-01-05", at=time(8, 29), year=2022))
    assert (blocker.code, blocker.come_back_on, blocker.come_back_time) == ("C21", date(2022, 1, 5), time(8, 30))
    assert "税务局掌上办" in blocker.evidence["others"]
    assert codes(judge(facts, "2022-01-05", at=time(8, 30), year=2022)) == []


def test_c21_a_channel_has_its_own_places_and_dates() -> None:
    """PO-13."""
    elsewhere = ChannelFact("bank", kind="bank_app", region_prefixes=("2107",))
    assert cause(on_day("2026-11-21", registered(), channel=elsewhere)).code == "C21"
    closed = ChannelFact("bank", kind="bank_app", closes_at=datetime.fromisoformat("2026-11-21T00:00:00+08:00"))
    assert cause(on_day("2026-11-21", registered(), channel=closed)).code == "C21"
    here = ChannelFact("bank", kind="bank_app", opens_at=datetime.fromisoformat("2026-11-21T12:00:00+08:00"))
    assert codes(on_day("2026-11-21", registered(), channel=here)) == []


def test_c21_a_channel_may_close_by_policy() -> None:
    """PO-13: bank withholding is off for a year."""
    off = (ChannelTerms("withholding", closes_on=date(2025, 12, 31)),)
    facts = person(registered(), policies=changed(TODAY, channels=off), channel=ChannelFact("w", kind="withholding"))
    assert cause(judge(facts)).code == "C21"


def test_c16_a_locked_tier_is_told_behind_the_payment() -> None:
    """PO-8."""
    found = judge(person(registered(), declarations=(declared(),)))
    assert [(each.code, each.when) for each in found.blockers] == [("C8", When.NEXT_YEAR), ("C16", When.NEXT_YEAR)]


def test_c22_what_the_tax_office_does_not_collect_is_said_with_who_does() -> None:
    """PO-0: flexible workers in Shandong."""
    blocker = cause(on_day("2026-11-21", registered(FLEXIBLE, WENDENG, "flexible")))
    assert (blocker.code, blocker.owner, blocker.evidence["name"]) == ("C22", Owner.AGENCY, "人社部门")


def test_c22_collecting_moves_to_the_tax_office_on_a_day() -> None:
    """PO-0: Shanxi, 1 November 2020."""
    worker = registered(FLEXIBLE, PINGCHENG, "flexible")
    for day, code in (("2020-10-31", "C22"), ("2020-11-01", "C13")):
        bare = policies_on(date.fromisoformat(day), with_demo=False)
        assert cause(on_day(day, worker, policies=bare)).code == code


def test_c20_is_a_case_with_an_owner_and_a_term() -> None:
    """The net under all causes: assess reaches it only where none of them holds and nothing can be paid."""
    registration = registered(PENSION)
    found = unexplained(Period(registration, 2026, None))
    assert (found.code, found.when, found.evidence) == ("C20", When.WORKING_DAYS, {"working_days": 2})


def test_c8_when_all_months_since_the_registration_are_paid() -> None:
    """PO-6: somebody registered in December owes December alone."""
    facts = person(registered(FLEXIBLE, GUTA, "flexible", registered_on=date(2026, 12, 20)))
    paid = declared("paid", FLEXIBLE, 2026, GUTA, 73_560, first_month=12, last_month=12)
    assert cause(judge(replace(facts, declarations=(paid,)))).code == "C8"


# ---- which cause leads ----------------------------------------------------------------------------------------------


def blocker(code: str, *, actionable: bool = False) -> Blocker:
    return Blocker(code, Owner.TAX, When.NOW, actionable=actionable)


def test_money_leads_whatever_else_is_wrong() -> None:
    order = headline_first([blocker("C6", actionable=True), blocker("C8"), blocker("C9")])
    assert [each.code for each in order] == ["C9", "C8", "C6"]


def test_outside_money_the_first_cause_that_he_can_act_on_leads() -> None:
    order = headline_first([blocker("C12", actionable=True), blocker("C1"), blocker("C13", actionable=True)])
    assert [each.code for each in order] == ["C12", "C1", "C13"]


def test_waiting_is_a_warning_and_never_a_cause() -> None:
    """PO-4."""
    found = on_day("2027-02-01", registered(MEDICAL))
    assert codes(found) == []
    assert Warn.WAITING in found.payables[0].warnings


def test_an_unpriced_question_about_everything_gives_one_answer_per_type() -> None:
    facts = person(registered(), registered(MEDICAL), registered(FLEXIBLE, WENDENG, "flexible"))
    found = judge(facts)
    assert [(each.insurance_type, each.coverage_year) for each in found.payables] == [(MEDICAL, 2027), (PENSION, 2026)]
    assert codes(found) == ["C22"]
