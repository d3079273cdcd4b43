"""The policy files: read strictly, sourced honestly, and the demonstration years made from them."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.policies.changes import Change, diff_terms
from payments.policies.demo_year import derive_demo_rows
from payments.policies.invalid import TermsInvalid
from payments.policies.listing import document
from payments.policies.reading import dump_terms, parse_terms
from payments.policies.sources import PolicyRow, read_minima, read_policies
from payments.policies.terms import LEGAL_NOTE, PolicyTerms, Tier, lookup_chain
from tests.payments.cases import shipped

MINIMAL: dict[str, Any] = {
    "collector": {"kind": "tax"},
    "window": {"opens_on": "2026-01-01", "deadline": "2026-12-31"},
    "groups": [{"code": "adult", "tiers": [{"amount": "500", "subsidy": "60"}]}],
    "sources": [{"title": "通告", "address": "通告 000", "grade": "S", "read_on": "2026-11-21"}],
}


def row_of(region: str, insurance_type: str, year: int, version: int = 1) -> PolicyRow:
    [found] = [
        row
        for row in shipped()
        if (row.region, row.insurance_type, row.coverage_year, row.version) == (region, insurance_type, year, version)
    ]
    return found


def tiers_of(row: PolicyRow, group: str) -> dict[int, int | None]:
    terms = row.terms.group(group)
    assert terms is not None
    return {tier.amount_fen // 100: tier.subsidy_fen and tier.subsidy_fen // 100 for tier in terms.tiers}


# ---- what is shipped ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "insurance_type", "year"),
    [
        ("371003", "resident_pension", 2018),
        ("371003", "resident_pension", 2019),
        ("371000", "resident_pension", 2022),
        ("371000", "resident_medical", 2023),
        ("371000", "resident_medical", 2024),
        ("371000", "resident_medical", 2025),
        ("370100", "resident_pension", 2022),
        ("370100", "resident_pension", 2024),
        ("370100", "resident_medical", 2025),
        ("370100", "resident_medical", 2026),
        ("210700", "resident_medical", 2025),
        ("210700", "flexible_pension", 2021),
        ("210700", "flexible_pension", 2022),
        ("140200", "resident_pension", 2022),
        ("140200", "supplementary_pension", 2021),
        ("140200", "supplementary_pension", 2022),
        ("140200", "resident_medical", 2022),
        ("140200", "resident_medical", 2023),
        ("140000", "flexible_pension", 2022),
        ("140000", "flexible_pension", 2023),
    ],
)
def test_every_row_that_may_be_shipped_as_sourced_is_there(region: str, insurance_type: str, year: int) -> None:
    """PO-1."""
    row = row_of(region, insurance_type, year)
    assert not row.is_demo
    assert any(source.grade in "SAB" for source in row.terms.sources)


def test_every_row_carries_its_sources_and_the_day_they_were_read() -> None:
    for row in shipped():
        assert row.terms.legal_note == LEGAL_NOTE
        for source in row.terms.sources:
            assert source.title
            assert source.address
            assert source.covers
            assert source.read_on == date(2026, 11, 21)


def test_a_figure_that_only_a_weak_source_gives_is_marked_and_never_offered_as_sourced() -> None:
    for row in shipped():
        weak = any(source.grade == "C" for source in row.terms.sources)
        marked = any(tier.unverified for group in row.terms.groups for tier in group.tiers)
        assert weak == marked, row


def test_no_sourced_row_claims_to_be_a_demonstration_nor_the_reverse() -> None:
    derived = derive_demo_rows(shipped(), date(2026, 11, 21))
    assert not any(row.is_demo or row.terms.demo for row in shipped())
    assert all(row.is_demo and row.terms.demo and row.terms.sources[0].grade == "demo" for row in derived)
    assert all("演示" in row.terms.note for row in derived)


def test_wendeng_has_ten_tiers_of_which_300_is_for_hard_cases() -> None:
    """PO-2, PO-3."""
    amounts = [300, 500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000]
    assert list(tiers_of(row_of("371003", "resident_pension", 2018), "severe_disability")) == amounts
    assert list(tiers_of(row_of("371003", "resident_pension", 2019), "hardship")) == amounts
    assert tiers_of(row_of("371003", "resident_pension", 2019), "adult") == dict.fromkeys(amounts[2:], 80) | {500: 60}


def test_the_severely_disabled_of_wendeng_are_paid_for() -> None:
    """PO-3."""
    group = row_of("371003", "resident_pension", 2019).terms.group("severe_disability")
    assert group is not None
    assert (group.nothing_to_pay, group.government_pays_fen, group.age_to) == (True, 30_000, 55)


def test_the_fee_of_a_month_is_a_fifth_of_its_base() -> None:
    """PO-9: wage x percent rounded to the yuan, times 20 %."""
    wages = {(2021, 1): 5709, (2022, 1): 5709, (2022, 2): 6383}
    for (year, version), wage in wages.items():
        group = row_of("210700", "flexible_pension", year, version).terms.group("flexible")
        assert group is not None
        for tier in group.tiers:
            assert tier.base_fen is not None
            assert tier.amount_fen * 5 == tier.base_fen
            if tier.label.endswith("%"):
                exact = wage * int(tier.label.removesuffix("%"))
                assert tier.base_fen == (exact + 50) // 100 * 100


def test_the_final_rate_of_2022_ends_the_provisional_one_on_16_august() -> None:
    """PO-9."""
    first, final = (row_of("210700", "flexible_pension", 2022, version) for version in (1, 2))
    assert (first.terms.provisional, final.terms.provisional) == (True, False)
    assert final.effective_on == date(2022, 8, 16)
    group = final.terms.group("flexible")
    assert group is not None
    assert [(t.amount_fen, t.replaces_fen) for t in group.tiers][:2] == [(73_560, None), (76_600, 68_500)]


def test_an_amendment_says_only_what_it_changes() -> None:
    """PO-1: the window of Weihai's medical insurance of 2023."""
    before, after = (row_of("371000", "resident_medical", 2023, version) for version in (1, 2))
    paths = {each.path.split("[")[0] for each in diff_terms(before.terms, after.terms)}
    assert paths == {"window.concentrated_to", "window.deadline", "notice", "sources"}
    assert set(before.terms.sources) < set(after.terms.sources)


