"""WeChat Pay API v3 on the wire: what is signed, verified, encrypted and said. Values in, values out."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE_PREFIX = "WECHATPAY/SIGNTEST/"
CERTIFICATES_PATH = "/v3/certificates"
DESCRIPTION_CHARACTERS_MAX = 127
REASON_BYTES_MAX = 80
REFUNDS_PATH = "/v3/refund/domestic/refunds"

# Refusals after which this call certainly made no order. Any other code (a number used before, INVALID_REQUEST because
# the words differ from the first time, a rate limit, a system error) leaves open whether there is one.
REFUSALS_OF_CREATE = frozenset(
    {
        "APPID_MCHID_NOT_MATCH",
        "ACCOUNT_ERROR",
        "MCH_NOT_EXISTS",
        "NO_AUTH",
        "OPENID_MISMATCH",
        "PARAM_ERROR",
        "RULE_LIMIT",
        "SIGN_ERROR",
    }
)
REFUSALS_OF_ASKING = frozenset({"APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "NO_AUTH", "PARAM_ERROR", "SIGN_ERROR"})
# Refusals after which this call certainly began no refund; SYSTEM_ERROR and FREQUENCY_LIMITED are none of them.
REFUSALS_OF_REFUND = REFUSALS_OF_ASKING | {
    "INVALID_REQUEST",
    "NOT_ENOUGH",
    "RESOURCE_NOT_EXISTS",
    "USER_ACCOUNT_ABNORMAL",
}
NOT_FOUND_CODES = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})

_STATES = {
    "SUCCESS": TradeState.PAID,
    "REFUND": TradeState.REFUNDED,
    "NOTPAY": TradeState.NOTPAY,
    "PAYERROR": TradeState.NOTPAY,
    "USERPAYING": TradeState.USERPAYING,
    "CLOSED": TradeState.CLOSED,
    "REVOKED": TradeState.CLOSED,
}
_KEPT = (
    "appid",
    "mchid",
    "out_trade_no",
    "transaction_id",
    "trade_type",
    "trade_state",
    "trade_state_desc",
    "bank_type",
    "success_time",
    "amount",
)
_REFUND_STATES = {
    "SUCCESS": RefundState.SUCCESS,
    "PROCESSING": RefundState.PROCESSING,
    "CLOSED": RefundState.CLOSED,
    "ABNORMAL": RefundState.ABNORMAL,
}
_KEPT_OF_REFUND = (
    "mchid",
    "out_trade_no",
    "transaction_id",
    "out_refund_no",
    "refund_id",
    "status",
    "refund_status",
    "channel",
    "success_time",
    "create_time",
    "amount",
)
_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Unreadable(ValueError):
    """Something that WeChat Pay does not say, in these words, in this place."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The signature headers of an answer or notice."""

    serial: str
    signed_at: datetime
    signature: str
    timestamp: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified notice, decrypted: its id, its kind and the transaction inside."""

    notice_id: str
    event_type: str
    content: Mapping[str, Any]


# What we sign and say


def authorization(
    key: RSAPrivateKey, *, merchant: str, serial: str, method: str, target: str, body: str, timestamp: int, nonce: str
) -> str:
    """The Authorization header. `target` is the path with its query, from /v3 on."""
    signature = signing.sign(key, f"{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n".encode())
    return (
        f'{SCHEME} mchid="{merchant}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{serial}"'
    )


def create_body(order: OrderRef, *, app_id: str, with_scene: bool) -> str:
    """The body that makes an order; `with_scene` for H5, which must name the payer's address."""
    content: dict[str, Any] = {
        "appid": app_id,
        "mchid": order.merchant,
        "description": order.description[:DESCRIPTION_CHARACTERS_MAX],
        "out_trade_no": order.order_no,
        "time_expire": order.expires_at.astimezone(_SHANGHAI).isoformat(timespec="seconds"),
        "notify_url": order.notify_url,
        "amount": {"total": order.amount_fen, "currency": CURRENCY},
    }
    if with_scene:
        content["scene_info"] = {"payer_client_ip": order.payer_ip, "h5_info": {"type": "Wap"}}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def query_target(order: OrderRef) -> str:
    return f"/v3/pay/transactions/out-trade-no/{quote(order.order_no, safe='')}?mchid={quote(order.merchant, safe='')}"


def close_target(order: OrderRef) -> str:
    return f"/v3/pay/transactions/out-trade-no/{quote(order.order_no, safe='')}/close"


def close_body(order: OrderRef) -> str:
    return json.dumps({"mchid": order.merchant}, separators=(",", ":"))


def refund_target(refund: RefundRef) -> str:
    """Where a refund is asked about."""
    return f"{REFUNDS_PATH}/{quote(refund.refund_no, safe='')}"


def refund_body(refund: RefundRef) -> str:
    """The body that gives money back. The same refund gives the same words every time."""
    content: dict[str, Any] = {
        "transaction_id": refund.trade_no,
        "out_refund_no": refund.refund_no,
        "notify_url": refund.notify_url,
        "amount": {"refund": refund.amount_fen, "total": refund.total_fen, "currency": CURRENCY},
    }
    if reason := refund.reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"):
        content["reason"] = reason
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def h5_with_return(h5_url: str, return_url: str) -> str:
    """The cashier's address with the page to which it comes back, after five seconds, whatever happened."""
    return f"{h5_url}{'&' if '?' in h5_url else '?'}redirect_url={quote(return_url, safe='')}" if return_url else h5_url


