"""R13: what a tier may bring, with the formula and everything that it leaves out (PO-12)."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from payments import words
from payments.estimate import Estimate, YearsOutOfRange, estimate_pension, planned_to_full
from payments.policies.terms import EstimateRule
from payments.pricing import TierOffer
from portal.accounts.access import resident_required
from portal.pages.charts import stacked_bars
from portal.pages.steps import choice_url, why_url
from portal.pages.tiers import number, question_of


@dataclass(frozen=True)
class Asked:
    """The form as filled in; None where the text is no number."""

    paid_years: int | None
    planned_years: int | None
    tier_fen: int | None


@dataclass(frozen=True)
class Row:
    """One tier with the years asked for."""

    offer: TierOffer
    estimate: Estimate
    is_chosen: bool


@require_GET
@resident_required
def estimate(request: HttpRequest, insurance_type: str, coverage_year: int, part: str, member_id: int) -> HttpResponse:
    """A form by GET: nothing is stored, and the address can be kept."""
    question = question_of(request, insurance_type, coverage_year, part, member_id)
    payable = question.payable
    if payable is None:
        return redirect(why_url(question.choice) if not question.payables else choice_url("place", question.choice))
    rule = payable.terms.estimate
    context = question.context(payable) | {"rule": rule, "back": choice_url("tier", question.choice)}
    if rule is None or payable.months or payable.fixed_fen is not None:
        return render(request, "pages/estimate.html", context | {"rule": None})
    asked = _read(request, rule, payable.tiers)
    rows = _rows(rule, payable.tiers, asked)
    chosen = next((row for row in rows if row.is_chosen), None)
    context |= {
        "asked": asked,
        "asked_paid": request.GET.get("paid", "0"),
        "asked_planned": request.GET.get("planned", str(planned_to_full(rule, asked.paid_years or 0))),
        "tiers": sorted(payable.tiers, key=lambda offer: offer.tier_fen),
        "rows": rows,
        "row": chosen,
        "error": "" if rows else _("年数填0到50。"),
        "chart": _chart(rows),
        "tier_url": choice_url("tier", question.choice),
        "extras": [(extra.age_from, words.money(extra.amount_fen)) for extra in rule.age_extras],
    }
    return render(request, "pages/estimate.html", context)


def _read(request: HttpRequest, rule: EstimateRule, tiers: tuple[TierOffer, ...]) -> Asked:
    paid = number(request.GET.get("paid", "0").strip())
    planned_text = request.GET.get("planned")
    planned = planned_to_full(rule, paid or 0) if planned_text is None else number(planned_text.strip())
    known = {offer.tier_fen for offer in tiers}
    tier_fen = number(request.GET.get("tier"))
    if tier_fen not in known:
        last_year = next((offer.tier_fen for offer in tiers if offer.is_last_year), None)
        tier_fen = last_year or min(known)
    return Asked(paid, planned, tier_fen)


def _rows(rule: EstimateRule, tiers: tuple[TierOffer, ...], asked: Asked) -> list[Row]:
    """One row a tier; empty where the years are none."""
    if asked.paid_years is None or asked.planned_years is None:
        return []
    rows = []
    for offer in sorted(tiers, key=lambda each: each.tier_fen):
        try:
            found = estimate_pension(
                rule, paid_years=asked.paid_years, planned_years=asked.planned_years,
                tier_fen=offer.tier_fen, subsidy_fen=offer.subsidy_fen,
            )  # fmt: skip
        except YearsOutOfRange:
            return []
        rows.append(Row(offer, found, offer.tier_fen == asked.tier_fen))
    return rows


def _chart(rows: list[Row]) -> object:
    bars = [
        (
            _("%(tier)s档") % {"tier": words.tier(row.offer.tier_fen)},
            row.estimate.base_monthly_fen + row.estimate.extra_monthly_fen,
            row.estimate.account_monthly_fen,
        )
        for row in rows
    ]
    return stacked_bars(bars, _("各档次每月养老金的估算。数字和下面的表格相同。")) if bars else None
