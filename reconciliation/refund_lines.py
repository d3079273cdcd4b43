"""Refunds both ways: a statement's rows against our refunds by number, trade and amount, and ours without a row."""

from django.db.models import QuerySet

from reconciliation.models import StatementEntry
from reconciliation.states import READ

# A row that fits a refund of ours which is not known to have ended proves its success: WeChat Pay's word for that is
# SUCCESS, the other channels list only what is done. A refund that we never asked for is looked at by people, unless
# it takes back a payment of the same file whole; so is one that two people have given back in another way already, and
# a second row of one that we did: it would be money given back twice.
WRITE_REFUNDS = """
INSERT INTO reconciliation_finding
    (statement_id, kind, line_no, order_id, receipt_id, refund_no, amount_fen, facts, found_at, resolution)
SELECT {statement}, 'refund', line_no, order_id, receipt_id, refund_no, amount_fen,
    jsonb_strip_nulls(jsonb_build_object('refund', CASE WHEN fits AND NOT is_outside THEN refund_id END)), {at}, ''
FROM (
    SELECT j.line_no, coalesce(j.known_order_id, j.receipt_order_id) AS order_id, j.receipt_id, j.refund_no,
        j.amount_fen, f.id AS refund_id, f.status AS refund_status, f.is_outside, j.status AS word,
        f.amount_fen = j.amount_fen AND p.gateway_trade_no = j.gateway_trade_no
            AND row_number() OVER (PARTITION BY j.refund_no ORDER BY j.line_no) = 1
            AND NOT EXISTS (SELECT FROM reconciliation_statemententry e
                JOIN reconciliation_statement s ON s.id = e.statement_id
                WHERE e.refund_no = j.refund_no AND e.refund_no <> '' AND e.kind = 'refund'
                    AND e.gateway_refund_no <> j.gateway_refund_no AND s.agreement_id = {channel}
                    AND s.id <> {statement} AND s.superseded_by_id IS NULL) AS fits
    FROM day_judged j LEFT JOIN payments_refund f ON f.refund_no = j.refund_no
    LEFT JOIN payments_receipt p ON p.id = f.receipt_id
    WHERE j.kind = 'refund' AND NOT EXISTS (SELECT FROM day_cancelled WHERE of_line = j.line_no)
) AS told
WHERE fits IS NOT TRUE
    OR ((refund_status <> 'refunded' OR is_outside) AND ({format} <> 'wechat_pay' OR word = 'SUCCESS'))
ORDER BY line_no"""

# Refunds that ended on this day and that no statement in force lists, be it of the day on which they began.
WRITE_UNREFUNDED = """
INSERT INTO reconciliation_finding
    (statement_id, kind, order_id, refund_no, amount_fen, facts, found_at, resolution)
SELECT {statement}, 'unrefunded', p.order_id, f.refund_no, f.amount_fen, jsonb_build_object('refund', f.id), {at}, ''
FROM payments_refund f JOIN payments_receipt p ON p.id = f.receipt_id
WHERE f.gateway = {channel} AND f.merchant_id = {merchant} AND f.status = 'refunded' AND NOT f.is_outside
    AND f.settled_at >= {begins} AND f.settled_at < {ends} AND coalesce(f.sent_at, f.settled_at) >= {agreed_from}
    AND NOT EXISTS (SELECT FROM reconciliation_statemententry e
        JOIN reconciliation_statement s ON s.id = e.statement_id
        WHERE e.refund_no = f.refund_no AND e.refund_no <> '' AND e.kind = 'refund' AND s.agreement_id = {channel}
            AND s.superseded_by_id IS NULL)
ORDER BY f.id"""

WITHOUT_REFUNDS = ("success",)
"""Bills that hold payments alone, as their parser names them."""


def refund_rows(channel: str) -> QuerySet[StatementEntry]:
    """Rows of refunds in the statements of a channel that are in force."""
    rows = StatementEntry.objects.filter(kind="refund").exclude(refund_no="")
    return rows.filter(statement__agreement=channel, statement__status__in=READ, statement__superseded_by__isnull=True)
