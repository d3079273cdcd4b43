"""A vendor's server on this machine that answers as each test wants, and the keys of both sides."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from payments.gateways.base import OrderRef, RefundRef


class Asked(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Vendor:
    """Answers with `answer(asked)`: status, headers, body. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], tuple[int, dict[str, str], bytes]] = lambda asked: (500, {}, b"")
        self.url = ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what some tests are about."""


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    world = Vendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length))
            world.asked.append(asked)
            status, headers, body = world.answer(asked)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body))}.items() | headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *arguments: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield world
    server.shutdown()
    server.server_close()


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate_pem(key: rsa.RSAPrivateKey, serial: int, *, ends_at: datetime | None = None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
    ends_at = ends_at or datetime.now(UTC) + timedelta(days=365)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(ends_at - timedelta(days=800)).not_valid_after(ends_at)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Keys(NamedTuple):
    """Ours, the vendor's first and second, and a stranger's."""

    merchant: rsa.RSAPrivateKey
    platform: rsa.RSAPrivateKey
    next_platform: rsa.RSAPrivateKey
    stranger: rsa.RSAPrivateKey


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys(new_key(), new_key(), new_key(), new_key())


@pytest.fixture
def order() -> OrderRef:
    """王芳's order, handed over ten minutes ago."""
    moment = datetime.now(UTC).replace(microsecond=0)
    return OrderRef(
        order_no="0123456789ABCDEFGHJKMNPQRS",
        amount_fen=38_000,
        description="城乡居民医疗保险费",
        created_at=moment - timedelta(minutes=10),
        expires_at=moment + timedelta(minutes=20),
        merchant="1900000001",
        payer_ip="127.0.0.1",
        return_url="http://localhost:8000/hooks/return/abc",
        notify_url="http://localhost:8000/hooks/notice",
    )


@pytest.fixture
def refund() -> RefundRef:
    """One line of that order goes back."""
    return RefundRef(
        refund_no="R123456789ABCDEFGHJKMNPQRS",
        trade_no="4200001234202611210000000001",
        merchant="1900000001",
        amount_fen=18_000,
        total_fen=38_000,
        notify_url="http://localhost:8000/hooks/wechat_pay/notice/",
        reason="社会保险费退费",
    )
