"""The trade bill of WeChat Pay v3: ALL, SUCCESS or REFUND, as text or packed with gzip.

UTF-8 with commas. The first line names the columns; every value after it has a backtick before it, which also keeps
commas inside values apart from those between them. The last two lines are names and values of the totals. Amounts are
yuan, fees have five decimals, `0` stands for "no number". The bill of a day holds what was paid on it and the refunds
that were started on it; a refund's state is the one it had when the bill was made.

A bill comes with a SHA-1 over its uncompressed text. Without it (an upload) the last line must have its end, so that a
bill cut off within its last number is not taken for a whole one.
"""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

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
from reconciliation.formats.text import hashed, line_blocks, unpacked

CURRENCY = "CNY"
MARK = "`"

# What older bills call the same columns
_SAME = {
    "子商户号": "特约商户号",
    "总金额": "应结订单金额",
    "企业红包金额": "代金券金额",
    "代金券或立减优惠金额": "代金券金额",
    "企业红包退款金额": "充值券退款金额",
    "代金券或立减优惠退款金额": "充值券退款金额",
    "总交易额": "应结订单总金额",
    "总退款金额": "退款总金额",
    "总企业红包退款金额": "充值券退款总金额",
    "总代金券或立减优惠退款金额": "充值券退款总金额",
}
_REQUIRED = frozenset({"交易时间", "商户号", "微信订单号", "商户订单号", "交易状态", "货币种类", "应结订单金额"})
_REFUND_COLUMNS = frozenset({"微信退款单号", "商户退款单号", "退款金额", "退款状态"})
_COUNT = "总交易单数"
# What the last line sums up, in the order in which rows are summed, and one unit of each in thousandths of a fen
_SUMS = {
    "应结订单总金额": 1000,
    "订单总金额": 1000,
    "退款总金额": 1000,
    "充值券退款总金额": 1000,
    "申请退款总金额": 1000,
    "手续费总金额": 1,
}
_STATES = {
    "SUCCESS": LineKind.PAYMENT,
    "REFUND": LineKind.REFUND,
    "REVOKED": LineKind.REVERSAL,
}


def parse(source: BinaryIO, expected: Expected) -> ParsedStatement:
    """The lines of a trade bill. Raises StatementError while they are gone through."""
    bill = _Bill(expected)
    return ParsedStatement(bill.rows(source), lambda: bill.variant)


