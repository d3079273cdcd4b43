"""Alipay's open platform on the wire: what is signed, verified and said. Values in, values out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from core import signing
from core.money import Fen, fen, plain_yuan
from payments.gateways.base import (
    CURRENCY,
    OrderRef,
    RefundRef,
    RefundResult,
    RefundState,
    Result,
    TradeState,
)

SIGN_TYPE = "RSA2"
SUCCESS = "10000"
NOT_FOUND_CODES = frozenset({"ACQ.TRADE_NOT_EXIST"})
# Gateway codes of a request that was not even looked into, and business codes of one that never can be.
REFUSAL_CODES = frozenset({"40001", "40002", "40003", "40006"})
REFUSAL_SUB_CODES = frozenset({"ACQ.INVALID_PARAMETER", "ACQ.ACCESS_FORBIDDEN", "ACQ.PARTNER_ERROR"})
# The same for a refund. Whether a trade that they do not find, or a word not listed here, means "no", is left open.
REFUSAL_SUB_CODES_OF_REFUND = REFUSAL_SUB_CODES | {
    "ACQ.DISCORDANT_REPEAT_REQUEST",
    "ACQ.REASON_TRADE_BEEN_FREEZEN",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    "ACQ.REASON_TRADE_STATUS_INVALID",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
    "ACQ.REFUND_FEE_ERROR",
    "ACQ.SELLER_BALANCE_NOT_ENOUGH",
    "ACQ.TRADE_HAS_CLOSE",
    "ACQ.TRADE_HAS_FINISHED",
    "ACQ.TRADE_NOT_ALLOW_REFUND",
    "ACQ.TRADE_STATUS_ERROR",
}
SUBJECT_CHARACTERS_MAX = 256
NOTICE_FIELDS_MAX = 100

PAGE = ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY")
WAP = ("alipay.trade.wap.pay", "QUICK_WAP_WAY")
QUERY = "alipay.trade.query"
CLOSE = "alipay.trade.close"
REFUND = "alipay.trade.refund"
QUERY_REFUND = "alipay.trade.fastpay.refund.query"

_STATES = {
    "TRADE_SUCCESS": TradeState.PAID,
    "TRADE_FINISHED": TradeState.PAID,
    "WAIT_BUYER_PAY": TradeState.NOTPAY,
    "TRADE_CLOSED": TradeState.CLOSED,
}
_KEPT = (
    "app_id",
    "seller_id",
    "out_trade_no",
    "trade_no",
    "trade_status",
    "total_amount",
    "receipt_amount",
    "send_pay_date",
    "gmt_payment",
    "gmt_refund",
    "refund_fee",
    "trans_currency",
    "notify_type",
)
_KEPT_OF_REFUND = (
    "code",
    "sub_code",
    "out_trade_no",
    "trade_no",
    "out_request_no",
    "fund_change",
    "refund_fee",
    "refund_amount",
    "refund_status",
    "total_amount",
    "gmt_refund_pay",
)
_NOT_IN_SUBJECTS = str.maketrans(dict.fromkeys("/=&", " "))
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_DECODER = json.JSONDecoder()


class Unreadable(ValueError):
    """Something that Alipay does not say, in these words, in this place."""


@dataclass(frozen=True, slots=True)
class Node:
    """The response node of an answer: its own text, over which the signature goes, and what it says."""

    text: str
    content: Mapping[str, Any]
    signature: str


# What we sign and say


def signed_request(
    key: RSAPrivateKey, *, app_id: str, method: str, biz_content: Mapping[str, Any], moment: datetime, **urls: str
) -> dict[str, str]:
    """All parameters of a request with their signature. `urls`: notify_url and return_url, left out where empty."""
    params = {
        "app_id": app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": SIGN_TYPE,
        "timestamp": _local(moment),
        "version": "1.0",
        "biz_content": json.dumps(biz_content, ensure_ascii=False, separators=(",", ":")),
    } | {name: url for name, url in urls.items() if url}
    return params | {"sign": signing.sign(key, _sorted_text(params, without=("sign",)))}


def address(gateway_url: str, params: Mapping[str, str]) -> str:
    """The address with which a browser enters the cashier by GET."""
    return f"{gateway_url}{'&' if '?' in gateway_url else '?'}{urlencode(params)}"


def cashier_content(order: OrderRef, *, product_code: str) -> dict[str, str]:
    """What is to be paid. The same order gives the same words every time."""
    content = {
        "out_trade_no": order.order_no,
        "total_amount": plain_yuan(order.amount_fen),
        "subject": order.description.translate(_NOT_IN_SUBJECTS)[:SUBJECT_CHARACTERS_MAX],
        "product_code": product_code,
        "time_expire": _local(order.expires_at),
    }
    if product_code == WAP[1] and order.return_url:
        content["quit_url"] = order.return_url
    return content


def asking_content(order: OrderRef) -> dict[str, str]:
    return {"out_trade_no": order.order_no}


def refund_content(refund: RefundRef) -> dict[str, str]:
    """What is to be given back. The same refund gives the same words every time."""
    content = {
        "trade_no": refund.trade_no,
        "refund_amount": plain_yuan(refund.amount_fen),
        "out_request_no": refund.refund_no,
    }
    return content | ({"refund_reason": refund.reason[:SUBJECT_CHARACTERS_MAX]} if refund.reason else {})


def refund_asking_content(refund: RefundRef) -> dict[str, Any]:
    return {
        "trade_no": refund.trade_no,
        "out_request_no": refund.refund_no,
        "query_options": ["gmt_refund_pay"],
    }


# What they sign and say


def read_node(body: bytes, method: str) -> Node:
    """Find the node of `method` in an answer, as text and as value. Raises Unreadable.

    The signature goes over the text as it stands, so that it is cut out and never written anew.
    """
    members = _members(body)
    name = method.replace(".", "_") + "_response"
    content, text = members.get(name) or members.get("error_response") or (None, "")
    signature, _ = members.get("sign") or ("", "")
    if not isinstance(content, dict) or not isinstance(signature, str):
        raise Unreadable("no node")
    return Node(text, content, signature)


def _members(body: bytes) -> dict[str, tuple[Any, str]]:
    """The members of the outermost object, each with its own text. Raises Unreadable."""
    try:
        text = body.decode().strip()
        if not isinstance(json.loads(text), dict):
            raise Unreadable("no JSON object")
        return dict(_walk(text))
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None


def _walk(text: str) -> list[tuple[str, tuple[Any, str]]]:
    """Go through an object that is known to be well-formed, member by member."""
    members = []
    position = _past_blanks(text, 1)
    while text[position] != "}":
        name, position = _DECODER.raw_decode(text, position)
        start = _past_blanks(text, _past_blanks(text, position) + 1)
        value, position = _DECODER.raw_decode(text, start)
        members.append((name, (value, text[start:position])))
        position = _past_blanks(text, position)
        if text[position] == ",":
            position = _past_blanks(text, position + 1)
    return members


def _past_blanks(text: str, position: int) -> int:
    while text[position] in " \t\r\n":
        position += 1
    return position


def is_signed(key: RSAPublicKey, node: Node) -> bool:
    return bool(node.signature) and signing.verify(key, node.text.encode("utf-8", "replace"), node.signature)


def error_code(content: Mapping[str, Any]) -> str:
    """The sub-code of a failed answer, else its code; empty after a success."""
    code = _text(content, "code")
    if code == SUCCESS:
        return ""
    return _text(content, "sub_code") or code or "UNKNOWN"


def is_refusal(content: Mapping[str, Any], sub_codes: frozenset[str] = REFUSAL_SUB_CODES) -> bool:
    """Whether a failed answer means that the request was certainly not accepted."""
    return _text(content, "code") in REFUSAL_CODES or _text(content, "sub_code") in sub_codes


def read_form(body: bytes) -> dict[str, str]:
    """The parameters of a notice, each once. Raises Unreadable."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=NOTICE_FIELDS_MAX,
        )
    except ValueError:
        raise Unreadable("no form") from None
    params = dict(pairs)
    if len(params) != len(pairs):
        raise Unreadable("a parameter twice")
    return params


