"""What holds of every answer, whoever asks on whatever day."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from payments.policies.terms import Split
from payments.pricing import (
    Asked,
    AssessedFact,
    Assessment,
    Facts,
    Identity,
    NotOffered,
    Payable,
    RefundFact,
    assess,
    price,
)
from payments.pricing.assess import ORDER
from payments.pricing.obstacles import window_state
from payments.pricing.windows import WindowKind, monday_to_friday
from payments.words import blocker_words, check_words, until_words, warning_words
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
    WEIHAI,
    WENDENG,
    declared,
    feed,
    policies_on,
    registered,
)

TYPES = (PENSION, MEDICAL, SUPPLEMENTARY, FLEXIBLE, FLEXIBLE_MEDICAL)
REGIONS = (WENDENG, WEIHAI, LAIWU, JINAN, GUTA, PINGCHENG)
GROUPS = ("adult", "minor", "newborn", "severe_disability", "low_income", "hardship", "student", "flexible", "unknown")
STATUSES = ("declared", "in_payment", "paid", "withdrawn", "released", "refunded")
NOW = datetime.fromisoformat("2026-11-20T14:05:00+08:00")

SOME_DAYS = [date(2018, 1, 5) + timedelta(days=count * 61) for count in range(72)]
EDGES = [
    date(2019, 4, 30),
    date(2022, 2, 10),
    date(2022, 6, 25),
    date(2022, 8, 16),
    date(2023, 3, 1),
    date(2026, 11, 21),
]
days = st.sampled_from(EDGES + SOME_DAYS)
moments = st.builds(datetime.combine, days, st.times())


@st.composite
def registrations(draw: st.DrawFn) -> list[Any]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(REGIONS)), max_size=4, unique=True))
    return [
        registered(
            kind,
            region,
            draw(st.sampled_from(GROUPS)),
            registration_id=number,
            coverage_year=draw(st.sampled_from([None, None, 2022, 2026])),
            registering_body=draw(st.sampled_from(["", "凤城小学"])),
            registered_on=draw(st.none() | days),
            ended_on=draw(st.none() | days),
        )
        for number, (kind, region) in enumerate(pairs, 1)
    ]


@st.composite
def declarations(draw: st.DrawFn) -> list[Any]:
    def one(number: int) -> Any:
        kind = draw(st.sampled_from(TYPES))
        first = draw(st.integers(1, 12)) if kind == FLEXIBLE else None
        return declared(
            draw(st.sampled_from(STATUSES)),
            kind,
            draw(st.integers(2018, 2028)),
            draw(st.sampled_from(REGIONS)),
            draw(st.sampled_from([35_000, 50_000, 68_500, 100_000])),
            first_month=first,
            last_month=draw(st.integers(first, 12)) if first else None,
            part=draw(st.sampled_from(["base", "base", "topup"])),
            own=draw(st.booleans()),
            declaration_id=number,
            declared_at=NOW + timedelta(minutes=number),
        )

    return [one(number) for number in range(draw(st.integers(0, 4)))]


refunds = st.builds(RefundFact, st.sampled_from(TYPES), st.integers(2018, 2028), st.just(WENDENG))


def assessed_for(one: Any) -> AssessedFact:
    return AssessedFact(f"A{one.registration_id}", one.registration_id, one.insurance_type, one.region, 2022, 12_300)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Facts, datetime]:
    at = draw(moments)
    held = draw(registrations())
    facts = Facts(
        identity=Identity(matched=draw(st.booleans()) or bool(held)),
        registrations=tuple(held),
        policies=policies_on(at.date(), with_demo=draw(st.booleans())),
        feeds=tuple(draw(st.sampled_from([[], [feed("hr", "2026-11-20T18:00:00+08:00")]]))),
        declarations=tuple(draw(declarations())),
        refunds=tuple(draw(st.lists(refunds, max_size=1))),
        assessed=tuple(assessed_for(each) for each in held if draw(st.integers(0, 4)) == 0),
        birth_on=draw(st.none() | st.dates(date(1940, 1, 1), date(2026, 1, 1))),
        viewer_is_owner=draw(st.booleans()),
        stated_registered_on=draw(st.none() | days),
    )
    return facts, at


def ask(case: tuple[Facts, datetime], asked: Asked | None = None) -> Assessment:
    return assess(case[0], case[1], asked)


many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(cases())
def test_nothing_is_payable_and_blocked_at_once(case: tuple[Facts, datetime]) -> None:
    found = ask(case)
    assert {each.period for each in found.payables}.isdisjoint({each.period for each in found.blockers})
    assert len({each.period for each in found.payables}) == len(found.payables)


@many
@given(cases(), st.sampled_from([None, *TYPES]), st.none() | st.integers(2018, 2028))
def test_there_is_always_an_answer(case: tuple[Facts, datetime], kind: str | None, year: int | None) -> None:
    found = ask(case, Asked(kind, year))
    assert found.payables or found.blockers
    assert found.checks
    assert all(kind in (None, each.insurance_type) for each in (*found.payables, *found.blockers))


@many
@given(cases())
def test_every_cause_says_who_and_when_and_can_be_put_into_words(case: tuple[Facts, datetime]) -> None:
    found = ask(case)
    for blocker in found.blockers:
        assert blocker.code in ORDER
        words = blocker_words(blocker, case[1].date())
        assert words.headline
        assert words.owner
        assert words.when
        assert not any(
            "%(" in line or "None" in line for line in (words.headline, words.short, words.when, *words.body)
        )
        assert bool(words.action) == bool(words.action_code)
    for check in found.checks:
        assert check_words(check).state
    for payable in found.payables:
        assert until_words(payable, case[1].date())
        assert all(warning_words(payable, case[1].date()).values())


@many
@given(cases(), st.integers(0, 10_000))
def test_the_order_of_the_facts_does_not_matter(case: tuple[Facts, datetime], seed: int) -> None:
    facts, at = case
    random = Random(seed)

    def shuffled(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(values, len(values)))

    fields = ("registrations", "policies", "feeds", "declarations", "refunds", "assessed")
    mixed = replace(facts, **{name: shuffled(getattr(facts, name)) for name in fields})
    assert assess(mixed, at) == assess(facts, at)


@many
@given(cases())
def test_nothing_is_payable_outside_its_window(case: tuple[Facts, datetime]) -> None:
    today = case[1].date()
    for payable in ask(case).payables:
        assert today <= payable.last_on or payable.fixed_fen is not None
        if payable.part == "base":
            moment = (payable.terms, payable.coverage_year, today, case[1].time())
            assert window_state(*moment, monday_to_friday).kind is WindowKind.OPEN
            assert payable.terms.collected_here


@many
@given(cases())
def test_a_live_or_paid_year_is_never_payable_again(case: tuple[Facts, datetime]) -> None:
    """PA-2: over all places."""
    live = [each for each in case[0].declarations if each.status in ("declared", "in_payment", "paid")]
    for payable in ask(case).payables:
        same = [
            each
            for each in live
            if (each.insurance_type, each.coverage_year, each.part)
            == (payable.insurance_type, payable.coverage_year, payable.part)
        ]
        if payable.terms.split is Split.WHOLE_YEAR:
            assert not same
        else:
            taken = {month for each in same for month in range(each.first_month or 1, (each.last_month or 12) + 1)}
            assert taken.isdisjoint(payable.months)


@many
@given(cases())
def test_months_run_without_a_gap(case: tuple[Facts, datetime]) -> None:
    """PO-6."""
    for payable in ask(case).payables:
        assert all(after - before == 1 for before, after in pairwise(payable.months))
        assert bool(payable.months) == (payable.terms.split is Split.MONTHS and payable.fixed_fen is None)


def choices(payable: Payable) -> list[tuple[int | None, tuple[int, int] | None]]:
    if payable.fixed_fen is not None:
        return [(None, None)]
    runs = [(payable.months[0], last) for last in payable.months] or [None]
    return [(tier.tier_fen, run) for tier in payable.tiers for run in runs]


@many
@given(cases())
def test_every_offered_choice_has_a_whole_positive_price(case: tuple[Facts, datetime]) -> None:
    for payable in ask(case).payables:
        for tier_fen, run in choices(payable):
            line = price(payable, tier_fen, run)
            assert isinstance(line.amount_fen, int)
            assert line.amount_fen > 0
            assert line.subsidy_fen is None or line.subsidy_fen >= 0
            assert (line.first_month, line.last_month) == (run or (None, None))


@many
@given(cases())
def test_months_paid_in_parts_cost_what_they_cost_together(case: tuple[Facts, datetime]) -> None:
    """PO-6."""
    for payable in ask(case).payables:
        if len(payable.months) < 2:
            continue
        tier_fen, first, last = payable.tiers[0].tier_fen, payable.months[0], payable.months[-1]
        rest = replace(payable, months=payable.months[1:])
        parts = (
            price(payable, tier_fen, (first, first)).amount_fen + price(rest, tier_fen, (first + 1, last)).amount_fen
        )
        assert parts == price(payable, tier_fen, (first, last)).amount_fen


@many
@given(cases(), st.integers(1, 2_000_000))
def test_a_tier_that_was_not_offered_is_refused(case: tuple[Facts, datetime], tier_fen: int) -> None:
    for payable in ask(case).payables:
        assume(tier_fen not in {each.tier_fen for each in payable.tiers} | {payable.fixed_fen})
        run = (payable.months[0], payable.months[-1]) if payable.months else None
        try:
            price(payable, tier_fen, run)
        except NotOffered:
            continue
        raise AssertionError("a price for what was not offered")


@many
@given(cases())
def test_a_stranger_learns_neither_time_nor_amount_of_a_payment(case: tuple[Facts, datetime]) -> None:
    """PA-3, SCREENS 2.4."""
    facts, at = case
    foreign = tuple(replace(each, own=False) for each in facts.declarations)
    stranger = replace(facts, viewer_is_owner=False, declarations=foreign)
    for blocker in assess(stranger, at).blockers:
        if blocker.code in ("C8", "C9", "C11"):
            assert not {"amount_fen", "paid_at", "declared_at", "channel_name", "order_no"} & set(blocker.evidence)


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2021, 9, 21), date(2045, 12, 31)))  # before, Datong's sourced windows leave three weeks
def test_on_any_day_something_can_be_paid_in_each_place(on: date) -> None:
    for region in (WENDENG, WEIHAI, LAIWU, JINAN, GUTA, PINGCHENG):
        kinds = ((PENSION, "adult"), (MEDICAL, "adult"), (FLEXIBLE, "flexible"))
        held = tuple(registered(kind, region, group) for kind, group in kinds)
        facts = Facts(Identity(matched=True), held, policies_on(on), birth_on=date(on.year - 40, 1, 1))
        found = assess(facts, datetime.combine(on, time(12)))
        assert found.payables, (region, on, [(each.code, each.insurance_type) for each in found.blockers])
