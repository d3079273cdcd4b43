"""What a person may choose and what it costs: tiers, subsidies, months, waiting (PO-2 … PO-9)."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from payments.policies.terms import GroupTerms, LatePrice, PolicyTerms, Split, Tier, TierChange, Waiting
from payments.pricing.enrolment import age_on
from payments.pricing.records import last_year_tier_fen, months_left, paid_declarations, paid_months, paid_tier_fen
from payments.pricing.scope import Period
from payments.pricing.shapes import (
    BASE,
    TOP_UP,
    AssessedFact,
    Facts,
    HiddenTier,
    Line,
    NotOffered,
    Payable,
    PolicyFact,
    TierOffer,
    WaitingFact,
    Warn,
)


def regular_payable(facts: Facts, period: Period, policy: PolicyFact, today: date) -> Payable | None:
    """正常缴费: a tier of the payer's choice. None when this person's group has none, or no month is left."""
    terms = policy.terms
    group = terms.group(period.registration.group)
    if group is None:
        return None
    fixed_fen = _fixed_tier_fen(facts, period, terms)
    last_year_fen = last_year_tier_fen(facts, period)
    tiers = _offers(terms, group, facts, period, today, last_year_fen)
    kept = [tier for tier in tiers if fixed_fen in (tier.tier_fen, _replaced(group, tier.tier_fen))]
    months = months_left(paid_months(facts, period), period.first_month) if terms.split is Split.MONTHS else ()
    if not tiers or (terms.split is Split.MONTHS and not months):
        return None
    more = (Warn.TIER_FIXED,) if kept else ()
    return _payable(
        period, policy, BASE, tuple(kept or tiers), today,
        warnings=more, last_year_tier_fen=last_year_fen, months=months, hidden_tiers=_hidden(terms, group),
    )  # fmt: skip


def top_up_payable(facts: Facts, period: Period, policy: PolicyFact, today: date) -> Payable | None:
    """PO-8: the difference to a higher tier, where the policy lets a paid tier be raised until a day."""
    terms, paid_fen = policy.terms, paid_tier_fen(facts, period)
    group = terms.group(period.registration.group)
    if terms.tier_change is not TierChange.TOP_UP or terms.top_up_to is None or today > terms.top_up_to:
        return None
    if group is None or paid_fen is None or terms.split is Split.MONTHS:
        return None
    if not any(each.region == period.registration.region for each in paid_declarations(facts, period)):
        return None
    offers = _offers(terms, group, facts, period, today, None)
    paid_subsidy = next((tier.subsidy_fen for tier in offers if tier.tier_fen == paid_fen), None)
    higher = tuple(
        TierOffer(
            tier.tier_fen,
            tier.tier_fen - paid_fen,
            None if tier.subsidy_fen is None or paid_subsidy is None else tier.subsidy_fen - paid_subsidy,
            label=tier.label,
        )
        for tier in offers
        if tier.tier_fen > paid_fen
    )
    if not higher:
        return None
    return _payable(period, policy, TOP_UP, higher, today, last_on=terms.top_up_to, paid_tier_fen=paid_fen)


def assessed_payable(assessed: AssessedFact, period: Period, policy: PolicyFact, today: date) -> Payable:
    """特殊缴费: the agency's amount, no tier and no splitting (PO-7)."""
    part, last_on = assessed.assessed_no, assessed.payable_to
    return _payable(period, policy, part, (), today, last_on=last_on, fixed_fen=assessed.amount_fen)


Months = tuple[int | None, int | None] | None


def price(payable: Payable, tier_fen: int | None, months: Months = None) -> Line:
    """The line for one choice; `months` is the first and last of a run. Raises NotOffered.

    Assessed amounts take no tier. Monthly types need a run that begins with the first payable month.
    """
    if payable.fixed_fen is not None:
        if tier_fen not in (None, payable.fixed_fen):
            raise NotOffered("tier_not_offered")
        _refuse_months(months)
        return Line(payable.fixed_fen, 0, payable.fixed_fen)
    if tier_fen is None:
        raise NotOffered("tier_needed")
    offer = next((each for each in payable.tiers if each.tier_fen == tier_fen), None)
    if offer is None:
        raise NotOffered("C16" if Warn.TIER_FIXED in payable.warnings else "tier_not_offered")
    if not payable.months:
        _refuse_months(months)
        return Line(offer.amount_fen, offer.subsidy_fen, tier_fen)
    first, last = _checked_run(payable.months, months)
    count = last - first + 1
    subsidy_fen = None if offer.subsidy_fen is None else offer.subsidy_fen * count
    return Line(offer.amount_fen * count, subsidy_fen, tier_fen, first, last)


def _refuse_months(months: Months) -> None:
    if months not in (None, (None, None)):
        raise NotOffered("months_not_allowed")


def _checked_run(payable_months: tuple[int, ...], months: Months) -> tuple[int, int]:
    """PO-6: from the first payable month without a gap."""
    first, last = months or (None, None)
    if first is None or last is None:
        raise NotOffered("months_needed")
    if first != payable_months[0]:
        raise NotOffered("months_start")
    if last not in payable_months:
        raise NotOffered("months_not_consecutive")
    return first, last


