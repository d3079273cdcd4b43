"""UnionPay's file of a settlement day (ZM and ZME), packed into the signed answer itself."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from core import clock
from payments.gateways.base import GatewayRefused, GatewayUnreachable
from payments.gateways.bills import BILL_BYTES_MAX, Bill
from payments.gateways.calls import Caller
from payments.gateways.unionpay import wire
from payments.gateways.unionpay.client import FILE_PATH, UnionPay

FILE = {"txnType": "76", "txnSubType": "01", "bizType": "000000", "fileType": "00"}
NO_FILE = "98"
EMPTY_FROM = time(11, 30)
"""Of the next day. UnionPay has one word for "not yet" and "nothing moved": said sooner, it is no evidence."""
ANSWER_BYTES_MAX = 64 * 1024**2
_PIECE = 1 << 20


def fetch_bill(client: UnionPay, *, merchant: str, day: date, kind: str, into: BinaryIO) -> Bill:
    """The packed file of a settlement day. Raises GatewayUnreachable, GatewayRefused."""
    said, body = _ask(client, merchant, day)
    code = wire.answer_code(said)
    name = f"{client.code}-{merchant}-{day.isoformat()}-{kind}"
    if code in wire.REFUSAL_CODES:
        raise GatewayRefused(code)
    if code not in (wire.OK, NO_FILE):
        raise GatewayUnreachable(f"code {code}")
    if (said.get("merId"), said.get("settleDate")) != (merchant, f"{day:%m%d}"):
        raise GatewayUnreachable("a file of another merchant or day")
    if code == NO_FILE:
        if clock.now() < datetime.combine(day + timedelta(days=1), EMPTY_FROM, clock.SHANGHAI):
            raise GatewayUnreachable("no file so far")
        into.write(body)
        return Bill(f"{name}.txt", is_empty=True)
    _unpack(said.get("fileContent", ""), into)
    return Bill(f"{name}.zip")


def _ask(client: UnionPay, merchant: str, day: date) -> tuple[Mapping[str, str], bytes]:
    """The verified fields of the answer, and the answer as it came."""
    fields = wire.common_fields(merchant, client.config.cert_id) | FILE
    fields |= {"settleDate": f"{day:%m%d}", "txnTime": wire.local(clock.now())}
    headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
    asked = urlencode(wire.signed(client._own_key(), fields)).encode()
    caller, target = _where(client)
    answer = caller.call("POST", target, headers, asked, bytes_max=ANSWER_BYTES_MAX)
    if answer.status != 200:
        raise GatewayUnreachable(f"status {answer.status}")
    try:
        said = wire.read_answer(answer.body)
        client._verify(said)
    except wire.Unreadable as error:
        raise GatewayUnreachable(str(error)) from error
    return said, answer.body


def _where(client: UnionPay) -> tuple[Caller, str]:
    if not client.config.file_url:
        return client._caller, FILE_PATH
    parts = urlsplit(client.config.file_url)
    try:
        return client._caller.elsewhere(f"{parts.scheme}://{parts.netloc}"), parts.path or "/"
    except ValueError as error:
        raise GatewayUnreachable("no address for files") from error


def _unpack(content: str, into: BinaryIO) -> None:
    """Base64 of what was deflated. Raises GatewayUnreachable."""
    inflater, size = zlib.decompressobj(), 0
    try:
        rest = base64.b64decode(content, validate=True)
        while rest and not inflater.eof:
            piece = inflater.decompress(rest, _PIECE)
            rest = inflater.unconsumed_tail
            size += len(piece)
            if size > BILL_BYTES_MAX:
                raise GatewayUnreachable("file too long")
            into.write(piece)
        into.write(inflater.flush())
    except (binascii.Error, ValueError, zlib.error) as error:
        raise GatewayUnreachable("unreadable file") from error
    if not inflater.eof or not size:
        raise GatewayUnreachable("file cut off")
