"""One channel day against the books, both ways, by sets (HOUSE 2.8): what agrees leaves no row.

A line agrees when the receipt of its trade is of the same merchant, order and amount; that is derived whenever it is
asked for. What does not simply agree, line or receipt, is written as a Finding with its verdict. Unfinished and closed
orders take part, for that is where money is found whose notice was lost (B2); so do refunds.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from core import clock
from core.transitions import advance
from reconciliation.agreements import ONE_DAY, day_ends_at
from reconciliation.models import Statement
from reconciliation.refund_lines import WITHOUT_REFUNDS, WRITE_REFUNDS, WRITE_UNREFUNDED

_LOCK_MATCH = 7_403

# Both sides of the day at once. A line without a receipt, or a receipt without a line, comes out on its own; so does
# every line that is no payment.
_PAIR = """
CREATE TEMPORARY TABLE day_differing ON COMMIT DROP AS
SELECT e.line_no, r.id AS receipt_id
FROM (SELECT line_no, CASE WHEN kind = 'payment' THEN gateway_trade_no END AS gateway_trade_no, order_no, amount_fen
      FROM reconciliation_statemententry WHERE statement_id = {statement}) AS e
FULL JOIN (SELECT r.id, r.gateway_trade_no, r.amount_fen, o.order_no
           FROM payments_receipt r JOIN payments_paymentorder o ON o.id = r.order_id
           WHERE r.gateway = {channel} AND r.channel_day = {day} AND r.merchant_id = {merchant}) AS r
    ON r.gateway_trade_no = e.gateway_trade_no AND r.amount_fen = e.amount_fen AND r.order_no = e.order_no
WHERE e.line_no IS NULL OR r.id IS NULL"""

# A trade that a file lists twice: compared by a number first, because most are listed once.
_REPEATED = """
CREATE TEMPORARY TABLE day_repeated ON COMMIT DROP AS
SELECT e.line_no FROM (
    SELECT line_no, row_number() OVER (PARTITION BY gateway_trade_no ORDER BY line_no) AS turn
    FROM reconciliation_statemententry
    WHERE statement_id = {statement} AND kind = 'payment' AND hashtext(gateway_trade_no) IN (
        SELECT hashtext(gateway_trade_no) FROM reconciliation_statemententry
        WHERE statement_id = {statement} AND kind = 'payment' GROUP BY 1 HAVING count(*) > 1)
) AS e WHERE e.turn > 1"""

_ODD = """
CREATE TEMPORARY TABLE day_odd ON COMMIT DROP AS
SELECT e.line_no, e.kind, e.order_no, e.gateway_trade_no, e.refund_no, e.gateway_refund_no, e.amount_fen,
    e.status
FROM day_differing d JOIN reconciliation_statemententry e ON e.statement_id = {statement} AND e.line_no = d.line_no"""

# What each odd line is about, by the unique indexes of trades and orders.
_JUDGED = """
CREATE TEMPORARY TABLE day_judged ON COMMIT DROP AS
SELECT e.*, r.id AS receipt_id, o.id AS known_order_id, r.order_id AS receipt_order_id,
    r.merchant_id = {merchant} AS is_merchants, r.channel_day, r.amount_fen AS receipt_fen,
    o.status AS order_status, o.amount_fen AS order_fen,
    o.gateway = {channel} AND o.merchant_id = {merchant} AS is_orders_channel,
    back.line_no AS reversal_line,
    row_number() OVER (
        PARTITION BY e.kind, CASE WHEN r.id IS NULL AND back.line_no IS NULL THEN o.id END ORDER BY e.line_no) AS turn
FROM day_odd e
LEFT JOIN day_repeated p ON p.line_no = e.line_no
LEFT JOIN payments_receipt r ON r.gateway = {channel} AND r.gateway_trade_no = e.gateway_trade_no
LEFT JOIN payments_paymentorder o ON o.order_no = e.order_no
LEFT JOIN day_reversals back
    ON e.kind = 'payment' AND back.gateway_trade_no = e.gateway_trade_no AND back.amount_fen = e.amount_fen
