"""UnionPay as a gateway: a form to its cashier, query, refunds, notices. It closes no order: only the expiry ends one.

What the browser brings back from the cashier proves nothing, and nothing here reads it.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.utils.translation import gettext_lazy

from core import clock, signing
from payments.gateways.base import (
    FRESH_FOR,
    GatewayRefused,
    GatewayUnreachable,
    HandOver,
    HandOverKind,
    Method,
    Notice,
    NoticeKind,
    OrderRef,
    RefundRef,
    RefundResult,
    RefundState,
    Result,
    SignatureInvalid,
    TradeState,
)
from payments.gateways.calls import Caller, cashier_origins
from payments.gateways.unionpay import wire
from payments.gateways.unionpay.trust import Trust, signer_key

logger = logging.getLogger(__name__)

FRONT_PATH = "/gateway/api/frontTransReq.do"
REFUND_PATH = "/gateway/api/backTransReq.do"
FILE_PATH = "/gateway/api/fileTransReq.do"
QUERY_PATH = "/gateway/api/queryTrans.do"


@dataclass(frozen=True)
class Config:
    """One certificate of ours with UnionPay. Any number of merchant numbers may collect under it."""

    base_url: str
    cert_id: str
    """The serial number of our signing certificate, in decimal digits."""
    merchant_key_file: str
    root_certificate_file: str
    middle_certificate_file: str
    """Each may hold several, while UnionPay changes them."""
    signer_name: str = "中国银联股份有限公司"
    """To whom UnionPay's own certificate is issued; in its test environment 00040000:SIGN."""
    timeout_s: float = 8.0
    file_url: str = ""
    """Where files are asked for, at UnionPay a host of its own; empty: beside the other addresses."""
    host_names: tuple[str, ...] = ()
    """Origins of the cashier; empty: UnionPay's own and the one of base_url."""

    @classmethod
    def from_settings(cls, values: Mapping[str, Any]) -> "Config":
        """Raises TypeError for unknown or missing names."""
        given = dict(values)
        return cls(host_names=tuple(given.pop("host_names", ())), **given)


