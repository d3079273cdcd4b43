"""UnionPay's file of a day: what is asked, what is believed, and the sandbox's file read by our own parser."""

import base64
import dataclasses
import io
import zipfile
import zlib
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from core import clock
from payments.gateways.base import GatewayRefused, GatewayUnreachable, Method
from payments.gateways.unionpay.bills import fetch_bill
from reconciliation.formats.base import Expected, Fault, LineKind, StatementError
from reconciliation.formats.unionpay import parse
from tests.payments.gateways import unionpay_world as world
from tests.payments.gateways.test_unionpay_client import answers, config, gateway, issued
from tests.payments.gateways.test_unionpay_with_sandbox import order as bought
from tests.payments.gateways.test_unionpay_with_sandbox import sandbox, unionpay, visit
from tests.sandbox.process import plant

__all__ = ["answers", "bought", "config", "gateway", "issued", "sandbox", "unionpay"]

DAY = date(2026, 11, 20)
SHANGHAI = clock.SHANGHAI


def told(content=b"", **changes):
    fields = {"accessType": "0", "encoding": "UTF-8", "merId": world.MERCHANT, "txnType": "76", "respCode": "00",
              "settleDate": f"{DAY:%m%d}", "fileName": "20261120.zip",
              "fileContent": base64.b64encode(zlib.compress(content)).decode()}  # fmt: skip
    return {name: value for name, value in (fields | changes).items() if value is not None}


def fetch(client, day=DAY):
    into = io.BytesIO()
    bill = fetch_bill(client, merchant=world.MERCHANT, day=day, kind="ZM", into=into)
    return bill, into.getvalue()


def test_file_of_a_day_comes_within_the_signed_answer(gateway, vendor, keys, answers):
    content = bytes(range(256)) * 8000
    answers(told(content))
    bill, written = fetch(gateway)
    [asked] = vendor.asked
    fields = dict(parse_qsl(asked.body.decode(), strict_parsing=True))
    assert (asked.method, asked.target) == ("POST", "/gateway/api/fileTransReq.do")
    assert (fields["merId"], fields["settleDate"], fields["fileType"]) == (world.MERCHANT, "1120", "00")
    assert fields.pop("signature") == world.signature(keys.merchant, fields)
    assert (written, bill.is_empty) == (content, False)
    assert bill.file_name == f"unionpay-{world.MERCHANT}-2026-11-20-ZM.zip"


