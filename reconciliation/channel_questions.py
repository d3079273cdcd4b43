"""Asking a channel about an order now, because a member of staff wants to know; every answer is kept.

Its word that the order was paid takes effect at once, by the one door for money (HOUSE 2.4). Anything else changes
nothing by itself.
"""

from datetime import timedelta
from time import monotonic

from core import clock
from core.models import User
from payments import gateways
from payments.confirming import Payment, confirm_payment
from payments.gateways.base import GatewayRefused, GatewayUnreachable, Result, TooEarlyToClose, TradeState
from payments.models import PaymentOrder
from payments.orders import order_ref
from payments.states import AT_GATEWAY
from reconciliation.models import ChannelAnswer

SILENT, NOT_ASKED = "silent", "not_asked"
ASK_EVERY = timedelta(seconds=3)


def ask_channel(*, order_id: int, staff: User, closing: bool = False) -> ChannelAnswer:
    """Ask, with no transaction of our own open, and keep what was said or that nothing was.

    `closing`: once its hard expiry is over it is asked to close, so that nobody can pay what is about to be freed.
    """
    order = PaymentOrder.objects.get(pk=order_id)
    if order.gateway not in gateways.all_codes():
        return ChannelAnswer.objects.create(order=order, asked_by=staff, state=NOT_ASKED)
    began = monotonic()
    try:
        result = _ask(order, closing)
    except (GatewayUnreachable, GatewayRefused) as problem:
        state, said = SILENT, {"why": type(problem).__name__}
    else:
        state, said = result.state.value, result.as_json()
        if result.state is TradeState.PAID:
            confirm_payment(order_no=order.order_no, payment=Payment(result, order.gateway, "query"))
    took_ms = int((monotonic() - began) * 1000)
    return ChannelAnswer.objects.create(order=order, asked_by=staff, state=state, said=said, took_ms=took_ms)


def _ask(order: PaymentOrder, closing: bool) -> Result:
    gateway = gateways.gateway(order.gateway)
    if closing and order.status in AT_GATEWAY and clock.now() >= order.expires_at:
        try:
            return gateway.close(order_ref(order))
        except TooEarlyToClose:
            pass
    return gateway.query(order_ref(order))


def last_answer(order: PaymentOrder) -> ChannelAnswer | None:
    """The latest, however old."""
    return ChannelAnswer.objects.filter(order=order).select_related("asked_by").order_by("-pk").first()