def test_aided_people_of_datong_pay_what_the_aid_leaves() -> None:
    row = row_of("140200", "resident_medical", 2023)
    assert {code: tiers_of(row, code) for code in ("low_income", "back_to_poverty", "stable_lifted")} == {
        "low_income": {70: None},
        "back_to_poverty": {35: None},
        "stable_lifted": {350: None},
    }


def test_of_datongs_ten_tiers_only_the_ends_are_sourced() -> None:
    group = row_of("140200", "resident_pension", 2022).terms.group("adult")
    assert group is not None
    assert len(group.tiers) == 10
    sure = [(tier.amount_fen, tier.subsidy_fen) for tier in group.tiers if not tier.unverified]
    assert sure == [(20_000, 3500), (500_000, 30_000)]


def test_jinzhou_says_only_what_its_notice_says_of_medical_insurance_in_2022() -> None:
    """PO-7."""
    terms = row_of("210700", "resident_medical", 2022).terms
    assert terms.groups == ()
    assert (terms.window.concentrated_to, terms.window.deadline) == (date(2022, 3, 31), date(2022, 9, 30))
    assert "金额" in terms.gaps


def test_a_year_from_july_to_june_ends_in_the_year_after() -> None:
    """PO-14."""
    terms = row_of("210700", "flexible_medical", 2021).terms
    assert terms.coverage(2021) == (date(2021, 7, 1), date(2022, 6, 30))


def test_collecting_moves_from_agency_to_tax_office_on_a_day() -> None:
    """PO-0."""
    before, after = (row_of("140000", "flexible_pension", 2020, version) for version in (1, 2))
    assert not before.terms.collected_here
    assert after.terms.collected_here
    assert after.effective_on == date(2020, 11, 1)


def test_no_ordinary_medical_amount_is_below_the_national_minimum() -> None:
    minima = {row.coverage_year: row.personal_fen for row in read_minima()}
    assert sorted(minima) == [2022, 2023, 2024, 2025, 2026]
    for row in shipped():
        adult = row.terms.group("adult")
        if row.insurance_type == "resident_medical" and adult is not None and row.coverage_year in minima:
            assert min(tier.amount_fen for tier in adult.tiers) >= minima[row.coverage_year]


def test_a_district_is_looked_up_before_its_city_and_its_province() -> None:
    """PO-1."""
    assert lookup_chain("371003") == ("371003", "371000", "370000")
    assert lookup_chain("371000") == ("371000", "370000")
    assert lookup_chain("370000") == ("370000",)


