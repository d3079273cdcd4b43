"""The basket and the look before the money (R15, R16)."""

from dataclasses import dataclass, field

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.models import User
from core.refusals import Refused
from payments import words
from payments.checkout import payees_of
from payments.drafts import Basket, BasketLine, check_out, read_basket, remove_line, renew_tiers, restore_line
from payments.models import PayeeAccount
from payments.orders import merchants_of
from payments.policies.terms import TierChange
from payments.pricing import Line, NotOffered, Payable, Warn, price
from payments.states import UNFINISHED
from payments.words import figures, names
from portal.accounts.access import payer_of, resident_required
from portal.pages import devices
from portal.pages.paying import go_to_cashier, method_url
from portal.pages.standing import ShownPerson, Standing, standing_of, what_label
from portal.pages.steps import choice_url, is_fixed, people_url, why_url
from portal.pages.tiers import month_label
from registration.local_names import local_name


@dataclass
class ShownLine:
    """A line at today's price, or the reason why it cannot be paid any more."""

    line: BasketLine
    person: ShownPerson
    what: str
    payable: Payable | None = None
    priced: Line | None = None
    payee: PayeeAccount | None = None
    detail: str = ""
    reason: str = ""
    why_url: str = ""
    change_url: str = ""

    @property
    def is_payable(self) -> bool:
        return self.priced is not None

    @property
    def amount_fen(self) -> int:
        return self.priced.amount_fen if self.priced else 0

    @property
    def changed(self) -> str:
        """What is said where the price is another than when it was chosen."""
        if self.priced is None or self.priced.amount_fen == self.line.amount_fen:
            return ""
        return words.price_changed_words(self.line.amount_fen, self.priced.amount_fen)


@dataclass
class PersonLines:
    """All lines of one person."""

    person: ShownPerson
    lines: list[ShownLine] = field(default_factory=list)

    @property
    def amount_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)

    @property
    def places(self) -> str:
        return figures.listed(dict.fromkeys(line.payable.region_name for line in self.lines if line.payable))

    @property
    def payee_names(self) -> str:
        return figures.listed(dict.fromkeys(local_name(line.payee) for line in self.lines if line.payee))


@dataclass
class ShownBasket:
    """The basket as R15 and R16 show it."""

    basket: Basket
    lines: list[ShownLine]

    @property
    def payable_lines(self) -> list[ShownLine]:
        return [line for line in self.lines if line.is_payable]

    @property
    def blocked_lines(self) -> list[ShownLine]:
        return [line for line in self.lines if not line.is_payable]

    @property
    def total_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)

    @property
    def people(self) -> list[PersonLines]:
        """In the order of the list; those of whom nothing is payable are left out on R16."""
        found: dict[int, PersonLines] = {}
        for line in self.lines:
            found.setdefault(line.person.member_id, PersonLines(line.person)).lines.append(line)
        return list(found.values())

    @property
    def by_type(self) -> list[tuple[str, int]]:
        sums: dict[str, int] = {}
        for line in self.payable_lines:
            name = names.insurance_type(line.line.choice.insurance_type)
            sums[name] = sums.get(name, 0) + line.amount_fen
        return list(sums.items())

    @property
    def summary(self) -> str:
        """2人，3项."""
        people = len({line.person.member_id for line in self.payable_lines})
        return _("%(people)s，%(lines)s") % {
            "people": ngettext("%(count)d人", "%(count)d人", people) % {"count": people},
            "lines": ngettext("%(count)d项", "%(count)d项", len(self.payable_lines))
            % {"count": len(self.payable_lines)},
        }

    @property
    def payees(self) -> list[PayeeAccount]:
        """Whom it pays: one order each, paid in turn (HOUSE 2.11)."""
        return list(dict.fromkeys(line.payee for line in self.payable_lines if line.payee))


def shown_basket(standing: Standing, basket: Basket) -> ShownBasket:
    """Judge and price every line anew."""
    lines = [_shown(standing, line) for line in basket.lines if line.choice.member_id in standing.people]
    found = ShownBasket(basket, lines)
    payables = [line.payable for line in found.payable_lines if line.payable]
    codes = payees_of(payables) if payables else {}
    payees = PayeeAccount.objects.in_bulk(set(codes.values()))
    for line in found.payable_lines:
        if line.payable is not None:
            line.payee = payees[codes[line.payable.region, line.payable.insurance_type]]
    return found


def current_basket(standing: Standing) -> ShownBasket:
    """The basket, following the only tier of a whole year where its amount has changed since it was chosen."""
    basket = read_basket(standing.payer)
    renewed = {}
    for line in basket.lines:
        if line.choice.member_id in standing.people:
            for payable in standing.payables(line.choice):
                if payable.registration_id == line.registration_id and is_fixed(payable) and payable.tiers:
                    renewed[line.key] = payable.tiers[0].tier_fen
    if any(line.tier_fen != renewed.get(line.key, line.tier_fen) for line in basket.lines):
        basket = renew_tiers(payer=standing.payer, tiers=renewed)
    return shown_basket(standing, basket)


def _shown(standing: Standing, line: BasketLine) -> ShownLine:
    choice = line.choice
    payable = next((p for p in standing.payables(choice) if p.registration_id == line.registration_id), None)
    terms = payable.terms if payable else None
    what = what_label(choice.insurance_type, choice.coverage_year, choice.part, terms)
    shown = ShownLine(line, standing.people[choice.member_id], what, why_url=why_url(choice))
    if payable is None:
        blocker = standing.blocker(choice)
        shown.reason = words.blocker_words(blocker).short if blocker else _("现在不能缴")
        return shown
    shown.payable = payable
    shown.change_url = people_url(choice) if is_fixed(payable) else choice_url("tier", choice)
    try:
        shown.priced = price(payable, line.tier_fen, (line.first_month, line.last_month))
    except NotOffered as problem:
        shown.reason, shown.why_url = words.not_offered_words(problem.code).rstrip("。."), shown.change_url
        return shown
    shown.detail = _detail(payable, shown.priced)
    return shown


