"""What gateways tell us: stored first, judged later (HOUSE 2.3).

A notification is answered with success once it is stored and verified; what it says takes effect in
a second transaction, at once where that works, by the sweep where it does not.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction

from core import clock, limiter
from core.heartbeats import beat
from core.refusals import Refused
from core.statements import Prepared, load
from core.transitions import advance
from payments import gateways
from payments.confirming import Outcome, Payment, confirm_payment
from payments.discrepancies import open_discrepancy
from payments.gateways.base import (
    KeyUnknown,
    Notice,
    RefundResult,
    RefundState,
    Result,
    SignatureInvalid,
    TradeState,
)
from payments.models import Discrepancy, Notification, PayeeAccount, PaymentOrder, Refund
from payments.order_checks import refresh_order
from payments.receipts import Put, allocate, record_receipt
from payments.refund_checks import refresh_refund
from payments.refund_settling import RefundEvidence, RefundOutcome, settle_refund

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024
FORGED = 401  # no 5xx: that would raise an alarm for whoever sends us nonsense (G11, G12)
UNVERIFIED_AN_HOUR = 1000
KEPT_HEADERS = ("content-type", "user-agent", "wechatpay-serial", "wechatpay-timestamp", "wechatpay-nonce",
                "wechatpay-signature", "wechatpay-signature-type")  # fmt: skip
STEPS = [timedelta(seconds=s) for s in (2, 5, 15, 60, 120, 600, 1800)]
CASE_AFTER = timedelta(minutes=5)  # I11: applied, or a case
FIRST_SWEEP = timedelta(seconds=5)  # the door tries at once; the sweep need not race it
LEASE = timedelta(seconds=60)
BATCH = 200
BATCH_TIME = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Received:
    """What to answer, and the row to process now; None where there is nothing to process."""

    status: int
    content_type: str
    body: bytes
    notification_id: int | None


def receive_notification(*, gateway: str, headers: Mapping[str, str], body: bytes) -> Received:
    """Verify and store one message; tell the gateway that it has arrived, or to try again."""
    port = gateways.gateway(gateway)
    if len(body) > MAX_BYTES:
        return Received(413, "text/plain", b"", None)
    try:
        notice = port.parse_notice(headers, body)
    except SignatureInvalid as problem:
        _keep_unverified(gateway, headers, body, str(problem))
        status, content_type, said = port.ack(False)
        return Received(status if isinstance(problem, KeyUnknown) else FORGED, content_type, said, None)
    return Received(*port.ack(True), _keep(gateway, headers, body, notice))


_STORE = Prepared("""
INSERT INTO payments_notification
    (gateway, key, headers, body, verdict, received_at, order_no, result, next_try_at, tries, outcome, failure)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 0, '', %s)
ON CONFLICT (gateway, key) DO NOTHING RETURNING id""")


def _keep(gateway: str, headers: Mapping[str, str], body: bytes, notice: Notice) -> int | None:
    """The new row's id; None when the same message was stored before."""
    said = notice.result or notice.refund
    result = json.dumps(said.as_json()) if said else None
    verdict = Notification.Verdict.VERIFIED if notice.fresh else Notification.Verdict.STALE
    moment = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            [
                gateway,
                notice.key,
                _kept(headers),
                body,
                verdict,
                moment,
                notice.order_no,
                result,
                moment + FIRST_SWEEP,
                "",
            ],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def _keep_unverified(gateway: str, headers: Mapping[str, str], body: bytes, reason: str) -> None:
    """Kept for people to look at, never believed; bounded, so that nobody can fill the disk with it."""
    if not limiter.take(f"unverified:{gateway}", limit=UNVERIFIED_AN_HOUR, period=timedelta(hours=1)).allowed:
        return
    key = "refused:" + hashlib.sha256(body + _kept(headers).encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            [gateway, key, _kept(headers), body, Notification.Verdict.REFUSED, clock.now(), "", None, None, reason],
        )


