"""What every statement format gives: lines, totals, and one exception that refuses the whole file.

Pure: bytes and values in, values out. A format is a module with `parse(source, expected) -> ParsedStatement`. Lines
are given while the file is being read, some at once and by columns, so whoever loads them does so in one transaction:
what is wrong may turn up with the last byte, and then nothing of the file counts.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from core.money import Fen, Millifen, fen, millifen

OFFSET = "+08:00"
SHANGHAI = timezone(timedelta(hours=8))
"""As an offset, since a statement is of today's China, without summer time; it is much faster than the named zone."""
BYTES_MAX = 2 * 1024**3
"""The uncompressed size above which a file is refused: five million lines have room."""
NUMBER_CHARACTERS_MAX = 64
_REMEMBERED_MAX = 4096
_LINES_AT_ONCE = 1_000
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class LineKind(StrEnum):
    """What a line says of an order. `OTHER` is no payment, refund or reversal of one as far as we can tell (a fee, a
    withdrawal, a word that we do not know). If it carries an order number, something happened to that order."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"
    OTHER = "other"


class StatementLine(NamedTuple):
    """One movement of money as the channel states it.

    Amounts are never negative where the kind says the direction; those of `OTHER` are negative when money left.
    """

    line: int
    """Its physical line. In an archive of several files that are read one after the other the count runs on."""
    kind: LineKind
    order_no: str
    """Ours, as they hold it; may be empty or strange."""
    gateway_trade_no: str
    refund_no: str
    """Ours; empty but for refunds and reversals."""
    gateway_refund_no: str
    amount_fen: Fen
    """Gross: what the payer paid or gets back, vouchers included."""
    settled_fen: Fen
    """What of it is the merchant's before fees: less than the amount where somebody else's voucher is not paid out."""
    fee_millifen: Millifen
    """The channel's fee, positive where the merchant pays it; 0 where the file has none."""
    paid_at: datetime
    """When the money moved, for a refund when it was asked for; as near as the format tells, in Shanghai time."""
    status: str
    """The channel's own word."""
    merchant: str


class Rows(NamedTuple):
    """Some lines one below the other, by columns. There are millions, and an object for each would cost the most.

    The columns are the fields of `StatementLine`, in its order.
    """

    lines: Sequence[int]
    kinds: Sequence[LineKind]
    order_nos: Sequence[str]
    gateway_trade_nos: Sequence[str]
    refund_nos: Sequence[str]
    gateway_refund_nos: Sequence[str]
    amounts_fen: Sequence[Fen]
    settled_fen: Sequence[Fen]
    fees_millifen: Sequence[Millifen]
    paid_at: Sequence[datetime]
    statuses: Sequence[str]
    merchants: Sequence[str]


def by_columns(lines: Iterable[StatementLine]) -> Iterator[Rows]:
    """Lines that a parser gives one by one."""
    source = iter(lines)
    while some := list(islice(source, _LINES_AT_ONCE)):
        yield Rows(*zip(*some, strict=True))


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose statement this has to be, of which channel day, and what else is known of it beforehand."""

    day: date
    merchant: str
    cut_off: time | None = None
    """The hour at which the channel's day ends; None for the format's own rule."""
    channel: str = ""
    """The bank's code, which its file must name; other formats do not use it."""
    sha1: str = ""
    """Of the uncompressed text, in hex, as the answer with the download address gives it (WeChat Pay)."""
    bytes_max: int = BYTES_MAX


@dataclass(frozen=True, slots=True)
class Totals:
    """What a whole file came to."""

    variant: str
    """Which of the format's files it was, for example `all` or `refund`."""
    lines: int
    payments: int
    paid_fen: Fen
    refunds: int
    refunded_fen: Fen
    reversals: int
    reversed_fen: Fen
    others: int
    fee_millifen: Millifen


class Fault(StrEnum):
    """Why a file is refused."""

    TRUNCATED = "truncated"
    HASH_DIFFERS = "hash_differs"
    TOTALS_DIFFER = "totals_differ"
    ENCODING_MIXED = "encoding_mixed"
    DAY_DIFFERS = "day_differs"
    MERCHANT_DIFFERS = "merchant_differs"
    CHANNEL_DIFFERS = "channel_differs"
    CURRENCY_DIFFERS = "currency_differs"
    HEADER_UNKNOWN = "header_unknown"
    LINE_UNREADABLE = "line_unreadable"
    LINE_TOO_LONG = "line_too_long"
    AMOUNT_UNREADABLE = "amount_unreadable"
    TIME_UNREADABLE = "time_unreadable"
    CONTENT_UNEXPECTED = "content_unexpected"
    NOT_A_ZIP = "not_a_zip"
    NOT_A_GZIP = "not_a_gzip"
    TOO_LARGE = "too_large"


