"""Which page comes next on the way from people to the check page (PA-1), and the lines made on the way."""

from django.urls import reverse

from core import clock
from payments.drafts import Basket, BasketLine, Choice, put_lines, read_basket, skip_choice
from payments.pricing import Blocker, Payable, Warn, price
from portal.pages.standing import Standing

Months = tuple[int | None, int | None]
NO_MONTHS: Months = (None, None)


def choice_url(name: str, choice: Choice) -> str:
    """The address of a page about one choice."""
    return reverse(f"pages:{name}", args=[choice.insurance_type, choice.coverage_year, choice.part, choice.member_id])


def people_url(choice: Choice) -> str:
    """The address of the people page for the type, year and part of a choice."""
    return reverse("pages:people", args=[choice.insurance_type, choice.coverage_year, choice.part])


def is_fixed(payable: Payable) -> bool:
    """Whether there is nothing to choose: an assessed amount, or the only tier of a whole year."""
    return not payable.months and (payable.fixed_fen is not None or len(payable.tiers) == 1)


def only_amount_fen(payable: Payable) -> int | None:
    """What it costs where there is nothing to choose."""
    if not is_fixed(payable):
        return None
    return payable.fixed_fen if payable.fixed_fen is not None else payable.tiers[0].amount_fen


def chosen_payable(payables: list[Payable], basket: Basket, choice: Choice) -> Payable | None:
    """The payable at the place that the payer took; the only one where there is no choice; else None."""
    if len(payables) == 1:
        return payables[0]
    taken = basket.place_of(choice)
    return next((payable for payable in payables if payable.registration_id == taken), None)


def is_confirmed(standing: Standing, basket: Basket, choice: Choice, payable: Payable) -> bool:
    """Whether the payer has looked at this registration before, here or by paying on it (R09)."""
    if payable.registration_id in basket.confirmed:
        return True
    return any(
        fact.own and fact.insurance_type == payable.insurance_type and fact.region == payable.region
        for fact in standing.facts[choice.member_id].declarations
    )


def make_line(choice: Choice, payable: Payable, tier_fen: int | None, months: Months = NO_MONTHS) -> BasketLine:
    """A basket line at today's price. Raises NotOffered."""
    line = price(payable, tier_fen, months)
    tier = None if payable.fixed_fen is not None else line.tier_fen
    return BasketLine(
        choice, payable.registration_id, tier, line.amount_fen, clock.now(), line.first_month, line.last_month
    )


def fixed_line(choice: Choice, payable: Payable) -> BasketLine:
    """The line of a payable that leaves nothing to choose."""
    return make_line(choice, payable, payable.tiers[0].tier_fen if payable.fixed_fen is None else None)


def same_as_last_year(standing: Standing, basket: Basket) -> list[BasketLine]:
    """沿用去年: what was paid last year and can be paid again the same way, months and double places left out."""
    lines = []
    for choice, payables in standing.everything_payable():
        payable = chosen_payable(payables, basket, choice)
        if payable is None or payable.months or payable.last_year_tier_fen is None or payable.part != "base":
            continue
        tier = next((offer for offer in payable.tiers if offer.is_last_year), None)
        if tier is None and len(payable.tiers) == 1:
            tier = payable.tiers[0]  # one amount for everybody: last year's became this year's
        if tier is not None:
            lines.append(make_line(choice, payable, tier.tier_fen))
    return lines


def next_page(standing: Standing) -> str:
    """Put in what needs no choice, and name the page that asks for the next one; at the end the basket or its check."""
    basket = read_basket(standing.payer)
    if _to_confirm(standing, basket):
        return reverse("pages:registration")
    for choice in basket.pending:
        payables = standing.payables(choice)
        payable = chosen_payable(payables, basket, choice)
        if not payables:
            basket = skip_choice(payer=standing.payer, choice=choice)
        elif payable is None:
            return choice_url("place", choice)
        elif is_fixed(payable):
            basket = put_lines(payer=standing.payer, lines=[fixed_line(choice, payable)])
        else:
            return tier_or_months_url(choice, payable)
    return reverse("pages:check") if len(basket.lines) == 1 else reverse("pages:basket")


def tier_or_months_url(choice: Choice, payable: Payable) -> str:
    """The tier page; straight to the months where the tier is given."""
    if payable.months and (len(payable.tiers) == 1 or Warn.TIER_FIXED in payable.warnings):
        return choice_url("months", choice)
    return choice_url("tier", choice)


def to_confirm(standing: Standing) -> list[tuple[Choice, Payable]]:
    """Chosen people whose registration the payer has not looked at yet (R09)."""
    return _to_confirm(standing, read_basket(standing.payer))


def _to_confirm(standing: Standing, basket: Basket) -> list[tuple[Choice, Payable]]:
    found = []
    for choice in basket.pending:
        payable = chosen_payable(standing.payables(choice), basket, choice)
        if payable is not None and not is_confirmed(standing, basket, choice, payable):
            found.append((choice, payable))
    return found


def why_url(choice: Choice) -> str:
    """The address that answers why a choice cannot be paid."""
    return reverse("pages:why_ask", args=[choice.member_id, choice.insurance_type, choice.coverage_year])


def why_url_of(member_id: int, blocker: Blocker) -> str:
    """The address that explains one blocker of one member."""
    if not blocker.insurance_type or blocker.coverage_year is None:
        return reverse("pages:why")
    return reverse("pages:why_ask", args=[member_id, blocker.insurance_type, blocker.coverage_year])
