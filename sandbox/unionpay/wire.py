"""UnionPay on the wire: the SHA-256 of the sorted fields, in hexadecimal, is what is signed. Values in, values out."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.clock import SHANGHAI


def digest(fields: Mapping[str, str]) -> bytes:
    pairs = sorted((name, value) for name, value in fields.items() if name != "signature")
    return hashlib.sha256("&".join(f"{name}={value}" for name, value in pairs).encode()).hexdigest().encode()


def sign(key: RSAPrivateKey, fields: Mapping[str, str]) -> str:
    return base64.b64encode(key.sign(digest(fields), PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, fields: Mapping[str, str]) -> bool:
    try:
        key.verify(base64.b64decode(fields.get("signature", "")), digest(fields), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def bare(fields: Mapping[str, str]) -> bytes:
    """How answers are written: pairs whose values are not encoded."""
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def local(moment: datetime) -> str:
    """20261121093000, Beijing time."""
    return moment.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")


def instant(text: str) -> datetime | None:
    if len(text) != 14 or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None


def fen(text: str) -> int | None:
    """1 to twelve digits, above zero."""
    good = text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) > 0
    return int(text) if good else None
