"""Payment orders: opening, handing over to a gateway, and the one door for money (HOUSE 2.4, 2.11).

Commit the intention → call outside with no transaction open → lock, compare, advance.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from core import clock
from core.nudge import nudge
from core.refusals import Refused
from core.statements import Prepared, columns, load
from core.transitions import Move, advance, advance_all, advance_one, take_over
from payments import gateways
from payments.declarations import free
from payments.gateways import availability
from payments.gateways.base import GatewayRefused, GatewayUnreachable, HandOver, Method, OrderRef
from payments.models import Declaration, PayeeAccount, PaymentOrder
from payments.receipts import channel_day
from payments.states import AT_GATEWAY

ORDER_LIFE = timedelta(minutes=30)
FIRST_CHECK = timedelta(seconds=5)
GRACE = timedelta(minutes=10)  # a payer at the password page may pay after the expiry (G17)
LOOKS_BACK = (timedelta(minutes=30), timedelta(hours=3), timedelta(days=1), timedelta(days=3), timedelta(days=7))
REFERENCE_S = 5  # how old reference data may be: payees, policies, channels
STATEMENTS_BY = time(12)  # when the statements of the day before have been read and matched (FAULTS 6)
WENT_BACK = ("undone", "returned")  # grounds of an expiry: money came and went back, so nobody is told that none did
MAX_LINES = 20  # refund limits of the gateways (HOUSE 2.11)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """One payment to one payee."""

    order_no: str
    payee: str
    amount_fen: int
    line_count: int


_OPEN = Prepared(f"""
WITH made AS (
    INSERT INTO payments_paymentorder (
        order_no, checkout_no, payer_id, channel_id, payee_id, amount_fen, line_count, status, gateway, method,
        merchant_id, gateway_trade_no, created_at, expires_at, checks, failure)
    SELECT order_no, %(checkout)s, %(payer)s::bigint, %(channel)s, payee, amount_fen, line_count, 'created',
        '', '', '', '', %(at)s::timestamptz, %(expires)s::timestamptz, 0, ''
    FROM jsonb_to_recordset(%(orders)s::jsonb) AS o(order_no text, payee text, amount_fen bigint, line_count smallint)
    RETURNING {columns(PaymentOrder)}
), told AS (
    INSERT INTO core_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
    SELECT 'ORDER', id, NULL, 'created', 'create', %(actor)s, '{{}}', %(at)s::timestamptz FROM made
)
SELECT {columns(PaymentOrder)} FROM made ORDER BY id""")


def open_orders(
    *, orders: Sequence[NewOrder], checkout_no: str, payer_id: int | None, channel_code: str, actor: str
) -> list[PaymentOrder]:
    """Insert the orders of one checkout in one statement; they come back in the order given."""
    moment = clock.now()
    parameters = {
        "orders": json.dumps([asdict(order) for order in orders]),
        "checkout": checkout_no,
        "payer": payer_id,
        "channel": channel_code,
        "actor": actor,
        "at": moment,
        "expires": moment + ORDER_LIFE,
    }
    made = {order.order_no: order for order in load(PaymentOrder, _OPEN, parameters)}
    return [made[order.order_no] for order in orders]


def start_payment(*, order_no: str, gateway: str, method: str, payer_ip: str, actor: str) -> PaymentOrder:
    """Send an order to a gateway and keep where the payer is to be sent (`hand_over`).

    Asking again with the same gateway and method gives the same cashier under the same number. An
    unknown answer leaves the order `submitting`; the sweep asks on. Raises Refused: `finished`,
    `expired`, `method_fixed` (with gateway), `no_merchant`, `gateway_down` (with back_at), `not_accepted` (with
    reason); PaymentOrder.DoesNotExist.
    """
    if not availability.is_up(gateway):
        raise Refused("gateway_down", gateway=gateway, back_at=availability.back_at(gateway))
    order, is_first = _begin_payment(order_no=order_no, gateway=gateway, method=method, actor=actor)
    if order.hand_over is not None:
        return order
    try:
        port = gateways.gateway(gateway)
        hand_over = port.create(order_ref(order, payer_ip=payer_ip), Method(method))
    except GatewayRefused as refusal:
        if not is_first:  # an earlier try, whose answer was lost, may have been taken: the sweep finds out
            return order
        fail_order(order_id=order.pk, event="reject", reason=refusal.code, actor=f"system:{gateway}")
        raise Refused("not_accepted", reason=refusal.code) from refusal
    except GatewayUnreachable:
        availability.note_silence(gateway)
        nudge("payments.tasks.refresh_order", order.order_no)
        return order
    if port.create_calls:
        availability.note_answer(gateway)
    return _keep_hand_over(order, hand_over)


@clock.kept_for(REFERENCE_S)
def merchants_of(payee: str) -> dict[str, str]:
    """The merchant numbers of a payee, by gateway."""
    return dict(PayeeAccount.objects.values_list("merchants", flat=True).get(pk=payee))


_LOCK = Prepared(f"SELECT {columns(PaymentOrder)} FROM payments_paymentorder WHERE order_no = %s FOR UPDATE")


def locked_order(order_no: str) -> PaymentOrder | None:
    """An order, its row locked until the end of the transaction."""
    return next(iter(load(PaymentOrder, _LOCK, [order_no])), None)


@transaction.atomic
def _begin_payment(*, order_no: str, gateway: str, method: str, actor: str) -> tuple[PaymentOrder, bool]:
    """The order as it stands once it is `submitting`, and whether this call made it so."""
    order = locked_order(order_no)
    if order is None:
        raise PaymentOrder.DoesNotExist(order_no)
    moment = clock.now()
    if order.status in AT_GATEWAY:
        if (order.gateway, order.method) != (gateway, method):
            raise Refused("method_fixed", gateway=order.gateway)
        return order, False
    if order.status != "created":
        raise Refused("finished", status=order.status)
    if order.expires_at <= moment:
        raise Refused("expired")
    merchants = merchants_of(order.payee_id)
    if gateway not in merchants:
        raise Refused("no_merchant", gateway=gateway)
    values = {
        "gateway": gateway,
        "method": method,
        "merchant_id": merchants[gateway],
        "started_at": moment,
        "expires_at": moment + ORDER_LIFE,
        "next_check_at": moment + FIRST_CHECK,
    }
    start = Move(PaymentOrder, [order.pk], "start", {"gateway": gateway}, values)
    advance_all([start, Move(Declaration, _declaration_ids(order.pk), "pay")], actor=actor)
    take_over(order, start)
    return order, True


def _keep_hand_over(order: PaymentOrder, hand_over: HandOver) -> PaymentOrder:
    kept = {"kind": hand_over.kind.value, "url": hand_over.url, "fields": dict(hand_over.fields)}
    if not advance_one(order, "accept", actor=f"system:{order.gateway}", values={"hand_over": kept}):
        order.refresh_from_db()  # a notification was faster than the gateway's own answer
    return order


_LINES = Prepared("SELECT id FROM payments_declaration WHERE order_id = %s ORDER BY id")


def _declaration_ids(order_id: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [order_id])
        return [row[0] for row in cursor.fetchall()]


def order_ref(order: PaymentOrder, *, payer_ip: str = "") -> OrderRef:
    """What a gateway is told about an order; never a name or a number of a person."""
    return OrderRef(
        order_no=order.order_no,
        amount_fen=order.amount_fen,
        description=f"社会保险费 {order.line_count}笔",
        created_at=order.started_at or order.created_at,
        expires_at=order.expires_at,
        merchant=order.merchant_id,
        payer_ip=payer_ip,
        return_url=f"{settings.BASE_URL}/hooks/return/{order.order_no}/",
        notify_url=f"{settings.BASE_URL}/hooks/{order.gateway}/notice/",
    )


@transaction.atomic
def fail_order(*, order_id: int, event: str, reason: str, actor: str) -> bool:
    """End an order that the gateway definitely did not take (`reject`) or says has failed (`fail`)."""
    PaymentOrder.objects.select_for_update().get(pk=order_id)
    evidence = {"reason": reason, "said_at": clock.now()}
    moment = clock.now()
    values = {"failure": reason[:60], "closed_at": moment, "next_check_at": next_look_back(moment, moment)}
    moved = advance(PaymentOrder, [order_id], event, actor=actor, evidence=evidence, values=values)
    if moved:
        free(_declaration_ids(order_id), "release", actor=actor, evidence=evidence)
    return bool(moved)


@transaction.atomic
def expire_order(*, order_id: int, actor: str, evidence: Mapping[str, Any]) -> bool:
    """Close an order that nobody will pay and free its declarations (HOUSE 2.7).

    The caller holds the evidence: the order never went to a gateway, or the gateway says closed, or
    hard expiry and grace are over and it says unpaid. False when the order has moved on meanwhile.
    """
    order = PaymentOrder.objects.select_for_update().get(pk=order_id)
    event = "withdraw" if order.status == "created" else "release"
    moment = clock.now()
    next_at = next_look_back(moment, moment) if order.started_at else None
    values = {"closed_at": moment, "next_check_at": next_at}
    moved = advance(PaymentOrder, [order_id], "expire", actor=actor, evidence=evidence, values=values)
    if moved:
        free(_declaration_ids(order_id), event, actor=actor, evidence=evidence)
    return bool(moved)


def next_look_back(closed_at: datetime, moment: datetime) -> datetime | None:
    """When a closed order that a gateway knew is asked about again, at growing gaps; None after a week."""
    return next((closed_at + gap for gap in LOOKS_BACK if closed_at + gap > moment), None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """As much of an order as tells when it will be known."""

    status: str
    created_at: datetime
    started_at: datetime | None
    expires_at: datetime
    unreachable_since: datetime | None
    gateway: str


def clears_by(order: PaymentOrder | Waiting) -> datetime:
    """The moment by which an unfinished order is known to be paid or not: what every screen shows.

    A gateway is asked; where it does not answer, and at a counter or terminal that nobody can ask, the statements of
    two channel days tell (PA-4). When that moment has passed because one has not come, it is the next noon, and staff
    have a case.
    """
    if order.status == "created":
        return order.expires_at + timedelta(minutes=1)
    if order.unreachable_since is None and order.gateway in gateways.all_codes():
        return order.expires_at + GRACE + timedelta(minutes=1)
    day = channel_day(order.gateway, order.started_at or order.created_at)
    tells_at = datetime.combine(day + timedelta(days=2), STATEMENTS_BY, clock.SHANGHAI)
    overdue = clock.now() - tells_at
    return tells_at if overdue < timedelta() else tells_at + timedelta(days=overdue.days + 1)
