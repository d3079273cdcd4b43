"""UnionPay's fixed widths: bytes, not characters; a day that ends at 23:00; each line agrees with itself (B6, C1)."""

import io
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.formats import PARSERS
from reconciliation.formats.base import Fault, LineKind, StatementError
from reconciliation.formats.unionpay import ERROR_LINE_BYTES, LINE_BYTES, parse
from tests.reconciliation.writing import (
    DAY,
    NOON,
    UNIONPAY_MERCHANT,
    Row,
    as_row,
    expected,
    payment,
    read,
    refund,
    refused,
    reversal,
    said_of,
    unionpay_zip,
    zipped,
    zm_line,
    zm_name,
    zme_line,
)

SAMPLES = Path(__file__).parent.parent / "samples"
OURS = expected(UNIONPAY_MERCHANT)
DAY_ENDS = datetime(2026, 1, 2, 23, tzinfo=NOON.tzinfo)


def pay(number: int = 1, amount: int = 38_000, **changes: Any) -> Row:
    return payment(number, amount, **{"trade_no": f"2026010212000{number:08d}", **changes})


def why(content: bytes, **changes: Any) -> tuple[Fault, int]:
    return refused(parse, content, expected(UNIONPAY_MERCHANT, **changes))


def test_the_widths_come_to_the_lengths_that_are_published() -> None:
    assert (LINE_BYTES, ERROR_LINE_BYTES) == (607, 339)
    assert len(zm_line(pay())) - 2 == LINE_BYTES


def test_a_settlement_day_is_read_line_by_line() -> None:
    lines, totals = read(PARSERS["unionpay"], (SAMPLES / "unionpay.zip").read_bytes(), OURS)
    assert [line.line for line in lines] == [1, 2, 3, 4, 5]
    assert [line.kind.value for line in lines] == ["payment", "payment", "refund", "reversal", "other"]
    first, second, given, taken_back, error = lines
    assert first.paid_at.isoformat() == "2026-01-01T23:00:00+08:00"
    assert (first.amount_fen, first.fee_millifen, first.settled_fen) == (38_000, 95_000, 38_000)
    assert (given.order_no, given.gateway_trade_no) == (first.order_no, first.gateway_trade_no)
    assert (given.refund_no, given.gateway_refund_no) == ("R0000000000000000000000001", "202601021100000000031")
    assert given.fee_millifen == -95_000
    assert (taken_back.order_no, taken_back.refund_no) == (second.order_no, "R0000000000000000000000002")
    assert (error.order_no, error.amount_fen, error.status) == ("", -38_000, "E35")
    assert error.paid_at.isoformat() == "2025-12-30T10:15:00+08:00"
    assert [line.status for line in lines[:4]] == ["S22/01", "S22/01", "S30/04", "S30/31"]
    assert (totals.payments, totals.paid_fen, totals.refunds, totals.reversals, totals.others) == (2, 78_000, 1, 1, 1)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_the_year_is_that_of_the_settlement_day() -> None:
    new_year = date(2027, 1, 1)
    at = datetime(2026, 12, 31, 23, 30, tzinfo=NOON.tzinfo)
    lines, _ = read(parse, unionpay_zip([zm_line(pay(at=at))], day=new_year), expected(UNIONPAY_MERCHANT, day=new_year))
    assert lines[0].paid_at == at


@pytest.mark.parametrize(("hours", "is_taken"), [(-24.9, True), (-25.1, False), (-0.1, True), (0, False), (1, False)])
def test_an_order_made_within_its_life_before_the_day_belongs_to_it(hours: float, is_taken: bool) -> None:
    content = unionpay_zip([zm_line(pay(at=DAY_ENDS + timedelta(hours=hours)))])
    if is_taken:
        assert read(parse, content, OURS)[1].lines == 1
    else:
        assert why(content) == (Fault.DAY_DIFFERS, 1)


def test_a_refund_may_have_been_decided_long_before_its_day() -> None:
    """Its time is the one that we gave it, the same on every try."""
    decided_at = DAY_ENDS - timedelta(days=40)
    back = refund(at=decided_at, trade_no="202601021200000000001", gateway_refund_no="202601021100000000031")
    assert read(parse, unionpay_zip([zm_line(back)]), OURS)[0][0].paid_at == decided_at
    assert why(unionpay_zip([zm_line(pay()), zm_line(pay(2, at=decided_at))])) == (Fault.DAY_DIFFERS, 2)