def is_notice_signed(key: RSAPublicKey, params: Mapping[str, str]) -> bool:
    """Whether Alipay signed these parameters; they are left as they are."""
    if params.get("sign_type") != SIGN_TYPE:
        return False
    return signing.verify(key, _sorted_text(params, without=("sign", "sign_type")), params.get("sign", ""))


def read_trade(content: Mapping[str, Any], *, order_no: str = "", merchant: str = "") -> Result:
    """A trade as answers and notices describe it; `merchant` stands in where the answer to a question names none.

    Raises Unreadable, also for a success without its amount.
    """
    state = _STATES.get(_text(content, "trade_status"), TradeState.UNKNOWN)
    paid_at = _instant(content.get("send_pay_date")) or _instant(content.get("gmt_payment"))
    if state is TradeState.CLOSED and (paid_at is not None or _fen(content.get("refund_fee"))):
        state = TradeState.REFUNDED  # one word of theirs for "never paid" and for "all given back"
    result = Result(
        state=state,
        order_no=_text(content, "out_trade_no") or order_no,
        merchant_id=_text(content, "seller_id") or merchant,
        amount_fen=_fen(content.get("total_amount")),
        currency=_text(content, "trans_currency") or CURRENCY,
        trade_no=_text(content, "trade_no"),
        paid_at=paid_at,
        raw={name: content[name] for name in _KEPT if name in content},
    )
    if not result.order_no or not result.merchant_id:
        raise Unreadable("trade without order or seller")
    if state is TradeState.PAID and (result.amount_fen is None or not result.trade_no):
        raise Unreadable("success without amount or number")
    return result


