"""Alipay's business and account bills: an archive proved by its totals and its summary, refused whole (B6, B10)."""

import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.formats import PARSERS
from reconciliation.formats.alipay import parse
from reconciliation.formats.base import Fault, LineKind, StatementError
from tests.reconciliation.writing import (
    ALIPAY_COLUMNS,
    ALIPAY_MERCHANT,
    DAY,
    NOON,
    Row,
    alipay_account,
    alipay_account_summary,
    alipay_business,
    alipay_summary,
    alipay_zip,
    as_row,
    expected,
    payment,
    read,
    refund,
    refused,
    said_of,
    with_lying_size,
    zipped,
)

SAMPLES = Path(__file__).parent.parent / "samples"
OURS = expected(ALIPAY_MERCHANT)
DAY_BEGINS = datetime.combine(DAY, time(0), NOON.tzinfo)
ROWS = [payment(1), payment(2, 1), refund(3)]


def why(content: bytes, **changes: Any) -> tuple[Fault, int]:
    return refused(parse, content, expected(ALIPAY_MERCHANT, **changes))


def bill(text: str) -> bytes:
    return alipay_zip(text, alipay_summary(ROWS))


# --- samples ---------------------------------------------------------------------------------------------------------


def test_a_business_bill_is_read_line_by_line() -> None:
    lines, totals = read(PARSERS["alipay"], (SAMPLES / "alipay_business.zip").read_bytes(), OURS)
    assert [line.line for line in lines] == [6, 7, 8, 9]
    assert [line.kind for line in lines] == [LineKind.PAYMENT, LineKind.PAYMENT, LineKind.REFUND, LineKind.PAYMENT]
    assert [line.amount_fen for line in lines] == [38_000, 76_000, 38_000, 1]
    assert lines[2].refund_no == "R0000000000000000000000001"
    assert lines[2].order_no == lines[0].order_no == "01J00000000000000000000001"
    assert lines[2].gateway_trade_no == "2026010200202601020000000001"
    assert lines[3].paid_at.isoformat() == "2026-01-02T23:59:59+08:00"
    assert [line.status for line in lines[1:3]] == ["交易", "退款"]
    assert (totals.variant, totals.paid_fen, totals.refunded_fen) == ("business", 114_001, 38_000)


def test_an_account_bill_is_read_line_by_line() -> None:
    lines, totals = read(parse, (SAMPLES / "alipay_account.zip").read_bytes(), OURS)
    assert [line.amount_fen for line in lines] == [38_000, 76_000, 38_000, 1]
    assert [line.status for line in lines[1:3]] == ["交易付款", "交易退款"]
    assert (totals.variant, totals.payments, totals.refunds, totals.refunded_fen) == ("account", 3, 1, 38_000)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_new_column_and_another_order_change_nothing() -> None:
    names = ["新增字段", *reversed(ALIPAY_COLUMNS)]
    turned = alipay_zip(alipay_business(ROWS, columns=names), alipay_summary(ROWS))
    assert read(parse, turned, OURS) == read(parse, bill(alipay_business(ROWS)), OURS)


def test_a_fee_is_positive_where_the_merchant_pays_it() -> None:
    lines, _ = read(parse, alipay_zip(alipay_business([payment(1, fee=228_000), refund(2, fee=-228_000)])), OURS)
    assert [line.fee_millifen for line in lines] == [228_000, -228_000]


def test_a_fee_in_the_account_bill_is_no_payment() -> None:
    rows = [payment(1), payment(2, 228, kind="收费")]
    lines, totals = read(parse, alipay_zip(alipay_account(rows), alipay_account_summary(rows)), OURS)
    assert (lines[1].kind, lines[1].amount_fen, totals.others) == (LineKind.OTHER, -228, 1)


