"""Whose certificate a message of UnionPay brings with it. Values in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from core import signing
from payments.gateways.unionpay.wire import Unreadable


@dataclass(frozen=True, slots=True)
class Trust:
    """By whom UnionPay's certificates must have been issued, and to whom."""

    roots: tuple[x509.Certificate, ...]
    middles: tuple[x509.Certificate, ...]
    signer: str
    """The third part of the certificate's common name; other merchants hold certificates of the same issuer."""


def signer_key(fields: Mapping[str, str], trust: Trust, moment: datetime) -> RSAPublicKey:
    """The key of the certificate that the message brings, once it is known to be UnionPay's. Raises Unreadable."""
    try:
        certificate = x509.load_pem_x509_certificate(fields.get("signPubKeyCert", "").strip().encode())
        key = certificate.public_key()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        said = str(names[0].value).split("@") if len(names) == 1 else []
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unreadable("no certificate") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < signing.KEY_BITS_MIN:
        raise Unreadable("no RSA key in the certificate")
    if said[2:3] != [trust.signer]:
        raise Unreadable("a certificate of somebody else")
    above = [each for each in trust.middles if _issued(each, certificate)]
    anchors = [(middle, root) for middle in above for root in trust.roots if _issued(root, middle)]
    if not any(all(_in_force(each, moment) for each in (certificate, *pair)) for pair in anchors):
        raise Unreadable("a certificate of another issuer, or not in force")
    return key


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _in_force(certificate: x509.Certificate, moment: datetime) -> bool:
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc
