"""Alipay as a gateway: payment by page and by wap, query, close, refunds, notices (of payments: a refund
is only asked about). What its return page says proves nothing, and nothing here reads it."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext_lazy

from core import clock, signing
from payments.gateways.alipay import wire
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
    Result,
    SignatureInvalid,
    TradeState,
)
from payments.gateways.calls import Caller, cashier_origins

logger = logging.getLogger(__name__)

ADDRESS_CHARACTERS_MAX = 2000
NOTICE_KEY_CHARACTERS_MAX = 80


@dataclass(frozen=True)
class Config:
    """One app of ours with Alipay and the account (PID) for which it collects."""

    gateway_url: str
    app_id: str
    seller_id: str
    app_key_file: str
    platform_public_key_file: str
    sellers: Mapping[str, str] = field(default_factory=dict)
    """Further accounts under the same keys: seller id -> app id."""
    timeout_s: float = 8.0
    host_names: tuple[str, ...] = ()
    """Origins of the cashier; empty: Alipay's own and the one of gateway_url."""

    @classmethod
    def from_settings(cls, values: Mapping[str, Any]) -> "Config":
        """Raises TypeError for unknown or missing names."""
        given = dict(values)
        return cls(host_names=tuple(given.pop("host_names", ())), **given)

    def app_of(self, seller_id: str) -> str:
        """The app that collects for a seller; empty for one that is not ours."""
        return self.app_id if seller_id == self.seller_id else self.sellers.get(seller_id, "")

    def seller_of(self, app_id: str) -> str:
        """The seller for which an app collects; empty for an app that is not ours."""
        if app_id == self.app_id:
            return self.seller_id
        return next((seller for seller, app in self.sellers.items() if app == app_id), "")