def test_a_business_that_we_do_not_know_is_kept_as_something_else() -> None:
    lines, totals = read(parse, alipay_zip(alipay_business([payment(1), payment(2, kind="转账")])), OURS)
    assert (lines[1].kind, lines[1].status, totals.others, totals.paid_fen) == (LineKind.OTHER, "转账", 1, 38_000)


def test_quotation_marks_hold_commas() -> None:
    text = alipay_business(ROWS).replace("居民医疗 2026", '"居民医疗,2026"')
    assert len(read(parse, bill(text), OURS)[0]) == 3
    assert why(bill(text.replace('"', ""))) == (Fault.LINE_UNREADABLE, 6)


def test_the_summary_may_be_missing_and_an_older_trailer_counts_orders() -> None:
    text = alipay_business(ROWS).replace("商家实收退款", "交易退款金额").replace("笔，商家实收共", "笔，交易金额共")
    assert len(read(parse, alipay_zip(text), OURS)[0]) == 3


def test_the_account_may_be_written_without_its_suffix() -> None:
    assert read(parse, alipay_zip(alipay_business(ROWS, account=ALIPAY_MERCHANT)), OURS)[1].lines == 3


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "fault", "line"),
    [
        (",380.00,380.00", ",380.001,380.00", Fault.AMOUNT_UNREADABLE, 6),
        (",380.00,", ",,", Fault.AMOUNT_UNREADABLE, 6),
        (",0.01,0.01", ",-0.01,0.01", Fault.AMOUNT_UNREADABLE, 7),
        ("12:00:00,\t", "25:00:00,\t", Fault.TIME_UNREADABLE, 6),
        ("2026-01-02 12:00:00,\t", "2026-01-03 00:00:00,\t", Fault.DAY_DIFFERS, 6),
        ("起始日期：[2026年01月02日", "起始日期：[2026年01月01日", Fault.DAY_DIFFERS, 3),
        ("终止日期：[2026年01月03日", "终止日期：[2026年02月01日", Fault.DAY_DIFFERS, 3),
        ("起始日期：[2026年01月02日", "起始日期：[2026年13月02日", Fault.DAY_DIFFERS, 3),
        ("0156]", "0157]", Fault.MERCHANT_DIFFERS, 2),
        ("商户订单号", "订单", Fault.HEADER_UNKNOWN, 5),
        ("#账号", "#户", Fault.HEADER_UNKNOWN, 5),
        ("01J000", "王芳00", Fault.LINE_UNREADABLE, 6),
        ("备注\r\n", "备注\r\n\r\n", Fault.LINE_UNREADABLE, 6),
        ("交易合计：2笔", "交易合计：3笔", Fault.TOTALS_DIFFER, 10),
        ("共380.01元", "共380.00元", Fault.TOTALS_DIFFER, 10),
        ("共-380.00元", "共-379.99元", Fault.TOTALS_DIFFER, 11),
        ("#退款合计", "#退", Fault.TRUNCATED, 12),
        ("#导出时间", "导出时间", Fault.CONTENT_UNEXPECTED, 12),
        ("#交易合计", "一行\r\n#交易合计", Fault.CONTENT_UNEXPECTED, 10),
        ("#支付宝业务明细查询", "#某某明细", Fault.HEADER_UNKNOWN, 1),
        ("#支付宝业务明细查询", "#支付宝业务汇总查询", Fault.CONTENT_UNEXPECTED, 0),
    ],
)
def test_what_is_wrong_in_the_details_refuses_the_file(old: str, new: str, fault: Fault, line: int) -> None:
    text = alipay_business(ROWS)
    assert old in text
    assert why(bill(text.replace(old, new))) == (fault, line)


