"""Money that goes back: the one place where refunds are taken and end, and what merchants are then told."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox import clock, courier, dials, events, faults, writes
from sandbox.faults import Faults
from sandbox.models import Notice, Payment, Refund
from sandbox.payments import new_transaction_no

ENDS = {"ends_abnormal": Refund.ABNORMAL, "ends_closed": Refund.CLOSED}


@dataclass(frozen=True)
class Asked:
    """What a merchant asks for."""

    refund_no: str
    amount_fen: int
    reason: str = ""
    notify_url: str = ""


def new_refund_id(gateway: str, moment: datetime) -> str:
    if gateway == "wechat":
        return f"503000{secrets.randbelow(100):02d}{moment:%Y%m%d}{secrets.randbelow(10**14):014d}"
    if gateway == "unionpay":
        return new_transaction_no(gateway, moment)
    return f"{moment:%Y%m%d}{secrets.randbelow(10**20):020d}"


def take(payment: Payment, asked: Asked, struck: Faults, *, seconds: float) -> Refund:
    """Take a refund that was checked. It ends after ``seconds`` of the vendor's time, at once where they are 0.

    The caller holds the writers' queue.
    """
    trade, moment = payment.trade, clock.now()
    refund = Refund(
        gateway=trade.gateway,
        merchant=trade.merchant,
        payment=payment,
        refund_no=asked.refund_no,
        refund_id=new_refund_id(trade.gateway, moment),
        amount_fen=asked.amount_fen,
        reason=asked.reason,
        notify_url=asked.notify_url,
        asked_at=moment,
    )
    _begin(refund, "asked", struck, seconds=seconds)
    return refund


def again(refund: Refund, struck: Faults, *, seconds: float) -> None:
    """The same request once more after it came to nothing: Alipay tries again under the old number."""
    _begin(refund, "asked again", struck, seconds=seconds)


def _begin(refund: Refund, what: str, struck: Faults, *, seconds: float) -> None:
    refund.status = Refund.PROCESSING
    refund.ends_as = next((ENDS[fault.name] for fault in struck if fault.name in ENDS), Refund.SUCCESS)
    refund.due_at, refund.ended_at = _due(clock.now(), struck, seconds), None
    refund.save()
    _note(refund, what)
    if seconds == 0 and "stays_processing" not in struck:
        end(refund)


def _due(moment: datetime, struck: Faults, seconds: float) -> datetime | None:
    stays = struck.get("stays_processing")
    if stays is None:
        return moment + timedelta(seconds=dials.vendor_seconds(seconds))
    if "seconds" not in stays.params:
        return None  # until a tester ends it
    return moment + timedelta(seconds=dials.vendor_seconds(stays.number("seconds", 0)))


def end(refund: Refund, *, status: str = "", ended_at: datetime | None = None) -> Refund:
    """Bring a refund to its end and plan its notice. The caller holds the writers' queue.

    A tester may name another ``status`` and another moment than now, and may change an end that has been.
    """
    refund.status = status or refund.ends_as
    refund.ended_at = ended_at or clock.now()
    refund.due_at = None
    refund.save(update_fields=["status", "ended_at", "due_at"])
    plan_notices(refund)
    _note(refund, refund.status)
    courier.wake()
    return refund


def _note(refund: Refund, what: str) -> None:
    trade = refund.payment.trade
    detail = {"refund_no": refund.refund_no, "amount_fen": refund.amount_fen, "what": what}
    events.record("refund", gateway=trade.gateway, point="refund", order_no=trade.order_no, detail=detail)


def plan_notices(refund: Refund) -> list[Notice]:
    """The rows from which the courier tells the merchant of an end, with the faults that strike written into them."""
    trade, carrier = refund.payment.trade, courier.GATEWAYS[refund.gateway]
    if not refund.notify_url or not carrier.tells_of(refund):
        return []
    struck = faults.take(refund.gateway, "refund_notice", order_no=trade.order_no, amount_fen=refund.amount_fen)
    notice_id = carrier.new_notice_id()
    body = carrier.compose_refund(notice_id, refund, struck)
    return courier.plan(trade, notice_id, refund.notify_url, body, struck, refund=refund)


def end_due_refunds() -> None:
    """The courier's chore: refunds whose time has come."""
    if dials.get("courier_paused"):
        return
    due = Refund.objects.filter(status=Refund.PROCESSING, due_at__lte=clock.now()).order_by("due_at", "id")
    for refund_id in due.values_list("id", flat=True)[:100]:
        with writes.alone():
            refund = Refund.objects.select_related("payment__trade").get(id=refund_id)
            if refund.status == Refund.PROCESSING and refund.due_at is not None:
                end(refund)