def test_file_larger_than_any_other_answer_is_taken(gateway, answers):
    content = b"".join(zlib.crc32(bytes([n % 256, n // 256])).to_bytes(4, "big") for n in range(65_536)) * 2
    answers(told(content, fileContent=base64.b64encode(zlib.compress(content, 0)).decode()))
    assert fetch(gateway)[1] == content


def test_files_are_asked_for_at_their_own_address(config, gateway, vendor, answers):
    answers(told(b"x"))
    elsewhere = type(gateway)(dataclasses.replace(config, file_url=vendor.url + "/files/"))
    assert fetch(elsewhere)[1] == b"x"
    assert vendor.asked[0].target == "/files/"


@pytest.mark.parametrize(("hour", "is_evidence"), [(11, False), (12, True)])
def test_no_file_means_nothing_moved_only_when_it_should_long_be_there(
    monkeypatch, gateway, answers, issued, hour, is_evidence
):
    """B5: one word for "not yet" and "nothing"."""
    answers(told(respCode="98", fileContent=None, fileName=None))
    moment = datetime(2026, 11, 21, hour, tzinfo=SHANGHAI)
    monkeypatch.setattr("payments.gateways.unionpay.bills.clock.now", lambda: moment)
    if is_evidence:
        bill, written = fetch(gateway)
        assert bill.is_empty
        assert b"respCode=98" in written, "the signed word is kept"
    else:
        with pytest.raises(GatewayUnreachable):
            fetch(gateway)


@pytest.mark.parametrize(
    "changes",
    [
        {"settleDate": "1119"},
        {"merId": "898371000000002"},
        {"respCode": "06"},
        {"respCode": None},
        {"fileContent": None},
        {"fileContent": "!"},
        {"fileContent": base64.b64encode(b"no deflate").decode()},
        {"fileContent": base64.b64encode(zlib.compress(b"x" * 99)[:-9]).decode()},
    ],
)
def test_anything_else_is_no_file(gateway, answers, changes):
    """B6."""
    answers(told(b"x", **changes))
    with pytest.raises(GatewayUnreachable):
        fetch(gateway)


def test_request_at_fault_is_refused(gateway, answers):
    answers(told(respCode="31"))
    with pytest.raises(GatewayRefused):
        fetch(gateway)


def test_file_that_somebody_changed_is_none(gateway, answers):
    """G3."""
    answers(told(b"x"), fileContent=base64.b64encode(zlib.compress(b"y")).decode())
    with pytest.raises(GatewayUnreachable):
        fetch(gateway)


# The sandbox's file, read by our parser.


@pytest.fixture
def day():
    """The channel day that is under way: from 23:00 on it is tomorrow's."""
    return (clock.now().astimezone(SHANGHAI) + timedelta(hours=1)).date()


@pytest.fixture
def shop(sandbox, unionpay, bought, refund):
    sandbox.control("POST", "clear", json={"everything": True})
    sandbox.dial(statements_at_once=True, unionpay_refund_seconds=0)
    return Shop(sandbox, unionpay, bought, refund)


class Shop:
    """An order paid and partly refunded, and its day's file."""

    def __init__(self, sandbox, unionpay, order, refund):
        self.sandbox, self.unionpay, self.order = sandbox, unionpay, order
        visit(unionpay.create(order, Method.PAGE))
        sandbox.pay(order.order_no)
        self.trade_no = unionpay.query(order).trade_no
        self.refund = dataclasses.replace(
            refund, refund_no=order.order_no[::-1], merchant=world.MERCHANT, trade_no=self.trade_no,
            notify_url=order.notify_url, decided_at=clock.now() - timedelta(days=3),
        )  # fmt: skip

    def lines(self, day):
        bill, content = fetch(self.unionpay, day)
        assert not bill.is_empty
        parsed = parse(io.BytesIO(content), Expected(day=day, merchant=world.MERCHANT))
        return list(parsed), parsed.totals

    def plant(self, what, **values):
        return plant(self.sandbox, what, **values)


def test_payment_and_refund_are_read_as_they_happened(shop, day):
    back_no = shop.unionpay.refund(shop.refund).gateway_refund_no
    (paid, back), totals = shop.lines(day)
    assert (paid.kind, paid.order_no, paid.gateway_trade_no) == (LineKind.PAYMENT, shop.order.order_no, shop.trade_no)
    assert (paid.amount_fen, paid.settled_fen, paid.fee_millifen) == (38_000, 38_000, 228_000)
    assert paid.paid_at == shop.order.created_at.replace(microsecond=0), "the order's time"
    assert (back.kind, back.order_no, back.gateway_trade_no) == (LineKind.REFUND, shop.order.order_no, shop.trade_no)
    assert (back.refund_no, back.gateway_refund_no) == (shop.refund.refund_no, back_no)
    assert (back.amount_fen, back.fee_millifen) == (18_000, -108_000)
    assert back.paid_at == shop.refund.decided_at.replace(microsecond=0), "three days before"
    assert (totals.payments, totals.paid_fen, totals.refunds, totals.refunded_fen) == (1, 38_000, 1, 18_000)


def test_the_day_ends_at_eleven_in_the_evening(shop, day):
    before = day - timedelta(days=2)
    for at in ("22:59:59", "23:00:00"):
        shop.sandbox.pay(shop.order.order_no, again=True, paid_at=f"{before}T{at}")
    [[early], _] = shop.lines(before)
    [[late], _] = shop.lines(before + timedelta(days=1))
    assert (f"{early.paid_at.astimezone(SHANGHAI):%H%M%S}", f"{late.paid_at.astimezone(SHANGHAI):%H%M%S}") == (
        "225959", "230000")  # fmt: skip


def test_names_in_the_archive_say_day_and_merchant(shop, day):
    shop.plant("error", gateway="unionpay", day=str(day), amount_fen=500)
    _, content = fetch(shop.unionpay, day)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == [f"INN{day:%y%m%d}88{kind}_{world.MERCHANT}" for kind in ("ZM", "ZME")]
        assert len(packed.read(packed.namelist()[0])) == 609
        assert "社会保险费" in packed.read(packed.namelist()[0]).decode("gbk")


@pytest.mark.parametrize(
    ("what", "values", "kinds"),
    [
        ("drop", {"aimed": True}, []),
        ("duplicate", {"aimed": True}, [(LineKind.PAYMENT, 38_000)] * 2),
        ("amount", {"aimed": True, "by_fen": 5}, [(LineKind.PAYMENT, 38_005)]),
        ("reversal", {"aimed": True}, [(LineKind.PAYMENT, 38_000), (LineKind.REVERSAL, 38_000)]),
        ("unknown", {"amount_fen": 77}, [(LineKind.PAYMENT, 38_000), (LineKind.PAYMENT, 77)]),
        ("error", {"amount_fen": 500}, [(LineKind.PAYMENT, 38_000), (LineKind.OTHER, -500)]),
    ],
)
def test_planted_differences_are_read(shop, day, what, values, kinds):
    shop.unionpay.refund(shop.refund)
    aim = {"order_no": shop.order.order_no} if values.pop("aimed", False) else {"gateway": "unionpay", "day": str(day)}
    shop.plant(what, **aim, **values)
    lines, _ = shop.lines(day)
    found = [(line.kind, line.amount_fen) for line in lines if line.kind is not LineKind.REFUND]
    assert sorted(found) == sorted(kinds)


def test_line_that_stands_in_the_next_day(shop, day):
    before = day - timedelta(days=3)
    shop.sandbox.pay(shop.order.order_no, again=True, paid_at=f"{before}T12:00:00")
    shop.plant("next_day", order_no=shop.order.order_no, gateway="unionpay", day=str(before))
    assert fetch(shop.unionpay, before)[0].is_empty
    [[moved], _] = shop.lines(before + timedelta(days=1))
    assert moved.order_no == shop.order.order_no


@pytest.mark.parametrize(
    ("what", "values", "fault"),
    [
        ("truncated", {}, Fault.LINE_UNREADABLE),
        ("truncated", {"of": "stream"}, Fault.TRUNCATED),
        ("wrong_totals", {}, Fault.TOTALS_DIFFER),
        ("mixed_encoding", {}, Fault.ENCODING_MIXED),
        ("other_merchant", {}, Fault.MERCHANT_DIFFERS),
        ("other_day", {}, Fault.DAY_DIFFERS),
    ],
)
def test_spoilt_file_is_refused_whole(shop, day, what, values, fault):
    """B6."""
    shop.unionpay.refund(shop.refund)
    shop.plant(what, gateway="unionpay", day=str(day), **values)
    with pytest.raises(StatementError) as caught:
        shop.lines(day)
    assert caught.value.code is fault


def test_day_on_which_nothing_moved_and_file_that_is_late(shop, day):
    """B5."""
    assert fetch(shop.unionpay, day - timedelta(days=5))[0].is_empty
    shop.plant("late", gateway="unionpay", day=str(day))
    with pytest.raises(GatewayUnreachable):
        fetch(shop.unionpay, day)


@pytest.mark.parametrize("what", ["wrong_hash", "no_bom"])
def test_what_the_format_does_not_know_cannot_be_planted(shop, day, what):
    with pytest.raises(AssertionError, match="not possible"):
        shop.plant(what, gateway="unionpay", day=str(day))
