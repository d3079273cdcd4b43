"""Bills are fetched when they are due; what goes wrong is tried again and stays visible."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any, BinaryIO

import pytest
from django.core.management import call_command

from core import clock
from payments import gateways
from payments.gateways.base import GatewayRefused, GatewayUnreachable
from payments.gateways.bills import Bill
from payments.models import PaymentOrder
from reconciliation import fetching
from reconciliation.agreements import expect_statements
from reconciliation.fetching import fetch_statement, fetch_statements
from reconciliation.models import Statement
from reconciliation.statements import file_of
from tests.payments.refund_world import guards_look
from tests.reconciliation.refunding import asked_back, settle
from tests.reconciliation.stating import CHANNEL, agree, days_later, line_of, stated, today
from tests.world import PENSION, Family, hand_over, line_for, open_order, say_paid


@pytest.fixture
def awaited(family: Family) -> Statement:
    """Yesterday's bill of WeChat Pay, in the format of these tests."""
    agree(is_fetched=True, since=today() - timedelta(days=1))
    with days_later(0, hour=11):
        expect_statements()
    return Statement.objects.get(agreement=CHANNEL)


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[BinaryIO], Bill]) -> list[dict[str, Any]]:
    """The gateway's bill is what `answer` writes; what it was asked for."""
    asked: list[dict[str, Any]] = []

    def fetch(client: object, *, into: BinaryIO, **about: Any) -> Bill:
        asked.append(about)
        return answer(into)

    monkeypatch.setattr(fetching, "FETCHERS", {CHANNEL: fetch})
    monkeypatch.setattr(gateways, "gateway", lambda code: None)
    return asked


def writes(content: bytes, **about: Any) -> Callable[[BinaryIO], Bill]:
    def write(into: BinaryIO) -> Bill:
        into.write(content)
        return Bill("bill.txt", **about)

    return write


def raises(problem: Exception) -> Callable[[BinaryIO], Bill]:
    def write(into: BinaryIO) -> Bill:
        into.write(b"half a b")
        raise problem

    return write


def test_a_bill_is_asked_for_when_it_is_due_and_kept_as_it_came(awaited, monkeypatch) -> None:
    content = stated([], awaited.merchant_id, awaited.channel_day)
    asked = answering(monkeypatch, writes(content))
    with days_later(0, hour=9):
        assert fetch_statement(statement_id=awaited.pk).status == "awaited"
        assert asked == []
        assert fetch_statements() == 0
    with days_later(0, hour=11):
        assert fetch_statements() == 1
        fetched = fetch_statement(statement_id=awaited.pk)
    assert asked == [{"merchant": awaited.merchant_id, "day": awaited.channel_day, "kind": "bank"}]
    assert fetched.status == "received"
    assert file_of(fetched).read_bytes() == content


@pytest.mark.parametrize("problem", [GatewayUnreachable("status 502"), GatewayRefused("NO_AUTH")])
def test_a_bill_that_cannot_be_had_is_asked_for_again(awaited, monkeypatch, problem: Exception) -> None:
    """G3, G21, B5: half a download counts for nothing, and the reason stays on the row."""
    answering(monkeypatch, raises(problem))
    with days_later(0, hour=11):
        tried = fetch_statement(statement_id=awaited.pk)
        assert (tried.status, tried.trouble) == ("awaited", str(problem))
        assert tried.next_try_at == clock.now() + timedelta(minutes=5)
        assert fetch_statements() == 0
    answering(monkeypatch, writes(stated([], awaited.merchant_id, awaited.channel_day)))
    with days_later(0, hour=12):
        assert fetch_statements() == 1
        assert fetch_statement(statement_id=awaited.pk).status == "received"


def test_that_there_is_no_bill_is_believed_where_we_hold_no_receipt(awaited, monkeypatch) -> None:
    answering(monkeypatch, writes(b'{"code":"NO_STATEMENT_EXIST"}', is_empty=True))
    with days_later(0, hour=12):
        out = StringIO()
        call_command("reconcile", day=awaited.channel_day, stdout=out)
    assert "closed, 0 lines" in out.getvalue()


def test_that_there_is_no_bill_is_believed_an_hour_after_it_was_due(awaited, monkeypatch) -> None:
    """B5: said sooner it may mean that the bill is still being made."""
    answering(monkeypatch, writes(b'{"sub_code":"BILL_NOT_EXIST"}', is_empty=True))
    with days_later(0, hour=10):
        early = fetch_statement(statement_id=awaited.pk)
        assert (early.status, early.trouble) == ("awaited", "no bill so far")
    with days_later(0, hour=11):
        assert fetch_statement(statement_id=awaited.pk).status == "received"


def test_that_there_is_no_bill_is_not_believed_where_we_gave_money_back(family: Family, monkeypatch) -> None:
    order = say_paid(hand_over(open_order(family.payer, line_for(family.father, PENSION))))
    guards_look()
    refund = asked_back(order)
    agree(is_fetched=True, since=today() + timedelta(days=1))
    answering(monkeypatch, writes(b"{}", is_empty=True))
    with days_later(1):
        settle(refund, order)
    with days_later(2, hour=12):
        expect_statements()
        awaited = Statement.objects.get(agreement=CHANNEL)
        assert fetch_statement(statement_id=awaited.pk).trouble == "no bill, but we gave back"


def test_the_same_file_that_cannot_be_read_is_asked_for_on_and_on(awaited, monkeypatch) -> None:
    """B5, B6: a new version only when something new comes."""
    answering(monkeypatch, writes(b"nonsense\n"))
    with days_later(0, hour=11):
        call_command("reconcile", day=awaited.channel_day, stdout=StringIO())
        second = Statement.objects.get(agreement=CHANNEL, status="awaited")
        tried = fetch_statement(statement_id=second.pk)
        assert (tried.pk, tried.status) == (second.pk, "awaited")
        assert tried.trouble == "the same file, which cannot be read"
    answering(monkeypatch, writes(stated([], awaited.merchant_id, awaited.channel_day)))
    with days_later(0, hour=12):
        assert fetch_statement(statement_id=second.pk).status == "received"


def test_that_there_is_no_bill_is_not_believed_where_we_hold_receipts(family: Family, monkeypatch) -> None:
    """B9: it may be made yet; and what is missing in the end is a case of its own."""
    order: PaymentOrder = say_paid(hand_over(open_order(family.payer, line_for(family.father, PENSION))))
    agree(is_fetched=True, since=today())
    answering(monkeypatch, writes(b"{}", is_empty=True))
    with days_later(1, hour=12):
        expect_statements()
        awaited = Statement.objects.get(agreement=CHANNEL)
        assert fetch_statement(statement_id=awaited.pk).trouble == "no bill, but we hold receipts"
        day = awaited.channel_day
        answering(monkeypatch, writes(stated([line_of(order)], order.merchant_id, day)))
        call_command("reconcile", day=day, stdout=StringIO())
    awaited.refresh_from_db()
    assert awaited.status == "closed"


def test_a_statement_that_is_there_is_not_fetched_again(awaited, monkeypatch) -> None:
    answering(monkeypatch, writes(stated([], awaited.merchant_id, awaited.channel_day)))
    with days_later(0, hour=11):
        fetch_statement(statement_id=awaited.pk)
        asked = answering(monkeypatch, raises(GatewayUnreachable("nobody should ask")))
        fetch_statement(statement_id=awaited.pk)
    assert asked == []