def test_an_error_of_the_29th_of_february_finds_its_leap_year() -> None:
    lines, _ = read(parse, unionpay_zip([], [zme_line(f5="0229101500")]), OURS)
    assert lines[0].paid_at.date() == date(2024, 2, 29)


def test_chinese_text_takes_two_bytes_a_character() -> None:
    lines, _ = read(parse, unionpay_zip([zm_line(pay(text="鲁税社保缴费")), zm_line(pay(2, text="A"))]), OURS)
    assert [line.order_no for line in lines] == [pay().order_no, pay(2).order_no]


def test_a_type_that_we_do_not_know_is_kept_as_something_else() -> None:
    lines, totals = read(parse, unionpay_zip([zm_line(pay(), f1="S99", f20="88")]), OURS)
    assert (lines[0].kind, lines[0].order_no, lines[0].status, totals.others) == (
        LineKind.OTHER, pay().order_no, "S99/88", 1,
    )  # fmt: skip


def test_the_code_counts_where_the_type_is_blank() -> None:
    lines, _ = read(parse, unionpay_zip([zm_line(pay(), f20="")]), OURS)
    assert lines[0].kind is LineKind.PAYMENT


def test_a_reversal_under_the_orders_own_number_keeps_it() -> None:
    lines, _ = read(parse, unionpay_zip([zm_line(pay(), f1="S30", f20="99", f17="D000000038000")]), OURS)
    assert (lines[0].kind, lines[0].order_no, lines[0].refund_no) == (LineKind.REVERSAL, pay().order_no, "")


def test_other_files_in_the_archive_are_left_alone() -> None:
    files = {zm_name(): zm_line(pay()), f"RNM2000{DAY:%y%m%d}_{UNIONPAY_MERCHANT}.txt": b"?"}
    assert read(parse, zipped(files), OURS)[1].lines == 1


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"f7": "000000038001"}, Fault.TOTALS_DIFFER),
        ({"f17": "C000000037999"}, Fault.TOTALS_DIFFER),
        ({"f16": "D000000000001"}, Fault.TOTALS_DIFFER),
        ({"f7": "00000038000"}, Fault.AMOUNT_UNREADABLE),
        ({"f7": "      380.00"}, Fault.AMOUNT_UNREADABLE),
        ({"f17": "X000000038000"}, Fault.AMOUNT_UNREADABLE),
        ({"f5": "0102250000"}, Fault.TIME_UNREADABLE),
        ({"f5": "01021200"}, Fault.TIME_UNREADABLE),
        ({"f5": "1302120000"}, Fault.TIME_UNREADABLE),
        ({"f5": "0103000000"}, Fault.DAY_DIFFERS),
        ({"f28": "777000000000110"}, Fault.MERCHANT_DIFFERS),
        ({"f12": "a\x07"}, Fault.LINE_UNREADABLE),
        ({"f12": "王芳"}, Fault.LINE_UNREADABLE),
    ],
)
def test_a_field_that_is_wrong_refuses_the_file(changes: dict[str, str], fault: Fault) -> None:
    assert why(unionpay_zip([zm_line(pay()), zm_line(pay(2), **changes)])) == (fault, 2)


def test_a_discount_may_stand_between_amount_and_settlement() -> None:
    line = zm_line(pay(), f17="C000000037000", f36="C000000001000")
    assert read(parse, unionpay_zip([line]), OURS)[0][0].settled_fen == 37_000


def test_a_line_of_another_length_or_shifted_fields_refuse_the_file() -> None:
    good = zm_line(pay())
    assert why(unionpay_zip([good, good[:-3] + b"\r\n"])) == (Fault.LINE_UNREADABLE, 2)
    assert why(unionpay_zip([good, good[1:-2] + b" \r\n"])) == (Fault.LINE_UNREADABLE, 2)
    assert why(unionpay_zip([good], [zme_line(), zme_line()[:-5]])) == (Fault.LINE_UNREADABLE, 3)


