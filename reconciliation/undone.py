"""Whether all that statements say of an order has been taken back, so that none of its money is left (HOUSE 2.7, B11).

A payment that its own file takes back is `cancelled_out` and was never taken up. One that is in the books has gone back
once all of it lies at settled refunds. Whatever else a line says of the order, and any finding or case that is not
over, is for people.
"""

from typing import Any

from django.db import connection
from django.db.models import Q

from payments.gateways.base import TradeState
from payments.models import PaymentOrder, Receipt
from payments.states import UNDER_WORK
from reconciliation.models import Finding

_GONE = """(SELECT coalesce(sum(a.amount_fen), 0) FROM payments_allocation a
            WHERE a.receipt_id = r.id AND a.target_kind = 'refund') = r.amount_fen"""

_ALL_BACK = f"""
SELECT count(*) > 0 AND bool_and(
    EXISTS (SELECT FROM reconciliation_finding f
            WHERE f.statement_id = e.statement_id AND f.line_no = e.line_no AND f.resolution = 'cancelled_out')
    OR EXISTS (SELECT FROM payments_receipt r
               WHERE r.gateway = %(channel)s AND r.gateway_trade_no = e.gateway_trade_no AND {_GONE}))
FROM reconciliation_statemententry e WHERE e.statement_id = ANY(%(statements)s) AND e.order_no = %(order_no)s"""

_NOTHING_LEFT = f"SELECT NOT EXISTS (SELECT FROM payments_receipt r WHERE r.order_id = %(order)s AND NOT ({_GONE}))"


def is_word_of_undone(order: PaymentOrder, state: str) -> bool:
    """Whether a channel may say this of an order whose money has gone back: refunded, or paid still, of a payment that
    we have given back ourselves (UnionPay)."""
    if state == TradeState.PAID:
        return Receipt.objects.filter(order=order).exists()
    return state == TradeState.REFUNDED


def is_undone(order: PaymentOrder, statement_ids: list[int]) -> bool:
    """Whether these statements name the order, and only with money that has gone back whole."""
    open_findings = Finding.objects.filter(
        Q(resolution="") | Q(discrepancy__status__in=UNDER_WORK), order=order, statement__in=statement_ids
    )
    if open_findings.exists():
        return False
    facts: dict[str, Any] = {
        "channel": order.gateway, "statements": statement_ids, "order_no": order.order_no, "order": order.pk,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ({_ALL_BACK}) AND ({_NOTHING_LEFT})", facts)
        return bool(cursor.fetchone()[0])
