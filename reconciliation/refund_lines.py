"""Refund rows of a statement against our refunds: same number, trade and amount, or a finding."""

# A row that fits a refund of ours which is not known to have ended proves its success: WeChat Pay's word for that is
# SUCCESS, the other channels list only what is done. A refund that we never asked for is looked at by people, unless
# it takes back a payment of the same file whole; so is one that two people have given back in another way already.
WRITE_REFUNDS = """
INSERT INTO reconciliation_finding
    (statement_id, kind, line_no, order_id, receipt_id, refund_no, amount_fen, facts, found_at, resolution)
SELECT {statement}, 'refund', line_no, order_id, receipt_id, refund_no, amount_fen,
    jsonb_strip_nulls(jsonb_build_object('refund', CASE WHEN fits AND NOT is_outside THEN refund_id END)), {at}, ''
FROM (
    SELECT j.line_no, coalesce(j.known_order_id, j.receipt_order_id) AS order_id, j.receipt_id, j.refund_no,
        j.amount_fen, f.id AS refund_id, f.status AS refund_status, f.is_outside, j.status AS word,
        f.amount_fen = j.amount_fen AND p.gateway_trade_no = j.gateway_trade_no AS fits
    FROM day_judged j LEFT JOIN payments_refund f ON f.refund_no = j.refund_no
    LEFT JOIN payments_receipt p ON p.id = f.receipt_id
    WHERE j.kind = 'refund' AND NOT EXISTS (SELECT FROM day_cancelled WHERE of_line = j.line_no)
) AS told
WHERE fits IS NOT TRUE
    OR ((refund_status <> 'refunded' OR is_outside) AND ({format} <> 'wechat_pay' OR word = 'SUCCESS'))
ORDER BY line_no"""
