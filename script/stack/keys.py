"""The keys of a first start: made once, mode 0600, never made again beside data that were sealed with others."""

import base64
import os
import secrets
import string
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .places import Places
from .trouble import Trouble

RSA_BITS = 2048
"""What the gateways ask of merchants."""

DATA_KEYS = ("sealing_key", "index_key")
"""Without these a database that has been used stays closed."""
SERVER_PASSWORDS = ("postgres_password", "portal_password")
"""Of the embedded PostgreSQL: its superuser's, and the portal's own role's."""
SHARED_SECRETS = ("wechat_apiv3_key", "carrier_token")
"""Known to both sides in life too: agreed in the provider's back office, issued by the SMS carrier."""


def ensure_keys(places: Places, *, needed: Sequence[str]) -> None:
    """Make what is missing in `keys`, `keys-sandbox` and `exchange`.

    Raises `Trouble` when a key of `needed` is missing: there are data that only it opens.
    """
    refuse_lost_keys(places.keys, needed)
    for name, make in PORTAL_KEYS.items():
        _ensure(places.keys / name, make)
    for name in SHARED_SECRETS:
        write_if_other(places.keys_sandbox / name, (places.keys / name).read_bytes())
    _ensure(places.keys_sandbox / "control_token", _token)
    for name in ("wechat_merchant", "alipay_app", "unionpay_merchant"):
        private = (places.keys / f"{name}_key.pem").read_bytes()
        write_if_other(places.exchange / f"{name}.pub.pem", _public(private))


def refuse_lost_keys(keys: Path, needed: Sequence[str]) -> None:
    """Raise `Trouble` when a key is missing without which existing data stay closed."""
    for name in needed:
        if not (keys / name).exists():
            raise Trouble(
                f"{keys / name} is missing, and without it the existing data cannot be read: restore {keys} from the "
                "backup, or delete the whole data directory to begin again."
            )


def _ensure(path: Path, make: Callable[[], bytes]) -> None:
    if not path.exists():
        write_private(path, make())


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is there either whole or not at all, also after a crash."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    half.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_if_other(path: Path, content: bytes) -> None:
    """Lay down a public key for the other side, unless exactly it lies there."""
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)


def _token() -> bytes:
    return secrets.token_urlsafe(48).encode()


def _sealing() -> bytes:
    return base64.b64encode(secrets.token_bytes(32))


def _apiv3() -> bytes:
    """32 ASCII characters, as WeChat Pay takes it."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32)).encode()


def _password() -> bytes:
    return secrets.token_urlsafe(32).encode()


def _rsa() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(private: bytes) -> bytes:
    key = serialization.load_pem_private_key(private, password=None)
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


PORTAL_KEYS: dict[str, Callable[[], bytes]] = {
    "postgres_password": _password,
    "portal_password": _password,
    "django_secret_key": _token,
    "sealing_key": _sealing,
    "index_key": _sealing,
    "wechat_merchant_key.pem": _rsa,
    "wechat_apiv3_key": _apiv3,
    "carrier_token": _token,
    "alipay_app_key.pem": _rsa,
    "unionpay_merchant_key.pem": _rsa,
}


if __name__ == "__main__":  # for docker-compose.yml; script/server calls ensure_keys itself
    of_this_start = Places.of_environment()
    of_this_start.make()
    ensure_keys(of_this_start, needed=())
