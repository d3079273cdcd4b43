"""What policies and channels say: C1, C2, C12, C13, C15, C21, C22 (PO-0, PO-1, PO-5, PO-7, PO-13)."""

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from core.clock import SHANGHAI
from payments.policies.terms import ChannelTerms, Owner
from payments.pricing.enrolment import agency_owner, is_over, special_only
from payments.pricing.scope import PAID, UNRESOLVED, Period, blocker_of, policies_of
from payments.pricing.shapes import BASE, TOP_UP, Blocker, Facts, When
from payments.pricing.windows import IsWorkingDay, WindowKind, WindowState, window_state

Moment = tuple[date, time]
"""A business day and the local hour."""

NEVER: Moment = (date.max, time.max)


def policy_blockers(facts: Facts, period: Period, moment: Moment, is_working_day: IsWorkingDay) -> list[Blocker]:
    """Every cause that lies in the policy of one period."""
    terms = period.terms
    if terms is None:
        evidence = {"kind": str(WindowKind.UNANNOUNCED), "next_on": next_opening(facts, period, moment[0])}
        return [blocker_of(period, "C2", Owner.TAX, When.WHEN_ANNOUNCED, evidence)]
    if not terms.collected_here:
        evidence = {"name": terms.collector.name, "phone": terms.collector.phone, "address": terms.collector.address}
        return [blocker_of(period, "C22", Owner.AGENCY, When.NEVER, evidence, actionable=True)]
    state = window_state(terms, period.coverage_year, *moment, is_working_day)
    special = special_only(period, moment[0])
    blockers = []
    if not (special and is_over(period, moment[0]) and terms.back_payment):
        blockers += _window(facts, period, state, moment[0])
    if (special and state.kind is not WindowKind.CLOSED) or (special and not blockers):
        blockers.append(_special(period))
    elif blocker := _prerequisite(facts, period, not blockers):
        blockers.append(blocker)
    return blockers


def _window(facts: Facts, period: Period, state: WindowState, today: date) -> list[Blocker]:
    """C1 inside the window but not today or not now; C2 before, after, or not announced."""
    evidence: dict[str, Any] = {"kind": str(state.kind), "last_on": state.last_on}
    if state.kind is WindowKind.OPEN:
        return []
    if state.kind in (WindowKind.NOT_TODAY, WindowKind.NOT_NOW):
        return [_opening(period, "C1", state, evidence)]
    if state.kind is WindowKind.NOT_OPEN:
        return [_opening(period, "C2", state, evidence)]
    if state.kind is WindowKind.UNANNOUNCED:
        return [blocker_of(period, "C2", Owner.TAX, When.WHEN_ANNOUNCED, evidence)]
    next_on = next_opening(facts, period, today)
    evidence["special_note"] = period.terms.special_note if period.terms else ""
    when = When.ON if next_on else When.NEXT_YEAR
    return [blocker_of(period, "C2", Owner.TAX, when, evidence, come_back_on=next_on)]


def top_up_blockers(facts: Facts, period: Period, moment: Moment, is_working_day: IsWorkingDay) -> list[Blocker]:
    """C1, C15, C21 for a top-up: days, hours and channels hold for it too, but its last day is its own (PO-8)."""
    policy, terms = period.policy, period.terms
    if policy is None or terms is None:
        return []
    window = replace(terms.window, concentrated_to=None, deadline=terms.top_up_to)
    longer = replace(period, policy=replace(policy, terms=replace(terms, window=window)))
    state = window_state(replace(terms, window=window), period.coverage_year, *moment, is_working_day)
    blockers = _window(facts, longer, state, moment[0]) or channel_blockers(facts, period, moment)
    return [replace(each, part=TOP_UP) for each in blockers]


def next_opening(facts: Facts, period: Period, today: date) -> date | None:
    """The first day of the next window of the same type and place, where it is known."""
    registration = period.registration
    days = [
        each.terms.window.opens_on
        for each in policies_of(facts, registration.insurance_type, registration.region)
        if each.terms.window.opens_on is not None and each.coverage_year > period.coverage_year
    ]
    return min((day for day in days if day > today), default=None)


