"""Every fen that arrives, and where it was put (HOUSE 2.10). Both tables are append-only."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection

from core import clock
from core.statements import Prepared

CUT_OFF = {"unionpay": time(23, 0)}  # a channel day that does not end at midnight (HOUSE 2.13)


@dataclass(frozen=True, slots=True)
class Put:
    """A part of a receipt and what it was put to: a declaration, a discrepancy or a refund."""

    target_kind: str
    target_id: int
    amount_fen: int


def channel_day(gateway: str, paid_at: datetime) -> date:
    """The gateway's own day on which it books a payment made at `paid_at` (real calendar)."""
    local = paid_at.astimezone(clock.SHANGHAI)
    cut = CUT_OFF.get(gateway)
    return local.date() + timedelta(days=1) if cut and local.time() >= cut else local.date()


_RECORD = Prepared("""
WITH made AS (
    INSERT INTO payments_receipt
        (gateway, merchant_id, gateway_trade_no, order_id, amount_fen, paid_at, channel_day, source, recorded_at)
    VALUES (%(gateway)s, %(merchant)s, %(trade)s, %(order)s, %(amount)s, %(paid_at)s, %(day)s, %(source)s,
        %(at)s::timestamptz)
    ON CONFLICT (gateway, gateway_trade_no) DO NOTHING RETURNING id
), put AS (
    INSERT INTO payments_allocation (receipt_id, target_kind, target_id, amount_fen, at)
    SELECT made.id, target_kind, target_id, amount_fen, %(at)s::timestamptz
    FROM made, jsonb_to_recordset(%(puts)s::jsonb) AS p(target_kind text, target_id bigint, amount_fen bigint)
)
SELECT id FROM made""")


def record_receipt(
    *,
    gateway: str,
    merchant_id: str,
    gateway_trade_no: str,
    order_id: int | None,
    amount_fen: int,
    paid_at: datetime,
    source: str,
    puts: Sequence[Put] = (),
) -> int | None:
    """Write down one movement of money, and where it is put as far as that is known; None for a known trade."""
    parameters = {
        "gateway": gateway, "merchant": merchant_id, "trade": gateway_trade_no, "order": order_id,
        "amount": amount_fen, "paid_at": paid_at, "day": channel_day(gateway, paid_at), "source": source,
        "at": clock.now(), "puts": _as_json(puts),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, parameters)
        row = cursor.fetchone()
    return int(row[0]) if row else None


_ALLOCATE = """
INSERT INTO payments_allocation (receipt_id, target_kind, target_id, amount_fen, at)
SELECT %s, target_kind, target_id, amount_fen, %s
FROM jsonb_to_recordset(%s::jsonb) AS p(target_kind text, target_id bigint, amount_fen bigint)"""


def allocate(receipt_id: int, puts: Sequence[Put]) -> None:
    """Put a receipt's money somewhere; at the commit the database checks that nothing is left over."""
    with connection.cursor() as cursor:
        cursor.execute(_ALLOCATE, [receipt_id, clock.now(), _as_json(puts)])


def _as_json(puts: Sequence[Put]) -> str:
    return json.dumps([asdict(put) for put in puts])
