"""From a basket to orders: priced anew, declared and opened in one transaction (PA-1, PA-2, HOUSE 2.11)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from core import clock, ids
from core.models import User
from core.refusals import Refused
from core.statements import Prepared, columns, load
from payments.declarations import NewDeclaration, declare
from payments.facts import judge, load_family
from payments.models import PayeeRoute, PaymentOrder
from payments.orders import MAX_LINES, REFERENCE_S, NewOrder, open_orders
from payments.policies.terms import lookup_chain
from payments.pricing import Asked, Assessment, Line, NotOffered, Payable, price
from registration.models import FamilyMember


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One line of a basket: who, what, which tier and months, and the amount that the payer has seen."""

    member_id: int
    registration_id: int
    insurance_type: str
    coverage_year: int
    part: str
    tier_fen: int | None
    first_month: int | None = None
    last_month: int | None = None
    expected_amount_fen: int | None = None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A basket line with what it costs now and whom it pays."""

    wish: MemberLine
    payable: Payable
    line: Line
    payee: str
    person_id: int


_MEMBERS = Prepared(f"""
SELECT {columns(FamilyMember)} FROM registration_familymember
WHERE payer_id = %s AND removed_at IS NULL AND id = ANY(%s)""")


def price_lines(*, payer: User, lines: Sequence[MemberLine], channel_code: str = "portal") -> list[PricedLine]:
    """Price a basket by today's rules.

    Raises Refused with `line` (the index): a cause of SCREENS 2.4 where it cannot be paid (with
    `blocker`), `not_offered` (with `rule`), or `foreign` where the member is not this payer's.
    """
    wanted = list({line.member_id for line in lines})
    members = {member.pk: member for member in load(FamilyMember, _MEMBERS, [payer.pk, wanted])}
    family = load_family(list(members.values()), payer=payer, channel=channel_code)
    priced = []
    for index, wish in enumerate(lines):
        if wish.member_id not in members:
            raise Refused("foreign", line=index)
        asked = Asked(wish.insurance_type, wish.coverage_year)
        payable = _payable(judge(family.facts[wish.member_id], asked), wish, index)
        try:
            line = price(payable, wish.tier_fen, (wish.first_month, wish.last_month))
        except NotOffered as problem:
            raise Refused("not_offered", line=index, rule=problem.code) from problem
        priced.append((wish, payable, line))
    payees = payees_of(payable for _, payable, _ in priced)
    return [
        PricedLine(wish, payable, line, payees[_route(payable)], family.person_of[payable.registration_id])
        for wish, payable, line in priced
    ]


def _payable(found: Assessment, wish: MemberLine, index: int) -> Payable:
    for payable in found.payables:
        if payable.registration_id == wish.registration_id and payable.part == wish.part:
            return payable
    headline = found.headline
    raise Refused(headline.code if headline else "C20", line=index, blocker=headline)


def _route(payable: Payable) -> tuple[str, str]:
    return payable.region, payable.insurance_type


def payees_of(payables: Iterable[Payable]) -> dict[tuple[str, str], str]:
    """Payee code by (place, type); a district without its own falls back to its city."""
    found = {}
    for region, kind in {_route(payable) for payable in payables}:
        routes = (_payee_of(code, kind) for code in lookup_chain(region))
        payee = next((code for code in routes if code), None)
        if payee is None:
            raise Refused("no_payee", region=region, insurance_type=kind)
        found[region, kind] = payee
    return found


@clock.kept_for(REFERENCE_S)
def _payee_of(region: str, insurance_type: str) -> str | None:
    routes = PayeeRoute.objects.filter(region_id=region, insurance_type_id=insurance_type)
    return routes.values_list("payee_id", flat=True).first()


def open_checkout(
    *, payer: User, lines: Sequence[MemberLine], channel_code: str = "portal", actor: str
) -> list[PaymentOrder]:
    """Declare a basket and open one order for each payee, in the order in which they are to be paid.

    Raises Refused: what `price_lines` raises, `empty`, `price_changed` (line, old_fen, new_fen), or
    `taken` (lines: the indexes) where another declaration holds a period: then nothing was declared.
    """
    priced = agreed_lines(payer=payer, lines=lines, channel_code=channel_code)
    with transaction.atomic():
        return declare_lines(priced, payer=payer, channel_code=channel_code, actor=actor)


def agreed_lines(*, payer: User, lines: Sequence[MemberLine], channel_code: str = "portal") -> list[PricedLine]:
    """Price a basket whose payer has seen and agreed to its amounts. Raises Refused as `open_checkout` says."""
    if not lines:
        raise Refused("empty")
    priced = price_lines(payer=payer, lines=lines, channel_code=channel_code)
    for index, one in enumerate(priced):
        seen = one.wish.expected_amount_fen
        if seen is not None and seen != one.line.amount_fen:
            raise Refused("price_changed", line=index, old_fen=seen, new_fen=one.line.amount_fen)
    return priced


def _group(priced: Sequence[PricedLine]) -> list[list[int]]:
    """Indexes of the lines of each order: by payee, at most twenty together."""
    by_payee: dict[str, list[int]] = {}
    for index, one in enumerate(priced):
        by_payee.setdefault(one.payee, []).append(index)
    return [rows[at : at + MAX_LINES] for rows in by_payee.values() for at in range(0, len(rows), MAX_LINES)]


def declare_lines(priced: Sequence[PricedLine], *, payer: User, channel_code: str, actor: str) -> list[PaymentOrder]:
    """The writing half of `open_checkout`, for a caller that holds a transaction; it must roll back where `taken`."""
    groups = _group(priced)
    orders = [
        NewOrder(
            order_no=ids.public_no(),
            payee=priced[group[0]].payee,
            amount_fen=sum(priced[index].line.amount_fen for index in group),
            line_count=len(group),
        )
        for group in groups
    ]
    made = open_orders(
        orders=orders, checkout_no=ids.public_no(), payer_id=payer.pk, channel_code=channel_code, actor=actor
    )
    order_of = {index: order.pk for order, group in zip(made, groups, strict=True) for index in group}
    declare(
        lines=[_new(one, order_of[index]) for index, one in enumerate(priced)],
        payer_id=payer.pk,
        channel_code=channel_code,
        actor=actor,
    )
    return made


def _new(one: PricedLine, order_id: int) -> NewDeclaration:
    payable, line = one.payable, one.line
    return NewDeclaration(
        order_id=order_id,
        person_id=one.person_id,
        registration_id=payable.registration_id,
        insurance_type=payable.insurance_type,
        region=payable.region,
        group=payable.group,
        policy_id=payable.policy_id,
        coverage_year=payable.coverage_year,
        part=payable.part,
        tier_fen=line.tier_fen,
        amount_fen=line.amount_fen,
        subsidy_fen=line.subsidy_fen,
        first_month=line.first_month,
        last_month=line.last_month,
        coverage_start_month=payable.terms.coverage_start_month,
    )