def _payable(
    period: Period, policy: PolicyFact, part: str, tiers: tuple[TierOffer, ...], today: date, *,
    warnings: tuple[Warn, ...] = (), last_on: date | None = None, **more: Any,
) -> Payable:  # fmt: skip
    """What every payable of a period says, and what this one says besides."""
    registration, terms = period.registration, policy.terms
    waiting = waiting_for(terms, period, today)
    return Payable(
        registration_id=registration.registration_id,
        policy_id=policy.policy_id,
        insurance_type=registration.insurance_type,
        region=registration.region,
        region_name=registration.region_name,
        group=registration.group,
        coverage_year=period.coverage_year,
        part=part,
        tiers=tiers,
        terms=terms,
        last_on=last_on or terms.last_on(period.coverage_year),
        concentrated_to=terms.window.concentrated_to,
        waiting=waiting,
        warnings=(*_warnings(terms, waiting), *warnings),
        **more,
    )


def _offers(
    terms: PolicyTerms, group: GroupTerms, facts: Facts, period: Period, today: date, last_year_fen: int | None
) -> list[TierOffer]:
    """The tiers of a group at today's price. Unverified ones are offered in demonstration years alone."""
    extra_fen = (group.fiscal_fen or 0) if is_late(terms, today) and terms.late_price is LatePrice.FULL_COST else 0
    return [
        TierOffer(
            tier.amount_fen,
            tier.amount_fen + extra_fen,
            subsidy_for(terms, tier, facts.birth_on, today),
            tier.base_fen,
            tier.label,
            tier.amount_fen == last_year_fen,
            tier.unverified,
        )
        for tier in group.tiers
        if terms.demo or not tier.unverified
    ]


def subsidy_for(terms: PolicyTerms, tier: Tier, birth_on: date | None, today: date) -> int | None:
    """PO-3: the subsidy that a payment made today earns; None where no source states it."""
    rule = terms.subsidy
    if rule.paid_by is not None and today > rule.paid_by:
        return 0
    if rule.age_to is not None and birth_on is not None and age_on(birth_on, today) > rule.age_to:
        return 0
    return tier.subsidy_fen


def is_late(terms: PolicyTerms, today: date) -> bool:
    """Whether the concentrated window has ended."""
    return terms.window.concentrated_to is not None and today > terms.window.concentrated_to


def waiting_for(terms: PolicyTerms, period: Period, today: date) -> WaitingFact | None:
    """PO-4: what waiting a payment made today brings."""
    rule, concentrated_to = terms.waiting, terms.window.concentrated_to
    if rule is None or concentrated_to is None or today <= concentrated_to:
        return None
    if period.registration.group in rule.exempt_groups:
        return None
    return WaitingFact(rule, concentrated_to, _benefits_from(rule, today))


def _benefits_from(rule: Waiting, paid_on: date) -> date | None:
    if rule.fixed_months is not None:
        return add_months(paid_on, rule.fixed_months)
    return paid_on + timedelta(days=rule.fixed_days) if rule.fixed_days is not None else None


def add_months(on: date, months: int) -> date:
    """The same day some months later; the last day of the month where there is no such day."""
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    return date(year, month + 1, min(on.day, monthrange(year, month + 1)[1]))


def _fixed_tier_fen(facts: Facts, period: Period, terms: PolicyTerms) -> int | None:
    """PO-8: the tier that earlier months of this year have fixed."""
    return paid_tier_fen(facts, period) if terms.split is Split.MONTHS else None


def _replaced(group: GroupTerms, tier_fen: int) -> int | None:
    """PO-9: what the tier cost under the version before; never None for a tier that replaces nothing."""
    tier = next(each for each in group.tiers if each.amount_fen == tier_fen)
    return tier.replaces_fen if tier.replaces_fen is not None else tier.amount_fen


def _warnings(terms: PolicyTerms, waiting: WaitingFact | None) -> tuple[Warn, ...]:
    found: Iterable[tuple[Warn, bool]] = (
        (Warn.WAITING, waiting is not None),
        (Warn.PROVISIONAL, terms.provisional),
        (Warn.DEMO, terms.demo),
    )
    return tuple(warn for warn, holds in found if holds)


def _hidden(terms: PolicyTerms, group: GroupTerms) -> tuple[HiddenTier, ...]:
    """Tiers of this policy that only other groups have, and those not verified ("谁能缴300元档")."""
    own = {tier.amount_fen for tier in group.tiers}
    others: dict[int, list[str]] = {}
    for other in terms.groups:
        for tier in other.tiers:
            if tier.amount_fen not in own and not tier.unverified:
                others.setdefault(tier.amount_fen, []).append(other.code)
    unverified = [HiddenTier(tier.amount_fen, (group.code,), True) for tier in group.tiers if tier.unverified]
    shown = [HiddenTier(amount, tuple(codes)) for amount, codes in sorted(others.items())]
    return (*shown, *([] if terms.demo else unverified))
