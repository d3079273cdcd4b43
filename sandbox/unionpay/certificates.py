"""UnionPay's certificate and the two above it. Merchants are given root and middle; the third comes with each message.

The names are of the form in which UnionPay's are: the third part of the common name says whose it is.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID
from django.conf import settings

from sandbox import clock, secret_keys
from sandbox.keyfiles import write_whole

NAMES = ("root", "middle", "platform")
COMMON_NAMES = {
    "root": "Sandbox ROOT CA",
    "middle": "Sandbox OCA1",
    "platform": "041@8310000000083040@中国银联股份有限公司@00016494",
}
YEARS = timedelta(days=5 * 365)


@dataclass(frozen=True)
class Signer:
    key: RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def _issue(name: str, key: RSAPrivateKey, by: Signer | None) -> Signer:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAMES[name])])
    start = clock.now() - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + YEARS)
        .add_extension(x509.BasicConstraints(ca=name != "platform", path_length=None), critical=True)
        .sign(by.key if by else key, hashes.SHA256())
    )
    return Signer(key, certificate)


def prepare() -> None:
    """Make the three at the first start; what merchants must trust goes into the exchange."""
    above = None
    if not (settings.KEYS / "unionpay_platform.crt.pem").exists():
        for name in NAMES:
            key = secret_keys.make_private(settings.KEYS / f"unionpay_{name}.key.pem")
            above = _issue(name, key, above)
            write_whole(settings.KEYS / f"unionpay_{name}.crt.pem", above.pem, mode=0o600)
    for name in NAMES[:2]:
        text = (settings.KEYS / f"unionpay_{name}.crt.pem").read_text()
        write_whole(settings.EXCHANGE / f"unionpay_{name}.crt.pem", text, mode=0o644)


@lru_cache(maxsize=1)
def platform() -> Signer:
    text = (settings.KEYS / "unionpay_platform.crt.pem").read_bytes()
    key = secret_keys.load_private(settings.KEYS / "unionpay_platform.key.pem")
    return Signer(key, x509.load_pem_x509_certificate(text))


@lru_cache(maxsize=1)
def stranger() -> Signer:
    """Who calls himself UnionPay under issuers of his own making."""
    above = None
    for name in NAMES:
        above = _issue(name, generate_private_key(public_exponent=65537, key_size=2048), above)
    assert above is not None  # noqa: S101
    return above
