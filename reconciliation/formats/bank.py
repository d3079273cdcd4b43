"""A bank's statement of a channel day in our own format (docs/bank-statement-format.md): what its counters, apps and
terminals took for us.

Lines of values between `|`: one that says whose and which day's it is, one with the names of the columns, one for each
movement, one with the totals. UTF-8, or GB18030 where the first line says so. The last line has its end too, so that
nothing can be missing behind it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import chain
from operator import itemgetter
from typing import BinaryIO

from core.money import Fen
from reconciliation.formats.base import (
    NUMBER_CHARACTERS_MAX,
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
    read_fen,
)
from reconciliation.formats.text import LINE_BYTES_MAX, line_blocks, unpacked

FORMAT_VERSION = "1"
HEAD = ("statement", "version", "channel", "merchant", "day", "encoding")
COLUMNS = ("kind", "order_no", "trade_no", "amount", "paid_at")
"""Those that every file has."""
OPTIONAL = ("refund_no", "trade_refund_no", "fee")
TOTALS = ("end", "lines", "payments", "paid", "refunds", "refunded", "reversals", "reversed")

_BOM = b"\xef\xbb\xbf"
_ENCODINGS = {"": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "gb18030": "gb18030", "gbk": "gb18030"}
_KINDS = {kind.value: kind for kind in (LineKind.PAYMENT, LineKind.REFUND, LineKind.REVERSAL)}


def parse(source: BinaryIO, expected: Expected) -> ParsedStatement:
    """The lines of a bank's statement. Raises StatementError while they are gone through."""
    return ParsedStatement(by_columns(_File(expected).lines(source)), lambda: "bank")


class _File:
    """One file on its way through."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._times = Remembered(ChannelDay(expected).read_time)
        self._amounts = Remembered(_read_yuan)
        self._counts = dict.fromkeys(_KINDS, 0)
        self._sums = dict.fromkeys(_KINDS, 0)
        self._line = 0
        self._is_ended = False

    def lines(self, source: BinaryIO) -> Iterator[StatementLine]:
        pieces = unpacked(source.read, self._expected.bytes_max)
        start = b""
        while b"\n" not in start and len(start) < LINE_BYTES_MAX and (piece := next(pieces, b"")):
            start += piece
        try:
            self._line = 1
            encoding = self._read_head(start.removeprefix(_BOM).partition(b"\n"))
            pick: Callable[[list[str]], Sequence[str]] | None = None
            width = 0
            for first, texts in line_blocks(chain((start,), pieces), encoding, ended=True):
                self._line = first - 1
                if first == 1:
                    texts = texts[1:]
                    self._line += 1
                if pick is None and texts:
                    self._line += 1
                    names = texts[0].split("|")
                    pick, width = _picker(names), len(names)
                    texts = texts[1:]
                if pick is not None:
                    yield from self._rows(texts, pick, width)
        except Wrong as wrong:
            raise wrong.at(self._line) from None
        if not self._is_ended:
            raise StatementError(Fault.TRUNCATED, self._line)

    def _read_head(self, parts: tuple[bytes, bytes, bytes]) -> str:
        """Check the first line, which is plain ASCII; the encoding of the others. Raises Wrong."""
        first, end, _ = parts
        cells = first.decode("ascii", "replace").rstrip("\r").split("|")
        if not end:
            raise Wrong(Fault.TRUNCATED if cells[0] == "statement"[: len(cells[0])] else Fault.HEADER_UNKNOWN)
        if cells[:2] != ["statement", FORMAT_VERSION] or len(cells) < len(HEAD):
            raise Wrong(Fault.HEADER_UNKNOWN)
        _, _, channel, merchant, day, encoding = cells[: len(HEAD)]
        if self._expected.channel and channel != self._expected.channel:
            raise Wrong(Fault.CHANNEL_DIFFERS, found=channel[:40])
        if merchant != self._expected.merchant:
            raise Wrong(Fault.MERCHANT_DIFFERS, found=merchant[:40])
        if not _is_day(day):
            raise Wrong(Fault.TIME_UNREADABLE, text=day[:40])
        if day != self._expected.day.isoformat():
            raise Wrong(Fault.DAY_DIFFERS, text=day)
        if encoding.strip().lower() not in _ENCODINGS:
            raise Wrong(Fault.HEADER_UNKNOWN, encoding=encoding[:20])
        return _ENCODINGS[encoding.strip().lower()]

    def _rows(
        self, texts: list[str], pick: Callable[[list[str]], Sequence[str]], width: int
    ) -> Iterator[StatementLine]:
        amounts, times, merchant = self._amounts, self._times, self._expected.merchant
        counts, sums, kinds, new = self._counts, self._sums, _KINDS, tuple.__new__
        for line, text in enumerate(texts, self._line + 1):
            self._line = line
            if text[:4] == "end|" or self._is_ended:
                self._read_end(text)
                continue
            cells = text.split("|")
            if len(cells) != width:
                raise Wrong(Fault.LINE_UNREADABLE, cells=len(cells), columns=width)
            cells.append("")
            word, order_no, trade_no, amount, at, refund_no, trade_refund_no, fee = pick(cells)
            joined = order_no + trade_no + refund_no + trade_refund_no
            if len(joined) > NUMBER_CHARACTERS_MAX or not (joined.isascii() and joined.isprintable()):
                check_numbers(order_no, trade_no, refund_no, trade_refund_no)
            if word not in kinds or not trade_no:
                raise Wrong(Fault.LINE_UNREADABLE, kind=word[:20])
            amount_fen = amounts[amount]
            if amount_fen <= 0:
                raise Wrong(Fault.AMOUNT_UNREADABLE, text=amount[:40])
            counts[word] += 1
            sums[word] += amount_fen
            yield new(StatementLine, (line, kinds[word], order_no, trade_no, refund_no, trade_refund_no, amount_fen,
                                      amount_fen, amounts[fee] * 1000 if fee else 0, times[at], word,
                                      merchant))  # fmt: skip

    def _read_end(self, text: str) -> None:
        """The totals, then nothing more. Raises Wrong."""
        if self._is_ended:
            raise Wrong(Fault.CONTENT_UNEXPECTED)
        cells = text.split("|")
        if len(cells) != len(TOTALS):
            raise Wrong(Fault.TRUNCATED if len(cells) < len(TOTALS) else Fault.LINE_UNREADABLE)
        counts, sums = self._counts, self._sums
        found = (sum(counts.values()), counts["payment"], sums["payment"], counts["refund"], sums["refund"],
                 counts["reversal"], sums["reversal"])  # fmt: skip
        for name, stated, own in zip(TOTALS[1:], cells[1:], found, strict=True):
            is_sum = name in ("paid", "refunded", "reversed")
            if _read_yuan(stated) != own if is_sum else stated != str(own):
                raise Wrong(Fault.TOTALS_DIFFER, name=name, stated=stated[:40], found=own)
        self._is_ended = True


def _picker(names: list[str]) -> Callable[[list[str]], Sequence[str]]:
    missing = [name for name in COLUMNS if name not in names]
    if missing or len(set(names)) != len(names):
        raise Wrong(Fault.HEADER_UNKNOWN, missing=", ".join(missing))
    places = {name: place for place, name in enumerate(names)}
    return itemgetter(*(places.get(name, len(names)) for name in (*COLUMNS, *OPTIONAL)))


def _read_yuan(text: str) -> Fen:
    """Yuan with two decimals, always: so an amount that somebody wrote in fen is seen. Raises Wrong."""
    if text[-3:-2] != ".":
        raise Wrong(Fault.AMOUNT_UNREADABLE, text=text[:40])
    return read_fen(text)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
