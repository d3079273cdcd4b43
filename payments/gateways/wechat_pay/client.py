"""WeChat Pay as a gateway: Native (QR) and H5, query, close, refunds, notices."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.utils.translation import gettext_lazy

from core import clock, ids, signing
from payments.gateways.base import (
    FRESH_FOR,
    GatewayProblem,
    GatewayRefused,
    GatewayUnreachable,
    HandOver,
    HandOverKind,
    KeyUnknown,
    Method,
    Notice,
    NoticeKind,
    OrderRef,
    RefundRef,
    RefundResult,
    RefundState,
    Result,
    SignatureInvalid,
    TooEarlyToClose,
    TradeState,
)
from payments.gateways.calls import Answer, Caller, cashier_origins
from payments.gateways.wechat_pay import wire
from payments.gateways.wechat_pay.platform_keys import PlatformKeys

logger = logging.getLogger(__name__)

CLOSES_AFTER = timedelta(minutes=5)
ASK_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Config:
    """One account with WeChat Pay. Several merchant numbers may collect under the same keys."""

    base_url: str
    app_id: str
    merchant_id: str
    merchant_serial: str
    merchant_key_file: str
    apiv3_key: bytes = field(repr=False)
    platform_public_keys: Mapping[str, str] = field(default_factory=dict)
    """Certificate serial or PUB_KEY_ID_… -> file. With a public key id WeChat signs its answers by that key."""
    platform_public_keys_dir: str = ""
    timeout_s: float = 8.0
    host_names: tuple[str, ...] = ()
    """Hosts of the H5 cashier; empty: WeChat's own and the one of base_url."""

    @classmethod
    def from_settings(cls, values: Mapping[str, Any]) -> "Config":
        """Raises TypeError for unknown or missing names, ValueError for an APIv3 key of another length."""
        given = dict(values)
        apiv3_key = str(given.pop("apiv3_key")).encode()
        if len(apiv3_key) != 32:
            raise ValueError("the APIv3 key must have 32 characters")
        host_names = tuple(given.pop("host_names", ()))
        return cls(apiv3_key=apiv3_key, host_names=host_names, **given)


