"""Which registrations, policies and years a question is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from payments.policies.terms import Owner, PolicyTerms, Renewal, TierChange, lookup_chain
from payments.pricing.shapes import Asked, Blocker, Facts, PolicyFact, RegistrationFact, When

UNRESOLVED = ("declared", "in_payment")
PAID = "paid"
NOT_STATED = date.max  # stands for a first day that no source gives: not yet


@dataclass(frozen=True, slots=True)
class Period:
    """One registration and one coverage year, with the policy that holds for them, if any."""

    registration: RegistrationFact
    coverage_year: int
    policy: PolicyFact | None

    @property
    def terms(self) -> PolicyTerms | None:
        """The policy's terms."""
        return self.policy.terms if self.policy else None

    @property
    def first_month(self) -> int:
        """The first month of the coverage year for which the person is insured here."""
        registered_on = self.registration.registered_on
        if registered_on is None or self.terms is None:
            return 1
        first, last = self.terms.coverage(self.coverage_year)
        if not first <= registered_on <= last:
            return 1
        return (registered_on.year - first.year) * 12 + registered_on.month - first.month + 1


def in_force(facts: Facts, today: date) -> tuple[RegistrationFact, ...]:
    """Registrations that have not ended."""
    return tuple(each for each in facts.registrations if each.ended_on is None or each.ended_on > today)


def policy_for(facts: Facts, registration: RegistrationFact, coverage_year: int) -> PolicyFact | None:
    """The policy of the most specific place: district before city before province."""
    return _policies_by_year(facts, registration.insurance_type, registration.region).get(coverage_year)


def _policies_by_year(facts: Facts, insurance_type: str, region: str) -> dict[int, PolicyFact]:
    chain = lookup_chain(region)
    policies = policies_of(facts, insurance_type, region)
    widest_first = sorted(policies, key=lambda each: chain.index(each.region), reverse=True)
    return {each.coverage_year: each for each in widest_first}


def newest_policy(facts: Facts, registration: RegistrationFact) -> PolicyFact | None:
    """What holds for years older than any policy: the rules of the newest one (PO-10)."""
    policies = policies_of(facts, registration.insurance_type, registration.region)
    chain = lookup_chain(registration.region)
    return max(policies, key=lambda each: (each.coverage_year, -chain.index(each.region)), default=None)


def policies_of(facts: Facts, insurance_type: str, region: str) -> list[PolicyFact]:
    """Every policy of a type for a place or the places above it."""
    chain = lookup_chain(region)
    return [each for each in facts.policies if each.insurance_type == insurance_type and each.region in chain]


def periods(facts: Facts, asked: Asked, today: date) -> list[Period]:
    """What to judge: each type and place of the person, in the years asked for or those of interest today."""
    places: dict[tuple[str, str], list[RegistrationFact]] = {}
    for registration in in_force(facts, today):
        if asked.insurance_type in (None, registration.insurance_type):
            places.setdefault((registration.insurance_type, registration.region), []).append(registration)
    found = []
    for _, registrations in sorted(places.items()):
        for year in _years(facts, registrations, asked, today):
            counting = _registration_for(registrations, year)
            if counting is not None:
                found.append(Period(counting, year, policy_for(facts, counting, year)))
    return found


def _registration_for(registrations: Iterable[RegistrationFact], year: int) -> RegistrationFact | None:
    """The registration that counts for a year: the newest of that year or before."""
    fitting = [each for each in registrations if each.coverage_year is None or each.coverage_year <= year]
    return max(fitting, key=_newness, default=None)


def _newness(registration: RegistrationFact) -> tuple[int, date, int]:
    standing = registration.coverage_year is None and registration.renewal is Renewal.NONE
    year = 9999 if standing else registration.coverage_year or 0
    return year, registration.registered_on or date.min, registration.registration_id


def _years(facts: Facts, registrations: list[RegistrationFact], asked: Asked, today: date) -> list[int]:
    if asked.coverage_year is not None:
        return [asked.coverage_year]
    insurance_type, region = registrations[0].insurance_type, registrations[0].region
    chosen = _policies_by_year(facts, insurance_type, region)
    years = {year for year, policy in chosen.items() if _is_open(policy, year, today)}
    years |= _with_business(facts, insurance_type, region)
    if not years & set(chosen):
        years |= _nearest(chosen, today)
    return sorted(years or {today.year})


def _with_business(facts: Facts, insurance_type: str, region: str) -> set[int]:
    """Years in which money is on its way: unresolved, being refunded, or assessed by the agency."""
    unresolved = {
        each.coverage_year
        for each in facts.declarations
        if each.insurance_type == insurance_type and each.status in UNRESOLVED
    }
    refunds = {each.coverage_year for each in facts.refunds if each.insurance_type == insurance_type}
    assessed = {
        each.coverage_year for each in facts.assessed if each.insurance_type == insurance_type and each.region == region
    }
    return unresolved | refunds | assessed


def _is_open(policy: PolicyFact, year: int, today: date) -> bool:
    terms = policy.terms
    if not terms.collected_here:
        first, last = terms.coverage(year)
        return first <= today <= last
    last_on = terms.last_on(year)
    if terms.tier_change is TierChange.TOP_UP and terms.top_up_to is not None:
        last_on = max(last_on, terms.top_up_to)
    return _opens_on(policy) <= today <= last_on


def _opens_on(policy: PolicyFact) -> date:
    return policy.terms.window.opens_on or NOT_STATED


def _nearest(chosen: dict[int, PolicyFact], today: date) -> set[int]:
    """Where nothing is open: the year that is running, else the next to come; one long over is of no interest."""
    begun = [year for year, policy in chosen.items() if _opens_on(policy) <= today]
    running = [year for year in begun if chosen[year].terms.coverage(year)[1] >= today]
    if running:
        return {max(running)}
    coming = [year for year in chosen if year not in begun and chosen[year].terms.coverage(year)[1] >= today]
    return {min(coming)} if coming else set()


def blocker_of(
    period: Period,
    code: str,
    owner: Owner,
    when: When,
    evidence: dict[str, Any],
    *,
    actionable: bool = False,
    come_back_on: date | None = None,
    come_back_time: time | None = None,
) -> Blocker:
    """A cause about this registration and year."""
    registration = period.registration
    return Blocker(
        code,
        owner,
        when,
        registration.insurance_type,
        period.coverage_year,
        registration.region,
        come_back_on=come_back_on,
        come_back_time=come_back_time,
        actionable=actionable,
        evidence=evidence,
    )
