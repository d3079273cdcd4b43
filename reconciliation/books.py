"""The invariants of the books (FAULTS 3), each a query that must find nothing.

Run after every story in the tests, by `manage.py check_books`, and against production. A violation is
a fault of the program, never something to be tidied away.
"""

from dataclasses import dataclass

from django.db import connection

from core.states import TABLES
from core.transitions import Stateful

INVARIANTS: dict[str, str] = {
    "I1 a claim without a live declaration": """
        SELECT c.id FROM payments_periodclaim c JOIN payments_declaration d ON d.id = c.declaration_id
        WHERE d.status NOT IN ('declared', 'in_payment', 'paid')""",
    "I1 a live declaration without all its claims": """
        SELECT d.id FROM payments_declaration d
        LEFT JOIN payments_periodclaim c ON c.declaration_id = d.id
        WHERE d.status IN ('declared', 'in_payment', 'paid')
        GROUP BY d.id HAVING count(c.id) <> coalesce(d.last_month - d.first_month + 1, 1)""",
    "I2 a receipt that is not allocated in full": """
        SELECT r.id FROM payments_receipt r LEFT JOIN payments_allocation a ON a.receipt_id = r.id
        GROUP BY r.id HAVING coalesce(sum(a.amount_fen), 0) <> r.amount_fen""",
    "I4 a declaration that is paid without its money, or holds money unpaid": """
        SELECT d.id FROM payments_declaration d
        LEFT JOIN payments_allocation a ON a.target_kind = 'declaration' AND a.target_id = d.id
        GROUP BY d.id
        HAVING coalesce(sum(a.amount_fen), 0) <> CASE WHEN d.status = 'paid' THEN d.amount_fen ELSE 0 END""",
    "I2 a declaration that was refunded and whose money is not at its refund": """
        SELECT d.id FROM payments_declaration d
        WHERE d.status = 'refunded' AND NOT EXISTS (
            SELECT 1 FROM payments_refund f
            JOIN payments_allocation a
              ON a.target_kind = 'refund' AND a.target_id = f.id AND a.receipt_id = f.receipt_id
            WHERE f.declaration_id = d.id AND f.status = 'refunded'
            GROUP BY f.id HAVING sum(a.amount_fen) = d.amount_fen)""",
    "I2 a refund that is settled without its money, or holds money before it is": """
        SELECT f.id FROM payments_refund f
        LEFT JOIN payments_allocation a ON a.target_kind = 'refund' AND a.target_id = f.id
        GROUP BY f.id
        HAVING coalesce(sum(a.amount_fen), 0) <> CASE WHEN f.status = 'refunded' THEN f.amount_fen ELSE 0 END""",
    "I2 money at a refund, a declaration or a discrepancy that is not there": """
        SELECT a.id FROM payments_allocation a
        LEFT JOIN payments_declaration d ON a.target_kind = 'declaration' AND d.id = a.target_id
        LEFT JOIN payments_discrepancy x ON a.target_kind = 'discrepancy' AND x.id = a.target_id
        LEFT JOIN payments_refund f ON a.target_kind = 'refund' AND f.id = a.target_id
        WHERE coalesce(d.id, x.id, f.id) IS NULL""",
    "I6 an order that is not the sum of its lines": """
        SELECT o.id FROM payments_paymentorder o JOIN payments_declaration d ON d.order_id = o.id
        GROUP BY o.id HAVING sum(d.amount_fen) <> o.amount_fen OR count(*) <> o.line_count""",
    "I6 an order and its lines that disagree": """
        SELECT d.id FROM payments_declaration d JOIN payments_paymentorder o ON o.id = d.order_id
        WHERE (o.status = 'created' AND d.status <> 'declared')
           OR (o.status IN ('submitting', 'awaiting') AND d.status <> 'in_payment')
           OR (o.status IN ('failed', 'expired') AND d.status NOT IN ('withdrawn', 'released'))
           OR (o.status = 'paid' AND d.status IN ('declared', 'in_payment'))""",
    "I7 a freed declaration whose order was not closed on evidence": """
        SELECT d.id FROM payments_declaration d JOIN payments_paymentorder o ON o.id = d.order_id
        WHERE d.status IN ('withdrawn', 'released')
          AND NOT EXISTS (SELECT 1 FROM core_transition t WHERE t.kind = 'DECLARATION' AND t.object_id = d.id
                          AND t.event IN ('withdraw', 'release') AND t.evidence <> '{}'::jsonb)""",
    "I8 a settled refund whose declaration is not refunded, or whose discrepancy is still open": """
        SELECT f.id FROM payments_refund f
        LEFT JOIN payments_declaration d ON d.id = f.declaration_id
        LEFT JOIN payments_discrepancy x ON x.id = f.discrepancy_id
        WHERE f.status = 'refunded' AND (d.status <> 'refunded' OR x.status IN ('open', 'in_hand'))""",
    "I8 a refund under way whose money does not lie where it was paid to": """
        SELECT f.id FROM payments_refund f
        LEFT JOIN payments_allocation a ON a.receipt_id = f.receipt_id
            AND ((a.target_kind = 'declaration' AND a.target_id = f.declaration_id)
              OR (a.target_kind = 'discrepancy' AND a.target_id = f.discrepancy_id))
        WHERE f.status NOT IN ('refunded', 'rejected')
        GROUP BY f.id HAVING coalesce(sum(a.amount_fen), 0) <> f.amount_fen""",
    "I8 a receipt of which more is refunded than it held": """
        SELECT r.id FROM payments_receipt r JOIN payments_refund f ON f.receipt_id = r.id AND f.status <> 'rejected'
        GROUP BY r.id HAVING sum(f.amount_fen) > r.amount_fen""",
    "I8 more than one live refund of one declaration or discrepancy": """
        SELECT min(id) FROM payments_refund WHERE status <> 'rejected'
        GROUP BY declaration_id, discrepancy_id HAVING count(*) > 1""",
    "I9 a refund under way that nobody will look at": """
        SELECT id FROM payments_refund WHERE status IN ('approved', 'sending', 'sent') AND next_check_at IS NULL""",
    "I9 a failed refund without a case": """
        SELECT f.id FROM payments_refund f WHERE f.status = 'failed' AND NOT EXISTS (
            SELECT 1 FROM payments_discrepancy x
            WHERE x.kind = 'refund_failed' AND starts_with(x.key, 'refund-failed:' || f.id || ':'))""",
    "I9 an unfinished order that nobody will look at": """
        SELECT id FROM payments_paymentorder
        WHERE status IN ('submitting', 'awaiting') AND next_check_at IS NULL""",
    "I11 a verified notification that is neither applied, waiting nor a case": """
        SELECT id FROM payments_notification
        WHERE verdict <> 'refused' AND next_try_at IS NULL AND outcome = ''""",
    "I12 an unverified notification that did something": """
        SELECT id FROM payments_notification WHERE verdict = 'refused' AND (outcome <> '' OR result IS NOT NULL)""",
    "I17 a refund that nobody decided, or who asked for it did": """
        SELECT id FROM payments_refund
        WHERE approved_by_id = requested_by_id
           OR (rule = '' AND approved_by_id IS NULL AND status NOT IN ('requested', 'rejected', 'outside'))""",
    "I17 money that was settled outside by fewer than two, or without a paper": """
        SELECT f.id FROM payments_refund f
        LEFT JOIN reconciliation_outsidesettlement s ON s.refund_id = f.id AND s.outcome = 'done'
        WHERE f.is_outside <> (s.id IS NOT NULL) OR (f.is_outside AND f.status <> 'refunded')
           OR (s.id IS NOT NULL AND (s.decided_by_id IS NULL OR s.decided_by_id = s.asked_by_id OR s.sha256 = ''))""",
    "I9 a refund that waits for a second person whom nobody has asked": """
        SELECT f.id FROM payments_refund f WHERE f.status = 'outside' AND NOT EXISTS (
            SELECT FROM reconciliation_outsidesettlement s WHERE s.refund_id = f.id AND s.outcome = '')""",
    "I14 a line of a matched statement that neither agrees nor was found": """
        SELECT e.statement_id FROM reconciliation_statemententry e
        JOIN reconciliation_statement s ON s.id = e.statement_id
        LEFT JOIN payments_receipt r ON r.gateway = s.agreement_id AND r.gateway_trade_no = e.gateway_trade_no
            AND r.merchant_id = s.merchant_id AND r.amount_fen = e.amount_fen
        WHERE s.status IN ('matched', 'closed') AND s.superseded_by_id IS NULL AND e.kind = 'payment' AND r.id IS NULL
          AND s.channel_day > (SELECT max(channel_day) - 40 FROM reconciliation_statement)
          AND NOT EXISTS (SELECT FROM reconciliation_finding f
                          WHERE f.statement_id = e.statement_id AND f.line_no = e.line_no)""",
    "I14 a receipt of a matched day that no line names and nobody found": """
        SELECT r.id FROM payments_receipt r JOIN reconciliation_statement s
            ON s.agreement_id = r.gateway AND s.merchant_id = r.merchant_id AND s.channel_day = r.channel_day
        JOIN core_transition t ON t.kind = 'STATEMENT' AND t.object_id = s.id AND t.event = 'match'
        LEFT JOIN reconciliation_statemententry e ON e.statement_id = s.id AND e.kind = 'payment'
            AND e.gateway_trade_no = r.gateway_trade_no
        WHERE s.status IN ('matched', 'closed') AND s.superseded_by_id IS NULL AND e.line_no IS NULL
          AND r.recorded_at < t.at
          AND s.channel_day > (SELECT max(channel_day) - 40 FROM reconciliation_statement)
          AND NOT EXISTS (SELECT FROM reconciliation_finding f WHERE f.receipt_id = r.id)""",
    "I14 a closed day with something still to be worked": """
        SELECT s.id FROM reconciliation_statement s JOIN reconciliation_finding f ON f.statement_id = s.id
        WHERE s.status = 'closed' AND f.resolution = ''""",
    "I14 a read statement without its file or its lines": """
        SELECT id FROM reconciliation_statement s
        WHERE status IN ('read', 'matched', 'closed') AND (stored_path = '' OR sha256 = '' OR (line_count > 0
            AND NOT EXISTS (SELECT FROM reconciliation_statemententry e WHERE e.statement_id = s.id)))""",
    "I14 a channel day with two statements in force": """
        SELECT min(id) FROM reconciliation_statement
        WHERE status IN ('read', 'matched', 'closed') AND superseded_by_id IS NULL
        GROUP BY agreement_id, merchant_id, channel_day HAVING count(*) > 1""",
    "I14 a finding that was held or made a case, without its case": """
        SELECT id FROM reconciliation_finding WHERE resolution IN ('held', 'case') AND discrepancy_id IS NULL""",
    "I15 a statement two hours beyond due and grace without a case": """
        SELECT s.id FROM reconciliation_statement s
        JOIN reconciliation_statementagreement a ON a.channel = s.agreement_id
        WHERE s.status = 'awaited' AND s.due_at + (a.grace_hours + 2) * interval '1 hour'
            < (SELECT finished_at FROM core_heartbeat WHERE name = 'reconciliation.tasks.expect_statements')
          AND NOT EXISTS (SELECT FROM payments_discrepancy d WHERE d.key = 'statement:' || s.agreement_id || ':'
                          || s.merchant_id || ':' || to_char(s.channel_day, 'YYYY-MM-DD'))""",
    "I17 a policy published by the person who drafted it": """
        SELECT id FROM payments_collectionpolicy WHERE published_by_id = drafted_by_id""",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant and up to ten of the rows that break it."""

    invariant: str
    ids: list[int]


def check_books() -> list[Violation]:
    """Run every query; an empty list means that the books hold."""
    found = [Violation(name, rows) for name, sql in INVARIANTS.items() if (rows := _ids(sql))]
    for model in Stateful.__subclasses__():
        kind = model.TABLE.kind
        rows = _ids(_history_sql(model._meta.db_table), kind)
        if rows:
            found.append(Violation(f"I10 {kind}: the last transition is not the state, or history has a hole", rows))
        if rows := _illegal(kind):
            found.append(Violation(f"I10 {kind}: a move that the table of states does not know", rows))
    return found


def _history_sql(table: str) -> str:
    return f"""
        WITH told AS (
            SELECT object_id, from_state, to_state,
                   lag(to_state) OVER (PARTITION BY object_id ORDER BY id) AS before,
                   row_number() OVER (PARTITION BY object_id ORDER BY id DESC) AS back
            FROM core_transition WHERE kind = %s)
        SELECT x.id FROM {table} x LEFT JOIN told ON told.object_id = x.id AND told.back = 1
        WHERE told.to_state IS DISTINCT FROM x.status
        UNION SELECT object_id FROM told WHERE from_state IS DISTINCT FROM before"""


def _illegal(kind: str) -> list[int]:
    legal = [f"{source}>{target}" for source, target in TABLES[kind].moves()]
    sql = """SELECT object_id FROM core_transition
             WHERE kind = %s AND coalesce(from_state, '') || '>' || to_state <> ALL(%s)"""
    return _ids(sql, kind, legal)


def _ids(sql: str, *parameters: str | list[str]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({sql}) AS found(id) LIMIT 10", parameters)
        return [row[0] for row in cursor.fetchall()]
