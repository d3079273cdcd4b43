"""Alipay's bills of a day: the business bill (业务明细, `trade`) and the account bill (账务明细, `signcustomer`).

A ZIP with two CSV files in GB18030, their names in GBK: the details and their summary. They are told apart by their
first line, not by their names. Lines that begin with `#` say account and days in front and totals behind; between them
stand the names of the columns and the rows. Cells of text end with a tab. Amounts are yuan; what is given back is
negative. The day of a row is that on which it was completed.

The totals behind the details have to agree with the rows. So has the summary file, where there is one: its counts, and
each amount either with all rows or with the payments alone, since no source that we have says which it is.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum
from typing import BinaryIO, NamedTuple

from core.money import Fen, Millifen
from reconciliation.formats.archives import PackedFile, open_zip
from reconciliation.formats.base import (
    ChannelDay,
    Expected,
    Fault,
    LineKind,
    ParsedStatement,
    Remembered,
    Rows,
    StatementError,
    Wrong,
    check_numbers,
    read_fee,
    read_fen,
)
from reconciliation.formats.columns import Table, read_rows
from reconciliation.formats.text import Block, line_blocks

ACCOUNT_SUFFIX = "0156"
"""What a bill writes behind the sixteen digits of a merchant."""
_ENCODING = "gb18030"
_ACCOUNT = re.compile(r"#账号：\[(\w+)\]")
_MOMENT = r"\[(\d{4})年(\d\d)月(\d\d)日 (\d\d:\d\d:\d\d)\]"
_DAYS = re.compile(rf"#起始日期：{_MOMENT}\s+终止日期：{_MOMENT}")
_TOTAL = re.compile(r"#(交易|退款|收入|支出)合计：([\d,]+)笔，(.+)")
_SUM = re.compile(r"(\D*?)共(-?[\d,]+(?:\.\d+)?)元")
_IN, _OUT = "收入金额（+元）", "支出金额（-元）"


@dataclass(frozen=True, slots=True)
class _Layout:
    """One of the two bills."""

    variant: str
    columns: tuple[str, ...]
    """Those that a bill must have."""
    optional: tuple[str, ...]
    totals: tuple[str, str]
    """The lines of totals that must stand behind the rows: of what came, and of what went back."""


_BUSINESS = _Layout(
    variant="business",
    columns=("支付宝交易号", "商户订单号", "业务类型", "完成时间", "订单金额（元）", "商家实收（元）"),
    optional=("退款批次号/请求号", "服务费（元）"),
    totals=("交易", "退款"),
)
_ACCOUNTS = _Layout(
    variant="account",
    columns=("业务流水号", "商户订单号", "业务类型", "发生时间", _IN, _OUT),
    optional=("退款批次号/请求号", "服务费（元）"),
    totals=("收入", "支出"),
)
_DETAILS = {"#支付宝业务明细查询": _BUSINESS, "#支付宝账务明细查询": _ACCOUNTS}
_SUMMARIES = {"#支付宝业务汇总查询": _BUSINESS, "#支付宝账务汇总查询": _ACCOUNTS}


def parse(source: BinaryIO, expected: Expected) -> ParsedStatement:
    """The lines of a business or account bill. Raises StatementError while they are gone through."""
    bill = _Bill(expected)
    return ParsedStatement(bill.rows(source), lambda: bill.layout.variant)


@dataclass(slots=True)
class _Sums:
    """What rows of one direction came to."""

    count: int = 0
    amount_fen: Fen = 0
    settled_fen: Fen = 0


class _Side(Enum):
    """Which of the two totals a row belongs to."""

    CAME = 1
    WENT = 2


class _Judged(NamedTuple):
    """What a row of either bill says, and what it adds to the totals of its side."""

    kind: LineKind
    amount_fen: Fen
    settled_fen: Fen
    fee_millifen: Millifen
    side: _Side | None
    stated_fen: Fen
    stated_settled_fen: Fen


class _Bill:
    """One bill on its way through."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self.layout = _BUSINESS
        self._times = Remembered(ChannelDay(expected).read_time)
        self._amounts = Remembered(read_fen)
        self._amounts_or_none: Remembered[str, Fen] = Remembered(lambda text: read_fen(text) if text else 0)
        self._fees: Remembered[str, Millifen] = Remembered(lambda text: read_fee(text) if text else 0)
        self._came, self._went = _Sums(), _Sums()
        self._totals_seen: set[str] = set()
        self._table = Table(",", 0, ())
        self._is_behind = False
        self._last = 0

    def rows(self, source: BinaryIO) -> Iterator[Rows]:
        details, summary = self._told_apart(open_zip(source, self._expected.bytes_max))
        head = _Head(self._expected)
        for first, texts in line_blocks(details.pieces(), _ENCODING, ended=False):
            if not self._table.width:
                begin = head.read(texts) + 1
                self._read_names(texts[begin - 1], first + begin - 1)
                yield from self._block(texts[begin:], first + begin)
            else:
                yield from self._block(texts, first)
        if self._totals_seen != set(self.layout.totals):
            raise StatementError(Fault.TRUNCATED, self._last)
        if summary is not None:
            _Summary(self.layout, self._expected).compare(summary, self._came, self._went)

    def _told_apart(self, files: list[PackedFile]) -> tuple[PackedFile, PackedFile | None]:
        """Details and summary, by their first lines."""
        details: PackedFile | None = None
        summary: PackedFile | None = None
        for file in files:
            title = _title(file)
            if title in _DETAILS:
                if details is not None:
                    raise StatementError(Fault.CONTENT_UNEXPECTED, file=file.name)
                details, self.layout = file, _DETAILS[title]
            elif title in _SUMMARIES:
                if summary is not None:
                    raise StatementError(Fault.CONTENT_UNEXPECTED, file=file.name)
                summary = file
            else:
                raise StatementError(Fault.HEADER_UNKNOWN, 1, file=file.name)
        if details is None:
            raise StatementError(Fault.TRUNCATED)
        if summary is not None and _SUMMARIES[_title(summary)] is not self.layout:
            raise StatementError(Fault.CONTENT_UNEXPECTED, file=summary.name)
        return details, summary

    def _read_names(self, text: str, line: int) -> None:
        """Which columns there are. Raises StatementError."""
        names = _names(text)
        missing = [name for name in self.layout.columns if name not in names]
        if missing or len(set(names)) != len(names):
            raise StatementError(Fault.HEADER_UNKNOWN, line, missing="、".join(missing))
        places = {name: place for place, name in enumerate(names)}
        wanted = (*self.layout.columns, *self.layout.optional)
        self._table = Table(",", len(names), [places.get(name, len(names)) for name in wanted])

    def _block(self, texts: list[str], first: int) -> Iterator[Rows]:
        """The rows in a block, and what follows them. Raises StatementError."""
        count = 0
        if not self._is_behind:
            count = next((place for place, text in enumerate(texts) if text[:1] == "#"), len(texts))
            yield from read_rows(self._read_rows, texts[:count], first)
        self._last = first + count - 1
        try:
            for text in texts[count:]:
                self._last += 1
                self._is_behind = True
                self._read_end(text)
        except Wrong as wrong:
            raise wrong.at(self._last) from None

    def _read_rows(self, texts: list[str], first: int) -> Rows:
        """Raises Wrong."""
        trade_no, order_no, words, at, some, others, refund_nos, fees = self._columns(texts)
        check_numbers(*trade_no, *order_no, *refund_nos)
        judge = self._judge_business if self.layout is _BUSINESS else self._judge_account
        judged = list(map(judge, words, some, others, fees))
        kinds = [each.kind for each in judged]
        rows = Rows(
            range(first, first + len(texts)), kinds, order_no, trade_no,
            ["" if kind is LineKind.PAYMENT else number for kind, number in zip(kinds, refund_nos, strict=True)],
            [""] * len(texts), [each.amount_fen for each in judged], [each.settled_fen for each in judged],
            [each.fee_millifen for each in judged], self._times.each(at), [word[:20] for word in words],
            [self._expected.merchant] * len(texts),
        )  # fmt: skip
        for each in judged:
            if each.side is not None:
                sums = self._came if each.side is _Side.CAME else self._went
                sums.count += 1
                sums.amount_fen += each.stated_fen
                sums.settled_fen += each.stated_settled_fen
        return rows

    def _columns(self, texts: list[str]) -> list[list[str]]:
        """Without the tabs behind text. Raises Wrong."""
        plain = "\n".join(texts).replace("\t", "")
        if '"' in plain:  # a comma within quotation marks is part of its cell
            rows = [[*_quoted_cells(text, self._table.width), ""] for text in texts]
            return [[row[place] for row in rows] for place in self._table.places]
        return self._table.columns(plain.split("\n"))

    def _judge_business(self, word: str, amount: str, settled: str, fee: str) -> "_Judged":
        """Raises Wrong."""
        amount_fen, settled_fen, fee_millifen = self._amounts[amount], self._amounts[settled], abs(self._fees[fee])
        if word == "交易":
            if amount_fen < 0 or settled_fen < 0:
                raise Wrong(Fault.AMOUNT_UNREADABLE)
            return _Judged(LineKind.PAYMENT, amount_fen, settled_fen, fee_millifen, _Side.CAME, amount_fen, settled_fen)
        if word == "退款":
            return _Judged(
                LineKind.REFUND, abs(amount_fen), abs(settled_fen), -fee_millifen, _Side.WENT, amount_fen, settled_fen
            )
        return _Judged(LineKind.OTHER, amount_fen, settled_fen, fee_millifen, None, 0, 0)

    def _judge_account(self, word: str, came: str, went: str, fee: str) -> "_Judged":
        """Raises Wrong."""
        came_fen, went_fen = self._amounts_or_none[came], self._amounts_or_none[went]
        if came_fen and went_fen:
            raise Wrong(Fault.AMOUNT_UNREADABLE)
        kind, amount_fen = LineKind.OTHER, came_fen - abs(went_fen)
        if came_fen > 0 and word in _PAYMENT_WORDS:
            kind = LineKind.PAYMENT
        elif went_fen and word in _REFUND_WORDS:
            kind, amount_fen = LineKind.REFUND, abs(went_fen)
        side = _Side.WENT if went_fen else _Side.CAME
        return _Judged(kind, amount_fen, amount_fen, 0, side, came_fen + went_fen, 0)

    def _read_end(self, text: str) -> None:
        """A line behind the rows. Those of the totals have to agree with what was read."""
        found = _TOTAL.match(text)
        if found is None:
            if text and text[0] != "#":
                raise Wrong(Fault.CONTENT_UNEXPECTED)
            return
        word, count, rest = found.groups()
        if word not in self.layout.totals or word in self._totals_seen:
            raise Wrong(Fault.CONTENT_UNEXPECTED)
        sums = self._came if word == self.layout.totals[0] else self._went
        if count.replace(",", "") != str(sums.count):
            raise Wrong(Fault.TOTALS_DIFFER, name=f"{word}合计", stated=count, found=sums.count)
        stated = _SUM.findall(rest)
        if not stated:
            raise Wrong(Fault.TRUNCATED)
        label, amount = stated[0]
        own = sums.settled_fen if "实收" in label else sums.amount_fen
        if abs(read_fen(amount)) != abs(own):
            raise Wrong(Fault.TOTALS_DIFFER, name=f"{word}合计", stated=amount, found_fen=own)
        self._totals_seen.add(word)


