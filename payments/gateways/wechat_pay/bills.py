"""WeChat Pay's trade bill: asked for, downloaded, and compared with the SHA-1 that the signed answer states."""

import hashlib
import zlib
from datetime import date
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from core import clock, ids, signing
from payments.gateways.base import GatewayRefused, GatewayUnreachable
from payments.gateways.bills import BILL_BYTES_MAX, Bill
from payments.gateways.wechat_pay import wire
from payments.gateways.wechat_pay.client import WechatPay, _object, _refusal

PATH = "/v3/bill/tradebill"
NOTHING_MOVED = frozenset({"NO_STATEMENT_EXIST"})
_PIECE_BYTES = 1 << 16


def fetch_bill(client: WechatPay, *, merchant: str, day: date, kind: str, into: BinaryIO) -> Bill:
    """The packed bill of a day: ALL, SUCCESS or REFUND. Raises GatewayUnreachable, GatewayRefused."""
    query = {"bill_date": day.isoformat(), "bill_type": kind, "tar_type": "GZIP"}
    # every payee is a merchant of its own, which the signature names: there is no sub_mchid
    answer = client._verified("GET", f"{PATH}?{urlencode(query)}", merchant, "")
    name = f"{client.code}-{merchant}-{day.isoformat()}"
    if answer.status != 200:
        error = _refusal(answer, wire.REFUSALS_OF_ASKING | NOTHING_MOVED)
        if isinstance(error, GatewayRefused) and error.code in NOTHING_MOVED:
            into.write(answer.body)
            return Bill(f"{name}.json", is_empty=True)
        raise error
    said = _object(answer)
    sha1, address = said.get("hash_value"), said.get("download_url")
    if said.get("hash_type") != "SHA1" or not isinstance(sha1, str) or not isinstance(address, str):
        raise GatewayUnreachable("a bill without an address or a hash")
    written = _Unpacking(into)
    client._caller.download(*_signed(client, merchant, address), written, bytes_max=BILL_BYTES_MAX)  # type: ignore[arg-type]
    if written.sha1() != sha1.lower():
        raise GatewayUnreachable("the bill is not the one that was stated")
    return Bill(f"{name}.csv.gz", sha1=sha1.lower())


def _signed(client: WechatPay, merchant: str, address: str) -> tuple[str, dict[str, str]]:
    """Path and headers of a download. It goes to the address that we know, whatever host the answer names."""
    base, parts = urlsplit(client.config.base_url), urlsplit(address)
    path = parts.path.removeprefix(base.path.rstrip("/")) if parts.netloc == base.netloc else parts.path
    target = f"{path}?{parts.query}" if parts.query else path
    if not target.startswith("/") or not target.isascii():
        raise GatewayUnreachable("a strange address of a bill")
    try:
        key = signing.private_key(client.config.merchant_key_file)
    except signing.KeyUnusable as error:
        raise GatewayUnreachable("our own key is missing") from error
    authorization = wire.authorization(
        key, merchant=merchant, serial=client.config.merchant_serial, method="GET", target=target, body="",
        timestamp=int(clock.now().timestamp()), nonce=ids.nonce(),
    )  # fmt: skip
    return target, {"Accept": "*/*", "User-Agent": "contribution-portal", "Authorization": authorization}


class _Unpacking:
    """Passes a packed file on and takes the hash of what is in it, a piece at a time."""

    def __init__(self, into: BinaryIO) -> None:
        self._into = into
        self._inflater = zlib.decompressobj(wbits=31)
        self._digest = hashlib.sha1(usedforsecurity=False)
        self._plain: bool | None = None
        self._size = 0

    def write(self, piece: bytes) -> int:
        self._into.write(piece)
        if self._plain is None:
            self._plain = not piece.startswith(b"\x1f\x8b")
        try:
            while piece:
                text = piece if self._plain else self._inflater.decompress(piece, _PIECE_BYTES)
                self._digest.update(text)
                self._size += len(text)
                if self._size > BILL_BYTES_MAX:
                    raise GatewayUnreachable("file too long")
                piece = b"" if self._plain else self._inflater.unconsumed_tail
        except zlib.error as error:
            raise GatewayUnreachable("a bill that cannot be unpacked") from error
        return len(piece)

    def sha1(self) -> str:
        if not self._plain:
            self._digest.update(self._inflater.flush())
        return self._digest.hexdigest()
