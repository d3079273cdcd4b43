"""The trade bill of WeChat Pay: read by column names, proved by hash and totals, refused whole (B6, B10)."""

import gzip
import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.formats import PARSERS
from reconciliation.formats.base import Fault, LineKind
from reconciliation.formats.wechat_pay import parse
from tests.reconciliation.writing import (
    NOON,
    WECHAT_COLUMNS,
    WECHAT_MERCHANT,
    WECHAT_TOTALS,
    Row,
    as_row,
    expected,
    packed,
    payment,
    read,
    refund,
    refused,
    reversal,
    said_of,
    sha1,
    wechat_bill,
)

SAMPLES = Path(__file__).parent.parent / "samples"
OURS = expected(WECHAT_MERCHANT)
DAY_BEGINS = datetime.combine(OURS.day, time(0), NOON.tzinfo)


def why(content: bytes, **changes: Any) -> tuple[Fault, int]:
    return refused(parse, content, expected(WECHAT_MERCHANT, **changes))


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wechat_pay_all.csv", "wechat_pay_all.csv.gz"])
def test_a_bill_of_all_is_read_line_by_line(name: str) -> None:
    lines, totals = read(PARSERS["wechat_pay"], (SAMPLES / name).read_bytes(), OURS)
    assert [line.line for line in lines] == [2, 3, 4, 5]
    assert [line.kind for line in lines] == [LineKind.PAYMENT, LineKind.PAYMENT, LineKind.REFUND, LineKind.PAYMENT]
    given = lines[2]
    assert given.order_no == lines[0].order_no == "01J00000000000000000000001"
    assert given.gateway_trade_no == lines[0].gateway_trade_no == "4200000000202601020000000001"
    assert (given.refund_no, given.gateway_refund_no) == ("R0000000000000000000000001", "5030000000202601020000000001")
    assert (lines[0].refund_no, lines[0].gateway_refund_no) == ("", "")
    assert [line.amount_fen for line in lines] == [38_000, 76_000, 38_000, 1]
    assert [line.fee_millifen for line in lines] == [228_000, 456_000, -228_000, 0]
    assert lines[3].paid_at.isoformat() == "2026-01-02T23:59:59+08:00"
    assert {(line.status, line.merchant) for line in lines} == {("SUCCESS", WECHAT_MERCHANT)}
    assert (totals.variant, totals.lines, totals.payments, totals.paid_fen) == ("all", 4, 3, 114_001)
    assert (totals.refunds, totals.refunded_fen, totals.fee_millifen) == (1, 38_000, 456_000)


def test_a_bill_of_successes_and_one_of_refunds_are_read() -> None:
    lines, totals = read(parse, (SAMPLES / "wechat_pay_success.csv").read_bytes(), OURS)
    assert (totals.variant, totals.payments, totals.paid_fen, totals.refunds) == ("success", 3, 114_001, 0)
    lines, totals = read(parse, (SAMPLES / "wechat_pay_refund.csv").read_bytes(), OURS)
    assert (totals.variant, totals.payments, totals.refunds, totals.refunded_fen) == ("refund", 0, 1, 38_000)
    assert lines[0].paid_at == datetime(2026, 1, 2, 15, 1, 2, tzinfo=NOON.tzinfo)  # asked for, not paid, on the day


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_new_column_and_another_order_change_nothing() -> None:
    rows = [payment(1), refund(2)]
    names = ["新增字段", *reversed(WECHAT_COLUMNS["all"].split(","))]
    assert read(parse, wechat_bill(rows, columns=names), OURS) == read(parse, wechat_bill(rows), OURS)


def test_an_older_bill_says_the_same_in_other_words() -> None:
    text = wechat_bill([payment(), refund()], columns=[
        name for name in WECHAT_COLUMNS["all"].split(",") if name not in ("订单金额", "申请退款金额", "费率备注")
    ]).decode()  # fmt: skip
    text = text.replace("应结订单总金额", "总交易额").replace("应结订单金额", "总金额")
    text = text.replace("特约商户号", "子商户号")
    text = text.replace(",订单总金额,申请退款总金额", "").replace(",`380.00,`380.00\r\n", "\r\n")
    lines, totals = read(parse, text.encode(), OURS)
    assert [line.amount_fen for line in lines] == [38_000, 38_000]
    assert (totals.payments, totals.refunds) == (1, 1)


def test_a_voucher_is_in_the_amount_and_not_in_what_is_settled() -> None:
    content = wechat_bill([payment()], changes={"应结订单金额": "370.00"}, totals={"应结订单总金额": "370.00"})
    lines, _ = read(parse, content, OURS)
    assert (lines[0].amount_fen, lines[0].settled_fen) == (38_000, 37_000)


def test_a_revoked_payment_is_a_reversal_and_an_unknown_state_something_else() -> None:
    lines, totals = read(parse, wechat_bill([reversal()]), OURS)
    assert (lines[0].kind, lines[0].amount_fen, totals.reversals) == (LineKind.REVERSAL, 38_000, 1)
    lines, totals = read(parse, wechat_bill([payment()], changes={"交易状态": "SPLIT"}), OURS)
    assert (lines[0].kind, lines[0].status, totals.others) == (LineKind.OTHER, "SPLIT", 1)