def read_refund(content: Mapping[str, Any], *, refund: RefundRef) -> RefundResult:
    """The answer to a refund: `fund_change` Y says that the money is back. N says that this call moved none: it was
    moved by an earlier one, or not yet; only a query tells.

    The amounts in it are sums over all refunds of the trade, so that the amount is the one that we asked for.
    """
    is_done = _text(content, "fund_change") == "Y"
    state = RefundState.SUCCESS if is_done else RefundState.PROCESSING
    return _refund(content, refund, state, refund.amount_fen if is_done else None)


def read_refund_query(content: Mapping[str, Any], *, refund: RefundRef) -> RefundResult:
    """The answer to a question about a refund. That it was answered is no success; one that describes no refund knows
    of none yet. Raises Unreadable, also for a success without its amount."""
    status, amount = _text(content, "refund_status"), _fen(content.get("refund_amount"))
    if status == "REFUND_SUCCESS":
        if amount is None or _text(content, "out_request_no") != refund.refund_no:
            raise Unreadable("refund without amount or number")
        return _refund(content, refund, RefundState.SUCCESS, amount)
    is_empty = not status and amount is None
    return _refund(content, refund, RefundState.NOT_FOUND if is_empty else RefundState.UNKNOWN, amount)


def _refund(content: Mapping[str, Any], refund: RefundRef, state: RefundState, amount_fen: Fen | None) -> RefundResult:
    trade_no = _text(content, "trade_no") or refund.trade_no
    if trade_no != refund.trade_no:
        raise Unreadable("refund of another trade")
    return RefundResult(
        state=state,
        refund_no=refund.refund_no,
        merchant_id=refund.merchant,
        order_no=_text(content, "out_trade_no"),
        trade_no=trade_no,
        amount_fen=amount_fen,
        refunded_at=_instant(content.get("gmt_refund_pay")),
        raw={name: content[name] for name in _KEPT_OF_REFUND if name in content},
    )


def read_moment(params: Mapping[str, Any], name: str) -> datetime | None:
    """An instant that Alipay writes in Beijing time without saying so; None where it is none."""
    return _instant(params.get(name))


def _sorted_text(params: Mapping[str, str], *, without: tuple[str, ...]) -> bytes:
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name not in without).encode(
        "utf-8", "replace"
    )


def _text(content: Mapping[str, Any], name: str) -> str:
    """A word or number of theirs; empty where it is none."""
    value = content.get(name)
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= 80 else ""


def _fen(value: object) -> Fen | None:
    try:
        return fen(value) if isinstance(value, str) and not value.startswith("-") else None
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) != 19:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=_SHANGHAI)
    except ValueError:
        return None


def _local(moment: datetime) -> str:
    return moment.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