@pytest.mark.parametrize(
    ("old", "new", "fault", "line"),
    [
        (",2,1,", ",2,2,", Fault.TOTALS_DIFFER, 8),
        (",2,1,0.01,0.01", ",2,1,0.02,0.01", Fault.TOTALS_DIFFER, 8),
        (",2,1,0.01,0.01", ",2,1,0.01,x", Fault.AMOUNT_UNREADABLE, 6),
        ("0156]", "0157]", Fault.MERCHANT_DIFFERS, 2),
        ("合计\t,\t,", "合计\t,", Fault.LINE_UNREADABLE, 6),
        ("#支付宝业务汇总", "#支付宝账务汇总", Fault.CONTENT_UNEXPECTED, 0),
    ],
)
def test_what_is_wrong_in_the_summary_refuses_the_file(old: str, new: str, fault: Fault, line: int) -> None:
    text = alipay_summary(ROWS)
    assert old in text
    assert why(alipay_zip(alipay_business(ROWS), text.replace(old, new))) == (fault, line)


def test_totals_of_the_account_bill_have_to_agree() -> None:
    text = alipay_account(ROWS)
    assert why(alipay_zip(text.replace("共380.01元", "共380.02元")))[0] is Fault.TOTALS_DIFFER
    assert why(alipay_zip(text.replace("支出合计：1笔", "支出合计：0笔")))[0] is Fault.TOTALS_DIFFER
    summary = alipay_account_summary(ROWS)
    assert why(alipay_zip(text, summary.replace(",-380.00", ",-380.01")))[0] is Fault.TOTALS_DIFFER
    both = text.replace("0.01,0.00", "0.01,-0.01")
    assert why(alipay_zip(both)) == (Fault.AMOUNT_UNREADABLE, 7)


def test_mixed_encodings_refuse_the_file() -> None:
    lines = alipay_business(ROWS).encode("gb18030").split(b"\r\n")
    lines[6] = lines[6].decode("gb18030").encode()
    assert why(alipay_zip(b"\r\n".join(lines))) == (Fault.ENCODING_MIXED, 7)
    assert why(alipay_zip(b"\xff\xff\r\n")) == (Fault.ENCODING_MIXED, 1)


def test_rare_characters_are_not_taken_for_another_encoding() -> None:
    rows = [payment(number, text=text) for number, text in enumerate(("芦", "洹柏", "䶮", "𠮷", "联通", "Ⅷ级"))]
    assert len(read(parse, alipay_zip(alipay_business(rows)), OURS)[0]) == 6


# --- archives --------------------------------------------------------------------------------------------------------


def test_what_is_no_archive_is_refused() -> None:
    content = bill(alipay_business(ROWS))
    assert why(b"") == (Fault.NOT_A_ZIP, 0)
    assert why(alipay_business(ROWS).encode("gb18030")) == (Fault.NOT_A_ZIP, 0)
    assert why(content[:-30]) == (Fault.TRUNCATED, 0)
    assert why(alipay_zip(alipay_summary(ROWS)))[0] is Fault.TRUNCATED
    assert why(zipped({}))[0] is Fault.TRUNCATED
    two = {f"{number}_业务明细.csv": alipay_business(ROWS).encode("gb18030") for number in range(2)}
    assert why(zipped(two))[0] is Fault.CONTENT_UNEXPECTED


def test_a_byte_that_changed_on_the_way_is_seen_by_the_checksum() -> None:
    text = alipay_business(ROWS).encode("gb18030")
    stored = zipped({"业务明细.csv": text}, method=zipfile.ZIP_STORED)
    assert read(parse, stored, OURS)[1].lines == 3
    changed = stored.replace("居民医疗".encode("gb18030"), "居民养老".encode("gb18030"))
    assert why(changed)[0] is Fault.HASH_DIFFERS


def test_an_encrypted_archive_is_refused() -> None:
    content = bill(alipay_business(ROWS))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + place
        content = content[:at] + struct.pack("<H", 1) + content[at + 2 :]
    assert why(content)[0] is Fault.NOT_A_ZIP


def test_files_without_a_name_and_folders_crash_nothing() -> None:
    assert why(zipped({"": b"x"}))[0] is Fault.HEADER_UNKNOWN
    files = {"2026/": b"", "2026/业务明细.csv": alipay_business(ROWS).encode("gb18030")}
    assert read(parse, zipped(files), OURS)[1].lines == 3


