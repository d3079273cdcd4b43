"""Refund rows of a statement against our refunds: same number, same amount, or a finding."""

from django.apps import apps

# A refund that the channel made and that we never asked for is looked at by people: nothing is undone by itself.
_WRITE_REFUNDS = """
INSERT INTO reconciliation_finding
    (statement_id, kind, line_no, order_id, receipt_id, refund_no, amount_fen, facts, found_at, resolution)
SELECT {{statement}}, 'refund', j.line_no, coalesce(j.known_order_id, j.receipt_order_id), j.receipt_id, j.refund_no,
    j.amount_fen, '{{{{}}}}', {{at}}, ''
FROM day_judged j {known}
WHERE j.kind = 'refund' {unless} ORDER BY j.line_no"""


def refund_steps() -> list[str]:
    """The steps that judge refund rows; without refunds of our own every one is a finding."""
    table = next((m._meta.db_table for m in apps.get_app_config("payments").get_models() if m.__name__ == "Refund"), "")
    if not table:
        return [_WRITE_REFUNDS.format(known="", unless="")]
    known = f"LEFT JOIN {table} f ON f.refund_no = j.refund_no AND f.amount_fen = j.amount_fen"
    return [_WRITE_REFUNDS.format(known=known, unless="AND f.id IS NULL")]
