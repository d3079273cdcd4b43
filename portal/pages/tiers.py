"""Choosing what is paid for one person: place, tier and months (R10, R12, R14)."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from payments import words
from payments.drafts import Basket, Choice, choose_place, put_lines, read_basket
from payments.estimate import Estimate, estimate_pension, planned_to_full
from payments.pricing import NotOffered, Payable, RegistrationFact, TierOffer, Warn
from payments.words import figures, names
from portal.accounts.access import payer_of, resident_required
from portal.pages.charts import Chart, stacked_bars
from portal.pages.standing import ShownPerson, Standing, month_of_year, standing_of, year_label
from portal.pages.steps import NO_MONTHS, Months, choice_url, chosen_payable, make_line, next_page, people_url, why_url

SHOWN_AT_FIRST = 3


@dataclass(frozen=True)
class Question:
    """What a page of this module is about."""

    standing: Standing
    basket: Basket
    choice: Choice
    payables: list[Payable]

    @property
    def person(self) -> ShownPerson:
        return self.standing.people[self.choice.member_id]

    @property
    def payable(self) -> Payable | None:
        """At the place taken; None while one of two places is still to be taken."""
        return chosen_payable(self.payables, self.basket, self.choice)

    def context(self, payable: Payable) -> dict[str, object]:
        """What every page about it shows."""
        return {
            "person": self.person,
            "type_name": names.insurance_type(self.choice.insurance_type),
            "year": year_label(self.choice.coverage_year, payable.terms),
            "payable": payable,
            "warnings": [
                text for warn, text in words.warning_words(payable).items() if warn is not Warn.TWO_PLACES and text
            ],
            "back": people_url(self.choice),
        }


def question_of(request: HttpRequest, insurance_type: str, coverage_year: int, part: str, member_id: int) -> Question:
    standing = standing_of(payer_of(request))
    choice = Choice(member_id, insurance_type, coverage_year, part)
    return Question(standing, read_basket(standing.payer), choice, standing.payables(choice))


def _elsewhere(question: Question) -> str | None:
    """Where a page has nothing to ask: to the reason, or to the choice of the place."""
    if not question.payables:
        return why_url(question.choice)
    return choice_url("place", question.choice) if question.payable is None else None


# --- two places ------------------------------------------------------------------------------------------------------


@dataclass
class PlaceOption:
    """One of two places on R10."""

    registration: RegistrationFact
    payable: Payable
    is_chosen: bool


@require_http_methods(["GET", "POST"])
@resident_required
def place(request: HttpRequest, insurance_type: str, coverage_year: int, part: str, member_id: int) -> HttpResponse:
    """R10: nothing is chosen at first, and the choice is confirmed by a tick (RG-3)."""
    question = question_of(request, insurance_type, coverage_year, part, member_id)
    if len(question.payables) < 2:
        return redirect(next_page(question.standing) if question.payables else why_url(question.choice))
    posted = request.POST.get("registration", "")
    errors: dict[str, str] = {}
    if request.method == "POST":
        taken = next((each for each in question.payables if str(each.registration_id) == posted), None)
        if taken is None:
            errors["place"] = _("请选择在哪里缴。")
        if request.POST.get("sure") != "yes":
            errors["sure"] = _("请勾选确认。")
        if taken is not None and not errors:
            choose_place(payer=question.standing.payer, choice=question.choice, registration_id=taken.registration_id)
            return redirect(next_page(question.standing))
    context = question.context(question.payables[0]) | {
        "options": [
            PlaceOption(
                question.standing.registration(member_id, payable.registration_id),
                payable,
                str(payable.registration_id) == posted,
            )
            for payable in question.payables
        ],
        "errors": errors,
        "sure": request.POST.get("sure") == "yes",
    }
    return render(request, "pages/place.html", context)


# --- the tier --------------------------------------------------------------------------------------------------------


@dataclass
class TierOption:
    """One tier on R12 with its subsidy and, where the place has published the constants, the estimate."""

    offer: TierOffer
    estimate: Estimate | None
    is_chosen: bool

    @property
    def subsidy(self) -> str:
        if self.offer.subsidy_fen is None:
            return ""
        if not self.offer.subsidy_fen:
            return _("没有政府补贴")
        return _("政府补贴%(money)s") % {"money": words.tier(self.offer.subsidy_fen)}


def estimate_of(payable: Payable, offer: TierOffer) -> Estimate | None:
    """The estimate for paying this tier through the years that a pension needs."""
    rule = payable.terms.estimate
    if rule is None or payable.part != "base":
        return None
    years = planned_to_full(rule, 0)
    return estimate_pension(
        rule, paid_years=0, planned_years=years, tier_fen=offer.tier_fen, subsidy_fen=offer.subsidy_fen
    )


def tier_options(payable: Payable, chosen_fen: int | None) -> list[TierOption]:
    """Every tier that this person may choose."""
    return [
        TierOption(offer, estimate_of(payable, offer), offer.tier_fen == chosen_fen)
        for offer in sorted(payable.tiers, key=lambda offer: offer.tier_fen)
    ]


def split_options(options: list[TierOption]) -> tuple[list[TierOption], list[TierOption]]:
    """Three to begin with, the chosen one and last year's always among them, and the others."""
    first = options[:SHOWN_AT_FIRST]
    wanted = [option for option in options if option.is_chosen or option.offer.is_last_year]
    for option in wanted:
        if option not in first:
            keep = [each for each in first if each in wanted]
            drop = [each for each in first if each not in wanted]
            first = sorted([*keep, *drop[:-1], option], key=lambda each: each.offer.tier_fen)
    return first, [option for option in options if option not in first]


