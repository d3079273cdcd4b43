"""What a tier may bring as a monthly pension: an estimate, with its formula (PO-12, R13).

Without interest, at the constants of one place and year, for somebody who draws from the pension age on. Everything
is integer arithmetic; what is divided is rounded half up, to the fen or to the month.
"""

from dataclasses import dataclass

from payments.policies.terms import EstimateRule

YEARS_MAX = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """The result and every figure that its sentence and its chart need. Amounts are fen."""

    rule: EstimateRule
    years: int
    tier_fen: int
    subsidy_fen: int
    account_fen: int
    account_monthly_fen: int
    base_monthly_fen: int
    extra_monthly_fen: int
    monthly_fen: int
    own_total_fen: int
    subsidy_total_fen: int
    months_to_recover: int
    by_age: tuple[tuple[int, int], ...]

    @property
    def enough_years(self) -> bool:
        """Whether the years reach what a pension needs at all."""
        return self.years >= self.rule.full_years


class YearsOutOfRange(ValueError):
    """The page says 年数填0到50。"""


def estimate_pension(
    rule: EstimateRule,
    *,
    paid_years: int,
    planned_years: int,
    tier_fen: int,
    subsidy_fen: int | None,
    account_so_far_fen: int = 0,
) -> Estimate:
    """Estimate from the years already paid and still planned. Raises YearsOutOfRange.

    `account_so_far_fen` is the account's balance where it is known; otherwise the paid years count at the same
    tier and subsidy. An unknown subsidy counts as none.
    """
    years = paid_years + planned_years
    if min(paid_years, planned_years) < 0 or years > YEARS_MAX:
        raise YearsOutOfRange
    counted = planned_years if account_so_far_fen else years
    own_fen, subsidies_fen = tier_fen * counted, (subsidy_fen or 0) * counted
    account_fen = account_so_far_fen + own_fen + subsidies_fen
    extra_fen = max(0, years - rule.full_years) * rule.extra_year_fen
    account_monthly_fen = _rounded(account_fen, rule.divisor)
    monthly_fen = account_monthly_fen + rule.base_pension_fen + extra_fen
    return Estimate(
        rule=rule,
        years=years,
        tier_fen=tier_fen,
        subsidy_fen=subsidy_fen or 0,
        account_fen=account_fen,
        account_monthly_fen=account_monthly_fen,
        base_monthly_fen=rule.base_pension_fen,
        extra_monthly_fen=extra_fen,
        monthly_fen=monthly_fen,
        own_total_fen=own_fen,
        subsidy_total_fen=subsidies_fen,
        months_to_recover=_rounded(own_fen, monthly_fen) if monthly_fen else 0,
        by_age=tuple((extra.age_from, monthly_fen + extra.amount_fen) for extra in rule.age_extras),
    )


def planned_to_full(rule: EstimateRule, paid_years: int) -> int:
    """How many years R13 proposes: as many as are missing to a pension."""
    return max(0, rule.full_years - paid_years)


def _rounded(amount: int, divisor: int) -> int:
    return (2 * amount + divisor) // (2 * divisor)