class _Bill:
    """One bill on its way through: its columns, and the sums of them so far."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._times = Remembered(ChannelDay(expected).read_time)
        self._amounts = Remembered(read_fen)
        self._fees = Remembered(read_fee)
        self.variant = ""
        self._names: tuple[str, ...] = ()
        self._table = Table(",", 0, ())
        self._count = 0
        self._sums = [0] * len(_SUMS)
        self._line = 0
        self._total_names: list[str] | None = None
        self._is_ended = False

    def rows(self, source: BinaryIO) -> Iterator[Rows]:
        digest = hashlib.sha1(usedforsecurity=False)
        pieces = hashed(unpacked(source.read, self._expected.bytes_max), digest)
        for first, texts in line_blocks(pieces, "utf-8", ended=not self._expected.sha1):
            if not self._names:
                self._read_head(texts[0])
                yield from self._block(texts[1:], first + 1)
            else:
                yield from self._block(texts, first)
        if self._expected.sha1 and self._is_ended and digest.hexdigest() != self._expected.sha1.lower():
            raise StatementError(Fault.HASH_DIFFERS)
        if not self._is_ended:
            raise StatementError(Fault.TRUNCATED, self._line)

    def _read_head(self, text: str) -> None:
        names = tuple(_SAME.get(name, name) for name in text.split(","))
        if not set(names) >= _REQUIRED or len(set(names)) != len(names):
            raise StatementError(Fault.HEADER_UNKNOWN, 1, missing="、".join(sorted(_REQUIRED - set(names))))
        refunds = _REFUND_COLUMNS & set(names)
        if refunds and refunds != _REFUND_COLUMNS:
            raise StatementError(Fault.HEADER_UNKNOWN, 1, missing="、".join(sorted(_REFUND_COLUMNS - refunds)))
        self._names = names
        self._table = Table(",", len(names), self._wanted(), absent="0", mark=MARK)
        self.variant = "refund" if "退款申请时间" in names else "all" if refunds else "success"

    def _wanted(self) -> tuple[int, ...]:
        """Where the values stand that a line is made of. Columns a bill lacks read as `0`, one place behind its end."""
        places = {name: place for place, name in enumerate(self._names)}
        absent = len(self._names)
        settled = places["应结订单金额"]
        refunded = places.get("退款金额", absent)
        return (
            places.get("退款申请时间", places["交易时间"]),
            places["商户号"],
            places.get("特约商户号", absent),
            places["微信订单号"],
            places["商户订单号"],
            places["交易状态"],
            places["货币种类"],
            settled,
            places.get("订单金额", settled),
            places.get("微信退款单号", absent),
            places.get("商户退款单号", absent),
            refunded,
            places.get("充值券退款金额", absent),
            places.get("申请退款金额", refunded),
            places.get("退款状态", absent),
            places.get("手续费", absent),
        )

    def _block(self, texts: list[str], first: int) -> Iterator[Rows]:
        """The rows in a block, and what follows them. Raises StatementError."""
        count = 0
        if self._total_names is None:
            count = next((place for place, text in enumerate(texts) if text[:1] != MARK), len(texts))
            yield from read_rows(self._read_rows, texts[:count], first)
        self._line = first + count - 1
        try:
            for text in texts[count:]:
                self._line += 1
                self._read_end(text)
        except Wrong as wrong:
            raise wrong.at(self._line) from None

    def _read_rows(self, texts: list[str], first: int) -> Rows:
        """Raises Wrong."""
        (at, merchant, sub, trade_no, order_no, state, currency, settled, ordered, gateway_refund_no, refund_no,
         refunded, coupons, asked_back, refund_state, fee) = self._table.columns(texts)  # fmt: skip
        self._check_parties(merchant, sub, currency)
        amounts = self._amounts
        refund, reversal, other = LineKind.REFUND, LineKind.REVERSAL, LineKind.OTHER  # an enum is slow to ask
        kinds = [_STATES.get(word, other) for word in state]
        settled_fen, amount_fen, fees = amounts.each(settled), amounts.each(ordered), self._fees.each(fee)
        refunded_fen, asked_back_fen = amounts.each(refunded), amounts.each(asked_back)
        sums = (settled_fen, amount_fen, refunded_fen, amounts.each(coupons), asked_back_fen, fees)
        summed = [sum(column) for column in sums]
        for place, kind in enumerate(kinds):
            if kind is refund or (kind is reversal and asked_back_fen[place]):
                amount_fen[place], settled_fen[place] = asked_back_fen[place], refunded_fen[place]
                state[place] = refund_state[place]
        gateway_refund_nos = ["" if number == "0" else number for number in gateway_refund_no]
        refund_nos = ["" if number == "0" else number for number in refund_no]
        check_numbers(*order_no, *trade_no, *refund_nos, *gateway_refund_nos)
        if min(amount_fen) < 0:
            raise Wrong(Fault.AMOUNT_UNREADABLE)
        rows = Rows(
            range(first, first + len(texts)), kinds, order_no, trade_no, refund_nos, gateway_refund_nos, amount_fen,
            settled_fen, fees, self._times.each(at), [word[:20] for word in state],
            [self._expected.merchant] * len(texts),
        )  # fmt: skip
        self._sums = [before + now for before, now in zip(self._sums, summed, strict=True)]
        self._count += len(texts)
        return rows

    def _check_parties(self, merchants: list[str], subs: list[str], currencies: list[str]) -> None:
        """Every row is of our merchant, be it as somebody's sub-merchant, and in our money. Raises Wrong."""
        found = set(merchants)
        if not set(subs) <= {"", "0"}:
            found = {merchant if sub in ("", "0") else sub for merchant, sub in zip(merchants, subs, strict=True)}
        if others := found - {self._expected.merchant}:
            raise Wrong(Fault.MERCHANT_DIFFERS, found=min(others)[:40])
        if others := set(currencies) - {CURRENCY}:
            raise Wrong(Fault.CURRENCY_DIFFERS, found=min(others)[:10])

    def _read_end(self, text: str) -> None:
        """The names of the totals, then their values, then nothing more."""
        if self._is_ended:
            if text:
                raise Wrong(Fault.CONTENT_UNEXPECTED)
        elif self._total_names is None:
            names = [_SAME.get(name, name) for name in text.split(",")]
            if _COUNT not in names or "应结订单总金额" not in names:
                raise Wrong(Fault.LINE_UNREADABLE)
            self._total_names = names
        else:
            self._compare(self._total_names, text)
            self._is_ended = True

    def _compare(self, names: list[str], text: str) -> None:
        values = text[1:].split(",`")
        if text[:1] != MARK or len(values) != len(names):
            raise Wrong(Fault.TRUNCATED)
        found = {name: own * unit for (name, unit), own in zip(_SUMS.items(), self._sums, strict=True)}
        for name, value in zip(names, values, strict=True):
            if name == _COUNT and value != str(self._count):
                raise Wrong(Fault.TOTALS_DIFFER, name=name, stated=value[:40], found=self._count)
            if name in found and read_fee(value) != found[name]:
                raise Wrong(Fault.TOTALS_DIFFER, name=name, stated=value[:40], found_millifen=found[name])