def _kept(headers: Mapping[str, str]) -> str:
    return json.dumps({name: value[:512] for name, value in headers.items() if name.lower() in KEPT_HEADERS})


_LOAD = Prepared("""
SELECT id, gateway, verdict, received_at, order_no, result, next_try_at, tries, outcome
FROM payments_notification WHERE id = %s""")


def process_notification(*, notification_id: int) -> str:
    """Let a stored message take effect; returns what it did. Repeating it changes nothing."""
    (row,) = load(Notification, _LOAD, [notification_id])
    if row.next_try_at is None:
        return row.outcome
    try:
        return _judge(row)
    except (Refused, DatabaseError) as problem:
        return _put_off(row, problem)
    except Exception as problem:  # what nobody foresaw is kept waiting as well, and said where it is read
        log.exception("notification %s could not be judged", row.pk)
        return _put_off(row, problem)


def _judge(row: Notification) -> str:
    if row.result and "refund_no" in row.result:
        return _judge_refund(row, RefundResult.from_json(row.result))
    result = Result.from_json(row.result) if row.result else None
    if result is None or result.state is not TradeState.PAID:
        return _judge_other(row, result)
    if row.verdict != Notification.Verdict.VERIFIED:
        return _ask_gateway(row)  # perhaps a replay (G11)
    payment = Payment(result, row.gateway, "notification")
    outcome = confirm_payment(
        order_no=row.order_no, payment=payment, and_then=lambda done: _mark_processed(row, done.value)
    )
    if outcome is Outcome.MISMATCH:
        return _ask_gateway(row)
    return outcome.value


_PROCESSED = Prepared("""
UPDATE payments_notification SET processed_at = %s, next_try_at = NULL, tries = %s, outcome = %s, failure = ''
WHERE id = %s""")


def _mark_processed(row: Notification, outcome: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PROCESSED, [clock.now(), row.tries + 1, outcome, row.pk])
    if row.outcome == "case" and outcome != "case":
        _settle_case(row, outcome)


def _settle_case(row: Notification, outcome: str) -> None:
    """It has taken effect after all: what was said about its waiting is over, unless somebody works on it."""
    waited = Discrepancy.objects.filter(key=f"notice:{row.pk}", kind=Discrepancy.Kind.UNPROCESSED)
    ids = list(waited.values_list("pk", flat=True))
    advance(Discrepancy, ids, "settle", actor="system:notification", evidence={"outcome": outcome})


def _ask_gateway(row: Notification) -> str:
    """Let the gateway itself say what became of the order; a number that is not ours is no error here."""
    _mark_processed(row, "asked_gateway")
    if PaymentOrder.objects.filter(order_no=row.order_no).exists():
        refresh_order(order_no=row.order_no, actor="system:notification")
    return "asked_gateway"


def _judge_other(row: Notification, result: Result | None) -> str:
    """Rightly signed, but no success of ours: closed, about another merchant, or not understood."""
    if result is not None and result.state is not TradeState.UNKNOWN:
        return _ask_gateway(row)
    open_discrepancy(
        kind=Discrepancy.Kind.UNPROCESSED, key=f"notice:{row.pk}", amount_fen=0, actor="system:notification",
        facts={"notification": row.pk, "reason": "not_understood"},
    )  # fmt: skip
    _mark_processed(row, "case")
    return "case"


def _judge_refund(row: Notification, result: RefundResult) -> str:
    """A success takes effect; what else a notice says of a refund, or says late, the gateway is asked about."""
    if result.state is not RefundState.SUCCESS or row.verdict != Notification.Verdict.VERIFIED:
        return _ask_about_refund(row, result)
    outcome = settle_refund(
        refund_no=result.refund_no,
        evidence=RefundEvidence(result, row.gateway, "notification"),
        and_then=lambda done: _mark_processed(row, done.value),
    )
    return _ask_about_refund(row, result) if outcome is RefundOutcome.MISMATCH else outcome.value


