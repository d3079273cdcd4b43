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
    "I9 an unfinished order that nobody will look at": """
        SELECT id FROM payments_paymentorder
        WHERE status IN ('submitting', 'awaiting') AND next_check_at IS NULL""",
    "I11 a verified notification that is neither applied, waiting nor a case": """
        SELECT id FROM payments_notification
        WHERE verdict <> 'refused' AND next_try_at IS NULL AND outcome = ''""",
    "I12 an unverified notification that did something": """
        SELECT id FROM payments_notification WHERE verdict = 'refused' AND (outcome <> '' OR result IS NOT NULL)""",
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
