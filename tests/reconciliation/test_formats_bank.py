"""The banks' own format (docs/bank-statement-format.md): read back, or refused whole (B6, B10)."""

import io
import re
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
from reconciliation.formats.bank import parse
from reconciliation.formats.base import Fault, LineKind
from tests.house.source import ROOT
from tests.reconciliation.writing import (
    BANK,
    BANK_COLUMNS,
    BANK_MERCHANT,
    DAY,
    NOON,
    Row,
    as_row,
    bank_file,
    expected,
    packed,
    payment,
    read,
    refund,
    refused,
    reversal,
    said_of,
)

SAMPLES = Path(__file__).parent.parent / "samples"
OURS = expected(BANK_MERCHANT, channel=BANK)
DAY_BEGINS = datetime.combine(DAY, time(0), NOON.tzinfo)
ROWS = [payment(1), payment(2), reversal(2)]


def why(content: bytes, **changes: Any) -> tuple[Fault, int]:
    return refused(parse, content, expected(BANK_MERCHANT, **{"channel": BANK, **changes}))


@pytest.mark.parametrize("name", ["bank_utf_8.txt", "bank_gb18030.txt"])
def test_a_banks_day_is_read_line_by_line(name: str) -> None:
    lines, totals = read(PARSERS["bank"], (SAMPLES / name).read_bytes(), OURS)
    assert [line.line for line in lines] == [3, 4, 5, 6]
    assert [line.kind for line in lines] == [LineKind.PAYMENT] * 3 + [LineKind.REVERSAL]
    assert [line.order_no for line in lines][1:] == ["01J00000000000000000000002", "", "01J00000000000000000000002"]
    assert (lines[3].gateway_trade_no, lines[3].gateway_refund_no) == ("20260102000002", "20260102000003")
    assert lines[0].paid_at.isoformat() == "2026-01-02T09:12:44+08:00"
    assert (totals.variant, totals.payments, totals.paid_fen, totals.reversed_fen) == ("bank", 3, 108_000, 40_000)


def test_the_example_in_the_document_is_a_statement() -> None:
    text = (ROOT / "docs" / "bank-statement-format.md").read_text()
    example = re.search(r"^```\n(statement\|.*?)^```", text, re.S | re.M)
    assert example
    lines, totals = read(parse, example[1].encode(), OURS)
    assert (len(lines), totals.paid_fen, totals.reversed_fen) == (3, 78_000, 40_000)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_columns_stand_in_any_order_and_unknown_ones_are_left_alone() -> None:
    turned = bank_file(ROWS, columns=list(reversed(BANK_COLUMNS)))
    assert read(parse, turned, OURS) == read(parse, bank_file(ROWS), OURS)
    few = bank_file(ROWS, columns=("kind", "order_no", "trade_no", "amount", "paid_at"))
    assert [line.refund_no for line in read(parse, few, OURS)[0]] == ["", "", ""]


def test_a_day_without_movements_is_a_statement_too() -> None:
    assert read(parse, bank_file([]), OURS)[1].lines == 0


def test_a_channel_that_cuts_at_another_hour_has_another_day() -> None:
    at = NOON.replace(hour=21) - timedelta(days=1)
    content = bank_file([payment(at=at)])
    assert why(content) == (Fault.DAY_DIFFERS, 3)
    assert read(parse, content, expected(BANK_MERCHANT, cut_off=time(20)))[1].lines == 1
    assert why(bank_file([payment(at=NOON.replace(hour=20))]), cut_off=time(20)) == (Fault.DAY_DIFFERS, 3)


def test_a_fee_is_read_and_not_taken_off_the_amount() -> None:
    lines, totals = read(parse, bank_file([payment(fee=50_000)]), OURS)
    assert (lines[0].amount_fen, lines[0].fee_millifen, totals.fee_millifen) == (38_000, 50_000, 50_000)


def test_the_file_may_be_packed_and_begin_with_a_mark() -> None:
    assert read(parse, packed(bank_file(ROWS)), OURS)[1].lines == 3
    assert read(parse, b"\xef\xbb\xbf" + bank_file(ROWS), OURS)[1].lines == 3


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "fault", "line"),
    [
        ("statement|1", "statement|2", Fault.HEADER_UNKNOWN, 1),
        ("statement|", "feed|", Fault.HEADER_UNKNOWN, 1),
        ("|UTF-8", "|UTF-16", Fault.HEADER_UNKNOWN, 1),
        ("|UTF-8", "", Fault.HEADER_UNKNOWN, 1),
        (BANK, "icbc", Fault.CHANNEL_DIFFERS, 1),
        (BANK_MERCHANT, "SB371002", Fault.MERCHANT_DIFFERS, 1),
        ("|2026-01-02|", "|2026-01-03|", Fault.DAY_DIFFERS, 1),
        ("|2026-01-02|", "|20260102|", Fault.TIME_UNREADABLE, 1),
        ("|amount|", "|sum|", Fault.HEADER_UNKNOWN, 2),
        ("|place", "|kind", Fault.HEADER_UNKNOWN, 2),
        ("|380.00|", "|38000|", Fault.AMOUNT_UNREADABLE, 3),
        ("|380.00|", "|380.0|", Fault.AMOUNT_UNREADABLE, 3),
        ("|380.00|", "|0.00|", Fault.AMOUNT_UNREADABLE, 3),
        ("|380.00|", "|-380.00|", Fault.AMOUNT_UNREADABLE, 3),
        ("02 12:00:00", "02T12:00:00", Fault.TIME_UNREADABLE, 3),
        ("02 12:00:00", "03 00:00:00", Fault.DAY_DIFFERS, 3),
        ("payment|01J", "paid|01J", Fault.LINE_UNREADABLE, 3),
        ("payment|01J", "payment|王", Fault.LINE_UNREADABLE, 3),
        ("payment|01J", "payment|a|01J", Fault.LINE_UNREADABLE, 3),
        ("reversal|01", "\nreversal|01", Fault.LINE_UNREADABLE, 5),
        ("end|3|", "end|4|", Fault.TOTALS_DIFFER, 6),
        ("|760.00|", "|760.01|", Fault.TOTALS_DIFFER, 6),
        ("|1|380.00\n", "|1|380.01\n", Fault.TOTALS_DIFFER, 6),
        ("|1|380.00\n", "|1\n", Fault.TRUNCATED, 6),
        ("|1|380.00\n", "|1|380.00\nmore\n", Fault.CONTENT_UNEXPECTED, 7),
    ],
)
def test_what_is_wrong_refuses_the_file_with_its_line(old: str, new: str, fault: Fault, line: int) -> None:
    text = bank_file(ROWS).decode()
    assert old in text
    assert why(text.replace(old, new).encode()) == (fault, line)