def _detail(payable: Payable, line: Line) -> str:
    """1,000元档，政府另补贴80元."""
    parts = []
    if line.first_month is not None and line.last_month is not None:
        first, last = month_label(payable, line.first_month), month_label(payable, line.last_month)
        parts.append(first if line.first_month == line.last_month else f"{first}—{last}")
        parts.append(_("每月%(money)s") % {"money": words.tier(line.tier_fen)})
    elif payable.fixed_fen is not None:
        parts.append(_("核定的金额"))
    elif len(payable.tiers) > 1:
        parts.append(_("%(tier)s档") % {"tier": words.tier(line.tier_fen)})
    else:
        parts.append(_("全年"))
    if line.subsidy_fen:
        parts.append(_("政府另补贴%(money)s") % {"money": words.tier(line.subsidy_fen)})
    return _("，").join(parts)


# --- R15 -------------------------------------------------------------------------------------------------------------


@require_GET
@resident_required
def basket(request: HttpRequest) -> HttpResponse:
    """R15: problems stand in their line and never stop the others."""
    standing = standing_of(payer_of(request))
    found = current_basket(standing)
    removed = found.basket.removed
    context = {
        "found": found,
        "removed": _shown(standing, removed) if removed and removed.choice.member_id in standing.people else None,
    }
    return render(request, "pages/basket.html", context)


@require_POST
@resident_required
def remove(request: HttpRequest) -> HttpResponse:
    """Take one line out; it can be brought back."""
    remove_line(payer=payer_of(request), key=request.POST.get("line", ""))
    return redirect("pages:basket")


@require_POST
@resident_required
def restore(request: HttpRequest) -> HttpResponse:
    """撤销."""
    restore_line(payer=payer_of(request))
    return redirect("pages:basket")


@require_POST
@resident_required
def keep_payable(request: HttpRequest) -> HttpResponse:
    """Leave out what cannot be paid any more, and go on with the rest."""
    standing = standing_of(payer_of(request))
    for line in current_basket(standing).blocked_lines:
        remove_line(payer=standing.payer, key=line.line.key)
    return redirect("pages:check")


# --- R16 -------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@resident_required
def check(request: HttpRequest) -> HttpResponse:
    """R16, and from here to the orders."""
    if request.method == "POST":
        return _confirm(request, payer_of(request))
    standing = standing_of(payer_of(request))
    found = current_basket(standing)
    if not found.lines or found.blocked_lines:
        return redirect("pages:basket")
    offers = devices.offers(request, found.payees[0].merchants) if found.payees else []
    context = {
        "found": found,
        "notes": _notes(found),
        "offers": offers,
        "usual": "" if request.GET.get("method") == "ask" else devices.usual_gateway(standing.payer, offers),
        "turns": len(found.payees),
    }
    return render(request, "pages/check.html", context)


def _notes(found: ShownBasket) -> list[str]:
    """What has to be known before paying, each sentence once: waiting first, then what cannot be undone."""
    notes: dict[str, None] = {}
    payables = [line.payable for line in found.payable_lines if line.payable]
    for payable in payables:
        for warn, text in words.warning_words(payable).items():
            if warn in (Warn.WAITING, Warn.PROVISIONAL, Warn.DEMO) and text:
                notes[text] = None
    chosen = [payable for payable in payables if len(payable.tiers) > 1]
    if any(payable.terms.tier_change is not TierChange.TOP_UP for payable in chosen):
        notes[_("缴费后今年不能改档次。")] = None
    notes[_("退费要另外申请。")] = None
    return list(notes)


def _confirm(request: HttpRequest, payer: User) -> HttpResponseRedirect:
    """Open the orders and go to the cashier of the first; a second click finds the same orders (U1)."""
    try:
        orders = check_out(payer=payer, token=request.POST.get("token", ""), seen=_seen(request))
    except Refused as refusal:
        messages.warning(request, _refused(refusal))
        return redirect(_after_refusal(refusal))
    unpaid = next((order for order in orders if order.status in UNFINISHED), orders[0])
    if unpaid.status != "created":
        return redirect("pages:order", unpaid.order_no)
    named = request.POST.get("gateway")
    for offer in devices.offers(request, merchants_of(unpaid.payee_id)):
        if offer.gateway == named and not offer.back_at:
            return go_to_cashier(request, unpaid, offer)
    return redirect(method_url(unpaid))


def _seen(request: HttpRequest) -> dict[str, int]:
    """The amounts on the page that was confirmed, by line key."""
    keys, amounts = request.POST.getlist("line"), request.POST.getlist("amount")
    return {
        key: int(amount) for key, amount in zip(keys, amounts, strict=False) if amount.isdecimal() and len(amount) < 12
    }


def _refused(refusal: Refused) -> str:
    if refusal.code == "price_changed":
        return words.price_changed_words(refusal.facts["old_fen"], refusal.facts["new_fen"])
    if refusal.code == "not_offered" and refusal.facts["rule"] == "tier_not_offered":
        return _("金额或档次有变化。没有提交，没有扣款。请再看一遍。")
    if refusal.code == "basket_changed":
        return _("清单在另一个页面改过。没有提交，没有扣款。请再看一遍。")
    return _("有一项现在不能缴。没有提交，没有扣款。")


def _after_refusal(refusal: Refused) -> str:
    if refusal.code in ("price_changed", "basket_changed", "not_offered"):
        return reverse("pages:check")
    return reverse("pages:basket")
