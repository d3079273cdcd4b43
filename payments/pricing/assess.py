"""What may be paid and why not: `assess`, the one door of this package (HOUSE 2.12).

Causes are those of SCREENS 2.4. Owned here: C1 to C16, C20 to C22. C0 is mended before (core.identity), C17 to C19
belong to the doors. Nothing is looked up and nothing is remembered: the same facts give the same answer.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from payments.policies.terms import Owner
from payments.pricing.checks import checks_for
from payments.pricing.enrolment import enrolment_blockers, is_over, not_found
from payments.pricing.obstacles import Moment, channel_blockers, policy_blockers, top_up_blockers
from payments.pricing.offers import assessed_payable, regular_payable, top_up_payable
from payments.pricing.records import part_blockers, record_blockers
from payments.pricing.scope import Period, newest_policy, periods
from payments.pricing.shapes import (
    TOP_UP,
    Asked,
    AssessedFact,
    Assessment,
    Blocker,
    Facts,
    Payable,
    Warn,
    When,
)
from payments.pricing.windows import IsWorkingDay, monday_to_friday

MONEY = ("C9", "C11", "C14", "C8")
ORDER = (*MONEY, "C3", "C4", "C5", "C6", "C7", "C10", "C22", "C1", "C2", "C12", "C13", "C16", "C21", "C15", "C20")
"""The tie-break of SCREENS 2.4: money, identity, enrolment, policy, then the technical ones."""

POLICY_CLOSES = ("C1", "C2", "C22")
Judged = tuple[list[Payable], list[Blocker]]


def assess(
    facts: Facts,
    at: datetime,
    asked: Asked | None = None,
    is_working_day: IsWorkingDay = monday_to_friday,
) -> Assessment:
    """Judge one person at one moment of the business calendar (`clock.business_now()`).

    `asked` narrows to a type and year; without it the answer is about what concerns that day.
    """
    asked = asked or Asked()
    today, moment = at.date(), (at.date(), at.time())
    if not facts.identity.matched:
        blocker = not_found(facts, asked, today)
        return Assessment(blockers=(blocker,), checks=checks_for(facts, (), (blocker,)))
    scopes = periods(facts, asked, today)
    payables: list[Payable] = []
    blockers: list[Blocker] = []
    for period in scopes:
        found = _judge(facts, period, moment, is_working_day)
        payables += found[0]
        blockers += found[1]
    payables, two_places = _mark_two_places(facts, payables)
    blockers += two_places
    if not scopes:
        blockers.append(not_found(facts, asked, today))
    ordered = headline_first(blockers)
    return Assessment(tuple(sorted(payables, key=_payable_order)), ordered, checks_for(facts, payables, ordered))


def _judge(facts: Facts, period: Period, moment: Moment, is_working_day: IsWorkingDay) -> Judged:
    """One registration and one year: its base, its top-up, and what the agency has assessed."""
    base = _judge_base(facts, period, moment, is_working_day)
    special = [_judge_assessed(facts, period, each, moment, is_working_day) for each in _assessed_for(facts, period)]
    parts = [base, _judge_top_up(facts, period, moment, is_working_day), *special]
    return [each for part in parts for each in part[0]], [each for part in parts for each in part[1]]


def _judge_base(facts: Facts, period: Period, moment: Moment, is_working_day: IsWorkingDay) -> Judged:
    blockers = record_blockers(facts, period, moment[0])
    if blockers or _is_only_assessed(facts, period):
        return [], blockers
    blockers = enrolment_blockers(facts, period, moment[0])
    if not any(each.when is When.NEVER for each in blockers):
        blockers += policy_blockers(facts, period, moment, is_working_day)
    blockers = _without_needless(blockers, _assessed_for(facts, period))
    if not any(each.code in (*POLICY_CLOSES, "C7") for each in blockers):
        blockers += channel_blockers(facts, period, moment)
    if blockers or period.policy is None or _assessed_for(facts, period):
        return [], blockers
    payable = regular_payable(facts, period, period.policy, moment[0])
    return ([payable], []) if payable else ([], [unexplained(period)])


def _is_only_assessed(facts: Facts, period: Period) -> bool:
    """Whether a year is older than any policy and has an assessed amount: that is what can be paid of it."""
    if period.policy is not None or not _assessed_for(facts, period):
        return False
    return newest_policy(facts, period.registration) is not None


def _without_needless(blockers: list[Blocker], assessed: list[AssessedFact]) -> list[Blocker]:
    """An amount that has been assessed answers "have it assessed first"."""
    return [each for each in blockers if not (assessed and each.code == "C13")]


def _judge_top_up(facts: Facts, period: Period, moment: Moment, is_working_day: IsWorkingDay) -> Judged:
    if period.policy is None:
        return [], []
    blockers = part_blockers(facts, period, TOP_UP)
    if blockers:
        return [], blockers
    payable = top_up_payable(facts, period, period.policy, moment[0])
    if payable is None or _base_is_unsettled(facts, period, moment[0]):
        return [], []
    blockers = top_up_blockers(facts, period, moment, is_working_day)
    return ([], blockers) if blockers else ([payable], [])


def _base_is_unsettled(facts: Facts, period: Period, today: date) -> bool:
    """Whether the base is unresolved or being refunded, so that nothing can be put on top of it."""
    return any(each.code in ("C9", "C11", "C14") for each in record_blockers(facts, period, today))


def _judge_assessed(
    facts: Facts, period: Period, assessed: AssessedFact, moment: Moment, is_working_day: IsWorkingDay
) -> Judged:
    policy = period.policy or newest_policy(facts, period.registration)
    if policy is None:
        return [], []
    period = replace(period, policy=policy)
    blockers = part_blockers(facts, period, assessed.assessed_no)
    if not blockers:
        closed = [
            each
            for each in policy_blockers(facts, period, moment, is_working_day)
            if each.code in POLICY_CLOSES and not (each.code == "C2" and assessed.payable_to is not None)
        ]
        blockers = closed or channel_blockers(facts, period, moment, back_payment=is_over(period, moment[0]))
        if not blockers and assessed.payable_to is not None and moment[0] > assessed.payable_to:
            blockers = [_assessment_lapsed(period, assessed)]
    if blockers:
        return [], [replace(each, part=assessed.assessed_no) for each in blockers]
    return [assessed_payable(assessed, period, policy, moment[0])], []


def _assessed_for(facts: Facts, period: Period) -> list[AssessedFact]:
    registration = period.registration
    return [
        each
        for each in facts.assessed
        if each.insurance_type == registration.insurance_type
        and each.coverage_year == period.coverage_year
        and each.region == registration.region
    ]


def _assessment_lapsed(period: Period, assessed: AssessedFact) -> Blocker:
    registration = period.registration
    return Blocker(
        "C13",
        Owner.AGENCY,
        When.WHEN_ASSESSED,
        registration.insurance_type,
        period.coverage_year,
        registration.region,
        actionable=True,
        evidence={"lapsed_on": assessed.payable_to, "agency_name": assessed.agency_name},
    )


def unexplained(period: Period) -> Blocker:
    """C20: no cause holds and still nothing can be paid; a case is opened without the payer's calling."""
    registration = period.registration
    where = (registration.insurance_type, period.coverage_year, registration.region)
    return Blocker("C20", Owner.TAX, When.WORKING_DAYS, *where, evidence={"working_days": 2})