def test_a_refund_carries_the_state_it_had_when_the_bill_was_made() -> None:
    lines, _ = read(parse, wechat_bill([refund()], changes={"退款状态": "PROCESSING"}), OURS)
    assert lines[0].status == "PROCESSING"


def test_a_payment_to_a_sub_merchant_is_his() -> None:
    content = wechat_bill([payment()], changes={"特约商户号": "1900000200"})
    assert why(content) == (Fault.MERCHANT_DIFFERS, 2)
    assert read(parse, content, expected("1900000200"))[0][0].merchant == "1900000200"


def test_a_day_without_payments_is_a_statement_too() -> None:
    lines, totals = read(parse, wechat_bill([]), OURS)
    assert (lines, totals.lines) == ([], 0)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [False, True])
def test_the_hash_is_of_the_uncompressed_text(end: str, bom: bool) -> None:
    content = wechat_bill([payment(), refund()], end=end, bom=bom)
    for sent in (content, packed(content)):
        assert read(parse, sent, expected(WECHAT_MERCHANT, sha1=sha1(content).upper()))[1].lines == 2
        assert why(sent, sha1=sha1(content + b" "))[0] is Fault.HASH_DIFFERS


# --- what is refused -------------------------------------------------------------------------------------------------

TWO = [payment(1), payment(2)]


@pytest.mark.parametrize(
    ("change", "fault", "line"),
    [
        ({"应结订单金额": "380.001"}, Fault.AMOUNT_UNREADABLE, 2),
        ({"订单金额": ""}, Fault.AMOUNT_UNREADABLE, 2),
        ({"订单金额": "-380.00"}, Fault.AMOUNT_UNREADABLE, 2),
        ({"订单金额": "3.8e2"}, Fault.AMOUNT_UNREADABLE, 2),
        ({"手续费": "0.000001"}, Fault.AMOUNT_UNREADABLE, 2),
        ({"交易时间": "2026-01-02"}, Fault.TIME_UNREADABLE, 2),
        ({"交易时间": "2026-01-02 24:00:00"}, Fault.TIME_UNREADABLE, 2),
        ({"交易时间": "2026-W01-5 12:00:00"}, Fault.TIME_UNREADABLE, 2),
        ({"交易时间": "2026-01-03 00:00:00"}, Fault.DAY_DIFFERS, 2),
        ({"交易时间": "2026-01-01 23:59:59"}, Fault.DAY_DIFFERS, 2),
        ({"商户号": "1900000110"}, Fault.MERCHANT_DIFFERS, 2),
        ({"货币种类": "HKD"}, Fault.CURRENCY_DIFFERS, 2),
        ({"商户订单号": "王芳"}, Fault.LINE_UNREADABLE, 2),
        ({"商户订单号": "1" * 65}, Fault.LINE_UNREADABLE, 2),
        ({"商户订单号": "a\x07"}, Fault.LINE_UNREADABLE, 2),
        ({"商品名称": "a\0b"}, Fault.LINE_UNREADABLE, 2),
        ({"商品名称": "a,`b"}, Fault.LINE_UNREADABLE, 2),
    ],
)
def test_a_cell_that_is_wrong_refuses_the_file(change: dict[str, str], fault: Fault, line: int) -> None:
    assert why(wechat_bill(TWO, changes=change)) == (fault, line)


def test_the_line_that_is_wrong_is_named() -> None:
    rows = [payment(number) for number in range(1, 1001)]
    content = wechat_bill([*rows[:700], replace(rows[700], at=NOON + timedelta(days=1)), *rows[701:]])
    assert why(content) == (Fault.DAY_DIFFERS, 702)


@pytest.mark.parametrize("name", WECHAT_TOTALS)
def test_totals_that_differ_by_one_refuse_the_file(name: str) -> None:
    said = {"总交易单数": "3", "手续费总金额": "0.00001"}.get(name, "760.01")
    assert why(wechat_bill(TWO, totals={name: said})) == (Fault.TOTALS_DIFFER, 5)


def test_a_header_that_is_not_known_refuses_the_file() -> None:
    content = wechat_bill(TWO)
    assert why(content.replace("商户订单号".encode(), "订单".encode())) == (Fault.HEADER_UNKNOWN, 1)
    assert why(content.replace("退款状态".encode(), "状态".encode())) == (Fault.HEADER_UNKNOWN, 1)
    assert why(content.replace("设备号".encode(), "商户号".encode())) == (Fault.HEADER_UNKNOWN, 1)
    assert why(b'{"code": "NO_STATEMENT_EXIST"}\n') == (Fault.HEADER_UNKNOWN, 1)


