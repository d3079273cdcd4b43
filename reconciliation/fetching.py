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
from payments.models import Receipt
from reconciliation.models import Statement
from reconciliation.statements import receive_statement
from reconciliation.working import lease

log = logging.getLogger(__name__)

FETCHERS: Mapping[str, Callable[..., Bill]] = {
    "wechat_pay": fetch_from_wechat_pay,
    "alipay": fetch_from_alipay,
    "unionpay": fetch_from_unionpay,
}
STEPS = [timedelta(minutes=minutes) for minutes in (5, 10, 30, 60)]


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
                day=statement.channel_day,
                kind=statement.agreement.bill,
                into=file,
            )
        except (GatewayUnreachable, GatewayRefused) as problem:
            return _try_later(statement, str(problem))
        if bill.is_empty and _holds_receipts(statement):
            return _try_later(statement, "no bill, but we hold receipts")
        file.seek(0)
        return _keep(statement, bill, file, actor)


def _keep(statement: Statement, bill: Bill, file: BinaryIO, actor: str) -> Statement:
    return receive_statement(
        channel=statement.channel, merchant=statement.merchant_id, channel_day=statement.channel_day,
        content=file, file_name=bill.file_name, sha1=bill.sha1, is_empty=bill.is_empty, actor=actor,
    )  # fmt: skip


def _holds_receipts(statement: Statement) -> bool:
    return Receipt.objects.filter(
        gateway=statement.channel, channel_day=statement.channel_day, merchant_id=statement.merchant_id
    ).exists()


def _try_later(statement: Statement, trouble: str) -> Statement:
    step = STEPS[min(statement.tries, len(STEPS) - 1)]
    log.warning("statement %s was not fetched: %s", statement, trouble)
    Statement.objects.filter(pk=statement.pk, status="awaited").update(
        next_try_at=clock.now() + step, tries=min(statement.tries + 1, 1000), trouble=trouble[:60]
    )
    statement.refresh_from_db()
    return statement