def _mark_two_places(facts: Facts, payables: Iterable[Payable]) -> tuple[list[Payable], list[Blocker]]:
    """C10 / RG-3: the same period payable in two places is a warning, and a choice of the payer's.

    A channel that cannot show the choice sends the payer to one that can (PA-9).
    """
    places: dict[tuple[str, int, str], set[str]] = {}
    payables = list(payables)
    for each in payables:
        places.setdefault((each.insurance_type, each.coverage_year, each.part), set()).add(each.region)
    double = {key for key, regions in places.items() if len(regions) > 1}
    kept, blockers = [], []
    for each in payables:
        if (each.insurance_type, each.coverage_year, each.part) not in double:
            kept.append(each)
        elif facts.channel.chooses_place:
            kept.append(replace(each, warnings=(Warn.TWO_PLACES, *each.warnings)))
        else:
            blockers.append(_choose_elsewhere(each))
    return kept, blockers


def _choose_elsewhere(payable: Payable) -> Blocker:
    return Blocker(
        "C10",
        Owner.PAYER,
        When.NOW,
        payable.insurance_type,
        payable.coverage_year,
        payable.region,
        part=payable.part,
        actionable=True,
        evidence={"region_name": payable.region_name},
    )


def headline_first(blockers: Iterable[Blocker]) -> tuple[Blocker, ...]:
    """Order by the tie-break; outside money, the first cause that the resident can act on leads."""
    ordered = sorted(blockers, key=_blocker_order)
    if ordered and ordered[0].code not in MONEY:
        lead = next((each for each in ordered if each.actionable), ordered[0])
        ordered.remove(lead)
        ordered.insert(0, lead)
    return tuple(ordered)


def _blocker_order(blocker: Blocker) -> tuple[int, str, int, str, str]:
    year = blocker.coverage_year or 0
    return ORDER.index(blocker.code), blocker.insurance_type, year, blocker.region, blocker.part


def _payable_order(payable: Payable) -> tuple[str, int, str, str]:
    return payable.insurance_type, payable.coverage_year, payable.part, payable.region