def test_an_archive_that_unpacks_into_too_much_is_refused() -> None:
    bomb = alipay_zip(b"0" * 20_000_000)
    tracemalloc.start()
    assert why(bomb, bytes_max=1_000_000)[0] is Fault.TOO_LARGE
    assert why(with_lying_size(bomb, 1000), bytes_max=1_000_000)[0] in (Fault.HASH_DIFFERS, Fault.HEADER_UNKNOWN)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert why(zipped({f"{number}.csv": b"" for number in range(17)}))[0] is Fault.TOO_LARGE


# --- any rows, any damage --------------------------------------------------------------------------------------------

moments = st.integers(0, 86_399).map(lambda seconds: DAY_BEGINS + timedelta(seconds=seconds))
texts = st.text(st.characters(codec="gb18030", exclude_characters='",\0\r\n#'), max_size=20)
amounts = st.integers(1, 10**12)
rows = st.one_of(
    st.builds(payment, st.integers(0, 10**8 - 1), amounts, at=moments, text=texts),
    st.builds(refund, st.integers(0, 10**8 - 1), amounts, at=moments),
)


@given(st.lists(rows, max_size=6))
def test_what_is_written_is_read_back(written: list[Row]) -> None:
    lines, totals = read(parse, alipay_zip(alipay_business(written), alipay_summary(written)), OURS)
    assert [as_row(line) for line in lines] == [said_of(row) for row in written]
    assert totals.lines == len(written)
    lines, _ = read(parse, alipay_zip(alipay_account(written), alipay_account_summary(written)), OURS)
    assert [as_row(line)[:5] for line in lines] == [said_of(row)[:5] for row in written]


@given(st.lists(rows, max_size=3), st.booleans(), st.data())
def test_an_archive_or_its_text_cut_off_anywhere_is_refused(written: list[Row], is_packed: bool, data: Any) -> None:
    text = alipay_business(written).encode("gb18030")
    whole = alipay_zip(text) if is_packed else text[: text.index("元，商家优惠退款".encode("gb18030")) + 2]
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert why(part if is_packed else alipay_zip(part))[0] in Fault


@given(st.lists(rows, min_size=1, max_size=4), st.data(), amounts)
def test_a_changed_amount_is_refused_by_the_totals(written: list[Row], data: Any, other: int) -> None:
    place = data.draw(st.integers(0, len(written) - 1))
    if written[place].amount == other:
        return
    changed = [*written[:place], replace(written[place], amount=other), *written[place + 1 :]]
    for write in (alipay_business, alipay_account):
        body, end = write(changed).split("列表结束")[0], write(written).split("列表结束")[1]
        assert why(alipay_zip(body + "列表结束" + end))[0] is Fault.TOTALS_DIFFER


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_no_bytes_crash_the_reader(noise: bytes, place: int) -> None:
    whole = bill(alipay_business(ROWS))
    for content in (noise, b"PK\x03\x04" + noise, noise + whole[-22:], alipay_zip(noise)):
        assert why(content)[0] in Fault
    changed = whole[:place] + noise + whole[place + len(noise) :]
    text = alipay_business(ROWS).encode("gb18030")
    with suppress(StatementError):
        read(parse, changed, OURS)
    with suppress(StatementError):
        read(parse, alipay_zip(text[:place] + noise + text[place:]), OURS)


# --- size ------------------------------------------------------------------------------------------------------------


def peak_of(lines: int) -> int:
    content = alipay_zip(alipay_business([payment(1)] * lines))
    tracemalloc.start()
    assert sum(1 for _ in parse(io.BytesIO(content), OURS)) == lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - len(content)


def test_memory_stays_flat_whatever_the_size() -> None:
    peak_of(100)
    assert peak_of(20_000) < 1.5 * peak_of(2_000)