# What they sign and say


def signed_headers(headers: Mapping[str, str]) -> Signed:
    """Read the signature headers; names in lower case. Raises Unreadable where one is missing or it is a probe."""
    values = [headers.get(f"wechatpay-{name}", "") for name in ("serial", "timestamp", "nonce", "signature")]
    serial, timestamp, nonce, signature = values
    if not all(values):
        raise Unreadable("unsigned")
    if signature.startswith(PROBE_PREFIX):
        raise Unreadable("signature probe")
    if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
        raise Unreadable("unknown signature scheme")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 11):
        raise Unreadable("timestamp")
    return Signed(serial, datetime.fromtimestamp(int(timestamp), UTC), signature, timestamp, nonce)


def is_signed(key: RSAPublicKey, signed: Signed, body: bytes) -> bool:
    message = b"%s\n%s\n%s\n" % (signed.timestamp.encode(), signed.nonce.encode("utf-8", "replace"), body)
    return signing.verify(key, message, signed.signature)


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8. Raises Unreadable."""
    try:
        content = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None
    if not isinstance(content, dict):
        raise Unreadable("no JSON object")
    return content


def decrypt(resource: object, apiv3_key: bytes) -> bytes:
    """Open an AEAD_AES_256_GCM resource of a notice or of the list of certificates. Raises Unreadable."""
    if not isinstance(resource, dict) or resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise Unreadable("resource")
    try:
        nonce, data = resource["nonce"].encode(), base64.b64decode(resource["ciphertext"], validate=True)
        return AESGCM(apiv3_key).decrypt(nonce, data, (resource.get("associated_data") or "").encode())
    except (KeyError, AttributeError, TypeError, ValueError, InvalidTag):
        raise Unreadable("resource does not open") from None


def read_notice(body: bytes, apiv3_key: bytes) -> Envelope:
    """Read and decrypt a notice whose signature holds. Raises Unreadable."""
    envelope = json_object(body)
    notice_id = _text(envelope, "id")
    if not notice_id:
        raise Unreadable("notice without id")
    content = json_object(decrypt(envelope.get("resource"), apiv3_key))
    return Envelope(notice_id, _text(envelope, "event_type"), content)


def read_transaction(content: Mapping[str, Any]) -> Result:
    """A transaction as answers and notices describe it. Raises Unreadable, also for a success without its amount."""
    state = _STATES.get(_text(content, "trade_state"), TradeState.UNKNOWN)
    amount = content.get("amount")
    total = amount.get("total") if isinstance(amount, dict) else None
    currency = amount.get("currency") if isinstance(amount, dict) else None
    result = Result(
        state=state,
        order_no=_text(content, "out_trade_no"),
        merchant_id=_text(content, "mchid"),
        amount_fen=_fen(total),
        currency=currency if isinstance(currency, str) else "",
        trade_no=_text(content, "transaction_id"),
        paid_at=_instant(content.get("success_time")),
        raw={name: content[name] for name in _KEPT if name in content},
    )
    if not result.order_no or not result.merchant_id:
        raise Unreadable("transaction without order or merchant")
    if state is TradeState.PAID and (result.amount_fen is None or not result.currency or not result.trade_no):
        raise Unreadable("success without amount, currency or number")
    return result


def read_refund(content: Mapping[str, Any], *, merchant: str = "") -> RefundResult:
    """A refund as answers and notices describe it; `merchant` stands in where an answer names none.

    Raises Unreadable, also for a success without its amount.
    """
    said = _text(content, "refund_status") or _text(content, "status")  # notices say it the one way, answers the other
    state = _REFUND_STATES.get(said, RefundState.UNKNOWN)
    amount = content.get("amount")
    result = RefundResult(
        state=state,
        refund_no=_text(content, "out_refund_no"),
        merchant_id=_text(content, "mchid") or merchant,
        order_no=_text(content, "out_trade_no"),
        trade_no=_text(content, "transaction_id"),
        amount_fen=_fen(amount.get("refund")) if isinstance(amount, dict) else None,
        gateway_refund_no=_text(content, "refund_id"),
        refunded_at=_instant(content.get("success_time")),
        raw={name: content[name] for name in _KEPT_OF_REFUND if name in content},
    )
    if not result.refund_no or not result.merchant_id or not result.trade_no:
        raise Unreadable("refund without number, trade or merchant")
    if state is RefundState.SUCCESS and result.amount_fen is None:
        raise Unreadable("refund without amount")
    return result


def read_error_code(body: bytes) -> str:
    """The code of an error answer. Raises Unreadable."""
    code = _text(json_object(body), "code")
    if not code:
        raise Unreadable("error without code")
    return code


def read_certificates(body: bytes, apiv3_key: bytes) -> dict[str, bytes]:
    """Platform certificates by serial, in PEM, as far as they open with our key. Raises Unreadable."""
    entries = json_object(body).get("data")
    if not isinstance(entries, list):
        raise Unreadable("certificates")
    certificates = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("serial_no"), str):
            raise Unreadable("certificates")
        certificates[entry["serial_no"].upper()] = decrypt(entry.get("encrypt_certificate"), apiv3_key)
    return certificates


def _text(content: Mapping[str, Any], name: str) -> str:
    """A word or number of theirs; empty where it is none."""
    value = content.get(name)
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= 80 else ""


def _fen(value: object) -> Fen | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15 else None


def _instant(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
