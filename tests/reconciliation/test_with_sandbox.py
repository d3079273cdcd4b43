"""A whole channel day against the sandbox: its bills, over HTTP, with what was planted in them."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from core import clock
from payments.models import PaymentOrder
from payments.orders import start_payment
from reconciliation.agreements import expect_statements
from reconciliation.models import Statement
from tests.reconciliation.stating import CHANNEL, agree, found, noon, today
from tests.sandbox.process import Sandbox
from tests.world import PENSION, Family, line_for, make_family, open_order

YESTERDAY = timedelta(days=1)


@pytest.fixture
def family(transactional_db: None, settings, tmp_path) -> Family:
    settings.FILES_DIR = tmp_path
    return make_family()


def paid_yesterday(family: Family, outside: Sandbox) -> PaymentOrder:
    """Begun and paid yesterday at noon; no notice of it ever arrived."""
    outside.dial(courier_paused=True)
    order = open_order(family.payer, line_for(family.father, PENSION))
    order = start_payment(order_no=order.order_no, gateway=CHANNEL, method="qr", payer_ip="127.0.0.1", actor="r:1")
    at: datetime = noon(today() - YESTERDAY)
    outside.pay(order.order_no, paid_at=at.isoformat())
    PaymentOrder.objects.filter(pk=order.pk).update(created_at=at, started_at=at)
    return order


def test_a_payment_whose_notice_was_lost_is_found_in_the_gateways_bill(
    family: Family, outside: Sandbox, books_hold: None
) -> None:
    """G4, B2: expected, fetched, compared with its hash, read, matched, paid."""
    order = paid_yesterday(family, outside)
    agree(CHANNEL, format="wechat_pay", bill="ALL", since=today() - YESTERDAY, is_fetched=True)
    outside.dial(statements_at_once=True)
    expect_statements()
    statement = Statement.objects.get(agreement=CHANNEL)
    Statement.objects.filter(pk=statement.pk).update(due_at=clock.now())
    call_command("reconcile", day=statement.channel_day, channel=CHANNEL, stdout=StringIO())
    statement.refresh_from_db()
    order.refresh_from_db()
    assert (statement.status, statement.trouble, statement.line_count) == ("closed", "", 1)
    assert found(statement) == [("late", "confirmed")]
    assert order.status == "paid"
