"""去缴费: which contribution, for whom, and what the register says of them (R06, R07, R09)."""

from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from payments import words
from payments.drafts import Choice, ask_also, ask_for, confirm_registration, put_lines, read_basket
from payments.policies.terms import Owner, PolicyTerms
from payments.pricing import Blocker, Payable, RegistrationFact, Warn, When
from payments.words import names
from portal.accounts.access import payer_of, resident_required
from portal.pages.standing import ShownPerson, Standing, standing_of, what_label, year_label
from portal.pages.steps import (
    is_confirmed,
    next_page,
    only_amount_fen,
    people_url,
    same_as_last_year,
    tier_or_months_url,
    to_confirm,
)

# --- the way in ------------------------------------------------------------------------------------------------------


@require_GET
@resident_required
def start(request: HttpRequest) -> HttpResponse:
    """Go to the first page that has something to ask: the tier itself, for one person with one contribution."""
    standing = standing_of(payer_of(request))
    basket = read_basket(standing.payer)
    if basket.lines:
        return redirect("pages:basket")
    found = list(standing.everything_payable())
    if len(found) == 1:
        choice, payables = found[0]
        asks = len(payables) == 1 and only_amount_fen(payables[0]) is None
        if asks and is_confirmed(standing, basket, choice, payables[0]):
            return redirect(tier_or_months_url(choice, payables[0]))
    if len({people_url(choice) for choice, _payables in found}) == 1:
        return redirect(people_url(found[0][0]))
    return redirect("pages:types")


@require_POST
@resident_required
def one(request: HttpRequest) -> HttpResponse:
    """缴费 beside one contribution of one person on the first page: straight to what is to be asked about it."""
    standing = standing_of(payer_of(request))
    asked = request.POST.get("choice", "")
    choice = next((choice for choice, _payables in standing.everything_payable() if choice.key == asked), None)
    if choice is None:
        return redirect("pages:home")
    ask_also(payer=standing.payer, choice=choice)
    return redirect(next_page(standing))


@dataclass
class TypeOption:
    """One contribution of one year on R06. `reason` is set where nobody of the family can pay it."""

    value: str
    label: str
    until: str = ""
    payable_count: int = 0
    reason: str = ""
    why_url: str = ""
    is_demo: bool = False

    @property
    def people(self) -> str:
        count = self.payable_count
        return ngettext("%(count)d人可缴", "%(count)d人可缴", count) % {"count": count}


def _value(insurance_type: str, coverage_year: int, part: str) -> str:
    return f"{insurance_type}:{coverage_year}:{part}"


def type_options(standing: Standing) -> list[TypeOption]:
    """What the family can pay, then what it cannot, each once."""
    options: dict[str, TypeOption] = {}
    for choice, payables in standing.everything_payable():
        payable = payables[0]
        value = _value(choice.insurance_type, choice.coverage_year, choice.part)
        label = what_label(choice.insurance_type, choice.coverage_year, choice.part, payable.terms)
        option = options.setdefault(value, TypeOption(value, label, words.until_words(payable)))
        option.payable_count += 1
        option.is_demo = option.is_demo or payable.is_demo
    for member in standing.members:
        for blocker in standing.assessment(member.pk).blockers:
            _add_blocked(options, member.pk, blocker)
    rank = {code: place for place, code in enumerate(names.INSURANCE_TYPES)}
    last = len(rank)
    return sorted(
        options.values(), key=lambda option: (bool(option.reason), rank.get(option.value.split(":")[0], last))
    )


def _add_blocked(options: dict[str, TypeOption], member_id: int, blocker: Blocker) -> None:
    if not blocker.insurance_type or blocker.coverage_year is None or blocker.part != "base":
        return
    value = _value(blocker.insurance_type, blocker.coverage_year, blocker.part)
    if value in options:
        return
    options[value] = TypeOption(
        value,
        what_label(blocker.insurance_type, blocker.coverage_year, blocker.part, None),
        reason=words.blocker_words(blocker).short,
        why_url=reverse("pages:why_ask", args=[member_id, blocker.insurance_type, blocker.coverage_year]),
    )


