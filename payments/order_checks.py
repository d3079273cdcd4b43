"""Finding out what became of an order: by query, at its expiry, at the payer's wish (HOUSE 2.2, 2.7).

Unknown stays unknown and is asked again. An order is closed only by evidence.
"""

import logging
from datetime import timedelta

from django.db import connection, transaction

from core import clock, limiter
from core.heartbeats import beat
from core.refusals import Refused
from core.transitions import advance
from payments import gateways
from payments.confirming import Payment, confirm_payment
from payments.declarations import free
from payments.discrepancies import open_discrepancy
from payments.gateways import availability
from payments.gateways.base import (
    Gateway,
    GatewayRefused,
    GatewayUnreachable,
    Result,
    TooEarlyToClose,
    TradeState,
)
from payments.models import Declaration, Discrepancy, Notification, PaymentOrder
from payments.orders import GRACE, clears_by, expire_order, next_look_back, order_ref
from payments.states import AT_GATEWAY, UNFINISHED

log = logging.getLogger(__name__)

STEPS = [timedelta(seconds=s) for s in (5, 30, 60, 180, 600, 1800)]
LEASE = timedelta(seconds=90)
BATCH = 100
OVERDUE_BATCH = 1000
BATCH_TIME = timedelta(seconds=45)
CASE_AFTER = timedelta(days=2)  # PA-4
CLOSED = ("failed", "expired")
UNPAID = (TradeState.NOTPAY, TradeState.NOT_FOUND, TradeState.USERPAYING)


def refresh_order(*, order_no: str, actor: str = "system:refresh") -> PaymentOrder:
    """Ask the gateway about an unfinished order and act on what it says; return the order as it then stands."""
    return ask_about(order_no=order_no, actor=actor)[0]


def ask_about(*, order_no: str, actor: str) -> tuple[PaymentOrder, TradeState | None]:
    """The same, with the gateway's word about an unfinished order: "under way" is a word, None is silence."""
    order = PaymentOrder.objects.get(order_no=order_no)
    if order.status in CLOSED and order.started_at:
        return _look_back(order), None
    if order.status not in AT_GATEWAY:
        return order, None
    said = None
    try:
        result = _ask(order)
    except (GatewayUnreachable, GatewayRefused) as problem:
        _note_silence(order, type(problem).__name__)
    else:
        availability.note_answer(order.gateway)
        _act_on(order, result, actor=actor)
        said = result.state
    order.refresh_from_db()
    return order, said


def _gateway_of(order: PaymentOrder) -> Gateway:
    """Raises GatewayUnreachable where nobody can be asked: at a counter, a terminal, or one taken out of use."""
    if order.gateway not in gateways.all_codes():
        raise GatewayUnreachable("nobody to ask")
    return gateways.gateway(order.gateway)


def _look_back(order: PaymentOrder) -> PaymentOrder:
    """Ask about a closed order once more: a success whose notice was lost is still found, without a statement."""
    try:
        result = _gateway_of(order).query(order_ref(order))
    except (GatewayUnreachable, GatewayRefused) as problem:
        log.info("closed order %s: %s at %s", order.order_no[-6:], type(problem).__name__, order.gateway)
    else:
        if result.state is TradeState.PAID:
            confirm_payment(order_no=order.order_no, payment=Payment(result, order.gateway, "query"))
    next_at = next_look_back(order.closed_at or order.created_at, clock.now())
    PaymentOrder.objects.filter(pk=order.pk, status__in=CLOSED).update(next_check_at=next_at)
    order.refresh_from_db()
    return order


def _ask(order: PaymentOrder) -> Result:
    """Query; once the hard expiry is over ask to close as well, so that nobody can pay any more."""
    gateway = _gateway_of(order)
    if clock.now() < order.expires_at:
        return gateway.query(order_ref(order))
    try:
        return gateway.close(order_ref(order))
    except TooEarlyToClose:
        return gateway.query(order_ref(order))


def _act_on(order: PaymentOrder, result: Result, *, actor: str) -> None:
    evidence = {"said": result.as_json(), "asked_at": clock.now(), "source": "query"}
    if result.state is TradeState.PAID:
        confirm_payment(order_no=order.order_no, payment=Payment(result, order.gateway, "query"))
        _ask_again_later(order, reachable=True)  # only bites where it did not fit the order
    elif result.state is TradeState.CLOSED or (result.state in UNPAID and _may_release(order)):
        expire_order(order_id=order.pk, actor=actor, evidence=evidence)
    else:
        # "Under way" is as good as no answer: nobody may be told that it is unpaid, or sent to pay again.
        _ask_again_later(order, reachable=result.state is not TradeState.UNKNOWN)
        if result.state is TradeState.REFUNDED:
            _open_case(order, "refunded_outside")


def _may_release(order: PaymentOrder) -> bool:
    """Hard expiry and grace are over and no notification about the order waits to be judged (HOUSE 2.7)."""
    waiting = Notification.objects.filter(order_no=order.order_no, next_try_at__isnull=False)
    return clock.now() >= order.expires_at + GRACE and not waiting.exists()