class StatementError(Exception):
    """The whole file is refused. `line` is the physical line, 0 where none can be named; `facts` fill the sentence
    and hold nothing that tells who paid."""

    def __init__(self, code: Fault, line: int = 0, **facts: Any) -> None:
        super().__init__(f"{code} in line {line}" if line else str(code))
        self.code = code
        self.line = line
        self.facts = facts


class Wrong(Exception):
    """Something wrong with the line in hand; the parser that knows its number makes a StatementError of it."""

    def __init__(self, code: Fault, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def at(self, line: int) -> StatementError:
        return StatementError(self.code, line, **self.facts)


class ParsedStatement:
    """The lines of one file, to be gone through once. `totals` is there when the whole file has proved right."""

    def __init__(self, rows: Iterator[Rows], variant: Callable[[], str]) -> None:
        self._rows = rows
        self._variant = variant
        self.totals: Totals | None = None

    def __iter__(self) -> Iterator[StatementLine]:
        for rows in self.rows():
            yield from map(StatementLine._make, zip(*rows, strict=True))

    def rows(self) -> Iterator[Rows]:
        """The same by columns, as they are loaded."""
        counts, sums = [0, 0, 0], [0, 0, 0]
        lines = fees = 0
        for rows in self._rows:
            lines += len(rows.lines)
            fees += sum(rows.fees_millifen)
            for place, kind in enumerate((LineKind.PAYMENT, LineKind.REFUND, LineKind.REVERSAL)):
                if count := rows.kinds.count(kind):
                    counts[place] += count
                    own = zip(rows.kinds, rows.amounts_fen, strict=True)
                    sums[place] += sum([amount_fen for each, amount_fen in own if each is kind])
            yield rows
        self.totals = Totals(
            variant=self._variant(), lines=lines, payments=counts[0], paid_fen=sums[0], refunds=counts[1],
            refunded_fen=sums[1], reversals=counts[2], reversed_fen=sums[2], others=lines - sum(counts),
            fee_millifen=fees,
        )  # fmt: skip


# ---- values ---------------------------------------------------------------------------------------------------------


class Remembered(dict[_K, _V]):
    """What has been read or written once: amounts, seconds and words repeat. Holds a bounded number of them."""

    def __init__(self, make: Callable[[_K], _V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _K) -> _V:
        value = self._make(key)
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        self[key] = value
        return value

    def each(self, keys: Sequence[_K]) -> list[_V]:
        """The values of a column, which often says the same in every row."""
        if keys.count(keys[0]) == len(keys):
            return [self[keys[0]]] * len(keys)
        return list(map(self.__getitem__, keys))


def read_fen(text: str) -> Fen:
    """Yuan, exactly. Raises Wrong."""
    try:
        return fen(text)
    except ValueError:
        raise Wrong(Fault.AMOUNT_UNREADABLE, text=text[:40]) from None


def read_fee(text: str) -> Millifen:
    """A fee in yuan, exactly. Raises Wrong."""
    try:
        return millifen(text)
    except ValueError:
        raise Wrong(Fault.AMOUNT_UNREADABLE, text=text[:40]) from None


def read_local_time(text: str) -> datetime:
    """`2026-01-02 10:20:30` in Shanghai. Raises Wrong."""
    if len(text) == 19 and text[10] == " " and text[13] == ":" and text[5] != "W":  # Python reads weeks too
        try:
            return datetime.fromisoformat(text + OFFSET)
        except ValueError:
            pass
    raise Wrong(Fault.TIME_UNREADABLE, text=text[:40])


def check_numbers(*numbers: str) -> None:
    """Order, trade and refund numbers, of a line or of many, are short and of plain characters. Raises Wrong."""
    joined = "".join(numbers)
    if not (joined.isascii() and joined.isprintable()) or max(map(len, numbers)) > NUMBER_CHARACTERS_MAX:
        raise Wrong(Fault.LINE_UNREADABLE)


class ChannelDay:
    """The hours that belong to a channel day: the calendar day, or the 24 hours up to its cut-off."""

    def __init__(self, expected: Expected, own_cut_off: time = time(0)) -> None:
        cut_off = own_cut_off if expected.cut_off is None else expected.cut_off
        closes = datetime.combine(expected.day, cut_off, SHANGHAI)
        if cut_off == time(0):
            closes += timedelta(days=1)
        self.opens_at = closes - timedelta(days=1)
        self.closes_at = closes
        self._opens, self._closes = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (self.opens_at, closes))

    def read_time(self, text: str) -> datetime:
        """A local time within the day. Raises Wrong."""
        moment = read_local_time(text)
        if not self._opens <= text < self._closes:  # written like this, times sort as texts
            raise Wrong(Fault.DAY_DIFFERS, text=text)
        return moment