@require_http_methods(["GET", "POST"])
@resident_required
def types(request: HttpRequest) -> HttpResponse:
    """R06."""
    standing = standing_of(payer_of(request))
    options = type_options(standing)
    can = {option.value for option in options if not option.reason}
    error = ""
    if request.method == "POST":
        chosen = request.POST.get("what", "")
        if chosen in can:
            return redirect("pages:people", *chosen.split(":"))
        error = _("请选择要缴的险种。")
    same = same_as_last_year(standing, read_basket(standing.payer))
    context = {
        "options": options,
        "can": can,
        "error": error,
        "same_count": len(same),
        "same_people": len({line.choice.member_id for line in same}),
        "same_fen": sum(line.amount_fen for line in same),
        "has_members": bool(standing.members),
        "next_opening": _next_opening(standing) if not can else "",
    }
    return render(request, "pages/types.html", context)


def _next_opening(standing: Standing) -> str:
    """The next first day on which anything can be paid, where one is known."""
    days = [
        blocker.come_back_on
        for member in standing.members
        for blocker in standing.assessment(member.pk).blockers
        if blocker.code in ("C1", "C2") and blocker.come_back_on
    ]
    return words.full_date(min(days)) if days else ""


@require_POST
@resident_required
def same(request: HttpRequest) -> HttpResponse:
    """一键沿用去年: everything that can be paid as last year, straight to the check page."""
    standing = standing_of(payer_of(request))
    lines = same_as_last_year(standing, read_basket(standing.payer))
    only = request.POST.get("what", "")
    if only:
        lines = [line for line in lines if only == _value(*_what(line.choice))]
    if not lines:
        return redirect("pages:types")
    put_lines(payer=standing.payer, lines=lines)
    return redirect("pages:check")


def _what(choice: Choice) -> tuple[str, int, str]:
    return choice.insurance_type, choice.coverage_year, choice.part


# --- people ----------------------------------------------------------------------------------------------------------


@dataclass
class PersonOption:
    """One person on R07: can be ticked, or a tag and a reason."""

    person: ShownPerson
    place: str = ""
    amount_fen: int | None = None
    is_chosen: bool = False
    can_pay: bool = False
    two_places: bool = False
    tag: str = ""
    tag_kind: str = ""
    line: str = ""
    why_url: str = ""


def person_options(standing: Standing, what: tuple[str, int, str], ticked: set[int]) -> list[PersonOption]:
    """Everybody on the list, with what holds for him."""
    return [_person_option(standing, Choice(member.pk, *what), ticked) for member in standing.members]


def _tag(blocker: Blocker) -> tuple[str, str]:
    """The state of somebody who cannot be ticked, in a word and a shape."""
    if blocker.code == "C9":
        return (_("待支付"), "") if blocker.evidence.get("status") == "declared" else (_("确认中"), "half")
    if blocker.code == "C7" and blocker.when is When.NEVER:
        return _("不用缴"), "none"
    return (_("已缴"), "done") if blocker.code == "C8" else (_("不能缴"), "stop")


