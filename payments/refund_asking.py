"""What a payer may ask back by himself, and his asking for several lines of one order at once (R26, U6, PA-6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from core import clock
from core.models import User
from core.refusals import Refused
from payments.gateways.desks import refund_desk
from payments.models import Declaration, PaymentOrder, Refund
from payments.policies.in_force import terms_of
from payments.policies.terms import OnlineRefund, PolicyTerms
from payments.refund_records import refunds_by_record
from payments.refunds import is_topped_up, request_refund

REASONS = (Refund.Reason.WRONG_PLACE, Refund.Reason.DUPLICATE, Refund.Reason.NOT_ELIGIBLE, Refund.Reason.OWN_REQUEST)
"""What a payer can give as his reason; the others are given by rules."""


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One line of an order as R26 offers it. `refusal`: why it cannot be asked back here; '' where it can."""

    declaration: Declaration
    terms: PolicyTerms
    refund: Refund | None
    refusal: str


def refund_lines(order: PaymentOrder) -> list[RefundLine]:
    """Every line of an order, each for itself: one of a family's can go back alone."""
    rows = list(
        Declaration.objects.filter(order=order)
        .select_related("registration", "region", "order", "order__payee", "channel").order_by("pk")
    )  # fmt: skip
    terms, refunds = terms_of({row.policy_id for row in rows}), refunds_by_record(row.pk for row in rows)
    return [_line(row, terms[row.policy_id], refunds.get(row.pk)) for row in rows]


def _line(row: Declaration, terms: PolicyTerms, refund: Refund | None) -> RefundLine:
    return RefundLine(row, terms, refund, why_not(row, terms, refund, clock.today()))


def why_not(row: Declaration, terms: PolicyTerms, refund: Refund | None, today: date) -> str:
    """The code of what stands against asking for it here."""
    if row.status == "refunded":
        return "refunded"
    if refund is not None and refund.status != "rejected":
        return "in_refund"
    if row.status != "paid":
        return "not_paid"
    if is_topped_up(row):
        return "topped_up"
    if refund_desk(row.order.gateway) is None:
        return "no_gateway"
    if terms.online_refund is OnlineRefund.NEVER:
        return "hall_only"
    if terms.online_refund is OnlineRefund.BEFORE_BENEFITS and benefits_from(row, terms) <= today:
        return "benefits"
    return ""


def benefits_from(row: Declaration, terms: PolicyTerms) -> date:
    """The first day of the year's benefits: of the coverage year, or of the credit where that comes later."""
    first, _last = terms.coverage(row.coverage_year)
    return max(first, row.credit_on or first)


@transaction.atomic
def ask_for_refunds(*, declaration_nos: Sequence[str], reason: Refund.Reason, note: str, payer: User) -> list[Refund]:
    """Ask back some lines of one order, all or none; what he has asked for already is not asked for again.

    Raises Refused: a code of `why_not`, or one that `request_refund` raises.
    """
    own = Declaration.objects.filter(declaration_no__in=declaration_nos, payer=payer)
    rows = list(own.select_related("order").order_by("pk"))
    if len({row.order_id for row in rows}) != 1 or len(rows) != len(set(declaration_nos)):
        raise Refused("unknown_declaration")
    terms = terms_of({row.policy_id for row in rows})
    return [_ask(row, terms[row.policy_id], reason, note, payer) for row in rows]


def _ask(row: Declaration, terms: PolicyTerms, reason: Refund.Reason, note: str, payer: User) -> Refund:
    refusal = why_not(row, terms, None, clock.today())
    if refusal:
        raise Refused(refusal)
    try:
        return request_refund(
            declaration_no=row.declaration_no, reason=reason, note=note, actor=payer.actor, requested_by=payer
        )
    except Refused as problem:
        known = Refund.objects.filter(refund_no=problem.facts.get("refund_no", "")).first()
        if problem.code == "in_refund" and known is not None and known.requested_by_id == payer.pk:
            return known
        raise
