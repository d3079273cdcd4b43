"""What the registration says: C3, C4, C5, C6, C7 (ID-3, RG-2 … RG-6)."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from payments.policies.terms import GroupTerms, Owner, Renewal
from payments.pricing.scope import Period, blocker_of
from payments.pricing.shapes import Asked, Blocker, Facts, FeedFact, When

FEED_DAYS = 3
"""RG-2: people are told to come back three days after registering."""


def agency_owner(insurance_type: str) -> Owner:
    """HR bureaus keep pensions, medical bureaus keep medical insurance."""
    return Owner.MEDICAL if insurance_type.endswith("medical") else Owner.HR


def not_found(facts: Facts, asked: Asked, today: date) -> Blocker:
    """No registration for what was asked: C5 while the data can still be on its way, else C4.

    Where number and name match nothing, the answer to not registered and to typed differently is one and the
    same, C3, and depends on nothing but what the payer said and when feeds came.
    """
    owner = agency_owner(asked.insurance_type or "") if asked.insurance_type else Owner.AGENCY
    where = (asked.insurance_type or "", asked.coverage_year)
    feeds = [each for each in facts.feeds if not asked.insurance_type or each.kind == owner]
    evidence: dict[str, Any] = {"feeds": _feed_evidence(feeds), "stated_on": facts.stated_registered_on}
    stated = facts.stated_registered_on
    if stated is not None and not _covers(feeds, stated):
        return _on_its_way(where, evidence, stated, today)
    if not facts.identity.matched:
        return Blocker("C3", owner, When.AFTER_MENDED, *where, actionable=True, evidence=evidence)
    if feeds and all(each.last_full_on is None for each in feeds):
        return _on_its_way(where, evidence, today, today)
    return Blocker("C4", owner, When.AFTER_REGISTERING, *where, actionable=True, evidence=evidence)


def _covers(feeds: Iterable[FeedFact], stated: date) -> bool:
    """Whether data of a later day than the one stated has come from every agency concerned."""
    received = [each.last_received_at for each in feeds]
    return bool(received) and all(each is not None and each.date() > stated for each in received)


def _on_its_way(where: tuple[str, int | None], evidence: dict[str, Any], since: date, today: date) -> Blocker:
    back_on = since + timedelta(days=FEED_DAYS)
    if back_on > today:
        return Blocker("C5", Owner.SYSTEM, When.ON, *where, come_back_on=back_on, evidence=evidence)
    return Blocker("C5", Owner.TAX, When.NOW, *where, come_back_on=today, actionable=True, evidence=evidence)


def _feed_evidence(feeds: Iterable[FeedFact]) -> list[dict[str, Any]]:
    return [
        {
            "agency_name": each.agency_name,
            "kind": each.kind,
            "last_received_at": each.last_received_at,
            "phone": each.agency_phone,
            "address": each.agency_address,
        }
        for each in sorted(feeds, key=lambda each: (each.kind, each.region, each.agency))
    ]


def enrolment_blockers(facts: Facts, period: Period, today: date) -> list[Blocker]:
    """Renewal and group of one registration."""
    blockers = []
    if renewal := _renewal(period):
        blockers.append(renewal)
    if group := _group(facts, period, today):
        blockers.append(group)
    return blockers


def _renewal(period: Period) -> Blocker | None:
    """C6 / RG-4. The agency's own word on the registration goes before the policy's rule."""
    registration, terms = period.registration, period.terms
    if registration.coverage_year is not None and registration.coverage_year >= period.coverage_year:
        return None
    rule = registration.renewal
    stale = registration.coverage_year is not None
    if rule is Renewal.NONE and terms is not None and stale:
        by_collective = terms.renewal is Renewal.COLLECTIVE and registration.registering_body
        rule = terms.renewal if terms.renewal is Renewal.EVERYONE or by_collective else Renewal.NONE
    if rule is Renewal.NONE:
        return None
    collective = rule is Renewal.COLLECTIVE
    return blocker_of(
        period,
        "C6",
        Owner.COLLECTIVE if collective else agency_owner(registration.insurance_type),
        When.AFTER_COLLECTIVE if collective else When.AFTER_REGISTERING,
        {"rule": str(rule), "registering_body": registration.registering_body, **_agency(period)},
        actionable=True,
    )


def _group(facts: Facts, period: Period, today: date) -> Blocker | None:
    """C7 / RG-5, RG-6, PO-3: nothing to pay, another group first, or no tier for this group."""
    terms = period.terms
    if terms is None or not terms.collected_here or special_only(period, today):
        return None
    group = terms.group(period.registration.group)
    if group is None:
        return _no_tier(period, "group_unknown" if terms.groups else "no_amount")
    if group.must_change_to and _has_outgrown(group, facts.birth_on, period.coverage_year):
        evidence = {"reason": "must_change", "change_to": group.must_change_to, **_agency(period)}
        owner = agency_owner(period.registration.insurance_type)
        return blocker_of(period, "C7", owner, When.AFTER_CHANGE, evidence, actionable=True)
    if blocker := _age(period, group, facts.birth_on, today):
        return blocker
    if group.nothing_to_pay:
        return _nothing(period, group, group.reason)
    if not any(not tier.unverified or terms.demo for tier in group.tiers):
        return _no_tier(period, "no_amount")
    return None


def _has_outgrown(group: GroupTerms, birth_on: date | None, coverage_year: int) -> bool:
    if not group.ends_with_birth_year:
        return True
    return birth_on is not None and coverage_year > birth_on.year


def _age(period: Period, group: GroupTerms, birth_on: date | None, today: date) -> Blocker | None:
    if birth_on is None:
        return None
    age = age_on(birth_on, today)
    if group.age_to is not None and age > group.age_to:
        return _nothing(period, group, "benefit_age")
    if group.age_from is not None and age < group.age_from:
        evidence = {"reason": "too_young", "age_from": group.age_from}
        back_on = birthday(birth_on, group.age_from)
        return blocker_of(period, "C7", Owner.SYSTEM, When.ON, evidence, come_back_on=back_on)
    return None


def _nothing(period: Period, group: GroupTerms, reason: str) -> Blocker:
    evidence = {"reason": reason, "government_pays_fen": group.government_pays_fen, "note": group.note}
    return blocker_of(period, "C7", Owner.SYSTEM, When.NEVER, evidence)


def _no_tier(period: Period, reason: str) -> Blocker:
    if reason == "no_amount":
        return blocker_of(period, "C7", Owner.TAX, When.WHEN_ANNOUNCED, {"reason": reason})
    owner = agency_owner(period.registration.insurance_type)
    evidence = {"reason": reason, "group_name": period.registration.group_name, **_agency(period)}
    return blocker_of(period, "C7", owner, When.AFTER_CHANGE, evidence, actionable=True)


def special_only(period: Period, today: date) -> bool:
    """PO-7: whether only an assessed amount can be paid for this period today."""
    terms = period.terms
    if terms is None:
        return False
    if is_over(period, today) and terms.back_payment:
        return True
    if terms.special_only_from is not None and today >= terms.special_only_from:
        return True
    group = terms.group(period.registration.group)
    return group is not None and group.special_only


def is_over(period: Period, today: date) -> bool:
    """Whether the coverage year itself has ended: its money is a back-payment (PO-10)."""
    return period.terms is not None and period.terms.coverage(period.coverage_year)[1] < today


def age_on(birth_on: date, on: date) -> int:
    """Full years on a day."""
    return on.year - birth_on.year - ((on.month, on.day) < (birth_on.month, birth_on.day))


def birthday(birth_on: date, age: int) -> date:
    """The day on which an age is reached; who was born on 29 February reaches it on 1 March."""
    try:
        return birth_on.replace(year=birth_on.year + age)
    except ValueError:
        return date(birth_on.year + age, 3, 1)


def _agency(period: Period) -> dict[str, Any]:
    registration = period.registration
    return {
        "agency_name": registration.agency_name,
        "phone": registration.agency_phone,
        "address": registration.agency_address,
    }