_PAYMENT_WORDS = frozenset({"交易付款", "在线支付", "交易"})
_REFUND_WORDS = frozenset({"交易退款", "退款"})


# ---- front, rows and summary ----------------------------------------------------------------------------------------


class _Head:
    """The `#` lines in front of the columns."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected

    def read(self, texts: list[str]) -> int:
        """Where in the first block the line of columns stands. Raises StatementError."""
        has_account = has_days = False
        for place, text in enumerate(texts):
            if text[:1] != "#":
                if not (has_account and has_days):
                    raise StatementError(Fault.HEADER_UNKNOWN, place + 1)
                return place
            if found := _ACCOUNT.match(text):
                account, has_account = found[1], True
                if account not in (self._expected.merchant, self._expected.merchant + ACCOUNT_SUFFIX):
                    raise StatementError(Fault.MERCHANT_DIFFERS, place + 1, found=account[:40])
            elif found := _DAYS.match(text):
                has_days = True
                if not self._is_of_day(found.groups()):
                    raise StatementError(Fault.DAY_DIFFERS, place + 1, text=text[:80])
        raise StatementError(Fault.TRUNCATED, len(texts))

    def _is_of_day(self, said: Sequence[str]) -> bool:
        try:
            begin = datetime.fromisoformat("{}-{}-{} {}".format(*said[:4]))
            end = datetime.fromisoformat("{}-{}-{} {}".format(*said[4:]))
        except ValueError:
            return False
        midnight = datetime.combine(self._expected.day, time(0))
        return begin == midnight and end in (midnight + timedelta(days=1), midnight + timedelta(hours=24, seconds=-1))


class _Summary:
    """The second file: counts and sums by shop, with a line of all."""

    _COUNTS: Mapping[str, tuple[str, str]] = {
        "business": ("交易订单总笔数", "退款订单总笔数"),
        "account": ("收入笔数", "支出笔数"),
    }

    def __init__(self, layout: _Layout, expected: Expected) -> None:
        self._layout = layout
        self._expected = expected

    def compare(self, file: PackedFile, came: _Sums, went: _Sums) -> None:
        """Raises StatementError where the summary says something else than the rows."""
        names: list[str] = []
        sums: dict[str, int] = {}
        total: dict[str, int] = {}
        line = 0
        try:
            for first, texts in line_blocks(file.pieces(), _ENCODING, ended=False):
                begin, line = 0, first - 1
                if not names:
                    begin = _Head(self._expected).read(texts)
                    names = _names(texts[begin])
                    begin += 1
                    line += begin
                for text in texts[begin:]:
                    line += 1
                    if not text or text[0] == "#":
                        continue
                    row = dict(zip(names, _quoted_cells(text, len(names)), strict=True))
                    numbers = {name: read_fen(value.strip() or "0") for name, value in row.items() if _is_sum(name)}
                    if "合计" in next(iter(row.values())):
                        total = numbers
                    else:
                        sums = {name: sums.get(name, 0) + value for name, value in numbers.items()}
        except Wrong as wrong:
            raise wrong.at(line) from None
        except StatementError as error:
            raise StatementError(error.code, error.line, **error.facts | {"file": file.name}) from None
        for name, allowed in self._own(came, went).items():
            stated = (total or sums).get(name, 0)
            if name in names and stated not in allowed:
                raise StatementError(Fault.TOTALS_DIFFER, line, file=file.name, name=name, found=allowed[0])

    def _own(self, came: _Sums, went: _Sums) -> dict[str, tuple[int, ...]]:
        """What each column may say, in hundredths (of a yuan, of a count)."""
        of_came, of_went = self._COUNTS[self._layout.variant]
        counts = {of_came: (came.count * 100,), of_went: (went.count * 100,)}
        if self._layout is _ACCOUNTS:
            return counts | {_IN: (came.amount_fen,), _OUT: (went.amount_fen, -went.amount_fen)}
        return counts | {
            "订单金额（元）": (came.amount_fen + went.amount_fen, came.amount_fen),
            "商家实收（元）": (came.settled_fen + went.settled_fen, came.settled_fen),
        }


def _is_sum(name: str) -> bool:
    return name.endswith(("笔数", "元）"))


def _title(file: PackedFile) -> str:
    """The first line of a file."""
    block: Block | None = next(line_blocks(file.pieces(), _ENCODING, ended=False), None)
    return block[1][0].rstrip(",\t ") if block else ""


def _names(text: str) -> list[str]:
    return [name.strip().replace("(", "（").replace(")", "）") for name in text.split(",")]


def _quoted_cells(text: str, width: int) -> list[str]:
    """The cells of a row that holds commas within quotation marks. Raises Wrong."""
    try:
        cells = next(csv.reader([text.replace("\t", "")], strict=True))
    except (csv.Error, StopIteration):
        cells = []
    if len(cells) != width:
        raise Wrong(Fault.LINE_UNREADABLE, cells=len(cells), columns=width)
    return cells
