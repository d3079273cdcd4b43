"""Money and events that the records do not explain: held in full until somebody or a rule decides."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Sum

from core import clock
from core.transitions import record_creation
from payments.models import Allocation, Declaration, Discrepancy, PaymentOrder
from payments.states import UNDER_WORK


def open_discrepancy(
    *,
    kind: Discrepancy.Kind,
    key: str,
    amount_fen: int,
    actor: str,
    order: PaymentOrder | None = None,
    declaration: Declaration | None = None,
    receipt_id: int | None = None,
    facts: dict[str, Any] | None = None,
    owner_id: int | None = None,
) -> Discrepancy:
    """Open a case, one at a time for each `key`: while it is not over, a second call returns the first one's row.

    Trouble that comes after its case was ended is new trouble and opens a new one, but what two people have let go is
    not asked again in the same words. A partial unique index keeps two that come at once from opening two.
    """
    if receipt_id is None and (let_go := _let_go(key, facts or {})):
        return let_go
    found, made = Discrepancy.objects.get_or_create(
        key=key,
        status__in=UNDER_WORK,
        defaults={
            "kind": kind,
            "amount_fen": amount_fen,
            "order": order,
            "declaration": declaration,
            "receipt_id": receipt_id,
            "facts": facts or {},
            "opened_at": clock.now(),
            "owner_id": owner_id,
        },
    )
    if made:
        record_creation(Discrepancy, [found.pk], status="open", actor=actor, evidence={"kind": kind, "key": key})
    return found


def held_by(discrepancy_ids: Iterable[int]) -> dict[int, int]:
    """The money that lies at each of these, where any does. What a case is about may lie elsewhere, or nowhere yet."""
    rows = Allocation.objects.filter(target_kind=Allocation.Target.DISCREPANCY, target_id__in=discrepancy_ids)
    return dict(rows.values_list("target_id").annotate(held=Sum("amount_fen")).exclude(held=0))


def _let_go(key: str, facts: dict[str, Any]) -> Discrepancy | None:
    return Discrepancy.objects.filter(key=key, status="waived", facts=facts).order_by("-pk").first()
