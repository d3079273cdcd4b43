"""WeChat Pay in as little as possible: constant answers, signed once a minute, and notices signed before they are sent.

It stands in for the gateway's own computers, so its cost must not count as ours.
"""

import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench._web import free_port

KEY_ID = "PUB_KEY_ID_0000000000000000000000000001"
BODY = b'{"code_url":"weixin://wxpay/bizpayurl?pr=Xk3Bq9Tzz"}'
SIGN_EVERY_S = 60


@dataclass(frozen=True)
class Paid:
    """As much of an order as a notice of success says."""

    order_no: str
    merchant_id: str
    amount_fen: int


class Gateway:
    """The key of the platform and what is made with it."""

    def __init__(self, folder: Path, *, app_id: str, apiv3_key: str) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.app_id = app_id
        self.cipher = AESGCM(apiv3_key.encode())
        self.public = folder / f"wechat_platform_{KEY_ID}.pub.pem"
        self.public.write_bytes(self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.port = free_port()

    @classmethod
    def of_settings(cls) -> "Gateway":
        """One that speaks with the account of the portal's settings."""
        from django.conf import settings

        ours = settings.GATEWAYS["wechat_pay"]
        return cls(Path(ours["platform_public_keys_dir"]), app_id=ours["app_id"], apiv3_key=ours["apiv3_key"])

    @property
    def variables(self) -> dict[str, str]:
        """What the portal must know of it."""
        return {
            "WECHAT_PAY_URL": f"http://127.0.0.1:{self.port}",
            "WECHAT_PAY_APP_ID": self.app_id,
            "WECHAT_PAY_PLATFORM_KEYS": f"{KEY_ID}={self.public}",
        }

    def signature(self, body: bytes) -> dict[str, str]:
        """The headers by which the portal knows that a message is the platform's."""
        moment, nonce = str(int(time.time())), os.urandom(16).hex()
        signed = self.key.sign(b"%s\n%s\n%s\n" % (moment.encode(), nonce.encode(), body), padding.PKCS1v15(), SHA256())
        return {
            "Wechatpay-Serial": KEY_ID,
            "Wechatpay-Timestamp": moment,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": base64.b64encode(signed).decode(),
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }

    def notices(self, orders: Sequence[Paid]) -> list[tuple[str, bytes]]:
        """Header lines and body of one notice of success for each order."""
        made = []
        for order in orders:
            body = self._notice(order)
            lines = "".join(f"{name}: {value}\r\n" for name, value in self.signature(body).items())
            made.append((lines, body))
        return made

    def _notice(self, order: Paid) -> bytes:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(time.time() + 8 * 3600))
        told = {
            "mchid": order.merchant_id, "appid": self.app_id, "out_trade_no": order.order_no,
            "transaction_id": f"42000{time.time_ns()}", "trade_type": "NATIVE", "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功", "bank_type": "OTHERS", "attach": "", "success_time": moment,
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": {"total": order.amount_fen, "payer_total": order.amount_fen, "currency": "CNY",
                       "payer_currency": "CNY"},
        }  # fmt: skip
        nonce = os.urandom(6).hex()
        sealed = self.cipher.encrypt(nonce.encode(), json.dumps(told).encode(), b"transaction")
        envelope = {
            "id": os.urandom(16).hex(), "create_time": moment, "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功",
            "resource": {"original_type": "transaction", "algorithm": "AEAD_AES_256_GCM",
                         "ciphertext": base64.b64encode(sealed).decode(), "associated_data": "transaction",
                         "nonce": nonce},
        }  # fmt: skip
        return json.dumps(envelope, ensure_ascii=False).encode()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Answer from a process of its own until the block ends."""
        process = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(self._serve()), daemon=True)
        process.start()
        try:
            yield
        finally:
            process.terminate()
            process.join()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port)
        await server.serve_forever()

    def answer(self) -> bytes:
        """The whole answer to a create, made anew once a minute."""
        if time.monotonic() - getattr(self, "_made_at", -SIGN_EVERY_S) >= SIGN_EVERY_S:
            lines = "".join(f"{name}: {value}\r\n" for name, value in self.signature(BODY).items())
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n{lines}\r\n"
            self._answer, self._made_at = head.encode() + BODY, time.monotonic()
        return self._answer


class _Connection(asyncio.Protocol):
    """One kept-open connection of the portal."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) >= length:
            self.received = b""
            self.transport.write(self.gateway.answer())  # type: ignore[attr-defined]
