"""What a channel day came to, in words and numbers for staff."""

from django.db.models import Count, Sum

from core import clock
from core.money import yuan
from reconciliation.models import Finding, Statement


def summary(statement: Statement) -> str:
    """One line: which day, its state, its totals, and each verdict with what became of it."""
    start = f"{statement}: {statement.status}"
    if statement.status == "awaited":
        trouble = f", {statement.trouble}" if statement.trouble else ""
        return f"{start}, due {statement.due_at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}{trouble}"
    if statement.status == "unreadable":
        where = f" in line {statement.refusal_line}" if statement.refusal_line else ""
        return f"{start}, {statement.refusal_code}{where} {statement.refusal_facts}"
    totals = statement.totals
    paid = f"{totals.get('payments', 0)} payments of {yuan(totals.get('paid_fen', 0))}"
    return ", ".join([start, f"{statement.line_count} lines", paid, *_verdicts(statement)])


def _verdicts(statement: Statement) -> list[str]:
    rows = (
        Finding.objects.filter(statement=statement)
        .values("kind", "resolution")
        .annotate(count=Count("pk"), sum_fen=Sum("amount_fen"))
        .order_by("kind", "resolution")
    )
    return [f"{row['kind']} {row['count']} ({yuan(row['sum_fen'])}, {row['resolution'] or 'open'})" for row in rows]