def _ask_about_refund(row: Notification, result: RefundResult) -> str:
    if not Refund.objects.filter(refund_no=result.refund_no).exists():
        raise Refused("unknown_refund")
    _mark_processed(row, "asked_gateway")
    refresh_refund(refund_no=result.refund_no)
    return "asked_gateway"


def _put_off(row: Notification, problem: Exception) -> str:
    """Not now: the order is not committed yet, or a lock is held. After five minutes a case says so (I11)."""
    reason = problem.code if isinstance(problem, Refused) else type(problem).__name__
    moment = clock.now()
    step = STEPS[min(row.tries, len(STEPS) - 1)]
    is_case = moment - row.received_at > CASE_AFTER
    if reason == "unknown_refund":
        _refresh_order_of(row)
    if is_case:
        _open_unknown(row, reason)
    Notification.objects.filter(pk=row.pk).update(
        next_try_at=None if is_case and reason in ("unknown_order", "unknown_refund") else moment + step,
        tries=min(row.tries + 1, 30_000),
        outcome="case" if is_case else "",
        failure=reason,
    )
    return "case" if is_case else "put_off"


def _refresh_order_of(row: Notification) -> None:
    """A refund that we never asked for tells that its order was paid (G9): find that out by asking."""
    if PaymentOrder.objects.filter(order_no=row.order_no).exists():
        refresh_order(order_no=row.order_no, actor="system:notification")


def _is_ours(gateway: str, merchant_id: str) -> bool:
    """Whether the money went to one of our payees: only then is there a receipt."""
    return PayeeAccount.objects.filter(merchants__contains={gateway: merchant_id}).exists()


@transaction.atomic
def _open_unknown(row: Notification, reason: str) -> None:
    """Hold the money of a payment that fits no order of ours (B8 of a gateway), or say that we are stuck."""
    unknown = reason == "unknown_order"
    said = Result.from_json(row.result) if row.result and "refund_no" not in row.result else None
    amount_fen = int((row.result or {}).get("amount_fen") or 0)
    receipt_id = None
    if unknown and said and amount_fen and _is_ours(row.gateway, said.merchant_id):
        receipt_id = record_receipt(
            gateway=row.gateway, merchant_id=said.merchant_id, gateway_trade_no=said.trade_no, order_id=None,
            amount_fen=amount_fen, paid_at=said.paid_at or row.received_at, source="notification",
        )  # fmt: skip
    found = open_discrepancy(
        kind=Discrepancy.Kind.UNKNOWN_ORDER if unknown else Discrepancy.Kind.UNPROCESSED,
        key=f"{'notice-money' if unknown else 'notice'}:{row.pk}", amount_fen=amount_fen,
        actor="system:notification", receipt_id=receipt_id,
        facts={"notification": row.pk, "order_no": row.order_no, "reason": reason, "said": row.result},
    )  # fmt: skip
    if receipt_id is not None:
        allocate(receipt_id, [Put("discrepancy", found.pk, amount_fen)])


_LEASE = """
UPDATE payments_notification SET next_try_at = %s
WHERE id IN (SELECT id FROM payments_notification WHERE next_try_at <= %s
             ORDER BY next_try_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id"""


def process_waiting_notifications() -> int:
    """Sweep: what was stored and did not take effect at once."""
    started = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [started + LEASE, started, BATCH])
        waiting = [row[0] for row in cursor.fetchall()]
    done = 0
    for notification_id in waiting:
        if _is_over(started):
            break
        try:
            process_notification(notification_id=notification_id)
        except Exception:  # one poisoned message must not stop the sweep (W7)
            log.exception("notification %s could not be processed", notification_id)
        done += 1
    beat("payments.tasks.process_waiting_notifications")
    return done


def _is_over(started: datetime) -> bool:
    return clock.now() - started > BATCH_TIME