def _note_silence(order: PaymentOrder, reason: str) -> None:
    availability.note_silence(order.gateway)
    log.info("order %s: %s at %s", order.order_no[-6:], reason, order.gateway)
    _ask_again_later(order, reachable=False)


def _ask_again_later(order: PaymentOrder, *, reachable: bool) -> None:
    """Move the next question by growing steps; near the end of the grace the release is not kept waiting."""
    moment = clock.now()
    step = STEPS[min(order.checks, len(STEPS) - 1)]
    at = moment + step
    for milestone in (order.expires_at, order.expires_at + GRACE):
        if moment < milestone < at:
            at = milestone
    since = None if reachable else (order.unreachable_since or moment)
    PaymentOrder.objects.filter(pk=order.pk, status__in=AT_GATEWAY).update(
        next_check_at=at, checks=order.checks + 1, unreachable_since=since
    )
    if moment - (order.started_at or order.created_at) > CASE_AFTER:
        _open_case(order, "no_outcome_after_two_days")


def _open_case(order: PaymentOrder, reason: str) -> None:
    open_discrepancy(
        kind=Discrepancy.Kind.STUCK, key=f"stuck:{order.pk}:{reason}", amount_fen=order.amount_fen,
        actor="system:refresh", order=order, facts={"reason": reason},
    )  # fmt: skip


def cancel_order(*, order_no: str, actor: str) -> PaymentOrder:
    """The payer gives an order up: an expiry by him, on the gateway's word that nobody paid (C9).

    Raises Refused: `too_early` (at: WeChat closes no order in its first five minutes), `unreachable`,
    `already_paid`, `not_confirmed` (at: when it will be known), `cannot_close` (at; UnionPay closes no order, so that
    only its expiry frees it), `finished`.
    """
    order = PaymentOrder.objects.get(order_no=order_no)
    if order.status == "created":
        if expire_order(order_id=order.pk, actor=actor, evidence={"never_started": True}):
            order.refresh_from_db()
            return order
        raise Refused("finished", status=order.status)
    if order.status not in UNFINISHED:
        raise Refused("already_paid" if order.status == "paid" else "finished", status=order.status)
    result = _close_for_payer(order)
    _act_on(order, result, actor=actor)
    order.refresh_from_db()
    if order.status == "paid":
        raise Refused("already_paid")
    if order.status in UNFINISHED:
        can_close = gateways.gateway(order.gateway).can_close
        raise Refused("not_confirmed" if can_close else "cannot_close", at=clears_by(order))
    return order


def _close_for_payer(order: PaymentOrder) -> Result:
    try:
        return _gateway_of(order).close(order_ref(order))
    except TooEarlyToClose as early:
        raise Refused("too_early", at=early.at) from early
    except (GatewayUnreachable, GatewayRefused) as problem:
        _note_silence(order, type(problem).__name__)
        raise Refused("unreachable", at=clears_by(order)) from problem


_LEASE = """
UPDATE payments_paymentorder SET next_check_at = %s
WHERE id IN (SELECT id FROM payments_paymentorder
             WHERE next_check_at <= %s
             ORDER BY next_check_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING order_no"""


def refresh_pending_orders() -> int:
    """Sweep: ask about every order whose next question is due; returns how many were asked about.

    Orders are leased by moving `next_check_at`, so a worker that dies costs a minute and nothing else.
    """
    started = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [started + LEASE, started, BATCH])
        numbers = [row[0] for row in cursor.fetchall()]
    asked = 0
    for order_no in numbers:
        if clock.now() - started > BATCH_TIME:
            break  # the lease runs out and another sweep takes the rest
        _refresh_safely(order_no)
        asked += 1
    beat("payments.tasks.refresh_pending_orders")
    return asked


def _refresh_safely(order_no: str) -> None:
    """One poisoned order must not stop the sweep (W7)."""
    try:
        refresh_order(order_no=order_no)
    except Exception:
        log.exception("order %s could not be refreshed", order_no[-6:])


def refresh_for_payer(*, order_no: str, actor: str) -> PaymentOrder:
    """What a page calls: ask the gateway now, but not more often than every three seconds an order."""
    if limiter.take(f"ask:{order_no}", limit=1, period=timedelta(seconds=3)).allowed:
        return refresh_order(order_no=order_no, actor=actor)
    return PaymentOrder.objects.get(order_no=order_no)


@transaction.atomic
def expire_overdue_orders() -> int:
    """Sweep: close orders that were never sent to a gateway and whose half hour is over; one set."""
    overdue = PaymentOrder.objects.filter(status="created", expires_at__lte=clock.now()).order_by("pk")
    ids = list(overdue.select_for_update(skip_locked=True).values_list("pk", flat=True)[:OVERDUE_BATCH])
    evidence = {"never_started": True}
    values = {"closed_at": clock.now(), "next_check_at": None}
    expired = advance(PaymentOrder, ids, "expire", actor="system:expire", evidence=evidence, values=values)
    lines = Declaration.objects.filter(order_id__in=expired).order_by("pk").values_list("pk", flat=True)
    free(list(lines), "withdraw", actor="system:expire", evidence=evidence)
    beat("payments.tasks.expire_overdue_orders")
    return len(expired)
