"""Money and events that the records do not explain: held in full until somebody or a rule decides."""

from typing import Any

from core import clock
from core.transitions import record_creation
from payments.models import Declaration, Discrepancy, PaymentOrder


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
    """Open a case, once for each `key`: a second call returns the first one's row."""
    found, made = Discrepancy.objects.get_or_create(
        key=key,
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
