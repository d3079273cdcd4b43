"""Alipay's bills: `trade` (business) or `signcustomer` (account), as a ZIP from the address in a signed answer."""

from collections.abc import Mapping
from datetime import date
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from core import clock
from payments.gateways.alipay import wire
from payments.gateways.alipay.client import Alipay
from payments.gateways.base import GatewayRefused, GatewayUnreachable
from payments.gateways.bills import BILL_BYTES_MAX, Bill

METHOD = "alipay.data.dataservice.bill.downloadurl.query"
NOTHING_MOVED = "BILL_NOT_EXIST"


def fetch_bill(client: Alipay, *, merchant: str, day: date, kind: str, into: BinaryIO) -> Bill:
    """The packed bill of a day. Raises GatewayUnreachable, GatewayRefused."""
    content, body = _ask(client, merchant, {"bill_type": kind, "bill_date": day.isoformat()})
    name = f"{client.code}-{merchant}-{day.isoformat()}-{kind}"
    code = wire.error_code(content)
    if code.upper().endswith(NOTHING_MOVED):
        into.write(body)
        return Bill(f"{name}.json", is_empty=True)
    if code:
        raise GatewayRefused(code) if wire.is_refusal(content) else GatewayUnreachable(code)
    parts = urlsplit(str(content.get("bill_download_url", "")))
    try:
        caller = client._caller.elsewhere(f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        raise GatewayUnreachable("a bill without an address") from error
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not target.isascii():
        raise GatewayUnreachable("a strange address of a bill")
    caller.download(target, {"Accept": "*/*", "User-Agent": "contribution-portal"}, into, bytes_max=BILL_BYTES_MAX)
    return Bill(f"{name}.zip")


def _ask(client: Alipay, merchant: str, asked: Mapping[str, str]) -> tuple[Mapping[str, Any], bytes]:
    """The verified node of the answer, and the answer as it came."""
    app_id = client.config.app_of(merchant)
    if not app_id:
        raise GatewayRefused("MERCHANT_NOT_CONFIGURED")
    params = wire.signed_request(
        client._own_key(), app_id=app_id, method=METHOD, biz_content=asked, moment=clock.now()
    )  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Accept": "application/json"}
    answer = client._caller.call("POST", "?charset=utf-8", headers, urlencode(params).encode())
    if answer.status != 200:
        raise GatewayUnreachable(f"status {answer.status}")
    try:
        node = wire.read_node(answer.body, METHOD)
    except wire.Unreadable as error:
        raise GatewayUnreachable(str(error)) from error
    if not wire.is_signed(client._platform_key(), node):
        raise GatewayUnreachable("unsigned or wrongly signed")
    return node.content, answer.body