class WechatPay:
    """Implements `payments.gateways.base.Gateway`. One instance serves all threads of a process."""

    code = "wechat_pay"
    label = gettext_lazy("微信支付")
    methods: tuple[Method, ...] = (Method.QR, Method.H5)
    create_calls = True
    can_close = True
    takes_refused_again = True

    def __init__(self, config: Config, transport: httpx.BaseTransport | None = None) -> None:
        self.config = config
        self._caller = Caller(config.base_url, config.timeout_s, transport)
        self._keys = PlatformKeys(config.platform_public_keys, config.platform_public_keys_dir, self._certificates)

    @property
    def cashier_hosts(self) -> tuple[str, ...]:
        return cashier_origins(self.config.host_names, ("https://wx.tenpay.com",), self.config.base_url)

    def create(self, order: OrderRef, method: Method) -> HandOver:
        """See `Gateway.create`. The same number must come with the same words, or WeChat does not answer for it."""
        if method not in self.methods:
            raise GatewayRefused("METHOD_NOT_OFFERED")
        is_h5 = method is Method.H5
        body = wire.create_body(order, app_id=self.config.app_id, with_scene=is_h5)
        answer = self._verified("POST", f"/v3/pay/transactions/{'h5' if is_h5 else 'native'}", order.merchant, body)
        if answer.status != 200:
            raise _refusal(answer, wire.REFUSALS_OF_CREATE)
        url = _object(answer).get("h5_url" if is_h5 else "code_url")
        if not isinstance(url, str) or not url:
            raise GatewayUnreachable("created without an address")
        if not is_h5:
            return HandOver(HandOverKind.QR, url)
        if urlsplit(url).scheme not in ("https", "http"):
            raise GatewayUnreachable("created with a strange address")
        return HandOver(HandOverKind.REDIRECT, wire.h5_with_return(url, order.return_url))

    def query(self, order: OrderRef) -> Result:
        answer = self._verified("GET", wire.query_target(order), order.merchant, "")
        if answer.status != 200:
            error = _refusal(answer, wire.REFUSALS_OF_ASKING | wire.NOT_FOUND_CODES)
            if isinstance(error, GatewayRefused) and error.code in wire.NOT_FOUND_CODES:
                raw = {"status": answer.status, "code": error.code}
                return Result(TradeState.NOT_FOUND, order.order_no, order.merchant, raw=raw)
            raise error
        content = _object(answer)
        try:
            result = wire.read_transaction(content)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error
        if (result.order_no, result.merchant_id) != (order.order_no, order.merchant) or not self._is_ours(result):
            logger.error("gateway.answer_about_another", extra={"gateway": self.code, "order_no": order.order_no})
            raise GatewayUnreachable("answer about another order, merchant or app")
        return result

    def close(self, order: OrderRef) -> Result:
        """See `Gateway.close`. WeChat closes no order in its first five minutes."""
        closes_at = order.created_at + CLOSES_AFTER
        moment = clock.now()
        if moment < closes_at:
            raise TooEarlyToClose(closes_at)
        answer = self._verified("POST", wire.close_target(order), order.merchant, wire.close_body(order))
        if answer.status >= 300:
            error = _refusal(answer, wire.REFUSALS_OF_ASKING | {"INVALID_REQUEST"})
            if isinstance(error, GatewayRefused):
                if error.code == "INVALID_REQUEST":  # its clock counts from a later moment than ours
                    raise TooEarlyToClose(moment + ASK_AGAIN_AFTER)
                raise error
        # Accepted, paid already, closed already, not there: only the query tells, and is evidence.
        return self.query(order)

    def refund(self, refund: RefundRef) -> RefundResult:
        """See `RefundDesk.refund`. Accepted is not refunded: the answer says PROCESSING as a rule."""
        answer = self._verified("POST", wire.REFUNDS_PATH, refund.merchant, wire.refund_body(refund))
        if answer.status != 200:
            raise _refusal(answer, wire.REFUSALS_OF_REFUND)
        return self._refund_of(answer, refund)

    def query_refund(self, refund: RefundRef) -> RefundResult:
        answer = self._verified("GET", wire.refund_target(refund), refund.merchant, "")
        if answer.status == 200:
            return self._refund_of(answer, refund)
        error = _refusal(answer, wire.REFUSALS_OF_ASKING | wire.NOT_FOUND_CODES)
        if isinstance(error, GatewayRefused) and error.code in wire.NOT_FOUND_CODES:
            raw = {"status": answer.status, "code": error.code}
            return RefundResult(RefundState.NOT_FOUND, refund.refund_no, refund.merchant, raw=raw)
        raise error

    def _refund_of(self, answer: Answer, refund: RefundRef) -> RefundResult:
        content = _object(answer)
        try:
            result = wire.read_refund(content, merchant=refund.merchant)
        except wire.Unreadable as error:
            raise GatewayUnreachable(str(error)) from error
        found = (result.refund_no, result.trade_no, result.merchant_id)
        if found != (refund.refund_no, refund.trade_no, refund.merchant):
            logger.error("gateway.answer_about_another", extra={"gateway": self.code, "refund_no": refund.refund_no})
            raise GatewayUnreachable("answer about another refund, trade or merchant")
        return result

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            signed = wire.signed_headers({name.lower(): value for name, value in headers.items()})
            key = self._keys.find(signed.serial)
            if key is None:
                raise KeyUnknown("no platform key of this serial is known")
            if not wire.is_signed(key, signed, body):
                raise SignatureInvalid("not signed by the platform key of its serial")
            envelope = wire.read_notice(body, self.config.apiv3_key)
        except wire.Unreadable as error:
            raise SignatureInvalid(str(error)) from error
        fresh = _is_fresh(signed.signed_at, clock.now())
        if envelope.event_type.startswith("REFUND."):
            return _refund_notice(envelope, fresh, signed.signed_at)
        try:
            result = wire.read_transaction(envelope.content)
        except wire.Unreadable:
            result = None
        if result is None or not envelope.event_type.startswith("TRANSACTION."):
            return Notice(envelope.notice_id, NoticeKind.OTHER, "", None, fresh, signed.signed_at)
        kind = NoticeKind.PAYMENT
        if not self._is_ours(result):
            kind, result = NoticeKind.FOREIGN, result.of_foreign_app(result.raw.get("appid"))
        return Notice(envelope.notice_id, kind, result.order_no, result, fresh, signed.signed_at)

    def ack(self, accepted: bool) -> tuple[int, str, bytes]:
        """WeChat Pay reads the status only; a FAIL in the body of a 200 counts as delivered."""
        if accepted:
            return 204, "application/json", b""
        return 500, "application/json", '{"code":"FAIL","message":"失败"}'.encode()

    def _is_ours(self, result: Result) -> bool:
        return result.raw.get("appid") == self.config.app_id

    def _verified(self, method: str, target: str, merchant: str, body: str) -> Answer:
        """Call and verify: an answer of any status that WeChat Pay did not sign says nothing."""
        answer = self._send(method, target, merchant, body)
        if answer.status >= 500 or answer.status == 429:
            raise GatewayUnreachable(f"status {answer.status}")
        try:
            signed = wire.signed_headers(answer.headers)
        except wire.Unreadable as error:
            raise _forged(answer, str(error)) from error
        if not self._is_signed(signed, answer.body) or not _is_fresh(signed.signed_at, clock.now()):
            raise _forged(answer, "wrongly signed or old")
        return answer

    def _send(self, method: str, target: str, merchant: str, body: str) -> Answer:
        try:
            key = signing.private_key(self.config.merchant_key_file)
        except signing.KeyUnusable as error:
            raise GatewayUnreachable("our own key is missing") from error
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "contribution-portal",
            "Authorization": wire.authorization(
                key,
                merchant=merchant,
                serial=self.config.merchant_serial,
                method=method,
                target=target,
                body=body,
                timestamp=int(clock.now().timestamp()),
                nonce=ids.nonce(),
            ),
        }
        public_key_id = self._keys.public_key_id()
        if public_key_id:
            headers["Wechatpay-Serial"] = public_key_id
        return self._caller.call(method, target, headers, body.encode())

    def _is_signed(self, signed: wire.Signed, body: bytes) -> bool:
        key = self._keys.find(signed.serial)
        return key is not None and wire.is_signed(key, signed, body)

    def _certificates(self) -> dict[str, bytes]:
        """The list of platform certificates, believed if one that it brings, opened by our key, signed the answer."""
        try:
            answer = self._send("GET", wire.CERTIFICATES_PATH, self.config.merchant_id, "")
            if answer.status != 200:
                raise GatewayUnreachable(f"status {answer.status}")
            signed = wire.signed_headers(answer.headers)
            listed = wire.read_certificates(answer.body, self.config.apiv3_key)
            pem = next((pem for serial, pem in listed.items() if serial == signed.serial.upper()), b"")
            key = signing.public_key_of(pem, named="the list of certificates")
            if not wire.is_signed(key, signed, answer.body):
                raise GatewayUnreachable("wrongly signed")
        except (GatewayProblem, wire.Unreadable, signing.KeyUnusable) as error:
            logger.warning("gateway.certificates_unavailable", extra={"gateway": self.code, "reason": str(error)})
            return {}
        return listed


