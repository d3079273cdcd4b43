"""UnionPay's file of a settlement day: a ZIP with `INN…ZM_…` (transactions) and, where there were any, `INN…ZME_…`
(errors that are cleared by hand: chargebacks, adjustments).

GB18030, CRLF, fields of fixed width in bytes with one blank between them, amounts in fen, signs as C (to the merchant)
and D (from him). The settlement day ends at 23:00. Transactions carry month, day and time without a year, and that is
the time which the merchant gave the order, so it may lie before the day's beginning by as long as an order lives; a
refund's is when it was decided, which may be long before.

No line holds totals, so each line has to agree with itself: what is settled and the fee make up the amount. The
archive's own checksum shows what was cut off or changed on the way. An error line names no order; it is of kind `OTHER`
and says only that there is something to be looked at.
"""

import re
from calendar import isleap
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from itertools import accumulate
from operator import itemgetter
from typing import BinaryIO

from core.money import Fen
from reconciliation.formats.archives import PackedFile, open_zip
from reconciliation.formats.base import (
    OFFSET,
    ChannelDay,
    Expected,
    Fault,
    LineKind,
    ParsedStatement,
    Remembered,
    StatementError,
    StatementLine,
    Wrong,
    by_columns,
    check_numbers,
)
from reconciliation.formats.text import line_blocks

CUT_OFF = time(23)
ORDER_LIFE = timedelta(hours=1)
"""How long before its day a transaction's order may have been made: ours live 30 minutes, and clocks differ."""

# 1 code … 41 number of the original order; what follows is reserved and was split in other ways over the years.
WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip
ERROR_WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135)

_ENCODING = "gb18030"
_NAME = re.compile(r"(?:.*[/\\])?IN[ND](\d{6})\d{2}(ZME?)_(\w{1,15})(?:\.\w+)?")
_TYPES = {
    "01": LineKind.PAYMENT,
    "13": LineKind.PAYMENT,
    "04": LineKind.REFUND,
    "31": LineKind.REVERSAL,
    "99": LineKind.REVERSAL,
}
_CODES = {"S22": LineKind.PAYMENT, "S30": LineKind.REFUND}


def _slices(widths: tuple[int, ...]) -> list[slice]:
    ends = accumulate(width + 1 for width in widths)
    return [slice(end - 1 - width, end - 1) for width, end in zip(widths, ends, strict=True)]


_FIELDS = _slices(WIDTHS)
_ERROR_FIELDS = _slices(ERROR_WIDTHS)
LINE_BYTES = _FIELDS[-1].stop
ERROR_LINE_BYTES = _ERROR_FIELDS[-1].stop
# By their numbers in the vendor's list: code, time, amount, query id, order, fee, settled, type, original query id,
# merchant, discount, original order
_PICK = itemgetter(*(_FIELDS[number - 1] for number in (1, 5, 7, 10, 12, 16, 17, 20, 27, 28, 36, 41)))
# The blanks behind the first forty fields; the one behind the original order's number is missing in newer files.
_BLANKS = itemgetter(*(field.stop for field in _FIELDS[:40]))
_ALL_BLANK = (" ",) * 40
_PICK_ERROR = itemgetter(*(_ERROR_FIELDS[number - 1] for number in (1, 5, 7, 15, 16)))
_ERROR_BLANKS = itemgetter(*(field.stop for field in _ERROR_FIELDS[:-1]))
_ALL_ERROR_BLANK = (" ",) * (len(ERROR_WIDTHS) - 1)


def parse(source: BinaryIO, expected: Expected) -> ParsedStatement:
    """The transactions of a settlement day, then its errors. Raises StatementError while they are gone through."""
    return ParsedStatement(by_columns(_lines(source, expected)), lambda: "transactions")


def _lines(source: BinaryIO, expected: Expected) -> Iterator[StatementLine]:
    transactions, errors = _told_apart(open_zip(source, expected.bytes_max), expected)
    reader = _Reader(expected)
    yield from reader.transactions(line_blocks(transactions.pieces(), _ENCODING, ended=False))
    if errors is not None:
        blocks = line_blocks(errors.pieces(), _ENCODING, ended=False, line=reader.next_line)
        yield from reader.errors(blocks)


def _told_apart(files: list[PackedFile], expected: Expected) -> tuple[PackedFile, PackedFile | None]:
    """The file of transactions and that of errors, by names that say day and merchant. Others are left alone."""
    found: dict[str, PackedFile] = {}
    for file in files:
        parts = _NAME.fullmatch(file.name)
        if parts is None:
            continue
        day, kind, merchant = parts.groups()
        if day != f"{expected.day:%y%m%d}":
            raise StatementError(Fault.DAY_DIFFERS, file=file.name)
        if merchant != expected.merchant:
            raise StatementError(Fault.MERCHANT_DIFFERS, file=file.name)
        if kind in found:
            raise StatementError(Fault.CONTENT_UNEXPECTED, file=file.name)
        found[kind] = file
    if "ZM" not in found:
        raise StatementError(Fault.HEADER_UNKNOWN)
    return found["ZM"], found.get("ZME")


