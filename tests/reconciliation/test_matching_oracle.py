"""Matching by sets says what a plain walk through the rows says, exactly."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench._statement import CHANNEL, EVERY, MERCHANT, day_number, empty_tables, fill_day
from core import clock
from payments.models import PaymentOrder, Receipt
from reconciliation.matching import match_statement
from reconciliation.statements import read_statement, receive_statement
from tests.reconciliation import oracle
from tests.reconciliation.stating import Said, receive, today
from tests.world import make_channel, make_payee

LINES = 20_000


@pytest.fixture
def files(db: None, settings: LazySettings, tmp_path: Path) -> Path:
    settings.FILES_DIR = tmp_path
    return tmp_path


def test_a_day_of_twenty_thousand_lines_is_classified_as_row_by_row(files: Path) -> None:
    """B2, B4, B8, B9, B10, B11, G6, G20: half a percent of each, none too many and none too few."""
    empty_tables()
    path = files / "bill.csv"
    lines = fill_day(day_number(0), LINES, path)
    with path.open("rb") as content:
        statement = receive_statement(
            channel=CHANNEL, merchant=MERCHANT, channel_day=day_number(0), content=content, actor="system:test"
        )
    assert read_statement(statement_id=statement.pk).line_count == lines
    statement = match_statement(statement_id=statement.pk)
    assert oracle.written(statement) == oracle.verdicts(statement)
    each = LINES // EVERY
    assert Counter(kind for kind, _, _ in oracle.written(statement)) == {
        "late": 2 * each, "unknown": each, "missing": each, "amount": each, "duplicate": each, "repeated": each,
        "other_day": each, "wrong_party": each, "reversal": 3 * each, "refund": each,
    }  # fmt: skip


# --- small days of every kind ------------------------------------------------------------------------------------

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["created", "awaiting", "expired", "paid"]),
        st.sampled_from(["wechat_pay", "wechat_pay", "alipay"]),
        st.sampled_from([MERCHANT, MERCHANT, "1900000002"]),
        st.sampled_from([100, 200]),
    ),
    min_size=1,
    max_size=4,
)
NUMBER = st.integers(0, 4)  # one more than there are orders or receipts
RECEIPTS = st.lists(st.tuples(NUMBER, st.sampled_from([100, 200]), st.sampled_from([0, 0, -1, 1])), max_size=4)
SAID = st.lists(
    st.tuples(
        st.sampled_from(["payment", "payment", "payment", "refund", "reversal"]),
        NUMBER, NUMBER, st.sampled_from([100, 200]),
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(orders=ORDERS, receipts=RECEIPTS, said=SAID)
def test_any_small_day_is_classified_as_row_by_row(files: Path, orders: list, receipts: list, said: list) -> None:
    empty_tables()
    make_channel()
    payee = make_payee("tax-bench", types=())
    with connection.cursor() as cursor:
        for table in ("payments_paymentorder", "payments_receipt"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        moment, made = clock.now(), []
        for number, (status, gateway, merchant, amount) in enumerate(orders):
            made.append(
                PaymentOrder.objects.create(
                    order_no=f"O{number}", checkout_no=f"C{number}", channel_id="portal", payee=payee, line_count=1,
                    status=status, gateway="" if status == "created" else gateway, merchant_id=merchant,
                    amount_fen=amount, expires_at=moment,
                )
            )  # fmt: skip
        for number, (order, amount, offset) in enumerate(receipts):
            Receipt.objects.create(
                gateway="wechat_pay", merchant_id=MERCHANT, gateway_trade_no=f"T{number}", amount_fen=amount,
                order=made[order] if order < len(made) else None, paid_at=moment, source="notification",
                channel_day=today() + timedelta(days=offset),
            )  # fmt: skip
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("payments_paymentorder", "payments_receipt"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("UPDATE reconciliation_statementagreement SET format = 'bank', bill = 'bank'")
    lines = [Said(f"O{order}", f"T{trade}", amount, moment, kind) for kind, order, trade, amount in said]
    statement = read_statement(statement_id=receive(lines, MERCHANT).pk)
    assert statement.status == "read"
    statement = match_statement(statement_id=statement.pk)
    assert oracle.written(statement) == oracle.verdicts(statement)
