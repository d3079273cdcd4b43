"""UnionPay's full-channel gateway 5.1.0 on the wire: what is signed, verified and said. Values in, values out."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from core import signing
from core.money import Fen
from payments.gateways.base import (
    CURRENCY,
    OrderRef,
    RefundRef,
    RefundResult,
    RefundState,
    Result,
    TradeState,
)

VERSION = "5.1.0"
BY_CERTIFICATE = "01"
CONSUMPTION = "01"
REFUND = "04"
YUAN = "156"
FIELDS_MAX = 100
DAY_BEGINS_AT = time(23, 0)
"""UnionPay's day ends at 23:00: from then on a payment belongs to the next one."""

OK = "00"
PAID_CODES = frozenset({OK, "A6"})
"""A6: a success with a flaw. After the expiry whatever is neither of the two is a failure, says the vendor."""
UNDER_WAY_CODES = frozenset({"03", "04", "05"})
NOT_FOUND = "34"
SAME_NUMBER = "12"
"""Something of this number came before. What became of that, the answer does not say."""
REFUSAL_CODES = frozenset({"10", "11", "13", "31", "32"})
"""Our own request is at fault: its form, its signature, a missing field, the merchant's state or rights."""
REFUSAL_CODES_OF_REFUND = REFUSAL_CODES | {"33", "35", "36", "38", "39", "43", "64"}
"""The same for a refund: the amount, the state of the trade or another fact in it, risk, the hour, no such business,
too little money of the merchant's. SAME_NUMBER is none: an earlier try was taken. NOT_FOUND, whether of the trade or
of the refund, is left open."""
FAILED_CODES = REFUSAL_CODES_OF_REFUND | {"01", "30", "60", "61", "62", "63"}
"""A refund that was begun and ended without money going back. A code not listed leaves it unknown."""

_KEPT = (
    "merId",
    "orderId",
    "txnTime",
    "txnType",
    "txnAmt",
    "currencyCode",
    "queryId",
    "origQryId",
    "respCode",
    "origRespCode",
    "traceNo",
    "traceTime",
    "settleDate",
    "settleAmt",
    "settleCurrencyCode",
)
_QUESTION = {"txnType": "00", "txnSubType": "00", "bizType": "000000"}
_NOT_IN_WORDS = str.maketrans(dict.fromkeys("{}[]&=", " "))
_WORDS_MAX = 40
_ORDER_NO = re.compile(r"[0-9A-Za-z]{8,40}", re.ASCII)
_QUERY_ID = re.compile(r"[0-9A-Za-z]{1,32}", re.ASCII)
_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Unreadable(ValueError):
    """Something that UnionPay does not say, in these words, in this place."""


# What we sign and say


