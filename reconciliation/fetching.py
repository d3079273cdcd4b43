"""Fetching the gateways' bills when they are due; a statement that does not come is asked for on and on (B5)."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, BinaryIO

from core import clock
from core.heartbeats import beat
from core.nudge import nudge
from payments import gateways
from payments.gateways.alipay.bills import fetch_bill as fetch_from_alipay
from payments.gateways.base import GatewayRefused, GatewayUnreachable
from payments.gateways.bills import Bill
from payments.gateways.unionpay.bills import fetch_bill as fetch_from_unionpay
from payments.gateways.wechat_pay.bills import fetch_bill as fetch_from_wechat_pay
from reconciliation.channel_days import receipts_of, refunds_of
from reconciliation.models import Statement
from reconciliation.statements import receive_statement, stated_day
from reconciliation.working import lease

log = logging.getLogger(__name__)

FETCHERS: Mapping[str, Callable[..., Bill]] = {
    "wechat_pay": fetch_from_wechat_pay,
    "alipay": fetch_from_alipay,
    "unionpay": fetch_from_unionpay,
}
STEPS = [timedelta(minutes=minutes) for minutes in (5, 10, 30, 60)]
EMPTY_AFTER = timedelta(hours=1)
"""How long after it is due the word that there is no bill is taken for "not yet"."""


def fetch_statements() -> int:
    """Sweep: nudge the fetching of every bill that is due; how many."""
    leased = lease(("awaited",))
    for statement_id, _, _ in leased:
        nudge("reconciliation.tasks.fetch_statement", statement_id)
    beat("reconciliation.tasks.fetch_statements")
    return len(leased)


def fetch_statement(*, statement_id: int, actor: str = "system:fetch_statement") -> Statement:
    """Ask the gateway for one bill and keep it as received. What goes wrong stays on the row, and is tried again."""
    statement = Statement.objects.select_related("agreement").get(pk=statement_id)
    if statement.status != "awaited" or not statement.agreement.is_fetched or clock.now() < statement.due_at:
        return statement
    with tempfile.TemporaryFile() as file:
        try:
            client: Any = gateways.gateway(statement.channel)
            bill = FETCHERS[statement.channel](
                client,
                merchant=statement.merchant_id,
                day=stated_day(statement),
                kind=statement.agreement.bill,
                into=file,
            )
        except (GatewayUnreachable, GatewayRefused) as problem:
            return _try_later(statement, str(problem))
        if bill.is_empty and (reason := _why_not_empty(statement)):
            return _try_later(statement, reason)
        file.seek(0)
        return _keep(statement, bill, file, actor)


def _keep(statement: Statement, bill: Bill, file: BinaryIO, actor: str) -> Statement:
    kept = receive_statement(
        channel=statement.channel, merchant=statement.merchant_id, channel_day=statement.channel_day,
        content=file, file_name=bill.file_name, sha1=bill.sha1, is_empty=bill.is_empty, actor=actor,
    )  # fmt: skip
    return _try_later(statement, "the same file, which cannot be read") if kept.status == "unreadable" else kept


def _why_not_empty(statement: Statement) -> str:
    """Why "no bill for this day" is not believed; empty where it is.

    Said as soon as it is due it may mean that the bill is still being made, and where we know of money it is wrong.
    """
    if clock.now() < statement.due_at + EMPTY_AFTER:
        return "no bill so far"
    if receipts_of(statement).count:
        return "no bill, but we hold receipts"
    return "no bill, but we gave back" if refunds_of(statement).exists() else ""


def _try_later(statement: Statement, trouble: str) -> Statement:
    step = STEPS[min(statement.tries, len(STEPS) - 1)]
    log.warning("statement %s was not fetched: %s", statement, trouble)
    Statement.objects.filter(pk=statement.pk, status="awaited").update(
        next_try_at=clock.now() + step, tries=min(statement.tries + 1, 1000), trouble=trouble[:60]
    )
    statement.refresh_from_db()
    return statement
