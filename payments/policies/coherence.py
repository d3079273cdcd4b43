"""Whether terms hold together: what the console's automatic checks say of a draft before a second person sees it."""

from payments.policies.invalid import TermsInvalid
from payments.policies.terms import GroupTerms, LatePrice, PolicyTerms, TierChange, Window

GRADES = ("S", "A", "B", "C", "D", "demo")


def check_terms(terms: PolicyTerms) -> None:
    """Raises TermsInvalid for the first contradiction."""
    if not terms.sources:
        raise TermsInvalid("sources", "at least one source is needed")
    for index, source in enumerate(terms.sources):
        if source.grade not in GRADES:
            raise TermsInvalid(f"sources[{index}].grade", "one of " + ", ".join(GRADES) + " is expected")
    if not 1 <= terms.coverage_start_month <= 12:
        raise TermsInvalid("coverage_start_month", "a month from 1 to 12 is expected")
    if (terms.tier_change is TierChange.TOP_UP) != (terms.top_up_to is not None):
        raise TermsInvalid("top_up_to", "goes with tier_change top_up, and only with it")
    _check_window(terms.window)
    seen: set[str] = set()
    for index, group in enumerate(terms.groups):
        if group.code in seen:
            raise TermsInvalid(f"groups[{index}].code", "this group is listed twice")
        seen.add(group.code)
        _check_group(terms, group, f"groups[{index}]")


def _check_window(window: Window) -> None:
    if not 1 <= window.day_from <= window.day_to <= 31:
        raise TermsInvalid("window.day_from", "days run from 1 to 31, the first before the last")
    days = [day for day in (window.opens_on, window.concentrated_to, window.deadline) if day is not None]
    if days != sorted(days):
        raise TermsInvalid("window", "opens_on, concentrated_to and deadline follow each other")
    if (window.opens_at is None) != (window.closes_at is None):
        raise TermsInvalid("window.closes_at", "daily hours have a beginning and an end")
    if window.opens_at is not None and window.closes_at is not None and window.opens_at >= window.closes_at:
        raise TermsInvalid("window.closes_at", "the day's end comes after its beginning")


def _check_group(terms: PolicyTerms, group: GroupTerms, path: str) -> None:
    amounts = [tier.amount_fen for tier in group.tiers]
    if amounts != sorted(set(amounts)):
        raise TermsInvalid(f"{path}.tiers", "amounts rise, each once")
    if amounts and amounts[0] == 0:
        raise TermsInvalid(f"{path}.tiers[0].amount", "who pays nothing has nothing_to_pay, not a tier of 0")
    if group.nothing_to_pay and group.tiers:
        raise TermsInvalid(f"{path}.nothing_to_pay", "stands without tiers")
    if group.nothing_to_pay and not group.reason:
        raise TermsInvalid(f"{path}.reason", "says why there is nothing to pay")
    if group.age_from is not None and group.age_to is not None and group.age_from > group.age_to:
        raise TermsInvalid(f"{path}.age_to", "comes after age_from")
    if terms.late_price is LatePrice.FULL_COST and group.tiers and group.fiscal_fen is None:
        raise TermsInvalid(f"{path}.fiscal", "is needed where late payers bear the full cost")
    limits = group.base_range
    if limits is not None and not 0 < limits.lower_fen <= limits.upper_fen:
        raise TermsInvalid(f"{path}.base_range", "the lower limit does not exceed the upper")
