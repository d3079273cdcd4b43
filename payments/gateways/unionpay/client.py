"""UnionPay as a gateway: a form to its cashier, query, notices. It closes no order: only the expiry ends one.

What the browser brings back from the cashier proves nothing, and nothing here reads it.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

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
    Result,
    SignatureInvalid,
    TradeState,
)
from payments.gateways.calls import Caller
from payments.gateways.unionpay import wire

logger = logging.getLogger(__name__)

FRONT_PATH = "/gateway/api/frontTransReq.do"
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
    can_close = False

    def __init__(self, config: Config, transport: httpx.BaseTransport | None = None) -> None:
        self.config = config
        self._caller = Caller(config.base_url, config.timeout_s, transport)

    @property
    def cashier_hosts(self) -> tuple[str, ...]:
        """A form that is redirected must be allowed to each origin on its way."""
        if self.config.host_names:
            return self.config.host_names
        own = "{0.scheme}://{0.netloc}".format(urlsplit(self.config.base_url))
        return ("https://gateway.95516.com", "https://cashier.95516.com", own)

    def create(self, order: OrderRef, method: Method) -> HandOver:
        """See `Gateway.create`. Nothing is sent: the payer's browser carries the order to the cashier."""
        if method not in self.methods:
            raise GatewayRefused("METHOD_NOT_OFFERED")
        fields = wire.cashier_fields(order, cert_id=self.config.cert_id, on_phone=method is Method.WAP)
        address = self.config.base_url.rstrip("/") + FRONT_PATH
        return HandOver(HandOverKind.FORM, address, wire.signed(self._own_key(), fields))

    def query(self, order: OrderRef) -> Result:
        fields = self._ask(wire.query_fields(order, cert_id=self.config.cert_id))
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

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            fields = wire.read_form(body)
            self._verify(fields)
        except (wire.Unreadable, GatewayUnreachable) as error:
            raise SignatureInvalid(str(error)) from error
        sent_at = wire.notice_time(fields)
        fresh = sent_at is not None and abs(clock.now() - sent_at) <= FRESH_FOR
        try:
            result = wire.read_notice(fields)
        except wire.Unreadable:
            return Notice(hashlib.sha256(body).hexdigest(), NoticeKind.OTHER, "", None, fresh, sent_at)
        return Notice(_notice_key(result, body), NoticeKind.PAYMENT, result.order_no, result, fresh, sent_at)

    def ack(self, accepted: bool) -> tuple[int, str, bytes]:
        """UnionPay tries again until the status is 200."""
        return (200, "text/plain", b"ok") if accepted else (500, "text/plain", b"fail")

    def _ask(self, fields: Mapping[str, str]) -> dict[str, str]:
        """One request from server to server; returns the verified fields. Raises GatewayUnreachable."""
        body = urlencode(wire.signed(self._own_key(), fields)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        answer = self._caller.call("POST", QUERY_PATH, headers, body)
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
        trust = wire.Trust(roots, middles, self.config.signer_name)
        if not wire.is_signed(wire.signer_key(fields, trust, clock.now()), fields):
            raise wire.Unreadable("unsigned or wrongly signed")

    def _own_key(self) -> RSAPrivateKey:
        try:
            return signing.private_key(self.config.merchant_key_file)
        except signing.KeyUnusable as error:
            raise GatewayUnreachable("our own key is missing") from error


def _notice_key(result: Result, body: bytes) -> str:
    """A notice has no number of its own: that of the trade, the same on every try."""
    if result.state is TradeState.PAID:
        return f"paid:{result.trade_no}"
    return hashlib.sha256(body).hexdigest()