def test_mixed_encodings_refuse_the_file() -> None:
    good = zm_line(pay(text="鲁税社保"))
    mixed = good.replace("鲁税社保".encode("gb18030") + b" " * 4, "鲁税社保".encode())
    assert len(mixed) == len(good)
    assert why(unionpay_zip([good, mixed])) == (Fault.ENCODING_MIXED, 2)


def test_day_and_merchant_are_also_in_the_names() -> None:
    assert why(unionpay_zip([], day=date(2026, 1, 3))) == (Fault.DAY_DIFFERS, 0)
    assert why(unionpay_zip([], merchant="777000000000110")) == (Fault.MERCHANT_DIFFERS, 0)
    assert why(zipped({zm_name("ZME"): zme_line()})) == (Fault.HEADER_UNKNOWN, 0)
    twice = {zm_name(): zm_line(pay()), "again/" + zm_name(): zm_line(pay())}
    assert why(zipped(twice)) == (Fault.CONTENT_UNEXPECTED, 0)
    assert why(zm_line(pay()))[0] is Fault.NOT_A_ZIP


# --- any rows, any damage --------------------------------------------------------------------------------------------

moments = st.integers(0, 86_399).map(lambda seconds: DAY_ENDS - timedelta(days=1) + timedelta(seconds=seconds))
texts = st.text(st.characters(codec="gbk", exclude_characters="\0\r\n"), max_size=15)
amounts = st.integers(1, 10**12 - 1)
rows = st.one_of(
    st.builds(pay, st.integers(0, 10**8 - 1), amounts, at=moments, text=texts),
    st.builds(refund, st.integers(0, 10**6), amounts, at=moments, trade_no=st.just("202601021200000000001"),
              gateway_refund_no=st.just("202601021300000000001")),
    st.builds(reversal, st.integers(0, 10**6), amounts, at=moments, trade_no=st.just("202601021200000000001"),
              gateway_refund_no=st.just("202601021300000000001")),
)  # fmt: skip


@given(st.lists(rows, max_size=6), st.integers(0, 3))
def test_what_is_written_is_read_back(written: list[Row], wrong: int) -> None:
    lines, totals = read(parse, unionpay_zip(map(zm_line, written), [zme_line()] * wrong), OURS)
    assert [as_row(line) for line in lines[: len(written)]] == [said_of(row) for row in written]
    assert [line.line for line in lines] == list(range(1, len(written) + wrong + 1))
    assert totals.others == wrong


@given(st.lists(rows, max_size=3), st.data())
def test_an_archive_cut_off_anywhere_is_refused(written: list[Row], data: Any) -> None:
    content = unionpay_zip(map(zm_line, written))
    assert why(content[: data.draw(st.integers(0, len(content) - 1))])[0] in Fault


@given(st.lists(rows, min_size=1, max_size=4), st.data(), amounts)
def test_a_changed_amount_disagrees_with_its_line(written: list[Row], data: Any, other: int) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    if written[place].amount == other:
        return
    lines = [zm_line(row) for row in written]
    lines[place] = zm_line(written[place], f7=f"{other:012d}")
    assert why(unionpay_zip(lines)) == (Fault.TOTALS_DIFFER, place + 1)
    assert read(parse, unionpay_zip([zm_line(replace(written[place], amount=other))]), OURS)[1].lines == 1


@given(st.binary(min_size=1, max_size=200), st.integers(0, 606))
def test_no_bytes_crash_the_reader(noise: bytes, place: int) -> None:
    good = zm_line(pay())
    for line in (noise, good[:place] + noise + good[place + len(noise) :]):
        for content in (unionpay_zip([line]), unionpay_zip([], [line[:339]])):
            with suppress(StatementError):
                read(parse, content, OURS)


# --- size ------------------------------------------------------------------------------------------------------------


def peak_of(lines: int) -> int:
    content = unionpay_zip([zm_line(pay())] * lines)
    tracemalloc.start()
    assert sum(1 for _ in parse(io.BytesIO(content), OURS)) == lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_stays_flat_whatever_the_size() -> None:
    peak_of(100)
    assert peak_of(20_000) < 1.5 * peak_of(2_000)