# ---- reading --------------------------------------------------------------------------------------------------------


def test_terms_survive_being_written_and_read() -> None:
    for row in shipped():
        assert parse_terms(dump_terms(row.terms)) == row.terms
        assert parse_terms(dump_terms(row.terms, with_defaults=True)) == row.terms


def changed(path: str, value: Any) -> dict[str, Any]:
    """The minimal terms with one value put somewhere else."""
    data = parse_terms(MINIMAL)
    plain: Any = dump_terms(data)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    inner = plain
    for key in way:
        inner = inner[key]
    inner[last] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("colour", "red", "colour: unknown key"),
        ("window.opens_on", "2026-13-01", "window.opens_on: a date"),
        ("window.opens_on", "2027-01-01", "window: opens_on"),
        ("window.day_from", 0, "window.day_from: days run"),
        ("window.opens_at", "08:30", "window.closes_at: daily hours"),
        ("groups.0.tiers.0.amount", 500, "groups[0].tiers[0].amount: an amount in yuan is written as text"),
        ("groups.0.tiers.0.amount", "500.001", "groups[0].tiers[0].amount: not an amount"),
        ("groups.0.tiers.0.amount", "-1", "groups[0].tiers[0].amount: an amount is not negative"),
        ("groups.0.tiers.0.amount", "0", "groups[0].tiers[0].amount: who pays nothing"),
        ("groups.0.nothing_to_pay", True, "groups[0].nothing_to_pay: stands without tiers"),
        ("groups.0.code", None, "groups[0].code: is missing"),
        ("groups.0.age_from", "16", "groups[0].age_from: a whole number"),
        ("groups", {}, "groups: a list"),
        ("tier_change", "often", "tier_change: one of locked"),
        ("tier_change", "top_up", "top_up_to: goes with"),
        ("late_price", "full_cost", "groups[0].fiscal: is needed"),
        ("coverage_start_month", 13, "coverage_start_month: a month"),
        ("provisional", "yes", "provisional: true or false"),
        ("sources", [], "sources: at least one"),
        ("sources.0.grade", "X", "sources[0].grade: one of"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(TermsInvalid) as refused:
        parse_terms(changed(path, value))
    assert str(refused.value).startswith(complaint)


def test_tiers_that_repeat_or_fall_are_refused() -> None:
    for amounts in (("500", "500"), ("800", "500")):
        with pytest.raises(TermsInvalid):
            parse_terms(changed("groups.0.tiers", [{"amount": amount} for amount in amounts]))


def test_a_group_stands_once() -> None:
    with pytest.raises(TermsInvalid) as refused:
        parse_terms(changed("groups", [{"code": "adult"}, {"code": "adult"}]))
    assert refused.value.path == "groups[1].code"


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "371003-resident_pension.toml"
    path.write_text(
        """
        region = "371003"
        insurance_type = "resident_pension"
        [common]
        collector = { kind = "tax" }
        [[policy]]
        coverage_year = 2026
        effective_on = 2026-01-01
        window = { opens_on = 2026-01-01, day_to = 25 }
        [[policy.sources]]
        title = "通告"
        address = "通告 000"
        grade = "S"
        read_on = 2026-11-21
        """,
        encoding="utf-8",
    )
    return path


def test_an_amendment_of_a_version_that_is_not_there_is_refused(policy_file: Path) -> None:
    with policy_file.open("a", encoding="utf-8") as file:
        file.write("\n[[policy]]\ncoverage_year = 2026\nversion = 3\namends = 2\neffective_on = 2026-02-01\n")
    with pytest.raises(TermsInvalid) as refused:
        read_policies(policy_file.parent)
    assert refused.value.path == "371003-resident_pension.toml: policy[1].amends"


def test_an_amendment_keeps_the_rest_of_a_table(policy_file: Path) -> None:
    with policy_file.open("a", encoding="utf-8") as file:
        file.write("\n[[policy]]\ncoverage_year = 2026\nversion = 2\namends = 1\neffective_on = 2026-02-01\n")
        file.write("window = { deadline = 2026-12-31 }\n")
    window = read_policies(policy_file.parent)[1].terms.window
    assert (window.opens_on, window.day_to, window.deadline) == (date(2026, 1, 1), 25, date(2026, 12, 31))


def test_the_same_version_twice_is_refused(policy_file: Path) -> None:
    with policy_file.open("a", encoding="utf-8") as file:
        file.write("\n[[policy]]\ncoverage_year = 2026\neffective_on = 2026-02-01\n")
    with pytest.raises(TermsInvalid):
        read_policies(policy_file.parent)


def test_a_file_that_is_no_toml_is_named(policy_file: Path) -> None:
    policy_file.write_text("region =", encoding="utf-8")
    with pytest.raises(TermsInvalid) as refused:
        read_policies(policy_file.parent)
    assert refused.value.path == policy_file.name


# ---- differences ----------------------------------------------------------------------------------------------------


def test_a_new_tier_is_one_change_and_shifts_no_other() -> None:
    old = parse_terms(MINIMAL)
    group = old.groups[0]
    new = replace(old, groups=(replace(group, tiers=(Tier(30_000), *group.tiers)),))
    assert diff_terms(old, new) == [Change("groups[adult].tiers[300.00].amount", None, "300.00")]


def test_the_same_terms_do_not_differ() -> None:
    assert [diff_terms(row.terms, row.terms) for row in shipped()] == [[] for _ in shipped()]


# ---- demonstration years --------------------------------------------------------------------------------------------


def demo_on(on: date) -> dict[tuple[str, str, int], PolicyRow]:
    return {(row.region, row.insurance_type, row.coverage_year): row for row in derive_demo_rows(shipped(), on)}


def test_today_wendengs_pension_of_2026_and_medical_insurance_of_2027_are_there() -> None:
    rows = demo_on(date(2026, 11, 21))
    pension, medical = rows["371003", "resident_pension", 2026], rows["371000", "resident_medical", 2027]
    assert pension.terms.window.deadline == date(2026, 12, 31)
    assert pension.terms.estimate == row_of("371003", "resident_pension", 2019).terms.estimate
    assert (medical.terms.window.opens_on, medical.terms.window.concentrated_to) == (
        date(2026, 9, 1),
        date(2026, 12, 31),
    )


def test_a_sourced_year_keeps_its_own_rules() -> None:
    rows = demo_on(date(2022, 2, 10))
    assert ("210700", "flexible_pension", 2022) not in rows
    assert rows["140200", "resident_pension", 2022].effective_on == date(2022, 6, 26)
    assert rows["140200", "resident_pension", 2022].version == 2


def test_a_demonstration_version_fills_only_what_a_source_leaves_open() -> None:
    derived, sourced = (
        demo_on(date(2026, 2, 1))["370100", "resident_medical", 2026],
        row_of("370100", "resident_medical", 2026),
    )
    changes = {each.path for each in diff_terms(sourced.terms, derived.terms) if not each.path.startswith("sources")}
    allowed = ("window.opens_on", "window.deadline", "waiting", "renewal", "demo", "note")
    assert changes
    assert all(path.startswith(allowed) for path in changes)
    assert derived.terms.window.concentrated_to == date(2025, 12, 31)


def test_deriving_again_gives_the_same() -> None:
    on = date(2026, 11, 21)
    assert derive_demo_rows(shipped(), on) == derive_demo_rows(shipped(), on)
    assert derive_demo_rows([*shipped(), *derive_demo_rows(shipped(), on)], on) == derive_demo_rows(shipped(), on)


@settings(max_examples=25, deadline=None)
@given(st.dates(date(2018, 1, 1), date(2060, 12, 31)))
def test_what_is_open_tomorrow_is_there_today(on: date) -> None:
    """A server that runs over midnight needs no new rows."""

    def open_ones(rows: dict[tuple[str, str, int], PolicyRow], day: date) -> set[tuple[str, str, int]]:
        return {key for key, row in rows.items() if is_open(row.terms, key[2], day)}

    def is_open(terms: PolicyTerms, year: int, day: date) -> bool:
        return terms.window.opens_on is not None and terms.window.opens_on <= day <= terms.last_on(year)

    tomorrow = on + timedelta(days=1)
    assert open_ones(demo_on(on), tomorrow) == open_ones(demo_on(tomorrow), tomorrow)


def test_the_page_of_policies_says_what_the_files_say() -> None:
    page = Path(__file__).parents[2] / "docs" / "policies.md"
    assert page.read_text(encoding="utf-8") == document(read_policies(), read_minima()), "run manage.py list_policies"