WHERE p.line_no IS NULL"""

# What takes a payment back whole: a reversal, or a refund that we never asked for and that has gone through.
_REVERSALS = """
CREATE TEMPORARY TABLE day_reversals ON COMMIT DROP AS
SELECT min(line_no) AS line_no, gateway_trade_no, amount_fen FROM day_odd e
WHERE kind = 'reversal' OR (kind = 'refund' AND ({format} <> 'wechat_pay' OR status = 'SUCCESS')
    AND NOT EXISTS (SELECT FROM payments_refund f WHERE f.refund_no = e.refund_no))
GROUP BY 2, 3"""

# The verdicts on payments, first that fits. An order's second new trade is a duplicate of its first.
_VERDICT = """
CASE WHEN receipt_id IS NOT NULL AND receipt_fen <> amount_fen THEN 'amount'
     WHEN receipt_id IS NOT NULL AND (NOT is_merchants OR receipt_order_id <> coalesce(known_order_id, 0))
         THEN 'wrong_party'
     WHEN receipt_id IS NOT NULL AND channel_day <> {day} THEN 'other_day'
     WHEN receipt_id IS NOT NULL THEN 'agree'
     WHEN reversal_line IS NOT NULL THEN 'reversal'
     WHEN known_order_id IS NULL OR order_status = 'created' THEN 'unknown'
     WHEN NOT is_orders_channel THEN 'wrong_party'
     WHEN order_fen <> amount_fen THEN 'amount'
     WHEN order_status = 'paid' OR turn > 1 THEN 'duplicate'
     ELSE 'late' END"""

_WRITE = """
INSERT INTO reconciliation_finding
    (statement_id, kind, line_no, order_id, receipt_id, refund_no, amount_fen, facts, found_at, resolution, resolved_at)
"""

_WRITE_PAYMENTS = (
    _WRITE
    + """
SELECT {statement}, verdict, line_no, coalesce(known_order_id, receipt_order_id), receipt_id, '',
    CASE WHEN verdict = 'amount' AND receipt_id IS NOT NULL THEN abs(amount_fen - receipt_fen) ELSE amount_fen END,
    jsonb_strip_nulls(jsonb_build_object('reversed_by', reversal_line)), {at},
    CASE verdict WHEN 'other_day' THEN 'agrees' WHEN 'reversal' THEN 'cancelled_out' ELSE '' END,
    CASE WHEN verdict IN ('other_day', 'reversal') THEN {at}::timestamptz END
FROM (SELECT *, """
    + _VERDICT
    + """ AS verdict FROM day_judged WHERE kind = 'payment') AS j
WHERE verdict <> 'agree' ORDER BY line_no"""
)

_WRITE_REPEATED = (
    _WRITE
    + """
SELECT {statement}, 'repeated', e.line_no, o.id, r.id, '', e.amount_fen, '{{}}', {at}, '', NULL
FROM day_repeated p JOIN reconciliation_statemententry e ON e.statement_id = {statement} AND e.line_no = p.line_no
LEFT JOIN payments_paymentorder o ON o.order_no = e.order_no
LEFT JOIN payments_receipt r ON r.gateway = {channel} AND r.gateway_trade_no = e.gateway_trade_no
ORDER BY e.line_no"""
)

# Payments of this file that it takes back itself: the books need not take them up at all.
_CANCELLED = """
CREATE TEMPORARY TABLE day_cancelled ON COMMIT DROP AS
SELECT reversal_line AS of_line, min(line_no) AS paid FROM day_judged
WHERE reversal_line IS NOT NULL AND receipt_id IS NULL GROUP BY 1"""

# A reversal takes back what the books hold (B11), or such a payment.
_WRITE_REVERSALS = (
    _WRITE
    + """
SELECT {statement}, kind, line_no, coalesce(known_order_id, receipt_order_id), receipt_id, refund_no, amount_fen,
    jsonb_strip_nulls(jsonb_build_object('reverses', paid)), {at},
    CASE WHEN paid IS NOT NULL THEN 'cancelled_out' ELSE '' END,
    CASE WHEN paid IS NOT NULL THEN {at}::timestamptz END
FROM day_judged j LEFT JOIN day_cancelled ON of_line = j.line_no
WHERE kind = 'reversal' OR (kind = 'refund' AND paid IS NOT NULL) ORDER BY line_no"""
)

# Fees and withdrawals are no payments; a word that we do not know about an order of ours is looked at.
_WRITE_OTHERS = (
    _WRITE
    + """