def test_mixed_encodings_refuse_the_file() -> None:
    content = wechat_bill([payment(1), payment(2, text="居民养老")])
    assert why(content.replace("居民养老".encode(), "居民养老".encode("gbk"))) == (Fault.ENCODING_MIXED, 3)
    assert why(content.decode().encode("gbk")) == (Fault.ENCODING_MIXED, 1)


def test_rows_without_marks_and_lines_behind_the_end_refuse_the_file() -> None:
    content = wechat_bill(TWO)
    assert why(content.replace(b"`", b""))[0] is Fault.LINE_UNREADABLE
    assert why(content + b"`1\r\n") == (Fault.CONTENT_UNEXPECTED, 6)


def test_what_is_no_gzip_or_a_damaged_one_is_refused() -> None:
    content = packed(wechat_bill(TWO))
    assert why(b"\x1f\x8b\x00" + content[3:])[0] is Fault.NOT_A_GZIP
    assert why(content[:-20])[0] is Fault.TRUNCATED
    damaged = content[:-8] + bytes(4) + content[-4:]
    assert why(damaged)[0] is Fault.HASH_DIFFERS
    assert why(content + b"more")[0] is Fault.CONTENT_UNEXPECTED


def test_a_small_file_that_unpacks_into_a_large_one_is_refused() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 60_000
    tracemalloc.start()
    assert why(bomb, bytes_max=10_000_000)[0] in (Fault.TOO_LARGE, Fault.LINE_TOO_LONG)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert why(packed(wechat_bill(TWO)), bytes_max=100)[0] is Fault.TOO_LARGE


# --- any rows, any damage --------------------------------------------------------------------------------------------

moments = st.integers(0, 86_399).map(lambda seconds: DAY_BEGINS + timedelta(seconds=seconds))
numbers = st.text("0123456789ABCDEFabcdef_-|*", min_size=1, max_size=32).filter(lambda text: text != "0")
texts = st.text(st.characters(codec="utf-8", exclude_characters="`\0\r\n"), max_size=20)
amounts = st.integers(1, 10**12)
rows = st.one_of(
    st.builds(payment, st.integers(0, 10**8 - 1), amounts, at=moments, fee=st.integers(0, 10**9), text=texts),
    st.builds(refund, st.integers(0, 10**8 - 1), amounts, at=moments, fee=st.integers(-(10**9), 0), refund_no=numbers),
    st.builds(reversal, st.integers(0, 10**8 - 1), amounts, at=moments, order_no=numbers),
)


@given(st.lists(rows, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_what_is_written_is_read_back(written: list[Row], end: str, bom: bool, is_packed: bool) -> None:
    content = wechat_bill(written, end=end, bom=bom)
    sent = packed(content) if is_packed else content
    lines, totals = read(parse, sent, expected(WECHAT_MERCHANT, sha1=sha1(content)))
    assert [as_row(line) for line in lines] == [said_of(row) for row in written]
    assert [line.line for line in lines] == list(range(2, len(written) + 2))
    assert [line.fee_millifen for line in lines] == [row.fee for row in written]
    assert totals.lines == len(written)


@given(st.lists(rows, max_size=3), st.booleans(), st.booleans(), st.data())
def test_a_bill_cut_off_anywhere_is_refused(written: list[Row], is_packed: bool, is_hashed: bool, data: Any) -> None:
    text = wechat_bill(written)
    content = packed(text) if is_packed else text
    cut = data.draw(st.integers(0, len(content) - 1))
    assert why(content[:cut], sha1=sha1(text) if is_hashed else "")[0] in Fault


@given(st.lists(rows, min_size=1, max_size=4), st.data(), amounts)
def test_a_changed_amount_is_refused_by_the_totals(written: list[Row], data: Any, other: int) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    if written[place].amount == other:
        return
    changed = [*written[:place], replace(written[place], amount=other), *written[place + 1 :]]
    mark = "总交易单数".encode()
    body, end = wechat_bill(changed).split(mark)[0], wechat_bill(written).split(mark)[1]
    assert why(body + mark + end) == (Fault.TOTALS_DIFFER, len(written) + 3)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    head = WECHAT_COLUMNS["all"].encode() + b"\n"
    for front in (b"", head, b"\x1f\x8b", packed(head)[:12], head + wechat_bill([payment()]).split(b"\r\n")[1] + b"\n"):
        assert why(front + content)[0] in Fault


# --- size ------------------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


def peak_of(lines: int) -> int:
    head, row, names, values = wechat_bill([payment()]).split(b"\r\n")[:4]
    values = f"`{lines},`{380 * lines}.00,`0.00,`0.00,`0.00000,`{380 * lines}.00,`0.00".encode()

    def pieces() -> Iterator[bytes]:
        yield head + b"\n"
        for _ in range(lines // 100):
            yield (row + b"\n") * 100
        yield names + b"\n" + values + b"\n"

    tracemalloc.start()
    statement = parse(Endless(pieces()), OURS)  # type: ignore[arg-type]
    assert sum(1 for _ in statement) == lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_stays_flat_whatever_the_size() -> None:
    peak_of(100)
    assert peak_of(20_000) < 1.5 * peak_of(2_000)
