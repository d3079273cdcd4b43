"""RSA-SHA256 signatures (PKCS#1 v1.5), as the gateways and channels use them, and the keys that make them."""

import base64
import binascii
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import Certificate, load_pem_x509_certificate, load_pem_x509_certificates

KEY_BITS_MIN = 2048

_PADDING = PKCS1v15()
_SHA256 = SHA256()


class KeyUnusable(Exception):
    """A key file is missing or holds no RSA key of at least 2048 bits. The message names the file only."""


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """The signature of a message, in base64 on one line."""
    return base64.b64encode(key.sign(message, _PADDING, _SHA256)).decode("ascii")


def verify(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether the signature (base64) is the key owner's for exactly this message. Never raises."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, _PADDING, _SHA256)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def private_key(path: str) -> RSAPrivateKey:
    """Load a private key once per process: PEM, or the bare base64 that vendors' key tools write.

    Raises KeyUnusable, every time anew, so that a file that appears later is found.
    """
    content = _content(path)
    try:
        if content.startswith(b"-----"):
            key = load_pem_private_key(content, password=None)
        else:
            key = load_der_private_key(_bare(content), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable(f"no private key in {path}") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
        raise KeyUnusable(f"no RSA key of {KEY_BITS_MIN} bits or more in {path}")
    return key


@lru_cache(maxsize=64)
def public_key(path: str) -> RSAPublicKey:
    """Load a public key once per process from PEM, bare base64 or a certificate. Raises KeyUnusable."""
    return public_key_of(_content(path), named=path)


@lru_cache(maxsize=64)
def certificates(path: str) -> tuple[Certificate, ...]:
    """Load the certificates of a PEM file once per process, at least one. Raises KeyUnusable."""
    try:
        return tuple(load_pem_x509_certificates(_content(path)))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(f"no certificate in {path}") from None


def public_key_of(content: bytes, *, named: str) -> RSAPublicKey:
    """Read a public key from the content of such a file; `named` is for the message. Raises KeyUnusable."""
    try:
        if b"BEGIN CERTIFICATE" in content:
            key: object = load_pem_x509_certificate(content).public_key()
        elif content.startswith(b"-----"):
            key = load_pem_public_key(content)
        else:
            key = load_der_public_key(_bare(content))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable(f"no public key in {named}") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_MIN:
        raise KeyUnusable(f"no RSA key of {KEY_BITS_MIN} bits or more in {named}")
    return key


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes().strip()
    except OSError:
        raise KeyUnusable(f"cannot read {path}") from None


def _bare(content: bytes) -> bytes:
    return binascii.a2b_base64(b"".join(content.split()), strict_mode=True)
