"""What UnionPay would say, signed under a chain of certificates of its own, for the tests of its client."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

MERCHANT = "898371000000001"
CERT_ID = "68759663125"
SIGNER = "中国银联股份有限公司"
ANSWER_NAMES = ("accessType", "encoding", "merId", "orderId", "txnTime", "txnSubType")

PADDING = padding.PKCS1v15()
NOT_SIGNED = (InvalidSignature, KeyError, ValueError)
"""What `verify`, or the certificates above it, raise for a message of somebody else."""


def beijing(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y%m%d%H%M%S")


class Issuer(NamedTuple):
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


def issue(
    subject: str,
    key: rsa.RSAPrivateKey,
    by: Issuer | None,
    *,
    ends_at: datetime | None = None,
    is_authority: bool = True,
) -> Issuer:
    """A certificate of `key`, by an issuer or by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    ends_at = ends_at or datetime.now(UTC) + timedelta(days=365)
    builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
    builder = builder.issuer_name(by.certificate.subject if by else name).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(ends_at - timedelta(days=800)).not_valid_after(ends_at)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    return Issuer(key, builder.sign((by or Issuer(key, None)).key, hashes.SHA256()))  # type: ignore[arg-type]


def pem(issuer: Issuer) -> str:
    return issuer.certificate.public_bytes(serialization.Encoding.PEM).decode()


def common_name(signer: str = SIGNER) -> str:
    return f"041@8310000000083040@{signer}@00016494"


class Chain(NamedTuple):
    root: Issuer
    middle: Issuer
    leaf: Issuer


def chain(keys, *, signer: str = SIGNER, ends_at: datetime | None = None) -> Chain:
    root = issue("root", keys.next_platform, None)
    middle = issue("middle", keys.next_platform, root)
    leaf = issue(common_name(signer), keys.platform, middle, ends_at=ends_at, is_authority=False)
    return Chain(root, middle, leaf)


def signature(key: rsa.RSAPrivateKey, fields: dict[str, str]) -> str:
    """As the vendor describes it, written down here once more."""
    return base64.b64encode(key.sign(_digest(fields), PADDING, hashes.SHA256())).decode()


def verify(key: rsa.RSAPublicKey, fields: dict[str, str]) -> None:
    """Raises one of NOT_SIGNED."""
    rest = {name: value for name, value in fields.items() if name != "signature"}
    key.verify(base64.b64decode(fields["signature"]), _digest(rest), PADDING, hashes.SHA256())


def _digest(fields: dict[str, str]) -> bytes:
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
    return hashlib.sha256(text.encode()).hexdigest().encode()


def signed(by: Issuer, fields: dict[str, str], **after: str) -> dict[str, str]:
    """With certificate and signature; `after` is changed after the signing."""
    given = fields | {"version": "5.1.0", "signMethod": "01", "signPubKeyCert": pem(by)}
    return given | {"signature": signature(by.key, given)} | after


def answer_body(fields: dict[str, str]) -> bytes:
    """Answers from server to server carry their values bare."""
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def form_body(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def trade(order, **changes: str | None) -> dict[str, str]:
    """What the answer to a question says of a paid order."""
    fields = {
        "accessType": "0",
        "bizType": "000201",
        "encoding": "UTF-8",
        "merId": order.merchant,
        "orderId": order.order_no,
        "txnTime": beijing(order.created_at),
        "txnType": "00",
        "txnSubType": "00",
        "respCode": "00",
        "respMsg": "成功[0000000]",
        "origRespCode": "00",
        "origRespMsg": "成功[0000000]",
        "queryId": "951807261002324791038",
        "traceNo": "479103",
        "traceTime": beijing(datetime.now(UTC))[4:],
        "settleAmt": "38000",
        "settleCurrencyCode": "156",
        "settleDate": (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=1)).strftime("%m%d"),
        "txnAmt": "38000",
        "currencyCode": "156",
        "accNo": "6221********0000",
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def notice(order, **changes: str | None) -> dict[str, str]:
    """What a notice says of a paid order."""
    fields = trade(order, origRespCode=None, origRespMsg=None) | {"txnType": "01", "txnSubType": "01"} | changes
    return {name: value for name, value in fields.items() if value is not None}


def not_there(order, **changes: str | None) -> dict[str, str]:
    fields = {name: value for name, value in trade(order).items() if name in ANSWER_NAMES}
    given = fields | {"txnType": "00", "respCode": "34", "respMsg": "查无此交易[2600000]"} | changes
    return {name: value for name, value in given.items() if value is not None}


REFUND_ID = "952607281030128847018"


def refund_found(refund, **changes: str | None) -> dict[str, str]:
    """What the answer to a question says of a refund that was made."""
    fields = {
        "accessType": "0",
        "bizType": "000201",
        "encoding": "UTF-8",
        "merId": refund.merchant,
        "orderId": refund.refund_no,
        "txnTime": beijing(refund.decided_at),
        "txnType": "00",
        "txnSubType": "00",
        "respCode": "00",
        "origRespCode": "00",
        "queryId": REFUND_ID,
        "traceNo": "884701",
        "traceTime": beijing(refund.decided_at)[4:],
        "settleDate": (refund.decided_at.astimezone(ZoneInfo("Asia/Shanghai")) + timedelta(hours=1)).strftime("%m%d"),
        "txnAmt": str(refund.amount_fen),
        "currencyCode": "156",
        "accNo": "6221********0000",
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def refund_taken(refund, **changes: str | None) -> dict[str, str]:
    """What backTransReq.do answers to a refund."""
    fields = refund_found(refund, origRespCode=None, traceNo=None, traceTime=None, settleDate=None, accNo=None)
    given = fields | {"txnType": "04", "origQryId": refund.trade_no} | changes
    return {name: value for name, value in given.items() if value is not None}


def refund_notice(refund, **changes: str | None) -> dict[str, str]:
    """What a notice says of a refund that was made."""
    fields = refund_found(refund, origRespCode=None) | {"txnType": "04", "origQryId": refund.trade_no} | changes
    return {name: value for name, value in fields.items() if value is not None}
