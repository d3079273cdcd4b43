"""What really happened on a day at one merchant, from the sandbox's own rows."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings

from sandbox import clock, dials
from sandbox.models import Payment, Refund, Trade
from sandbox.statements.lines import PAY, REFUND, Line
from sandbox.unionpay import wire as unionpay

BEGINS_EARLIER = {"unionpay": timedelta(hours=1)}  # its day is from 23:00 to 23:00


def moved(moment: datetime) -> datetime:
    """An instant on the business calendar, in Beijing time."""
    return moment.astimezone(clock.SHANGHAI) + timedelta(days=settings.CLOCK_OFFSET_DAYS)


def day_of(moment: datetime, gateway: str) -> date:
    return (moved(moment) + BEGINS_EARLIER.get(gateway, timedelta())).date()


def _bounds(day: date, gateway: str) -> tuple[datetime, datetime]:
    """The real instants between which that day of the gateway lies."""
    start = datetime.combine(day - timedelta(days=settings.CLOCK_OFFSET_DAYS), time(), clock.SHANGHAI)
    start -= BEGINS_EARLIER.get(gateway, timedelta())
    return start, start + timedelta(days=1)


def _begun(told: str, known: datetime, done: datetime) -> datetime:
    """When it was begun: as the merchant told UnionPay, else as the gateway knows; never after it was done."""
    return moved(min(unionpay.instant(told) or known, done))


def fee_fen(amount_fen: int) -> int:
    """The gateway's share of a payment, to the nearest fen."""
    share = Decimal(amount_fen) * Decimal(str(dials.get("fee_percent"))) / 100
    return int(share.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _line(trade: Trade, payment: Payment, fees: dict[int, int], **values: object) -> Line:
    common = {
        "fee_fen": 0,
        "order_no": trade.order_no,
        "transaction_no": payment.transaction_no,
        "product": trade.product,
        "appid": trade.appid,
        "payer": payment.payer,
        "description": trade.description,
        "attach": trade.attach,
        "currency": payment.currency,
    }
    made = Line(**(common | values))  # type: ignore[arg-type]
    fee = fees.setdefault(made.amount_fen, fee_fen(made.amount_fen))
    return replace(made, fee_fen=fee if made.is_payment else -fee)


def lines_of(gateway: str, merchant: str, day: date) -> list[Line]:
    """Payments by the time they were paid, refunds by the time they succeeded, in that order of time."""
    start, end = _bounds(day, gateway)
    fees: dict[int, int] = {}
    found = []
    at_merchant = Payment.objects.filter(trade__gateway=gateway, trade__merchant=merchant).select_related("trade")
    for payment in at_merchant.filter(paid_at__gte=start, paid_at__lt=end).iterator():
        told = payment.trade.attach if gateway == "unionpay" else ""
        begun_at = _begun(told, payment.trade.created_at, payment.paid_at)
        values = {"at": moved(payment.paid_at), "begun_at": begun_at}
        found.append(_line(payment.trade, payment, fees, kind=PAY, amount_fen=payment.amount_fen, **values))
    for payment in at_merchant.filter(returned_at__gte=start, returned_at__lt=end).iterator():
        moment = moved(payment.returned_at)  # type: ignore[arg-type]
        values = {"at": moment, "begun_at": moment}
        found.append(_line(payment.trade, payment, fees, kind=REFUND, amount_fen=payment.amount_fen, **values))
    back = Refund.objects.filter(gateway=gateway, merchant=merchant, status=Refund.SUCCESS)
    back = back.filter(ended_at__gte=start, ended_at__lt=end).select_related("payment__trade")
    for refund in back.iterator():
        ended: datetime = refund.ended_at  # type: ignore[assignment]
        found.append(
            _line(
                refund.payment.trade,
                refund.payment,
                fees,
                kind=REFUND,
                amount_fen=refund.amount_fen,
                at=moved(ended),
                begun_at=_begun(refund.reason if gateway == "unionpay" else "", refund.asked_at, ended),
                refund_no=refund.refund_no,
                refund_id=refund.refund_id,
            )
        )
    return sorted(found, key=lambda line: (line.at, line.transaction_no, line.refund_no))
