"""What declarations and refunds say about one period: C8, C9, C11, C14, C16 (PA-2, PA-3, PA-6, PA-7)."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from payments.policies.terms import Owner, Split, TierChange
from payments.pricing.scope import PAID, UNRESOLVED, Period, in_force
from payments.pricing.shapes import BASE, TOP_UP, Blocker, DeclarationFact, Facts, RefundFact, When


def declarations_of(facts: Facts, period: Period, part: str = BASE) -> list[DeclarationFact]:
    """This person's declarations for the type, year and part, over all places (A3)."""
    return [
        each
        for each in facts.declarations
        if each.insurance_type == period.registration.insurance_type
        and each.coverage_year == period.coverage_year
        and each.part == part
    ]


def paid_declarations(facts: Facts, period: Period, part: str = BASE) -> list[DeclarationFact]:
    """Those that have been paid, oldest first."""
    paid = [each for each in declarations_of(facts, period, part) if each.status == PAID]
    return sorted(paid, key=lambda each: (each.first_month or 0, each.declared_at, each.declaration_id))


def paid_months(facts: Facts, period: Period) -> set[int]:
    """Months of the coverage year that have been paid."""
    return {
        month
        for each in paid_declarations(facts, period)
        for month in range(each.first_month or 1, (each.last_month or 12) + 1)
    }


def paid_tier_fen(facts: Facts, period: Period) -> int | None:
    """The tier on which the year stands: the last one paid, a top-up included."""
    paid = paid_declarations(facts, period) + paid_declarations(facts, period, TOP_UP)
    return paid[-1].tier_fen if paid else None


def last_year_tier_fen(facts: Facts, period: Period) -> int | None:
    """The tier that was paid for the year before."""
    return paid_tier_fen(facts, Period(period.registration, period.coverage_year - 1, None))


def record_blockers(facts: Facts, period: Period, today: date) -> list[Blocker]:
    """Every cause that lies in money already sent for the base of this period."""
    blockers = list(_unresolved(facts, period, BASE))
    blockers += [_refund(each, period) for each in _refunds(facts, period, BASE)]
    if not blockers:
        blockers += _paid(facts, period, today)
    return blockers


def part_blockers(facts: Facts, period: Period, part: str) -> list[Blocker]:
    """The same for a top-up or an assessed amount, each a part of its own."""
    blockers = list(_unresolved(facts, period, part))
    blockers += [_refund(each, period) for each in _refunds(facts, period, part)]
    paid = paid_declarations(facts, period, part)
    if paid and not blockers:
        blockers.append(_already_paid(facts, period, paid[-1]))
    return blockers


def knows_records(facts: Facts) -> bool:
    """Whether the viewer may be told when and where somebody paid: the person himself, or one who paid for him."""
    return facts.viewer_is_owner or any(each.own for each in facts.declarations)


def _unresolved(facts: Facts, period: Period, part: str) -> Iterator[Blocker]:
    for each in declarations_of(facts, period, part):
        if each.status in UNRESOLVED:
            yield Blocker(
                "C9",
                Owner.PAYER if each.own else Owner.SYSTEM,
                When.AT,
                *_where(period),
                part=part,
                come_back_at=each.clears_by,
                actionable=each.own,
                evidence=_evidence(facts, each) | {"status": each.status},
            )


def _refunds(facts: Facts, period: Period, part: str) -> list[RefundFact]:
    return [
        each
        for each in facts.refunds
        if each.insurance_type == period.registration.insurance_type
        and each.coverage_year == period.coverage_year
        and each.part == part
    ]


def _refund(refund: RefundFact, period: Period) -> Blocker:
    return Blocker(
        "C14",
        Owner.TAX,
        When.ON,
        *_where(period),
        part=refund.part,
        come_back_on=refund.expected_on,
        evidence={"requested_at": refund.requested_at, "refund_no": refund.refund_no},
    )


def _paid(facts: Facts, period: Period, today: date) -> list[Blocker]:
    """C8 or C11 once the whole period is paid, and C16 where its tier cannot change any more."""
    paid = paid_declarations(facts, period)
    if not paid:
        return []
    terms = period.terms
    by_months = terms is not None and terms.split is Split.MONTHS
    if by_months and months_left(paid_months(facts, period), period.first_month):
        return []
    insured_at = {
        each.region for each in in_force(facts, today) if each.insurance_type == period.registration.insurance_type
    }
    if paid[-1].region not in insured_at:
        return [_wrong_place(facts, period, paid[-1])]
    blockers = [_already_paid(facts, period, paid[-1])]
    if terms is not None and terms.tier_change is not TierChange.TOP_UP and _has_choice(period):
        blockers.append(
            Blocker("C16", Owner.SYSTEM, When.NEXT_YEAR, *_where(period), evidence={"tier_fen": paid[-1].tier_fen})
        )
    return blockers


def _has_choice(period: Period) -> bool:
    group = period.terms.group(period.registration.group) if period.terms else None
    return group is not None and len(group.tiers) > 1


def _already_paid(facts: Facts, period: Period, paid: DeclarationFact) -> Blocker:
    return Blocker("C8", Owner.SYSTEM, When.NEXT_YEAR, *_where(period), part=paid.part, evidence=_evidence(facts, paid))


def _wrong_place(facts: Facts, period: Period, paid: DeclarationFact) -> Blocker:
    """C11 / PA-6: refund there, then pay here."""
    return Blocker(
        "C11",
        Owner.TAX,
        When.AFTER_REFUND,
        *_where(period),
        actionable=True,
        evidence=_evidence(facts, paid) | {"here": period.registration.region_name},
    )


def _where(period: Period) -> tuple[str, int, str]:
    return period.registration.insurance_type, period.coverage_year, period.registration.region


def _evidence(facts: Facts, declaration: DeclarationFact) -> dict[str, Any]:
    """When, through what and how much; to a stranger only that there is a record (SCREENS 2.4)."""
    if not knows_records(facts):
        return {"private": True, "own": False}
    return {
        "private": False,
        "own": declaration.own,
        "declared_at": declaration.declared_at,
        "paid_at": declaration.paid_at,
        "channel_name": declaration.channel_name,
        "region_name": declaration.region_name,
        "amount_fen": declaration.amount_fen,
        "order_no": declaration.order_no if declaration.own else "",
        "declaration_id": declaration.declaration_id if declaration.own else 0,
        "first_month": declaration.first_month,
        "last_month": declaration.last_month,
    }


def months_left(paid: Iterable[int], first: int = 1) -> tuple[int, ...]:
    """PO-6: the run of unpaid months that can be paid next: it begins with the first unpaid one and has no gap."""
    taken = set(paid)
    start = next((month for month in range(first, 13) if month not in taken), None)
    if start is None:
        return ()
    end = next((month for month in range(start, 13) if month in taken), 13)
    return tuple(range(start, end))
