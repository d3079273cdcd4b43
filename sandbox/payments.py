"""Buyers pay: the one place where money moves in the sandbox, and what merchants are then told."""

import secrets
import time
from datetime import datetime, timedelta

from sandbox import clock, courier, dials, events, faults, writes
from sandbox.models import Notice, Payment, PlannedPayment, Trade

PAYERS = {
    "wechat": "oDemoBuyer0000000000000000001",
    "alipay": "2088000000009001",
    "unionpay": "6216***********0018",
}


class CannotPay(Exception):
    """Why the cashier refuses: paid, closed, expired."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def new_transaction_no(gateway: str, moment: datetime) -> str:
    """28 digits in the vendor's manner; UnionPay's have 21."""
    digits = f"{secrets.randbelow(10**12):012d}"
    if gateway == "wechat":
        return f"420000{secrets.randbelow(100):02d}{moment:%Y%m%d}{digits}"
    if gateway == "unionpay":
        return f"95{moment:%y%m%d%H%M%S}{secrets.randbelow(10**7):07d}"
    return f"{moment:%Y%m%d}22001{digits}{secrets.randbelow(1000):03d}"


def payer_of(trade: Trade) -> str:
    """The demo buyer, as the gateway names him to this merchant."""
    return PAYERS[trade.gateway]


def pay(
    trade_id: int,
    *,
    amount_fen: int | None = None,
    forced: bool = False,
    again: bool = False,
    opened_at: datetime | None = None,
    paid_at: datetime | None = None,
) -> Payment:
    """Pay a trade and plan its notice. Raises CannotPay.

    ``forced`` pays a closed or expired one, ``again`` one that is paid. A buyer whose cashier was ``opened_at``
    before the expiry may still pay after it, as with the real ones. ``paid_at`` dates the payment back, so that it
    stands in the statement of a day gone by.
    """
    moment = clock.now()
    with writes.alone():
        trade = Trade.objects.get(id=trade_id)
        if trade.payments.exists() and not again:
            raise CannotPay("paid")
        if trade.closed_at and not forced and not again:
            raise CannotPay("closed")
        if trade.is_expired(moment) and not forced and not again:
            seen = opened_at is not None and trade.expires_at is not None and opened_at < trade.expires_at
            if not seen:
                raise CannotPay("expired")
        first = not trade.payments.exists()
        number = trade.transaction_no if first and trade.transaction_no else new_transaction_no(trade.gateway, moment)
        payment = Payment.objects.create(
            trade=trade,
            transaction_no=number,
            amount_fen=trade.amount_fen if amount_fen is None else amount_fen,
            currency=trade.currency,
            payer=payer_of(trade),
            paid_at=paid_at or moment,
        )
        if trade.opened_at is None:
            Trade.objects.filter(id=trade.id).update(opened_at=moment, transaction_no=number)
        plan_notices(trade, payment)
    events.record(
        "payment",
        gateway=trade.gateway,
        point="pay",
        order_no=trade.order_no,
        detail={"transaction_no": number, "amount_fen": payment.amount_fen, "forced": forced, "again": again},
    )
    courier.wake()
    return payment


def plan_notices(trade: Trade, payment: Payment) -> list[Notice]:
    """The rows from which the courier sends, with the faults that strike this notice written into them."""
    if not trade.notify_url:
        return []
    struck = faults.take(trade.gateway, "notice", order_no=trade.order_no, amount_fen=trade.amount_fen)
    carrier = courier.GATEWAYS[trade.gateway]
    notice_id = carrier.new_notice_id()
    body = carrier.compose(notice_id, trade, payment, struck)
    return courier.plan(trade, notice_id, trade.notify_url, body, struck)


def wait_for_notices(trade: Trade, *, seconds: float) -> None:
    """Until the merchant has been told of the payment once, or the time is up."""
    until = clock.epoch() + seconds
    while clock.epoch() < until and Notice.objects.filter(trade=trade, state=Notice.WAITING, tries=0).exists():
        time.sleep(0.05)


def pay_later(trade: Trade, *, seconds: float = 0, when_closed: bool = False) -> None:
    """A buyer who pays after so many seconds of the vendor's time, or once the order has been closed."""
    due_at = clock.now() + timedelta(seconds=dials.vendor_seconds(seconds))
    PlannedPayment.objects.create(trade=trade, made_at=clock.now(), due_at=due_at, when_closed=when_closed)
    courier.wake()


def pay_planned(planned: PlannedPayment) -> None:
    """Do one planned payment; its end is kept on the row."""
    try:
        pay(planned.trade_id, forced=planned.when_closed, opened_at=planned.made_at)
        outcome = "paid"
    except CannotPay as refused:
        outcome = refused.reason
    PlannedPayment.objects.filter(id=planned.id).update(done_at=clock.now(), outcome=outcome)


def make_due_payments() -> None:
    """The courier's chore: buyers whose time has come."""
    if dials.get("courier_paused"):
        return
    due = PlannedPayment.objects.filter(done_at=None, due_at__lte=clock.now())
    due = due.exclude(when_closed=True, trade__closed_at=None)
    for planned in due.select_related("trade")[:100]:
        pay_planned(planned)
