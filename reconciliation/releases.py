"""Attempts that hang, freed by what the channels' statements do not say (HOUSE 2.7, PA-4).

Where the gateway can be asked, it is asked first, and its word decides; statements are the backstop. Where nobody can
be asked (a counter, a terminal), the statements of the channel days D and D+1 are the only evidence there is.
"""

import logging
from collections.abc import Collection
from datetime import date, timedelta

from django.db import connection

from core import clock
from core.heartbeats import beat
from core.transitions import advance
from payments import gateways
from payments.discrepancies import open_discrepancy
from payments.gateways.base import TradeState
from payments.models import Discrepancy, Notification, PaymentOrder
from payments.order_checks import CASE_AFTER, ask_about
from payments.orders import GRACE, expire_order
from payments.receipts import channel_day
from payments.states import AT_GATEWAY, UNDER_WORK
from reconciliation.agreements import channel_today
from reconciliation.models import Clearing, Finding, Statement
from reconciliation.statements import in_force
from reconciliation.states import COMPLETE
from reconciliation.undone import is_undone, is_word_of_undone

log = logging.getLogger(__name__)

BATCH = 500
BATCH_TIME = timedelta(seconds=45)
ACTOR = "system:statement"


def clear_stuck_orders() -> int:
    """Sweep: free the orders of which complete statements hold no money; a case for what two days have not cleared.

    Returns how many orders were freed.
    """
    started, freed = clock.now(), 0
    for order in _stuck():
        if clock.now() - started > BATCH_TIME:
            break
        try:
            freed += clear_order(order=order)
        except Exception:  # one poisoned order must not stop the sweep (W7)
            log.exception("order %s could not be looked at", order.order_no[-6:])
    _open_cases()
    _settle_cases()
    beat("reconciliation.tasks.clear_stuck_orders")
    return freed


def _stuck() -> list[PaymentOrder]:
    """Unfinished, begun the day before yesterday or earlier by their channel: D and D+1 may both be there.

    By lot: those whose files never come, or whose gateway is slow, must not keep the others waiting for ever.
    """
    before = clock.now() - timedelta(days=1)
    waiting = PaymentOrder.objects.filter(status__in=AT_GATEWAY, created_at__lt=before).order_by("?")
    return [order for order in waiting[:BATCH] if days_of(order)[-1] < channel_today()]


def days_of(order: PaymentOrder) -> list[date]:
    """D, D+1, and on as far as the order could still be paid."""
    first = channel_day(order.gateway, order.started_at or order.created_at)
    last = max(first + timedelta(days=1), channel_day(order.gateway, order.expires_at + GRACE))
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def clear_order(*, order: PaymentOrder, actor: str = ACTOR) -> bool:
    """Free an order by evidence; False where there is none, or another word was faster."""
    ground = _proof(order)
    if ground and order.gateway in gateways.all_codes():
        order, said = ask_about(order_no=order.order_no, actor=actor)
        if order.status not in AT_GATEWAY or not _agrees(order, said, ground):
            return False  # its own word decides, now or at the next question
        if _proof(order) != ground:
            return False  # asking takes its time
    if not ground:
        return False
    return expire_order(order_id=order.pk, actor=actor, evidence=_evidence(ground, _statements(order)))


def _statements(order: PaymentOrder) -> list[Statement]:
    """Those of all its days that are in force."""
    return list(in_force(order.gateway, order.merchant_id, days_of(order)).values())


def _proof(order: PaymentOrder) -> str:
    """What the statements of all its days prove, where each is there and complete."""
    statements = _statements(order)
    is_complete = len(statements) == len(days_of(order)) and all(row.status in COMPLETE for row in statements)
    return _ground(order, statements) if is_complete else ""


def _ground(order: PaymentOrder, statements: Collection[Statement]) -> str:
    """What these statements prove: no line is about it, or all of its money has gone back; empty where neither."""
    if Notification.objects.filter(order_no=order.order_no, next_try_at__isnull=False).exists():
        return ""
    ids = [row.pk for row in statements]
    if not is_named(order.order_no, ids) and not Finding.objects.filter(order=order, statement__in=ids).exists():
        return Clearing.Ground.STATEMENTS.value
    return Clearing.Ground.UNDONE.value if is_undone(order, ids) else ""


def _agrees(order: PaymentOrder, said: TradeState | None, ground: str) -> bool:
    """Silence leaves it to the statements; any word but that of what they prove does not."""
    return said is None or (ground == Clearing.Ground.UNDONE and is_word_of_undone(order, said))


def is_named(order_no: str, statement_ids: list[int]) -> bool:
    """Whether any line names the order, be it of a kind that we do not know."""
    sql = """SELECT EXISTS (SELECT FROM reconciliation_statemententry
                            WHERE statement_id = ANY(%s) AND order_no = %s)"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [statement_ids, order_no])
        return bool(cursor.fetchone()[0])


def _evidence(ground: str, statements: list[Statement]) -> dict[str, object]:
    """What is kept beside the release: which files were looked through, as they were then."""
    looked = [
        {
            "statement": row.pk, "day": row.channel_day, "version": row.version, "sha256": row.sha256,
            "lines": row.line_count, "received_at": row.received_at,
        }
        for row in statements
    ]  # fmt: skip
    return {"source": "statement", "ground": ground, "statements": looked, "line": None}


def _open_cases() -> None:
    """PA-4: not cleared after two days is a case, opened by itself."""
    late = PaymentOrder.objects.filter(status__in=AT_GATEWAY, created_at__lt=clock.now() - CASE_AFTER)
    stuck = Discrepancy.objects.filter(kind=Discrepancy.Kind.STUCK, status__in=UNDER_WORK)
    told = stuck.filter(order__isnull=False).values("order")
    for order in late.exclude(pk__in=told).order_by("pk")[:BATCH]:
        reason = "no_outcome_after_two_days"
        open_discrepancy(
            kind=Discrepancy.Kind.STUCK, key=f"stuck:{order.pk}:{reason}", amount_fen=order.amount_fen, actor=ACTOR,
            order=order, facts={"reason": reason},
        )  # fmt: skip


def _settle_cases() -> None:
    """What hung and has been found out since needs nobody any more."""
    over = Discrepancy.objects.filter(kind=Discrepancy.Kind.STUCK, status="open", key__startswith="stuck:")
    ids = over.exclude(order__status__in=AT_GATEWAY).order_by("pk").values_list("pk", flat=True)
    advance(Discrepancy, list(ids[:BATCH]), "settle", actor=ACTOR, evidence={"source": "order"})
