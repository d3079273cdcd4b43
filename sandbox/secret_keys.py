"""The sandbox's own key pairs, the secrets given to it, and the public keys that it exchanges with the portal.

WeChat's platform keys have a life: *listed* ones stand in the certificate list, *signing* ones sign in turn.
``wechat_platform.json`` keeps it, so that a restart goes on in the same stage of a rotation.
"""

import json
import secrets
import threading
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sandbox import clock
from sandbox.keyfiles import write_whole

_lock = threading.RLock()
_turn = 0


def secret(name: str) -> str:
    """A given secret: wechat_apiv3_key, carrier_token or control_token."""
    path: Path = settings.KEYS / name
    try:
        value = path.read_text().strip()
    except FileNotFoundError:
        raise ImproperlyConfigured(f"the secret {name} is missing from the directory SANDBOX_KEYS") from None
    if name == "wechat_apiv3_key" and len(value.encode()) != 32:
        raise ImproperlyConfigured("wechat_apiv3_key must be 32 characters long")
    return value


@lru_cache(maxsize=64)
def load_private(path: Path) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)  # noqa: S101
    return key


@lru_cache(maxsize=64)
def _load_public(path: Path, changed_at: float) -> RSAPublicKey:
    key = serialization.load_pem_public_key(path.read_bytes())
    assert isinstance(key, RSAPublicKey)  # noqa: S101
    return key


def merchant_key(name: str) -> RSAPublicKey | None:
    """A public key that the portal put into the exchange: wechat_merchant or alipay_app."""
    path: Path = settings.EXCHANGE / f"{name}.pub.pem"
    try:
        return _load_public(path, path.stat().st_mtime)
    except (FileNotFoundError, ValueError):
        return None


def make_private(path: Path) -> RSAPrivateKey:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    write_whole(path, text, mode=0o600)
    return key


def _public_pem(key: RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def alipay_private() -> RSAPrivateKey:
    return load_private(settings.KEYS / "alipay_platform.key.pem")


def wechat_private(serial: str) -> RSAPrivateKey:
    return load_private(settings.KEYS / f"wechat_platform_{serial}.key.pem")


@lru_cache(maxsize=1)
def stranger() -> RSAPrivateKey:
    """A key that nobody has been told of, for forged signatures."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def _make_platform_certificate() -> str:
    """A new platform key pair with certificate; returns its serial number.

    It does not go into the exchange while the sandbox runs: as in life, merchants learn of it from the list.
    """
    serial_number = int("5" + secrets.token_hex(20)[1:], 16)
    serial = f"{serial_number:040X}"
    key = make_private(settings.KEYS / f"wechat_platform_{serial}.key.pem")
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox payment platform"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Demo"),
        ]
    )
    start = clock.now() - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=5 * 365))
        .sign(key, hashes.SHA256())
    )
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    write_whole(settings.KEYS / f"wechat_platform_{serial}.crt.pem", text, mode=0o600)
    return serial


def _exchange_platform(serial: str) -> None:
    write_whole(
        settings.EXCHANGE / f"wechat_platform_{serial}.pub.pem", _public_pem(wechat_private(serial)), mode=0o644
    )
    certificate: Path = settings.KEYS / f"wechat_platform_{serial}.crt.pem"
    if certificate.exists():
        write_whole(settings.EXCHANGE / f"wechat_platform_{serial}.crt.pem", certificate.read_text(), mode=0o644)


def platform() -> dict[str, object]:
    """{"listed": [serials], "signing": [serials], "public_key_id": …}"""
    state: dict[str, object] = json.loads((settings.KEYS / "wechat_platform.json").read_text())
    return state


def _keep(state: dict[str, object]) -> None:
    write_whole(settings.KEYS / "wechat_platform.json", json.dumps(state, indent=1), mode=0o600)


def prepare() -> None:
    """Make what is missing and put the public halves into the exchange. Called once at the start."""
    with _lock:
        for name in ("wechat_apiv3_key", "carrier_token", "control_token"):
            secret(name)
        if not (settings.KEYS / "alipay_platform.key.pem").exists():
            make_private(settings.KEYS / "alipay_platform.key.pem")
        if not (settings.KEYS / "wechat_platform.json").exists():
            serial = _make_platform_certificate()
            public_key_id = f"PUB_KEY_ID_0119{secrets.randbelow(10**24):024d}"
            make_private(settings.KEYS / f"wechat_platform_{public_key_id}.key.pem")
            _keep({"listed": [serial], "signing": [serial], "public_key_id": public_key_id})
        state = platform()
        known = {str(serial) for serial in [*state["listed"], state["public_key_id"]]}  # type: ignore[misc]
        for path in settings.EXCHANGE.glob("wechat_platform_*.pem"):
            if path.name.split(".")[0].removeprefix("wechat_platform_") not in known:
                path.unlink()
        for serial in known:
            _exchange_platform(serial)
        write_whole(settings.EXCHANGE / "alipay_platform.pub.pem", _public_pem(alipay_private()), mode=0o644)


def certificate_pem(serial: str) -> str:
    path: Path = settings.KEYS / f"wechat_platform_{serial}.crt.pem"
    return path.read_text()


def certificate_term(text: str) -> tuple[datetime, datetime]:
    certificate = x509.load_pem_x509_certificate(text.encode())
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def next_signer() -> str:
    """The serial that signs now; while two are in use they take turns."""
    global _turn
    signing = platform()["signing"]
    with _lock:
        _turn += 1
        return str(signing[_turn % len(signing)])  # type: ignore[index,arg-type]


STAGES = ("announce", "overlap", "switch", "retire")


def rotate(stage: str) -> dict[str, object]:
    """Move WeChat's platform certificates one stage on.

    announce: a new one is listed, the old one still signs · overlap: both sign in turn · switch: the new one signs,
    both are listed · retire: only the new one is left. Raises ValueError for another word, or nothing to rotate to.
    """
    with _lock:
        state = platform()
        listed = [str(serial) for serial in state["listed"]]  # type: ignore[attr-defined]
        if stage == "announce":
            listed.append(_make_platform_certificate())
            state["listed"] = listed
        elif stage in STAGES:
            if len(listed) < 2:
                raise ValueError("announce a new certificate first")
            state["signing"] = listed[-2:] if stage == "overlap" else listed[-1:]
            state["listed"] = listed[-1:] if stage == "retire" else listed
        else:
            raise ValueError(f"the stages are: {', '.join(STAGES)}")
        _keep(state)
        return state
