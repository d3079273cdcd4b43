"""Demonstration years: current-year policies derived from the newest sourced ones, so that something can be paid
on any day. Each is visibly marked 演示, in its terms and among its sources.

Sourced rows win. A demonstration row stands where no source knows the year; or it is a later version
of a sourced row that fills only what that row leaves open: its first day, or what comes after its last.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from payments.policies.reading import dump_terms, parse_terms
from payments.policies.sources import DemoYear, PolicyRow
from payments.policies.terms import PolicyTerms, Source, TierChange, Window

NOTE = "演示年度：金额照{year}年度，日期是假设的。"
NOTE_CONTINUED = "演示：来源没有写明的日期是假设的。"


def derive_demo_rows(rows: Iterable[PolicyRow], today: date) -> list[PolicyRow]:
    """The demonstration rows for `today`: the years payable now, the one before and the next to open.

    The same rows on the same day give the same result, so that loading again changes nothing.
    """
    sourced: dict[tuple[str, str], list[PolicyRow]] = {}
    for row in rows:
        if row.demo is not None and not row.is_demo:
            sourced.setdefault((row.region, row.insurance_type), []).append(row)
    derived = [
        demo_row
        for _, versions in sorted(sourced.items())
        for year in _years(versions[0].demo, today)
        if (demo_row := _demo_row(versions, year)) is not None
    ]
    return sorted(derived, key=lambda row: (row.region, row.insurance_type, row.coverage_year))


def _years(demo: DemoYear | None, today: date) -> list[int]:
    if demo is None:
        return []
    near = range(today.year - 2, today.year + 3)
    current = [year for year in near if demo.opens_on.on(year) <= today <= demo.deadline.on(year)]
    coming = next(year for year in near if demo.opens_on.on(year) > today)
    return sorted({*current, coming, min([*current, coming]) - 1})


def _demo_row(versions: list[PolicyRow], year: int) -> PolicyRow | None:
    same_year = [row for row in versions if row.coverage_year == year]
    if same_year:
        newest = max(same_year, key=lambda row: row.version)
        return _continued(newest) if newest.terms.groups or not newest.terms.collected_here else None
    with_amounts = [row for row in versions if any(group.tiers for group in row.terms.groups)]
    return _another_year(_nearest(with_amounts or versions, year), year)


def _nearest(versions: list[PolicyRow], year: int) -> PolicyRow:
    """The newest sourced row not after the year; where all are later, the oldest."""
    earlier = [row for row in versions if row.coverage_year <= year]
    if earlier:
        return max(earlier, key=lambda row: (row.coverage_year, row.version))
    first_year = min(row.coverage_year for row in versions)
    return max((row for row in versions if row.coverage_year == first_year), key=lambda row: row.version)


def _another_year(base: PolicyRow, year: int) -> PolicyRow:
    demo = _demo(base)
    window = Window(
        opens_on=demo.opens_on.on(year),
        concentrated_to=demo.concentrated_to.on(year) if demo.concentrated_to else None,
        deadline=demo.deadline.on(year),
        day_from=base.terms.window.day_from,
        day_to=base.terms.window.day_to,
        holidays_defer=base.terms.window.holidays_defer,
        opens_at=base.terms.window.opens_at,
        closes_at=base.terms.window.closes_at,
    )
    shift = year - base.coverage_year
    paid_by = base.terms.subsidy.paid_by
    terms = replace(
        _overridden(base.terms, demo),
        window=window,
        top_up_to=_top_up_to(base.terms, demo, year),
        special_only_from=window.opens_on if base.terms.special_only_from else None,
        provisional=False,
        provisional_note="",
        channels=(),
        notice="",
        subsidy=replace(base.terms.subsidy, paid_by=paid_by.replace(year=paid_by.year + shift) if paid_by else None),
    )
    effective_on = min(demo.opens_on.on(year), date(year - 1, 1, 1))
    return _marked(replace(base, coverage_year=year, version=1, effective_on=effective_on), terms, base, NOTE)


def _top_up_to(terms: PolicyTerms, demo: DemoYear, year: int) -> date | None:
    if terms.tier_change is not TierChange.TOP_UP:
        return None
    return (demo.top_up_to or demo.deadline).on(year)


def _continued(row: PolicyRow) -> PolicyRow | None:
    """A later version that opens a sourced year whose first day is unknown, or goes on after its window."""
    demo, window, year = _demo(row), row.terms.window, row.coverage_year
    concentrated_to = window.concentrated_to or (demo.concentrated_to.on(year) if demo.concentrated_to else None)
    deadline = window.deadline or max(day for day in (concentrated_to, demo.deadline.on(year)) if day)
    if window.opens_on is None:
        opens_on = min(demo.opens_on.on(year), concentrated_to or deadline)
        effective_on = row.effective_on
    elif window.deadline is None and window.concentrated_to is not None and deadline > window.concentrated_to:
        opens_on = window.opens_on
        effective_on = window.concentrated_to + timedelta(days=1)
    else:
        return None
    filled = replace(window, opens_on=opens_on, concentrated_to=concentrated_to, deadline=deadline)
    terms = replace(_overridden(row.terms, demo), window=filled)
    later = replace(row, version=row.version + 1, effective_on=effective_on)
    return _marked(later, terms, row, NOTE_CONTINUED)


def _demo(row: PolicyRow) -> DemoYear:
    if row.demo is None:
        raise ValueError(f"{row.region} {row.insurance_type} has no demonstration year")
    return row.demo


def _overridden(terms: PolicyTerms, demo: DemoYear) -> PolicyTerms:
    """The terms with the file's `[demo]` values where sources leave them open."""
    open_ones = {key: value for key, value in demo.overrides if key not in dump_terms(terms)}
    return parse_terms({**dump_terms(terms), **open_ones})


def _marked(row: PolicyRow, terms: PolicyTerms, base: PolicyRow, note: str) -> PolicyRow:
    text = note.format(year=base.coverage_year)
    read_on = max(source.read_on for source in terms.sources)
    mark = Source(title="演示", address="payments/policies/demo_year.py", grade="demo", read_on=read_on, covers=text)
    terms = replace(terms, demo=True, sources=(mark, *terms.sources), note=text)
    return replace(row, terms=terms, is_demo=True)
