"""What Alipay would say, signed, for the tests of its client."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from core import signing

APP_ID, SELLER_ID = "2021000000000001", "2088000000000001"
SECOND_APP_ID, SECOND_SELLER_ID = "2021000000000002", "2088000000000002"


def node(key: RSAPrivateKey, method: str, content: Any, *, text: str = "", spaced: bool = False) -> bytes:
    """{"<method>_response": node, "sign": …}; `text`: the node as it shall stand there."""
    text = text or json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    sign = signing.sign(key, text.encode())
    name = method.replace(".", "_") + "_response"
    if spaced:
        return f'\n{{ "sign" : "{sign}" ,\n "{name}" :\t{text} }}\n'.encode()
    return f'{{"{name}":{text},"sign":"{sign}"}}'.encode()


def trade(order_no: str, **changes: Any) -> dict[str, Any]:
    content = {
        "code": "10000",
        "msg": "Success",
        "buyer_logon_id": "dem***@example.com",
        "buyer_user_id": "2088000000009001",
        "out_trade_no": order_no,
        "trade_no": "2026112122001400000000000001",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "380.00",
        "receipt_amount": "380.00",
        "send_pay_date": "2026-11-21 10:34:56",
    }
    return {name: value for name, value in (content | changes).items() if value is not None}


def notice_params(order_no: str, **changes: Any) -> dict[str, str]:
    params = {
        "notify_time": datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S"),
        "notify_type": "trade_status_sync",
        "notify_id": "2026112100222103456000000000000001",
        "charset": "utf-8",
        "version": "1.0",
        "app_id": APP_ID,
        "auth_app_id": APP_ID,
        "seller_id": SELLER_ID,
        "out_trade_no": order_no,
        "trade_no": "2026112122001400000000000001",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "380.00",
        "buyer_id": "2088000000009001",
        "subject": "社会保险费 2笔",
        "gmt_payment": "2026-11-21 10:34:56",
        "fund_bill_list": '[{"amount":"380.00","fundChannel":"ALIPAYACCOUNT"}]',
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


def signed_form(key: RSAPrivateKey, params: dict[str, str], **after: str) -> bytes:
    """The body of a notice; `after` is changed after the signing."""
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return urlencode(params | {"sign_type": "RSA2", "sign": signing.sign(key, text.encode())} | after).encode()


def local(age: timedelta) -> str:
    moment = datetime.now(UTC) - age
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S")
