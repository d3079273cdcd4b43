"""Refunds as payers find them: their own, by record, and those that are still under way (R22, R23, R27, HOUSE 5)."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from core.models import User
from payments.models import Refund
from payments.states import REFUNDING

_LOADED = ("receipt", "declaration", "declaration__registration", "declaration__order", "discrepancy", "requested_by")


def refunds_to(payer: User) -> QuerySet[Refund]:
    """Money that goes back to this account's wallet: of what it has paid, whoever asked for it."""
    return Refund.objects.filter(receipt__order__payer=payer).select_related(*_LOADED).order_by("-requested_at", "-pk")


def running_refunds(payer: User) -> QuerySet[Refund]:
    """Those that are neither given back nor refused."""
    return refunds_to(payer).filter(status__in=REFUNDING)


def refunds_by_record(declaration_ids: Iterable[int]) -> dict[int, Refund]:
    """The newest refund of each declaration, or of the money that is held of it."""
    ids = list(declaration_ids)
    of_them = Q(declaration__in=ids) | Q(discrepancy__declaration__in=ids)
    found: dict[int, Refund] = {}
    for refund in Refund.objects.filter(of_them).select_related("discrepancy").order_by("pk"):
        record = refund.declaration_id or (refund.discrepancy.declaration_id if refund.discrepancy else None)
        if record is not None:
            found[record] = refund
    return found