def test_a_line_without_a_number_of_theirs_refuses_the_file() -> None:
    assert why(bank_file([payment(trade_no="")])) == (Fault.LINE_UNREADABLE, 3)


def test_mixed_encodings_refuse_the_file() -> None:
    for encoding, other in (("UTF-8", "gb18030"), ("GB18030", "utf-8")):
        lines = bank_file([payment(1, text="文登营业部"), payment(2, text="米山镇")], encoding=encoding).split(b"\n")
        lines[3] = lines[3].decode(encoding).encode(other)
        assert why(b"\n".join(lines)) == (Fault.ENCODING_MIXED, 4)


def test_a_bar_inside_a_gb18030_character_divides_nothing() -> None:
    text = next(chr(code) for code in range(0x4E00, 0x9FFF) if chr(code).encode("gb18030")[1:] == b"|")
    assert read(parse, bank_file([payment(text=text)], encoding="GB18030"), OURS)[1].lines == 1


def test_an_endless_line_is_refused() -> None:
    head = bank_file([]).split(b"\n")[0]
    assert why(head + b"\n" + b"x" * 300_000) == (Fault.LINE_TOO_LONG, 2)
    assert why(b"x" * 300_000)[0] is Fault.HEADER_UNKNOWN
    assert why(b"") == (Fault.TRUNCATED, 1)


# --- any rows, any damage --------------------------------------------------------------------------------------------

moments = st.integers(0, 86_399).map(lambda seconds: DAY_BEGINS + timedelta(seconds=seconds))
numbers = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|"), min_size=1, max_size=64)
texts = st.text(st.characters(codec="gb18030", exclude_characters="|\0\r\n"), max_size=20)
amounts = st.integers(1, 10**12)
rows = st.one_of(
    st.builds(payment, st.integers(0, 10**8), amounts, at=moments, trade_no=numbers, order_no=st.just("") | numbers),
    st.builds(payment, st.integers(0, 10**8), amounts, at=moments, text=texts, fee=st.sampled_from([0, 95_000])),
    st.builds(refund, st.integers(0, 10**8), amounts, at=moments, refund_no=numbers),
    st.builds(reversal, st.integers(0, 10**8), amounts, at=moments),
)  # fmt: skip


@given(st.lists(rows, max_size=6), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["UTF-8", "GB18030"]))
def test_what_is_written_is_read_back(written: list[Row], end: str, encoding: str) -> None:
    lines, totals = read(parse, bank_file(written, end=end, encoding=encoding), OURS)
    assert [as_row(line) for line in lines] == [said_of(row) for row in written]
    assert [line.fee_millifen for line in lines] == [row.fee for row in written]
    assert totals.lines == len(written)


@given(st.lists(rows, max_size=3), st.booleans(), st.data())
def test_a_file_cut_off_anywhere_is_refused(written: list[Row], is_packed: bool, data: Any) -> None:
    content = bank_file(written, end="\r\n")
    content = packed(content) if is_packed else content
    assert why(content[: data.draw(st.integers(0, len(content) - 1))])[0] in Fault


@given(st.lists(rows, min_size=1, max_size=4), st.data(), amounts)
def test_a_changed_amount_is_refused_by_the_totals(written: list[Row], data: Any, other: int) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    if written[place].amount == other:
        return
    changed = bank_file([*written[:place], replace(written[place], amount=other), *written[place + 1 :]])
    end = bank_file(written).rpartition(b"\nend|")[2]
    assert why(changed.rpartition(b"\nend|")[0] + b"\nend|" + end) == (Fault.TOTALS_DIFFER, len(written) + 3)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    head = b"\n".join(bank_file([]).split(b"\n")[:2]) + b"\n"
    for front in (b"", b"statement|1|", head, head.replace(b"UTF-8", b"GBK"), head + b"payment|"):
        assert why(front + content)[0] in Fault


# --- size ------------------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


def peak_of(lines: int) -> int:
    head, names, row = bank_file([payment()]).split(b"\n")[:3]

    def pieces() -> Iterator[bytes]:
        yield head + b"\n" + names + b"\n"
        for _ in range(lines // 100):
            yield (row + b"\n") * 100
        yield f"end|{lines}|{lines}|{380 * lines}.00|0|0.00|0|0.00\n".encode()

    tracemalloc.start()
    statement = parse(Endless(pieces()), OURS)  # type: ignore[arg-type]
    assert sum(1 for _ in statement) == lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_stays_flat_whatever_the_size() -> None:
    peak_of(100)
    assert peak_of(20_000) < 1.5 * peak_of(2_000)