def _refund_notice(envelope: wire.Envelope, fresh: bool, signed_at: datetime) -> Notice:
    try:
        refund = wire.read_refund(envelope.content)
    except wire.Unreadable:
        return Notice(envelope.notice_id, NoticeKind.OTHER, "", None, fresh, signed_at)
    return Notice(envelope.notice_id, NoticeKind.REFUND, refund.order_no, None, fresh, signed_at, refund)


def _is_fresh(signed_at: datetime, moment: datetime) -> bool:
    return abs(moment - signed_at) <= FRESH_FOR


def _forged(answer: Answer, reason: str) -> GatewayUnreachable:
    severity = logging.ERROR if answer.status < 300 else logging.WARNING
    logger.log(severity, "gateway.forged_answer", extra={"gateway": WechatPay.code, "reason": reason})
    return GatewayUnreachable(f"status {answer.status}, {reason}")


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return wire.json_object(answer.body)
    except wire.Unreadable as error:
        raise GatewayUnreachable(str(error)) from error


def _refusal(answer: Answer, final: frozenset[str]) -> GatewayRefused | GatewayUnreachable:
    """What a verified error answer means: one of the final codes, or that nobody knows."""
    try:
        code = wire.read_error_code(answer.body)
    except wire.Unreadable as error:
        return GatewayUnreachable(str(error))
    return GatewayRefused(code) if code in final else GatewayUnreachable(code)