class UnionPay:
    """Implements `payments.gateways.base.Gateway`. One instance serves all threads of a process."""

    code = "unionpay"
    label = gettext_lazy("银联")
    methods: tuple[Method, ...] = (Method.PAGE, Method.WAP)
    create_calls = False
    can_close = False
    takes_refused_again = False

    def __init__(self, config: Config, transport: httpx.BaseTransport | None = None) -> None:
        self.config = config
        self._caller = Caller(config.base_url, config.timeout_s, transport)

    @property
    def cashier_hosts(self) -> tuple[str, ...]:
        """A form that is redirected must be allowed to each origin on its way."""
        usual = ("https://gateway.95516.com", "https://cashier.95516.com")
        return cashier_origins(self.config.host_names, usual, self.config.base_url)

    def create(self, order: OrderRef, method: Method) -> HandOver:
        """See `Gateway.create`. Nothing is sent: the payer's browser carries the order to the cashier."""
        if method not in self.methods:
            raise GatewayRefused("METHOD_NOT_OFFERED")
        fields = wire.cashier_fields(order, cert_id=self.config.cert_id, on_phone=method is Method.WAP)
        address = self.config.base_url.rstrip("/") + FRONT_PATH
        return HandOver(HandOverKind.FORM, address, wire.signed(self._own_key(), fields))

    def query(self, order: OrderRef) -> Result:
        fields = self._ask(QUERY_PATH, wire.query_fields(order, cert_id=self.config.cert_id))
        code = wire.answer_code(fields)
        if code in wire.REFUSAL_CODES:
            raise GatewayRefused(code)
        if code not in (wire.OK, wire.NOT_FOUND):
            raise GatewayUnreachable(f"code {code}")
        try:
            result = wire.read_query(fields)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error
        asked = (order.order_no, order.merchant, wire.order_time(order))
        if (result.order_no, result.merchant_id, result.raw.get("txnTime")) != asked:
            logger.error("gateway.answer_about_another", extra={"gateway": self.code, "order_no": order.order_no})
            raise GatewayUnreachable("answer about another order, merchant or time")
        return result

    def close(self, order: OrderRef) -> Result:
        """See `Gateway.close`. UnionPay has no such call: this only asks, and never says CLOSED."""
        return self.query(order)

    def refund(self, refund: RefundRef) -> RefundResult:
        """See `Gateway.refund`. It never says SUCCESS: only a notice or the query does."""
        fields = self._ask(REFUND_PATH, wire.refund_fields(refund, cert_id=self.config.cert_id))
        code = wire.answer_code(fields)
        if code == wire.SAME_NUMBER:
            return self._of_known_number(refund)
        if code in wire.REFUSAL_CODES_OF_REFUND:
            raise GatewayRefused(code)
        if code != wire.OK and code not in wire.UNDER_WAY_CODES:
            raise GatewayUnreachable(f"code {code}")
        try:
            return wire.read_refund(fields, refund=refund)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error

    def _of_known_number(self, refund: RefundRef) -> RefundResult:
        """The number came before: what became of it only a question tells. Raises GatewayUnreachable."""
        try:
            result = self.query_refund(refund)
        except GatewayRefused as refusal:  # of the question; of the refund it says nothing
            raise GatewayUnreachable(f"code {wire.SAME_NUMBER}, then {refusal.code}") from refusal
        if result.state is RefundState.NOT_FOUND:
            raise GatewayUnreachable(f"code {wire.SAME_NUMBER}, then {wire.NOT_FOUND}")
        return result

    def query_refund(self, refund: RefundRef) -> RefundResult:
        fields = self._ask(QUERY_PATH, wire.refund_query_fields(refund, cert_id=self.config.cert_id))
        code = wire.answer_code(fields)
        if code in wire.REFUSAL_CODES:
            raise GatewayRefused(code)
        if code not in (wire.OK, wire.NOT_FOUND):
            raise GatewayUnreachable(f"code {code}")
        try:
            return wire.read_refund_query(fields, refund=refund)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            fields = wire.read_form(body)
            self._verify(fields)
        except (wire.Unreadable, GatewayUnreachable) as error:
            raise SignatureInvalid(str(error)) from error
        sent_at = wire.notice_time(fields)
        fresh = sent_at is not None and abs(clock.now() - sent_at) <= FRESH_FOR
        digest = hashlib.sha256(body).hexdigest()
        try:
            if fields.get("txnType") == wire.REFUND:
                refund = wire.read_refund_notice(fields)
                return Notice(_refund_key(refund, digest), NoticeKind.REFUND, "", None, fresh, sent_at, refund)
            result = wire.read_notice(fields)
        except wire.Unreadable:
            return Notice(digest, NoticeKind.OTHER, "", None, fresh, sent_at)
        return Notice(_notice_key(result, digest), NoticeKind.PAYMENT, result.order_no, result, fresh, sent_at)

    def ack(self, accepted: bool) -> tuple[int, str, bytes]:
        """UnionPay tries again until the status is 200."""
        return (200, "text/plain", b"ok") if accepted else (500, "text/plain", b"fail")

    def _ask(self, path: str, fields: Mapping[str, str]) -> dict[str, str]:
        """One request from server to server; returns the verified fields. Raises GatewayUnreachable."""
        body = urlencode(wire.signed(self._own_key(), fields)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        answer = self._caller.call("POST", path, headers, body)
        if answer.status != 200:
            raise GatewayUnreachable(f"status {answer.status}")
        try:
            said = wire.read_answer(answer.body)
            self._verify(said)
        except wire.Unreadable as error:
            logger.error("gateway.forged_answer", extra={"gateway": self.code, "reason": str(error)})
            raise GatewayUnreachable(str(error)) from error
        return said

    def _verify(self, fields: Mapping[str, str]) -> None:
        """Raises wire.Unreadable for what UnionPay did not sign, GatewayUnreachable where we cannot tell."""
        try:
            roots = signing.certificates(self.config.root_certificate_file)
            middles = signing.certificates(self.config.middle_certificate_file)
        except signing.KeyUnusable as error:
            raise GatewayUnreachable("a certificate of UnionPay's issuer is missing") from error
        trust = Trust(roots, middles, self.config.signer_name)
        if not wire.is_signed(signer_key(fields, trust, clock.now()), fields):
            raise wire.Unreadable("unsigned or wrongly signed")

    def _own_key(self) -> RSAPrivateKey:
        try:
            return signing.private_key(self.config.merchant_key_file)
        except signing.KeyUnusable as error:
            raise GatewayUnreachable("our own key is missing") from error


def _notice_key(result: Result, digest: str) -> str:
    """A notice has no number of its own: that of the trade, the same on every try."""
    return f"paid:{result.trade_no}" if result.state is TradeState.PAID else digest


def _refund_key(refund: RefundResult, digest: str) -> str:
    """The number of the refund at UnionPay, the same on every try."""
    return f"refunded:{refund.gateway_refund_no}" if refund.state is RefundState.SUCCESS else digest