class Alipay:
    """Implements `payments.gateways.base.Gateway`. One instance serves all threads of a process."""

    code = "alipay"
    label = gettext_lazy("支付宝")
    methods: tuple[Method, ...] = (Method.PAGE, Method.WAP)
    create_calls = False
    can_close = True
    takes_refused_again = True

    def __init__(self, config: Config, transport: httpx.BaseTransport | None = None) -> None:
        self.config = config
        self._caller = Caller(config.gateway_url, config.timeout_s, transport)

    @property
    def cashier_hosts(self) -> tuple[str, ...]:
        return cashier_origins(self.config.host_names, ("https://openapi.alipay.com",), self.config.gateway_url)

    def create(self, order: OrderRef, method: Method) -> HandOver:
        """See `Gateway.create`. Nothing is sent: the trade begins to exist when the payer opens the cashier."""
        if method not in self.methods:
            raise GatewayRefused("METHOD_NOT_OFFERED")
        name, product_code = wire.PAGE if method is Method.PAGE else wire.WAP
        params = wire.signed_request(
            self._own_key(),
            app_id=self._app_of(order.merchant),
            method=name,
            biz_content=wire.cashier_content(order, product_code=product_code),
            moment=clock.now(),
            notify_url=order.notify_url,
            return_url=order.return_url,
        )
        address = wire.address(self.config.gateway_url, params)
        if len(address) <= ADDRESS_CHARACTERS_MAX:
            return HandOver(HandOverKind.REDIRECT, address)
        return HandOver(HandOverKind.FORM, wire.address(self.config.gateway_url, {"charset": "utf-8"}), params)

    def query(self, order: OrderRef) -> Result:
        content = self._ask(order.merchant, wire.QUERY, wire.asking_content(order))
        code = wire.error_code(content)
        if code in wire.NOT_FOUND_CODES:
            return Result(TradeState.NOT_FOUND, order.order_no, order.merchant, raw={"sub_code": code})
        if code:
            raise GatewayRefused(code) if wire.is_refusal(content) else GatewayUnreachable(code)
        try:
            result = wire.read_trade(content, order_no=order.order_no, merchant=order.merchant)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error
        is_same = (result.order_no, result.merchant_id) == (order.order_no, order.merchant)
        if not is_same or result.raw.get("app_id", self._app_of(order.merchant)) != self._app_of(order.merchant):
            logger.error("gateway.answer_about_another", extra={"gateway": self.code, "order_no": order.order_no})
            raise GatewayUnreachable("answer about another order, seller or app")
        return result

    def close(self, order: OrderRef) -> Result:
        """See `Gateway.close`. A page that was shown and not opened has no trade: NOT_FOUND, and may still be paid."""
        content = self._ask(order.merchant, wire.CLOSE, wire.asking_content(order))
        if wire.is_refusal(content):
            raise GatewayRefused(wire.error_code(content))
        # Closed, paid already, closed already, not there: only the query tells, and is evidence.
        return self.query(order)

    def refund(self, refund: RefundRef) -> RefundResult:
        """See `RefundDesk.refund`."""
        content = self._ask(refund.merchant, wire.REFUND, wire.refund_content(refund))
        if code := wire.error_code(content):
            refused = wire.is_refusal(content, wire.REFUSAL_SUB_CODES_OF_REFUND)
            raise GatewayRefused(code) if refused else GatewayUnreachable(code)
        try:
            return wire.read_refund(content, refund=refund)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error

    def query_refund(self, refund: RefundRef) -> RefundResult:
        """See `RefundDesk.query_refund`. Asked sooner than ten seconds after the refund it may know nothing yet."""
        content = self._ask(refund.merchant, wire.QUERY_REFUND, wire.refund_asking_content(refund))
        if code := wire.error_code(content):
            raise GatewayRefused(code) if wire.is_refusal(content) else GatewayUnreachable(code)
        try:
            return wire.read_refund_query(content, refund=refund)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            params = wire.read_form(body)
            if not wire.is_notice_signed(self._platform_key(), params):
                raise SignatureInvalid("not signed by the platform key")
        except (wire.Unreadable, GatewayUnreachable) as error:
            raise SignatureInvalid(str(error)) from error
        sent_at = wire.read_moment(params, "notify_time")
        fresh = sent_at is not None and abs(clock.now() - sent_at) <= FRESH_FOR
        key = _notice_key(params, body)
        app_id = params.get("app_id", "")
        try:
            result = wire.read_trade(params, merchant=self.config.seller_of(app_id))
        except wire.Unreadable:
            return Notice(key, NoticeKind.OTHER, "", None, fresh, sent_at)
        if params.get("notify_type") != "trade_status_sync":
            return Notice(key, NoticeKind.OTHER, "", None, fresh, sent_at)
        kind = NoticeKind.PAYMENT
        if self.config.app_of(result.merchant_id) != app_id or not app_id:
            kind, result = NoticeKind.FOREIGN, result.of_foreign_app(app_id)
        return Notice(key, kind, result.order_no, result, fresh, sent_at)

    def ack(self, accepted: bool) -> tuple[int, str, bytes]:
        """Alipay tries again until the body is exactly these seven characters."""
        return (200, "text/plain", b"success") if accepted else (500, "text/plain", b"failure")

    def _ask(self, seller_id: str, method: str, biz_content: Mapping[str, Any]) -> Mapping[str, Any]:
        """One request from server to server; returns the verified node. Raises GatewayUnreachable."""
        params = wire.signed_request(
            self._own_key(),
            app_id=self._app_of(seller_id),
            method=method,
            biz_content=biz_content,
            moment=clock.now(),
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Accept": "application/json"}
        answer = self._caller.call("POST", "?charset=utf-8", headers, urlencode(params).encode())
        if answer.status != 200:
            raise GatewayUnreachable(f"status {answer.status}")
        try:
            node = wire.read_node(answer.body, method)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error
        if not wire.is_signed(self._platform_key(), node):
            logger.error("gateway.forged_answer", extra={"gateway": self.code, "reason": wire.error_code(node.content)})
            raise GatewayUnreachable("unsigned or wrongly signed")
        return node.content

    def _app_of(self, seller_id: str) -> str:
        app_id = self.config.app_of(seller_id)
        if not app_id:
            raise GatewayRefused("MERCHANT_NOT_CONFIGURED")
        return app_id

    def _own_key(self) -> RSAPrivateKey:
        try:
            return signing.private_key(self.config.app_key_file)
        except signing.KeyUnusable as error:
            raise GatewayUnreachable("our own key is missing") from error

    def _platform_key(self) -> RSAPublicKey:
        try:
            return signing.public_key(self.config.platform_public_key_file)
        except signing.KeyUnusable as error:
            raise GatewayUnreachable("the platform key is missing") from error


def _notice_key(params: Mapping[str, str], body: bytes) -> str:
    """notify_id, the same on every try; the digest of the whole where there is none of usual length."""
    notify_id = params.get("notify_id", "")
    if notify_id.isascii() and 0 < len(notify_id) <= NOTICE_KEY_CHARACTERS_MAX:
        return notify_id
    return hashlib.sha256(body).hexdigest()
