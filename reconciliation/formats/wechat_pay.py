"""The trade bill of WeChat Pay v3: ALL, SUCCESS or REFUND, as text or packed with gzip.

UTF-8 with commas. The first line names the columns; every value after it has a backtick before it, which also keeps
commas inside values apart from those between them. The last two lines are names and values of the totals. Amounts are
yuan, fees have five decimals, `0` stands for "no number". The bill of a day holds what was paid on it and the refunds
that were started on it; a refund's state is the one it had when the bill was made.

A bill comes with a SHA-1 over its uncompressed text. Without it (an upload) the last line must have its end, so that a
bill cut off within its last number is not taken for a whole one.
"""

import hashlib
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import BinaryIO

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
    check_numbers,
    read_fee,
    read_fen,
)
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
_STATES = {
    "SUCCESS": LineKind.PAYMENT,
    "REFUND": LineKind.REFUND,
    "REVOKED": LineKind.REVERSAL,
}


def parse(source: BinaryIO, expected: Expected) -> ParsedStatement:
    """The lines of a trade bill. Raises StatementError while they are gone through."""
    bill = _Bill(expected)
    return ParsedStatement(bill.lines(source), lambda: bill.variant)


class _Bill:
    """One bill on its way through: its columns, and the sums of them so far."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._times = Remembered(ChannelDay(expected).read_time)
        self._amounts = Remembered(read_fen)
        self._fees_read = Remembered(read_fee)
        self.variant = ""
        self._names: tuple[str, ...] = ()
        self._pick: Callable[[list[str]], tuple[str, ...]] = tuple
        self._rows = self._settled = self._ordered = 0
        self._refunded = self._coupons = self._asked_back = self._fees = 0
        self._line = 0
        self._total_names: list[str] | None = None
        self._is_ended = False

    def lines(self, source: BinaryIO) -> Iterator[StatementLine]:
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
        self._pick = itemgetter(*self._places())
        self.variant = "refund" if "退款申请时间" in names else "all" if refunds else "success"

    def _places(self) -> tuple[int, ...]:
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

    def _block(self, texts: list[str], first: int) -> Iterator[StatementLine]:
        """The rows in a block, and what follows them."""
        self._line = first - 1
        try:
            if self._total_names is None:
                yield from self._rows_at_head(texts, first)
            for text in texts[self._line + 1 - first :]:
                self._line += 1
                self._read_end(text)
        except Wrong as wrong:
            raise wrong.at(self._line) from None

    def _rows_at_head(self, texts: list[str], first: int) -> Iterator[StatementLine]:
        """The rows at the head of a block. Raises StatementError."""
        width, pick = len(self._names), self._pick
        amounts, fees, times, merchant = self._amounts, self._fees_read, self._times, self._expected.merchant
        refund, reversal, other, states = LineKind.REFUND, LineKind.REVERSAL, LineKind.OTHER, _STATES
        new = tuple.__new__  # a third faster than StatementLine(…)
        settled_sum = ordered_sum = refunded_sum = coupon_sum = asked_back_sum = fee_sum = 0
        line = first - 1
        try:
            for line, text in enumerate(texts, first):
                if text[:1] != MARK:
                    line -= 1
                    break
                cells = text[1:].split(",`")
                if len(cells) != width:
                    raise Wrong(Fault.LINE_UNREADABLE, cells=len(cells), columns=width)
                cells.append("0")
                (at, mch, sub, trade_no, order_no, state, currency, settled, ordered, gateway_refund_no, refund_no,
                 refunded, coupons, asked_back, refund_state, fee) = pick(cells)  # fmt: skip
                if sub and sub != "0":
                    mch = sub
                if mch != merchant:
                    raise Wrong(Fault.MERCHANT_DIFFERS, found=mch[:40])
                if currency != CURRENCY:
                    raise Wrong(Fault.CURRENCY_DIFFERS, found=currency[:10])
                kind = states.get(state, other)
                settled_fen, amount_fen, fee_millifen = amounts[settled], amounts[ordered], fees[fee]
                refunded_fen, asked_back_fen = amounts[refunded], amounts[asked_back]
                settled_sum += settled_fen
                ordered_sum += amount_fen
                refunded_sum += refunded_fen
                coupon_sum += amounts[coupons]
                asked_back_sum += asked_back_fen
                fee_sum += fee_millifen
                if kind is refund or (kind is reversal and asked_back_fen):
                    amount_fen, settled_fen, state = asked_back_fen, refunded_fen, refund_state
                if gateway_refund_no == "0":
                    gateway_refund_no = ""
                if refund_no == "0":
                    refund_no = ""
                joined = order_no + trade_no + refund_no + gateway_refund_no
                if len(joined) > NUMBER_CHARACTERS_MAX or not (joined.isascii() and joined.isprintable()):
                    check_numbers(order_no, trade_no, refund_no, gateway_refund_no)
                if amount_fen < 0:
                    raise Wrong(Fault.AMOUNT_UNREADABLE)
                yield new(StatementLine, (line, kind, order_no, trade_no, refund_no, gateway_refund_no, amount_fen,
                                          settled_fen, fee_millifen, times[at], state[:20], mch))  # fmt: skip
        except Wrong as wrong:
            raise wrong.at(line) from None
        self._line = line
        self._rows += line + 1 - first
        self._settled += settled_sum
        self._ordered += ordered_sum
        self._refunded += refunded_sum
        self._coupons += coupon_sum
        self._asked_back += asked_back_sum
        self._fees += fee_sum

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
        found = {
            "应结订单总金额": self._settled * 1000,
            "退款总金额": self._refunded * 1000,
            "充值券退款总金额": self._coupons * 1000,
            "手续费总金额": self._fees,
            "订单总金额": self._ordered * 1000,
            "申请退款总金额": self._asked_back * 1000,
        }
        for name, value in zip(names, values, strict=True):
            if name == _COUNT and value != str(self._rows):
                raise Wrong(Fault.TOTALS_DIFFER, name=name, stated=value[:40], found=self._rows)
            if name in found and read_fee(value) != found[name]:
                raise Wrong(Fault.TOTALS_DIFFER, name=name, stated=value[:40], found_millifen=found[name])
