"""WeChat Pay v3 on the wire: signatures, the Authorization header, AES-256-GCM. Values in, values out."""

import base64
import re
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

SCHEME = "WECHATPAY2-SHA256-RSA2048"
_PAIR = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Authorization:
    mchid: str
    nonce_str: str
    timestamp: str
    serial_no: str
    signature: str


def read_authorization(header: str) -> Authorization | None:
    scheme, _, rest = header.partition(" ")
    pairs = dict(_PAIR.findall(rest))
    wanted = ("mchid", "nonce_str", "timestamp", "serial_no", "signature")
    if scheme != SCHEME or any(not pairs.get(name) for name in wanted):
        return None
    return Authorization(**{name: pairs[name] for name in wanted})


def request_text(method: str, target: str, authorization: Authorization, body: str) -> bytes:
    """What a merchant signs: method, path with query, timestamp, nonce, body, each with a line end."""
    return f"{method}\n{target}\n{authorization.timestamp}\n{authorization.nonce_str}\n{body}\n".encode()


def answer_text(timestamp: str, nonce: str, body: str) -> bytes:
    """What the platform signs, in answers and notices alike."""
    return f"{timestamp}\n{nonce}\n{body}\n".encode()


def sign(key: RSAPrivateKey, text: bytes) -> str:
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, text: bytes, signature: str) -> bool:
    try:
        key.verify(base64.b64decode(signature), text, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def encrypt(plain: str, *, secret: str, associated_data: str) -> dict[str, str]:
    """A resource as WeChat Pay encrypts it: in notices and in the list of certificates."""
    nonce = secrets.token_hex(6)
    sealed = AESGCM(secret.encode()).encrypt(nonce.encode(), plain.encode(), associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": base64.b64encode(sealed).decode(),
    }