SELECT {statement}, 'other', line_no, known_order_id, receipt_id, '', abs(amount_fen), '{{}}', {at}, '', NULL
FROM day_judged WHERE kind = 'other' AND (known_order_id IS NOT NULL OR receipt_id IS NOT NULL) ORDER BY line_no"""
)

# Receipts that no line of the day mentions, nor one of another day (B9). Whether they appear tomorrow is waited for.
_WRITE_MISSING = (
    _WRITE
    + """
SELECT {statement}, 'missing', NULL, r.order_id, r.id, '', r.amount_fen, '{{}}', {at}, '', NULL
FROM payments_receipt r
WHERE r.id IN (SELECT receipt_id FROM day_differing WHERE receipt_id IS NOT NULL
               UNION ALL SELECT id FROM payments_receipt WHERE gateway = {channel} AND channel_day = {day}
                   AND merchant_id = {merchant} AND order_id IS NULL)
  AND NOT EXISTS (SELECT FROM day_judged j WHERE j.kind = 'payment' AND j.receipt_id = r.id)
  AND NOT EXISTS (SELECT FROM reconciliation_finding f JOIN reconciliation_statement s ON s.id = f.statement_id
                  WHERE f.receipt_id = r.id AND f.kind = 'other_day' AND s.superseded_by_id IS NULL)
ORDER BY r.id"""
)

_STEPS = (
    _PAIR,
    "ANALYZE day_differing",
    _REPEATED,
    "ANALYZE day_repeated",
    _ODD,
    _REVERSALS,
    "ANALYZE day_odd, day_reversals",
    _JUDGED,
    "ANALYZE day_judged",
    _CANCELLED,
    _WRITE_PAYMENTS,
    _WRITE_REPEATED,
    _WRITE_REVERSALS,
    _WRITE_OTHERS,
    _WRITE_MISSING,
    WRITE_REFUNDS,
)

_WITHOUT_LINE = ("missing", "unrefunded", "corrected")
_COUNTS = "SELECT kind, count(*) FROM reconciliation_finding WHERE statement_id = %s GROUP BY kind"


@transaction.atomic
def match_statement(*, statement_id: int, actor: str = "system:match_statement") -> Statement:
    """Write what does not agree about a statement that was read; does nothing to one that is matched or superseded."""
    statement = Statement.objects.select_for_update().get(pk=statement_id)
    if statement.status != "read":
        return statement
    if statement.superseded_by_id is None:
        _find(statement)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [statement.pk])
        verdicts = dict(cursor.fetchall())
    odd = sum(count for kind, count in verdicts.items() if kind not in _WITHOUT_LINE)
    values = {
        "verdicts": {**verdicts, "lines": statement.line_count, "odd": odd}, "tries": 0, "next_try_at": clock.now(),
    }  # fmt: skip
    advance(Statement, [statement.pk], "match", actor=actor, evidence=verdicts, values=values)
    statement.refresh_from_db()
    return statement


def _find(statement: Statement) -> None:
    """The steps, with the temporary tables that go with the transaction."""
    agreement, day = statement.agreement, statement.channel_day
    facts: dict[str, Any] = {
        "format": agreement.format, "statement": statement.pk, "channel": statement.channel,
        "merchant": statement.merchant_id, "day": day, "at": clock.now(),
        "begins": day_ends_at(agreement, day - ONE_DAY), "ends": day_ends_at(agreement, day),
        "agreed_from": day_ends_at(agreement, agreement.since - ONE_DAY),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL work_mem = '192MB'")
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_MATCH, statement.channel])
        for table in ("day_differing", "day_repeated", "day_odd", "day_reversals", "day_judged", "day_cancelled"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")  # of another statement in the same transaction
        for step in _STEPS:
            cursor.execute(_filled(step, facts), facts)
        if statement.totals.get("variant") not in WITHOUT_REFUNDS:
            cursor.execute(_filled(WRITE_UNREFUNDED, facts), facts)


def _filled(step: str, facts: Iterable[str]) -> str:
    """The step with its places named as the driver reads them; `{{}}` stands for an empty JSON object."""
    return step.format_map({name: f"%({name})s" for name in facts})
