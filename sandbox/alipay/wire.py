"""Alipay on the wire: RSA2 over sorted parameters and over the raw text of the answer's node. Values in, values out."""

import base64
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256


def request_text(params: Mapping[str, str]) -> bytes:
    """What a merchant signs: all parameters but sign and the empty ones, sorted. sign_type is among them."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign" and params[name]).encode()


def notice_text(params: Mapping[str, str]) -> bytes:
    """What Alipay signs in notices and returns: sign_type is left out too."""
    names = sorted(name for name in params if name not in {"sign", "sign_type"})
    return "&".join(f"{name}={params[name]}" for name in names).encode()


def sign(key: RSAPrivateKey, text: bytes) -> str:
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, text: bytes, signature: str) -> bool:
    try:
        key.verify(base64.b64decode(signature), text, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def yuan(amount_fen: int) -> str:
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def fen(text: str) -> int | None:
    """12.34 → 1234; None where it is not an amount from 0.01 to 100000000 yuan."""
    whole, _, part = text.partition(".")
    if not whole.isdecimal() or not whole.isascii() or len(part) > 2 or (part and not part.isdecimal()):
        return None
    value = int(whole) * 100 + int((part + "00")[:2])
    return value if 1 <= value <= 10**10 else None
