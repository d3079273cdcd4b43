"""The same verdicts row by row: slow, plain, and written without a look at the SQL."""

from collections import defaultdict

from payments.models import PaymentOrder, Receipt, Refund
from reconciliation.models import Finding, Statement, StatementEntry

Verdict = tuple[str, int | None, int | None]
"""Kind, line, receipt where there is no line."""


def verdicts(statement: Statement) -> set[Verdict]:
    """What ought to be found about a statement."""
    lines = list(StatementEntry.objects.filter(statement=statement).order_by("line_no"))
    receipts = {row.gateway_trade_no: row for row in Receipt.objects.filter(gateway=statement.channel)}
    orders = {row.order_no: row for row in PaymentOrder.objects.all()}
    ours = set(Refund.objects.values_list("refund_no", flat=True))
    taken_back = {(row.gateway_trade_no, row.amount_fen) for row in lines if takes_back(statement, row, ours)}
    found: set[Verdict] = set()
    seen: set[str] = set()
    named: set[int] = set()
    claimed: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.kind != "payment":
            found.add((line.kind, line.line_no, None))
            continue
        receipt, order = receipts.get(line.gateway_trade_no), orders.get(line.order_no)
        if line.gateway_trade_no in seen:
            found.add(("repeated", line.line_no, None))
            continue
        seen.add(line.gateway_trade_no)
        if receipt is not None:
            named.add(receipt.pk)
            verdict = of_known(statement, line, receipt, order)
        elif (line.gateway_trade_no, line.amount_fen) in taken_back:
            verdict = "reversal"
        else:
            verdict = of_unknown(statement, line, order, claimed)
        if verdict:
            found.add((verdict, line.line_no, None))
    for receipt in receipts.values():
        is_of_the_day = (receipt.channel_day, receipt.merchant_id) == (statement.channel_day, statement.merchant_id)
        if is_of_the_day and receipt.pk not in named:
            found.add(("missing", None, receipt.pk))
    return found


def takes_back(statement: Statement, line: StatementEntry, ours: set[str]) -> bool:
    """A reversal, or a refund that has gone through and is none of ours."""
    if line.kind == "refund":
        is_done = statement.agreement.format != "wechat_pay" or line.status == "SUCCESS"
        return is_done and line.refund_no not in ours
    return line.kind == "reversal"


def of_known(statement: Statement, line: StatementEntry, receipt: Receipt, order: PaymentOrder | None) -> str:
    if receipt.amount_fen != line.amount_fen:
        return "amount"
    if receipt.order_id is not None and (order is None or order.pk != receipt.order_id):
        return "wrong_party"
    return "" if receipt.channel_day == statement.channel_day else "other_day"


def of_unknown(statement: Statement, line: StatementEntry, order: PaymentOrder | None, claimed: dict[str, int]) -> str:
    if order is None or order.status == "created":
        return "unknown"
    claimed[line.order_no] += 1
    if (order.gateway, order.merchant_id) != (statement.channel, statement.merchant_id):
        return "wrong_party"
    if order.amount_fen != line.amount_fen:
        return "amount"
    return "duplicate" if order.status == "paid" or claimed[line.order_no] > 1 else "late"


def written(statement: Statement) -> set[Verdict]:
    """What was found."""
    rows = Finding.objects.filter(statement=statement).values_list("kind", "line_no", "receipt_id")
    return {(kind, line_no, receipt_id if line_no is None else None) for kind, line_no, receipt_id in rows}