def _opening(period: Period, code: str, state: WindowState, evidence: dict[str, Any]) -> Blocker:
    window = period.terms.window if period.terms else None
    if window is not None:
        evidence |= {"day_from": window.day_from, "day_to": window.day_to}
        evidence |= {"opens_at": window.opens_at, "closes_at": window.closes_at}
    return blocker_of(
        period, code, Owner.TAX, When.ON, evidence, come_back_on=state.next_on, come_back_time=state.next_at
    )


def _special(period: Period) -> Blocker:
    """C13: the agency assesses first (PO-7, PO-10)."""
    registration, terms = period.registration, period.terms
    evidence = {
        "agency_name": registration.agency_name,
        "phone": registration.agency_phone,
        "special_note": terms.special_note if terms else "",
    }
    owner = agency_owner(registration.insurance_type)
    return blocker_of(period, "C13", owner, When.WHEN_ASSESSED, evidence, actionable=True)


def _prerequisite(facts: Facts, period: Period, open_now: bool) -> Blocker | None:
    """C12 / PO-5: the basic pension of the same year must have been paid, not merely declared."""
    needed = period.terms.prerequisite if period.terms else ""
    statuses = {
        each.status
        for each in facts.declarations
        if each.insurance_type == needed and each.coverage_year == period.coverage_year and each.part == BASE
    }
    if not needed or PAID in statuses:
        return None
    under_way = not statuses.isdisjoint(UNRESOLVED)
    evidence = {"needed": needed, "under_way": under_way}
    return blocker_of(period, "C12", Owner.PAYER, When.NOW, evidence, actionable=open_now and not under_way)


def channel_blockers(facts: Facts, period: Period, moment: Moment, *, back_payment: bool = False) -> list[Blocker]:
    """C15, C21: through which channel the question comes. Some take no back-payments (PA-10)."""
    channel, terms = facts.channel, period.terms
    here = next((each for each in terms.channels if each.kind == channel.kind), None) if terms else None
    region = period.registration.region
    opening = _channel_opening(facts, here, moment)
    not_for_past_years = back_payment and here is not None and not here.back_payment
    wrong_place = channel.region_prefixes and not region.startswith(channel.region_prefixes)
    evidence: dict[str, Any] = {"channel_name": channel.name, "others": _open_channels(period, channel.kind, moment)}
    if wrong_place or not_for_past_years or opening == NEVER:
        return [blocker_of(period, "C21", Owner.TAX, When.WHEN_ANNOUNCED, evidence, actionable=True)]
    if opening is not None:
        on, at = opening
        return [
            blocker_of(period, "C21", Owner.TAX, When.ON, evidence, actionable=True, come_back_on=on, come_back_time=at)
        ]
    allowed = (here.document_types if here else ()) or channel.document_types
    if allowed and facts.identity.document_type not in allowed:
        return [blocker_of(period, "C15", Owner.PAYER, When.NOW, evidence, actionable=True)]
    return []


def _channel_opening(facts: Facts, here: ChannelTerms | None, moment: Moment) -> Moment | None:
    """When the channel opens: None when it is open, the end of time when it has closed."""
    channel = facts.channel
    closes = [_local(channel.closes_at)] if channel.closes_at else []
    opens = [_local(channel.opens_at)] if channel.opens_at else []
    if here is not None and here.closes_on is not None:
        closes.append((here.closes_on, time.max))
    if here is not None and here.opens_on is not None:
        opens.append((here.opens_on, here.opens_at or time.min))
    if any(moment >= each for each in closes):
        return NEVER
    latest = max(opens, default=None)
    return latest if latest is not None and moment < latest else None


def _local(instant: datetime) -> Moment:
    local = instant.astimezone(SHANGHAI)
    return local.date(), local.time()


def _open_channels(period: Period, kind: str, moment: Moment) -> list[str]:
    """Names of the other channels that are open here now."""
    channels = period.terms.channels if period.terms else ()
    return [
        each.name
        for each in channels
        if each.kind != kind
        and each.name
        and (each.opens_on is None or (each.opens_on, each.opens_at or time.min) <= moment)
        and (each.closes_on is None or moment[0] <= each.closes_on)
    ]