def signed(key: RSAPrivateKey, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that are not empty, with their signature."""
    said = {name: value for name, value in fields.items() if value}
    return said | {"signature": signing.sign(key, _digest(said))}


def cashier_fields(order: OrderRef, *, cert_id: str, on_phone: bool) -> dict[str, str]:
    """What is to be paid, for the browser to carry. The same order gives the same words every time."""
    commodity = order.description.translate(_NOT_IN_WORDS)[:_WORDS_MAX]
    return _of_order(order, cert_id) | {
        "txnType": CONSUMPTION,
        "txnSubType": "01",
        "bizType": "000201",
        "channelType": "08" if on_phone else "07",
        "txnAmt": str(order.amount_fen),
        "currencyCode": YUAN,
        "payTimeout": local(order.expires_at),
        "frontUrl": order.return_url,
        "frontFailUrl": order.return_url,
        "backUrl": order.notify_url,
        "riskRateInfo": f"{{commodityName={commodity}}}",
    }


def query_fields(order: OrderRef, *, cert_id: str) -> dict[str, str]:
    """An order is named by merchant, number and the time at which it was first handed over."""
    return _of_order(order, cert_id) | _QUESTION


def refund_fields(refund: RefundRef, *, cert_id: str) -> dict[str, str]:
    """What is to go back, of which trade. The same refund gives the same words every time."""
    return _of_refund(refund, cert_id) | {
        "txnType": REFUND,
        "txnSubType": "00",
        "bizType": "000201",
        "channelType": "07",
        "origQryId": refund.trade_no,
        "txnAmt": str(refund.amount_fen),
        "backUrl": refund.notify_url,
    }


def refund_query_fields(refund: RefundRef, *, cert_id: str) -> dict[str, str]:
    """A refund is asked about as an order is, by its own number and time."""
    return _of_refund(refund, cert_id) | _QUESTION


def _of_order(order: OrderRef, cert_id: str) -> dict[str, str]:
    return common_fields(order.merchant, cert_id) | {"orderId": order.order_no, "txnTime": order_time(order)}


def _of_refund(refund: RefundRef, cert_id: str) -> dict[str, str]:
    return common_fields(refund.merchant, cert_id) | {"orderId": refund.refund_no, "txnTime": refund_time(refund)}


def common_fields(merchant: str, cert_id: str) -> dict[str, str]:
    return {
        "version": VERSION,
        "encoding": "UTF-8",
        "signMethod": BY_CERTIFICATE,
        "certId": cert_id,
        "accessType": "0",
        "merId": merchant,
    }


def order_time(order: OrderRef) -> str:
    return local(order.created_at)


def refund_time(refund: RefundRef) -> str:
    """Raises ValueError for a refund that nobody has decided: without its time it could not be asked about."""
    if refund.decided_at is None:
        raise ValueError("a refund without the moment of its decision")
    return local(refund.decided_at)


# What they sign and say


def read_answer(body: bytes) -> dict[str, str]:
    """An answer from server to server: name=value pairs whose values stand there bare. Raises Unreadable."""
    try:
        text = body.decode().strip()
    except UnicodeDecodeError:
        raise Unreadable("no UTF-8") from None
    pairs = [pair.partition("=") for pair in _split(text)]
    if not all(is_pair for _name, is_pair, _value in pairs):
        raise Unreadable("no pairs")
    return _each_once([(name, value) for name, _is_pair, value in pairs])


def _split(text: str) -> list[str]:
    """Pairs are divided by &, but not within the braces of a field of fields."""
    pairs, start, depth = [], 0, 0
    for at, character in enumerate(text):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        elif character == "&" and depth <= 0:
            pairs.append(text[start:at])
            start = at + 1
            if len(pairs) > FIELDS_MAX:
                raise Unreadable("too many fields")
    return [*pairs, text[start:]]


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a notice, each once. Raises Unreadable."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise Unreadable("no form") from None
    return _each_once(pairs)


def _each_once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    fields = dict(pairs)
    if not pairs or "" in fields or len(fields) != len(pairs):
        raise Unreadable("no fields, one without a name or one twice")
    return fields


def is_signed(key: RSAPublicKey, fields: Mapping[str, str]) -> bool:
    """Whether the owner of this key signed these fields; they are left as they are."""
    if (fields.get("version"), fields.get("signMethod")) != (VERSION, BY_CERTIFICATE):
        return False
    return signing.verify(key, _digest(fields), fields.get("signature", ""))


def answer_code(fields: Mapping[str, str]) -> str:
    """The code of the question itself; of what was asked about see `read_query`."""
    return _word(fields, "respCode") or "UNKNOWN"


def read_query(fields: Mapping[str, str]) -> Result:
    """What an answer to a question says about the order. Raises Unreadable.

    "Failed" and "not there" may still turn into "paid" until the expiry, and a payment under way is unknown: none of
    them is CLOSED.
    """
    code = NOT_FOUND if answer_code(fields) == NOT_FOUND else _word(fields, "origRespCode")
    if not code:
        raise Unreadable("answer without the order's code")
    if code in PAID_CODES:
        return _trade(fields, TradeState.PAID)
    if code in UNDER_WAY_CODES:
        return _trade(fields, TradeState.UNKNOWN)
    return _trade(fields, TradeState.NOT_FOUND if code == NOT_FOUND else TradeState.NOTPAY)


def read_notice(fields: Mapping[str, str]) -> Result:
    """What a notice says about an order; only of a success anything is to be believed. Raises Unreadable."""
    if _word(fields, "txnType") != CONSUMPTION:
        raise Unreadable("no payment")
    return _trade(fields, TradeState.PAID if answer_code(fields) in PAID_CODES else TradeState.NOTPAY)


def _trade(fields: Mapping[str, str], state: TradeState) -> Result:
    currency = _word(fields, "currencyCode")
    result = Result(
        state=state,
        order_no=_word(fields, "orderId"),
        merchant_id=_word(fields, "merId"),
        amount_fen=_fen(fields.get("txnAmt", "")),
        currency=CURRENCY if currency == YUAN else currency,
        trade_no=_word(fields, "queryId"),
        paid_at=_paid_at(fields) if state is TradeState.PAID else None,
        raw={name: _word(fields, name) for name in _KEPT if _word(fields, name)},
    )
    if not _ORDER_NO.fullmatch(result.order_no) or not 0 < len(result.merchant_id) <= 15:
        raise Unreadable("trade without order or merchant")
    if state is TradeState.PAID and (result.amount_fen is None or not _QUERY_ID.fullmatch(result.trade_no)):
        raise Unreadable("success without amount or number")
    return result


def read_refund(fields: Mapping[str, str], *, refund: RefundRef) -> RefundResult:
    """The answer to a refund that was not refused: 00 is accepted and not yet given back, all else unknown. Raises
    Unreadable."""
    return _refund(fields, RefundState.PROCESSING if answer_code(fields) == OK else RefundState.UNKNOWN, refund)


def read_refund_query(fields: Mapping[str, str], *, refund: RefundRef) -> RefundResult:
    """What an answer to a question says about the refund. Raises Unreadable."""
    code = NOT_FOUND if answer_code(fields) == NOT_FOUND else _word(fields, "origRespCode")
    if not code:
        raise Unreadable("answer without the refund's code")
    return _refund(fields, RefundState.NOT_FOUND if code == NOT_FOUND else _ended(code), refund)


def read_refund_notice(fields: Mapping[str, str]) -> RefundResult:
    """What a notice says about a refund, which it names by the number that we gave it. Raises Unreadable."""
    if _word(fields, "txnType") != REFUND:
        raise Unreadable("no refund")
    return _refund(fields, _ended(answer_code(fields)))


def _ended(code: str) -> RefundState:
    if code in PAID_CODES:
        return RefundState.SUCCESS
    return RefundState.CLOSED if code in FAILED_CODES else RefundState.UNKNOWN


def _refund(fields: Mapping[str, str], state: RefundState, asked: RefundRef | None = None) -> RefundResult:
    """An answer need not name the trade, nor repeat the amount of what was not made; a notice names all."""
    trade_no = _word(fields, "origQryId") or (asked.trade_no if asked else "")
    result = RefundResult(
        state=state,
        refund_no=_word(fields, "orderId"),
        merchant_id=_word(fields, "merId"),
        trade_no=trade_no,
        amount_fen=_fen(fields.get("txnAmt", "")),
        gateway_refund_no=_word(fields, "queryId"),
        refunded_at=_paid_at(fields) if state is RefundState.SUCCESS else None,
        raw={name: _word(fields, name) for name in _KEPT if _word(fields, name)},
    )
    if not _ORDER_NO.fullmatch(result.refund_no) or not 0 < len(result.merchant_id) <= 15:
        raise Unreadable("refund without number or merchant")
    if asked and (result.refund_no, result.merchant_id, result.trade_no, _word(fields, "txnTime")) != (
        asked.refund_no, asked.merchant, asked.trade_no, refund_time(asked)):  # fmt: skip
        raise Unreadable("answer about another refund, merchant, trade or time")
    is_numbered = all(_QUERY_ID.fullmatch(each) for each in (trade_no, result.gateway_refund_no))
    if state is RefundState.SUCCESS and (result.amount_fen is None or not is_numbered):
        raise Unreadable("success without amount or number")
    return result


def notice_time(fields: Mapping[str, str]) -> datetime | None:
    """A notice is not dated; the time of the trade in it is the nearest that there is."""
    return _traced_at(fields)


def _paid_at(fields: Mapping[str, str]) -> datetime | None:
    """The time of the trade, moved into the day on which UnionPay books it where the two differ (a late answer of a
    bank at 23:00): its statements go by that day."""
    traced_at = _traced_at(fields)
    settles_on = _dated(fields, "settleDate", "%m%d", near=traced_at)
    if traced_at is None or settles_on is None:
        return traced_at
    begins_at = settles_on.replace(hour=DAY_BEGINS_AT.hour) - timedelta(days=1)
    return begins_at if begins_at - timedelta(days=1) <= traced_at < begins_at else traced_at


def _traced_at(fields: Mapping[str, str]) -> datetime | None:
    return _dated(fields, "traceTime", "%m%d%H%M%S", near=_instant(fields.get("txnTime", "")))


def _dated(fields: Mapping[str, str], name: str, form: str, *, near: datetime | None) -> datetime | None:
    """A date without a year: of the years around `near` the one that brings it nearest."""
    text = _word(fields, name)
    if near is None or not text.isdigit() or len(text) not in (4, 10):
        return None
    found = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            found.append(datetime.strptime(f"{year}{text}", f"%Y{form}").replace(tzinfo=_SHANGHAI))
        except ValueError:
            continue  # 29 February
    return min(found, key=lambda each: abs(each - near), default=None)


def _digest(fields: Mapping[str, str]) -> bytes:
    """What the signature goes over: the hexadecimal SHA-256 of the sorted pairs."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest().encode("ascii")


def _word(fields: Mapping[str, str], name: str) -> str:
    """A word or number of theirs; empty where it is none."""
    value = fields.get(name, "")
    return value if value.isascii() and value.isprintable() and len(value) <= 80 else ""


def _fen(text: str) -> Fen | None:
    """Whole fen, twelve digits at most."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


def _instant(text: str) -> datetime | None:
    if not (text.isascii() and text.isdigit() and len(text) == 14):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=_SHANGHAI)
    except ValueError:
        return None


def local(moment: datetime) -> str:
    return moment.astimezone(_SHANGHAI).strftime("%Y%m%d%H%M%S")
