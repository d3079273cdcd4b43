"""`docs/policies.md`: what is shipped, from where it comes, and what is not known."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from core.money import yuan
from payments.policies.sources import DemoYear, NationalMinimum, PolicyRow
from payments.policies.terms import GroupTerms, PolicyTerms, Tier, Window

HEAD = """# The policies that are shipped

Drawn by `manage.py list_policies` from `payments/policies/data/`; a test compares. How to add one: `add-a-policy.md`.

Grades of sources: S a notice that the project was given · A official site or newspaper · B reprint or local portal ·
C aggregator, a lead only: its figures are marked 待核实 and not offered · D arithmetic on a sourced figure.
All were read on 2026-11-21. Nothing here is legal advice: ask 12366, 12333 or 12393. The demonstration adds years
derived from the newest of these rows (`payments/policies/demo_year.py`), each marked 演示 in its terms, among its
sources and on every page that shows it; a production installation refuses them.
"""


def document(rows: Iterable[PolicyRow], minima: Iterable[NationalMinimum]) -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for (region, insurance_type), same in groupby(rows, lambda row: (row.region, row.insurance_type)):
        versions = list(same)
        parts.append(f"## {region} {insurance_type}\n")
        parts.extend(_row(row) for row in versions)
        parts.append(_demo(versions[0].demo))
    parts.append(_minima(minima))
    return "\n".join(parts)


def _row(row: PolicyRow) -> str:
    terms = row.terms
    lines = [f"### {row.coverage_year}, version {row.version}, in force from {row.effective_on}\n"]
    lines.append(f"- window: {_window(terms.window)}")
    lines.extend(f"- rule: {text}" for text in _rules(terms))
    lines.extend(f"- {group.code}: {_group(group)}" for group in terms.groups)
    lines.extend(f"- **gap**: {gap}" for gap in terms.gaps)
    lines.extend(
        f"- source {source.grade}: {source.title}, {source.address} ({source.covers})" for source in terms.sources
    )
    return "\n".join(lines) + "\n"


def _window(window: Window) -> str:
    words = [f"opens {_day(window.opens_on)}"]
    if window.concentrated_to is not None:
        words.append(f"concentrated to {window.concentrated_to}")
    words.append(f"last day {_day(window.deadline)}")
    if (window.day_from, window.day_to) != (1, 31):
        words.append(f"days {window.day_from} to {window.day_to} of the month")
    return ", ".join(words)


def _day(on: date | None) -> str:
    return "not stated" if on is None else str(on)


def _rules(terms: PolicyTerms) -> list[str]:
    """The rules that differ from the plain case."""
    waiting = terms.waiting
    length = f"{waiting.fixed_months} months" if waiting and waiting.fixed_months else "length not stated"
    told = (
        (f"collected by {terms.collector.name}, not by the tax office (PO-0)", not terms.collected_here),
        (f"paid by {terms.split} (PO-6)", terms.split != "whole_year"),
        (f"coverage year begins in month {terms.coverage_start_month} (PO-14)", terms.coverage_start_month != 1),
        (f"only assessed amounts from {terms.special_only_from} (PO-7)", terms.special_only_from is not None),
        (f"{terms.prerequisite} of the same year first (PO-5)", bool(terms.prerequisite)),
        (f"waiting after the concentrated window, {length} (PO-4)", waiting is not None),
        (f"top-up to a higher tier until {terms.top_up_to} (PO-8)", terms.top_up_to is not None),
        ("provisional, a difference payment follows (PO-9)", terms.provisional),
        (f"subsidy to age {terms.subsidy.age_to} (PO-3)", terms.subsidy.age_to is not None),
        ("pension estimate (PO-12)", terms.estimate is not None),
        (f"names mended by: {terms.name_mended_by} (ID-4)", True),
    )
    return [text for text, holds in told if holds]


def _group(group: GroupTerms) -> str:
    words = [", ".join(map(_tier, group.tiers))] if group.tiers else []
    if group.nothing_to_pay:
        words.append(f"nothing to pay ({group.reason})")
    if group.government_pays_fen is not None:
        words.append(f"the government pays {_yuan(group.government_pays_fen)}")
    if group.must_change_to:
        words.append(
            f"becomes {group.must_change_to}" + (" after the year of birth" if group.ends_with_birth_year else "")
        )
    if group.base_range is not None:
        limits = group.base_range
        words.append(f"bases {_yuan(limits.lower_fen)} to {_yuan(limits.upper_fen)}, {limits.rate_permille / 10:g} %")
    return "; ".join(words) or "no amount stated"


def _tier(tier: Tier) -> str:
    subsidy = "" if tier.subsidy_fen is None else f" → {_yuan(tier.subsidy_fen)}"
    return f"{_yuan(tier.amount_fen)}{subsidy}" + (" (待核实)" if tier.unverified else "")


def _yuan(amount_fen: int) -> str:
    return yuan(amount_fen).replace(",", "").removesuffix(".00")


def _demo(demo: DemoYear | None) -> str:
    if demo is None:
        return "No demonstration year: no amount is known.\n"
    days = (("opens", demo.opens_on), ("concentrated to", demo.concentrated_to), ("last day", demo.deadline))
    told = (f"{what} {_day_of_year(day.years)}-{day.month:02d}-{day.day:02d}" for what, day in days if day is not None)
    return "Demonstration year Y: " + ", ".join(told) + ".\n"


def _day_of_year(years: int) -> str:
    return f"Y{years:+d}" if years else "Y"


def _minima(minima: Iterable[NationalMinimum]) -> str:
    lines = ["## National minima of resident medical insurance (reference, collected nowhere)\n"]
    lines += ["| coverage year | personal | government | grade | source |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {row.coverage_year} | {_yuan(row.personal_fen)} | {_yuan(row.fiscal_fen)} | {row.grade} | {row.address} |"
        for row in minima
    ]
    return "\n".join(lines) + "\n"
