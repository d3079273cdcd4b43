"""What a corrected statement says differently from the one before: shown, never silently taken over (B7)."""

from django.db import connection

from core import clock
from reconciliation.models import Finding, Statement

# A line is the same if every number and the amount are. One of which only the amount has changed is told as one.
_DIFFERENCES = """
WITH was AS MATERIALIZED (SELECT * FROM reconciliation_statemententry WHERE statement_id = %(before)s),
     now AS MATERIALIZED (SELECT * FROM reconciliation_statemententry WHERE statement_id = %(after)s),
differing AS (
    SELECT was.line_no AS was_line, now.line_no AS now_line
    FROM was FULL JOIN now ON was.kind = now.kind AND was.gateway_trade_no = now.gateway_trade_no
        AND was.order_no = now.order_no AND was.refund_no = now.refund_no
        AND was.gateway_refund_no = now.gateway_refund_no AND was.amount_fen = now.amount_fen
    WHERE was.line_no IS NULL OR now.line_no IS NULL
), gone AS (SELECT was.* FROM was JOIN differing ON differing.was_line = was.line_no
), come AS (SELECT now.* FROM now JOIN differing ON differing.now_line = now.line_no
), told AS (
    SELECT come.line_no AS now_line, gone.line_no AS was_line, coalesce(come.order_no, gone.order_no) AS order_no,
           coalesce(come.refund_no, gone.refund_no) AS refund_no, come.amount_fen AS now_fen,
           gone.amount_fen AS was_fen,
           row_number() OVER (PARTITION BY come.line_no ORDER BY gone.line_no) AS turn
    FROM come FULL JOIN gone ON come.kind = gone.kind AND come.gateway_trade_no = gone.gateway_trade_no
        AND come.refund_no = gone.refund_no AND come.gateway_refund_no = gone.gateway_refund_no
)
INSERT INTO reconciliation_finding
    (statement_id, kind, line_no, order_id, refund_no, amount_fen, facts, found_at, resolution)
SELECT %(after)s, 'corrected', now_line, o.id, told.refund_no, abs(coalesce(now_fen, 0) - coalesce(was_fen, 0)),
       jsonb_build_object('before', %(before)s::bigint, 'was_line', was_line, 'was_fen', was_fen, 'now_fen', now_fen),
       %(at)s, ''
FROM told LEFT JOIN payments_paymentorder o ON o.order_no = told.order_no
WHERE turn = 1 OR now_line IS NULL
ORDER BY coalesce(now_line, was_line)"""


def show_differences(*, before: Statement, after: Statement) -> int:
    """A finding for each line that differs; what was still open of the version before is asked anew by this one."""
    moment = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES, {"before": before.pk, "after": after.pk, "at": moment})
        found = int(cursor.rowcount)
    Finding.objects.filter(statement=before, resolution="").update(resolution="superseded", resolved_at=moment)
    return found