def tier_chart(options: list[TierOption]) -> Chart | None:
    """Monthly pension by tier: the base pension, then the account."""
    rows = [
        (
            _("%(tier)s档") % {"tier": words.tier(option.offer.tier_fen)},
            option.estimate.base_monthly_fen,
            option.estimate.monthly_fen - option.estimate.base_monthly_fen,
        )
        for option in options
        if option.estimate is not None
    ]
    if not rows:
        return None
    count = len(rows)
    says = ngettext(
        "%(count)d个档次每月养老金的估算。数字和下面的表格相同。",
        "%(count)d个档次每月养老金的估算。数字和下面的表格相同。",
        count,
    )
    return stacked_bars(rows, says % {"count": count})


@require_http_methods(["GET", "POST"])
@resident_required
def tier(request: HttpRequest, insurance_type: str, coverage_year: int, part: str, member_id: int) -> HttpResponse:
    """R12."""
    question = question_of(request, insurance_type, coverage_year, part, member_id)
    payable = question.payable
    if payable is None or payable.fixed_fen is not None:
        return redirect(_elsewhere(question) or next_page(question.standing))
    error = ""
    chosen_fen = number(request.POST.get("tier") or request.GET.get("tier")) or _tier_in_basket(question)
    if request.method == "POST":
        went_on = _take_tier(question, payable, number(request.POST.get("tier")))
        if not isinstance(went_on, NotOffered):
            return redirect(went_on)
        error = words.not_offered_words(went_on.code)
    options = tier_options(payable, chosen_fen)
    first, others = split_options(options)
    context = question.context(payable) | {
        "options": options,
        "first": first,
        "others": others,
        "chosen": next((option for option in options if option.is_chosen), None),
        "last_year": next((option for option in options if option.offer.is_last_year), None),
        "tier_change": words.tier_change_words(payable),
        "hidden": [
            (hidden.amount_fen, figures.listed(names.group(code) for code in hidden.groups), hidden.unverified)
            for hidden in payable.hidden_tiers
        ],
        "group_name": names.group(payable.group),
        "chart": tier_chart(options),
        "estimate_url": choice_url("estimate", question.choice),
        "error": error,
        "until": words.until_words(payable),
    }
    return render(request, "pages/tier.html", context)


def _take_tier(question: Question, payable: Payable, tier_fen: int | None) -> str | NotOffered:
    """Where to go on with a tier, or why it cannot be had."""
    if payable.months:
        if tier_fen not in {offer.tier_fen for offer in payable.tiers}:
            return NotOffered("tier_needed" if tier_fen is None else "tier_not_offered")
        return f"{choice_url('months', question.choice)}?tier={tier_fen}"
    return _put(question, payable, tier_fen)