def _person_option(standing: Standing, choice: Choice, ticked: set[int]) -> PersonOption:
    person = standing.people[choice.member_id]
    payables = standing.payables(choice)
    if payables:
        two = any(Warn.TWO_PLACES in payable.warnings for payable in payables)
        place = _("两个参保地，下一步选") if two else payables[0].region_name
        amount_fen = None if two else only_amount_fen(payables[0])
        return PersonOption(person, place, amount_fen, choice.member_id in ticked, can_pay=True, two_places=two)
    blocker = standing.blocker(choice)
    if blocker is None:
        return PersonOption(person, tag=_("不用缴"), tag_kind="none")
    tag, kind = _tag(blocker)
    said = words.blocker_words(blocker)
    line = said.body[0] if blocker.code == "C8" and said.body else said.short
    return PersonOption(
        person, tag=tag, tag_kind=kind, line=line,
        why_url=reverse("pages:why_ask", args=[choice.member_id, choice.insurance_type, choice.coverage_year]),
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@resident_required
def people(request: HttpRequest, insurance_type: str, coverage_year: int, part: str) -> HttpResponse:
    """R07."""
    standing = standing_of(payer_of(request))
    what = (insurance_type, coverage_year, part)
    ticked, error = _ticked(request, standing, what), ""
    options = person_options(standing, what, ticked)
    if request.method == "POST":
        chosen = [option.person.member_id for option in options if option.is_chosen]
        if chosen:
            ask_for(payer=standing.payer, choices=[Choice(member_id, *what) for member_id in chosen])
            return redirect(next_page(standing))
        error = _("请至少选择一位缴费人。")
    same_lines = [
        line for line in same_as_last_year(standing, read_basket(standing.payer)) if _what(line.choice) == what
    ]
    context = {
        "options": options,
        "error": error,
        "what": _value(*what),
        "type_name": names.insurance_type(insurance_type),
        "year": year_label(coverage_year, _terms(standing, what)),
        "chosen": [option for option in options if option.is_chosen],
        "total_fen": _total_fen(options),
        "can_pay": any(option.can_pay for option in options),
        "same_count": len(same_lines) if len(same_lines) > 1 else 0,
        "same_fen": sum(line.amount_fen for line in same_lines),
        "here": request.path,
    }
    return render(request, "pages/people.html", context)


def _ticked(request: HttpRequest, standing: Standing, what: tuple[str, int, str]) -> set[int]:
    """What was posted; else the basket, the person just added, or the payer himself."""
    if request.method == "POST":
        return {int(text) for text in request.POST.getlist("p") if text.isdecimal()}
    basket = read_basket(standing.payer)
    ticked = {choice.member_id for choice in (*[line.choice for line in basket.lines], *basket.pending)
              if _what(choice) == what}  # fmt: skip
    added = request.GET.get("added", "")
    if added.isdecimal():
        ticked.add(int(added))
    return ticked or {member.pk for member in standing.members if standing.people[member.pk].is_self}


def _terms(standing: Standing, what: tuple[str, int, str]) -> PolicyTerms | None:
    for member in standing.members:
        payables = standing.payables(Choice(member.pk, *what))
        if payables:
            return payables[0].terms
    return None


def _total_fen(options: list[PersonOption]) -> int | None:
    """The sum where everybody who can be ticked has one amount; else None."""
    if any(option.can_pay and option.amount_fen is None for option in options):
        return None
    return sum(option.amount_fen or 0 for option in options if option.is_chosen)


# --- what the register says ------------------------------------------------------------------------------------------


@dataclass
class RegistrationCard:
    """One person on R09."""

    person: ShownPerson
    registration: RegistrationFact
    what: str
    mended_by: str
    lines: list[str] = field(default_factory=list)


def _card(standing: Standing, choice: Choice, payable: Payable) -> RegistrationCard:
    row = standing.registration(choice.member_id, payable.registration_id)
    mender = payable.terms.registration_mended_by
    return RegistrationCard(
        person=standing.people[choice.member_id],
        registration=row,
        what=what_label(choice.insurance_type, choice.coverage_year, choice.part, payable.terms),
        mended_by=names.owner(mender) if mender is Owner.TAX else f"{row.agency_name} {row.agency_phone}".strip(),
    )


@require_http_methods(["GET", "POST"])
@resident_required
def registration(request: HttpRequest) -> HttpResponse:
    """R09: everybody chosen whose registration has not been looked at, on one page."""
    standing = standing_of(payer_of(request))
    waiting = to_confirm(standing)
    if request.method == "POST":
        shown_ids = {text for text in request.POST.getlist("registration") if text.isdecimal()}
        for _choice, payable in waiting:
            if str(payable.registration_id) in shown_ids:
                confirm_registration(payer=standing.payer, registration_id=payable.registration_id)
        return redirect(next_page(standing))
    if not waiting:
        return redirect(next_page(standing))
    cards = [_card(standing, choice, payable) for choice, payable in waiting]
    context = {"cards": cards, "back": people_url(waiting[0][0])}
    return render(request, "pages/registration.html", context)