class _Reader:
    """Reads lines of both files; their count runs on."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._day = ChannelDay(expected, CUT_OFF)
        before = expected.day - timedelta(days=1)
        self._years = {f"{day:%m%d}": day.year for day in (before, expected.day)}
        self._times = Remembered(self._time_within_day)
        self._earlier = Remembered(self._time_before_end)
        self._amounts = Remembered(_fen)
        self._signed = Remembered(_signed_fen)
        self.next_line = 1

    def transactions(self, blocks: Iterable[tuple[int, list[str]]]) -> Iterator[StatementLine]:
        amounts, signed, times, merchant = self._amounts, self._signed, self._times, self._expected.merchant
        earlier, refund = self._earlier, LineKind.REFUND
        new, line = tuple.__new__, 0
        try:
            for first, texts in blocks:
                for line, text in enumerate(texts, first):
                    self.next_line = line + 1
                    if not text:
                        continue
                    if len(text) != LINE_BYTES or not text.isascii():
                        text = _by_bytes(text, LINE_BYTES)
                    if _BLANKS(text) != _ALL_BLANK:
                        raise Wrong(Fault.LINE_UNREADABLE)
                    (code, at, amount, query_id, order_no, fee, settled, trade_type, original_id, mch, discount,
                     original_order) = [field.strip() for field in _PICK(text)]  # fmt: skip
                    if mch != merchant:
                        raise Wrong(Fault.MERCHANT_DIFFERS, found=mch)
                    check_numbers(order_no, query_id, original_id, original_order, code, trade_type)
                    amount_fen, fee_fen, settled_fen = amounts[amount], -signed[fee], signed[settled]
                    if settled_fen and not signed[discount] and abs(settled_fen + fee_fen) != amount_fen:
                        raise Wrong(Fault.TOTALS_DIFFER, name="结算金额", stated=settled, found=amount_fen)
                    kind = _TYPES.get(trade_type) or _CODES.get(code, LineKind.OTHER)
                    refund_no = gateway_refund_no = ""
                    moment = (earlier if kind is refund else times)[at]
                    if kind is refund or (kind is LineKind.REVERSAL and original_id):
                        refund_no, gateway_refund_no = order_no, query_id
                        order_no, query_id = original_order, original_id
                    principal = abs(settled_fen + fee_fen) if settled_fen else amount_fen
                    if kind is LineKind.OTHER and settled_fen < 0:
                        amount_fen, principal = -amount_fen, -principal
                    yield new(StatementLine, (line, kind, order_no, query_id, refund_no, gateway_refund_no, amount_fen,
                                              principal, fee_fen * 1000, moment, f"{code}/{trade_type}",
                                              mch))  # fmt: skip
        except Wrong as wrong:
            raise wrong.at(line) from None

    def errors(self, blocks: Iterable[tuple[int, list[str]]]) -> Iterator[StatementLine]:
        line = self.next_line
        try:
            for first, texts in blocks:
                for line, text in enumerate(texts, first):
                    if not text:
                        continue
                    if len(text) != ERROR_LINE_BYTES or not text.isascii():
                        text = _by_bytes(text, ERROR_LINE_BYTES)
                    if _ERROR_BLANKS(text) != _ALL_ERROR_BLANK:
                        raise Wrong(Fault.LINE_UNREADABLE)
                    code, at, amount, fee, settled = [field.strip() for field in _PICK_ERROR(text)]
                    check_numbers(code)
                    amount_fen, settled_fen = _fen(amount), _signed_fen(settled)
                    if settled_fen < 0:
                        amount_fen = -amount_fen
                    yield StatementLine(
                        line, LineKind.OTHER, "", "", "", "", amount_fen, amount_fen, -_signed_fen(fee) * 1000,
                        self._time_before_end(at), code, self._expected.merchant,
                    )  # fmt: skip
        except Wrong as wrong:
            raise wrong.at(line) from None

    def _time_within_day(self, text: str) -> datetime:
        """MMDDhhmmss within the channel day or an order's life before it. Raises Wrong."""
        moment = _in_year(text, self._years.get(text[:4], self._expected.day.year))
        if moment is None or not self._day.opens_at - ORDER_LIFE <= moment < self._day.closes_at:
            raise Wrong(Fault.DAY_DIFFERS, text=text)
        return moment

    def _time_before_end(self, text: str) -> datetime:
        """The last such time before the day's end: refunds are made and errors cleared after it. Raises Wrong."""
        for year in range(self._expected.day.year, self._expected.day.year - 5, -1):
            moment = _in_year(text, year)
            if moment is not None and moment < self._day.closes_at:
                return moment
        raise Wrong(Fault.TIME_UNREADABLE, text=text)


def _in_year(text: str, year: int) -> datetime | None:
    """None where the year has no such day. Raises Wrong."""
    if len(text) != 10 or not (text.isascii() and text.isdecimal()):
        raise Wrong(Fault.TIME_UNREADABLE, text=text[:20])
    try:
        return datetime.fromisoformat(f"{year}-{text[:2]}-{text[2:4]} {text[4:6]}:{text[6:8]}:{text[8:]}{OFFSET}")
    except ValueError:
        if text[:4] == "0229" and not isleap(year):
            return None
        raise Wrong(Fault.TIME_UNREADABLE, text=text) from None


def _by_bytes(text: str, width: int) -> str:
    """The same line with one character for each byte, as its fields are measured. Raises Wrong."""
    raw = text.encode(_ENCODING)
    if len(raw) != width:
        raise Wrong(Fault.LINE_UNREADABLE, bytes=len(raw), width=width)
    return raw.decode("latin-1")


def _fen(text: str) -> Fen:
    """Twelve digits. Raises Wrong."""
    if len(text) != 12 or not (text.isascii() and text.isdecimal()):
        raise Wrong(Fault.AMOUNT_UNREADABLE, text=text[:20])
    return int(text)


def _signed_fen(text: str) -> Fen:
    """C or D and twelve digits, as what comes to the merchant; a blank field is nothing. Raises Wrong."""
    if not text:
        return 0
    if text[0] not in "CD":
        raise Wrong(Fault.AMOUNT_UNREADABLE, text=text[:20])
    return _fen(text[1:]) if text[0] == "C" else -_fen(text[1:])
