"""What WeChat Pay would say, signed, for the tests of its client."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core import signing

APIV3_KEY = b"0123456789abcdef0123456789ABCDEF"
APP_ID = "wx0000000000000001"
MERCHANT = "1900000001"
SERIAL, NEXT_SERIAL = 0x5157F09EFDC096DE15EBE81A47057A7232F1B8E1, 0x6A57F09EFDC096DE15EBE81A47057A7232F1B8E2
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012024120900000000000001"


def signed(
    key: RSAPrivateKey, body: bytes, *, serial: int | str = SERIAL, age_s: float = 0, prefix: str = ""
) -> dict[str, str]:
    """The signature headers of an answer or notice."""
    timestamp, nonce = str(int(time.time() - age_s)), "593BEC0C930BF1AFEB40B4A08C8FB242"
    return {
        "Wechatpay-Serial": serial if isinstance(serial, str) else f"{serial:X}",
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": prefix + signing.sign(key, f"{timestamp}\n{nonce}\n".encode() + body + b"\n"),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
    }


def encrypted(plain: bytes, associated_data: str, key: bytes = APIV3_KEY) -> dict[str, str]:
    data = AESGCM(key).encrypt(b"fdasflkja484", plain, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": "fdasflkja484",
        "associated_data": associated_data,
        "ciphertext": base64.b64encode(data).decode(),
    }


def transaction(order_no: str, **changes: Any) -> dict[str, Any]:
    content = {
        "appid": APP_ID,
        "mchid": MERCHANT,
        "out_trade_no": order_no,
        "transaction_id": "4200001234202611210000000001",
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "success_time": "2026-11-21T10:34:56+08:00",
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 38000, "payer_total": 38000, "currency": "CNY", "payer_currency": "CNY"},
    }
    return {name: value for name, value in (content | changes).items() if value is not None}


def notice_body(content: Any, **changes: Any) -> bytes:
    plain = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    envelope = {
        "id": "EV-2018022511223320873",
        "create_time": "2026-11-21T10:34:57+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {"original_type": "transaction", **encrypted(plain, "transaction")},
    }
    return json.dumps(envelope | changes, ensure_ascii=False).encode()


def refund_answer(refund_no: str, **changes: Any) -> dict[str, Any]:
    """A refund as answers describe it; notices say `refund_status` and `mchid` (see `refund_notice`)."""
    content = {
        "refund_id": "50000000382019052709732678859",
        "out_refund_no": refund_no,
        "transaction_id": "4200001234202611210000000001",
        "out_trade_no": "0123456789ABCDEFGHJKMNPQRS",
        "channel": "ORIGINAL",
        "user_received_account": "招商银行信用卡0403",
        "success_time": "2026-11-22T10:34:56+08:00",
        "create_time": "2026-11-22T10:34:50+08:00",
        "status": "SUCCESS",
        "funds_account": "UNSETTLED",
        "amount": {"total": 38_000, "refund": 18_000, "payer_total": 38_000, "payer_refund": 18_000, "currency": "CNY"},
    }
    return {name: value for name, value in (content | changes).items() if value is not None}


def refund_notice(refund_no: str, status: str = "SUCCESS", notice_id: str = "EV-refund-1", **changes: Any) -> bytes:
    """The body of a notice about a refund."""
    content = refund_answer(refund_no, status=None, create_time=None, channel=None, funds_account=None)
    content |= {"mchid": MERCHANT, "refund_status": status} | changes
    plain = json.dumps(content, ensure_ascii=False).encode()
    resource = {"original_type": "refund", **encrypted(plain, "refund")}
    return notice_body({}, id=notice_id, event_type=f"REFUND.{status}", summary="退款成功", resource=resource)