def _put(question: Question, payable: Payable, tier_fen: int | None, months: Months = NO_MONTHS) -> str | NotOffered:
    try:
        line = make_line(question.choice, payable, tier_fen, months)
    except NotOffered as problem:
        return problem
    put_lines(payer=question.standing.payer, lines=[line])
    return next_page(question.standing)


def number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 12 else None


def _tier_in_basket(question: Question) -> int | None:
    line = question.basket.line(question.choice.key)
    return line.tier_fen if line else None


# --- months ----------------------------------------------------------------------------------------------------------


@dataclass
class MonthOption:
    """An end of the run, with what the run costs."""

    month: int
    label: str
    count: int
    amount_fen: int
    is_chosen: bool

    @property
    def says(self) -> str:
        said = {"month": self.label, "count": self.count, "money": words.money(self.amount_fen)}
        return (
            ngettext("%(month)s，共%(count)d个月，%(money)s", "%(month)s，共%(count)d个月，%(money)s", self.count)
            % said
        )


@dataclass
class MonthCell:
    """One of the twelve months: 已缴, 本次, 未缴, or not insured then."""

    label: str
    state: str
    word: str


def month_label(payable: Payable, month: int) -> str:
    """7月, of the coverage year of a payable."""
    return month_of_year(payable.coverage_year, payable.terms.coverage_start_month, month)


@require_http_methods(["GET", "POST"])
@resident_required
def months(request: HttpRequest, insurance_type: str, coverage_year: int, part: str, member_id: int) -> HttpResponse:
    """R14: from the first unpaid month to one that the payer chooses (PO-6)."""
    question = question_of(request, insurance_type, coverage_year, part, member_id)
    payable = question.payable
    if payable is None or not payable.months:
        return redirect(_elsewhere(question) or next_page(question.standing))
    values = request.POST if request.method == "POST" else request.GET
    offer = _monthly_offer(question, payable, number(values.get("tier")))
    if offer is None:
        return redirect(choice_url("tier", question.choice))
    error, end = "", number(values.get("end"))
    if request.method == "POST":
        went_on = _put(question, payable, offer.tier_fen, (payable.months[0], end))
        if not isinstance(went_on, NotOffered):
            return redirect(went_on)
        error = words.not_offered_words(went_on.code)
    line = question.basket.line(question.choice.key)
    wanted = end or (line.last_month if line else None)
    chosen = wanted if wanted in payable.months else payable.months[-1]
    options = [
        MonthOption(month, month_label(payable, month), count, offer.amount_fen * count, month == chosen)
        for count, month in enumerate(payable.months, start=1)
    ]
    context = question.context(payable) | {
        "offer": offer,
        "start": month_label(payable, payable.months[0]),
        "options": options,
        "chosen": next(option for option in options if option.is_chosen),
        "cells": _month_cells(question, payable, chosen),
        "error": error,
        "can_change_tier": len(payable.tiers) > 1 and Warn.TIER_FIXED not in payable.warnings,
        "tier_url": choice_url("tier", question.choice),
    }
    return render(request, "pages/months.html", context)


def _monthly_offer(question: Question, payable: Payable, tier_fen: int | None) -> TierOffer | None:
    if len(payable.tiers) == 1 or Warn.TIER_FIXED in payable.warnings:
        return payable.tiers[0]
    wanted = tier_fen or _tier_in_basket(question)
    return next((offer for offer in payable.tiers if offer.tier_fen == wanted), None)


def _month_cells(question: Question, payable: Payable, chosen: int) -> list[MonthCell]:
    """All twelve months with a word each."""
    paid = {
        month
        for fact in question.standing.facts[question.choice.member_id].declarations
        if fact.insurance_type == payable.insurance_type and fact.coverage_year == payable.coverage_year
        and fact.status == "paid"
        for month in range(fact.first_month or 1, (fact.last_month or 12) + 1)
    }  # fmt: skip
    cells = []
    for month in range(1, 13):
        start = (payable.terms.coverage_start_month + month - 2) % 12 + 1
        label = figures.month(start)
        if month in paid:
            cells.append(MonthCell(label, "past", _("已缴")))
        elif month in payable.months and month <= chosen:
            cells.append(MonthCell(label, "on", _("本次")))
        elif month in payable.months:
            cells.append(MonthCell(label, "", _("未缴")))
        else:
            cells.append(MonthCell(label, "past", _("不用缴")))
    return cells
