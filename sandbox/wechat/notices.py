"""Notices of WeChat Pay, as an encrypted resource in a signed envelope: successful payments, and how refunds end."""

import json
import uuid

from sandbox import clock, dials, secret_keys
from sandbox.courier import Parcel
from sandbox.faults import Faults
from sandbox.models import Notice, Payment, Refund, Trade
from sandbox.wechat import signing, wire
from sandbox.wechat.answers import paid_answer, refund_notice

SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}


class WechatCarrier:
    # 15 s, 15 s, 30 s, 3 m, 10 m, 20 m, 3 × 30 m, 60 m, 3 × 3 h, 2 × 6 h: 24 h 4 m in all
    TIMETABLE = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)

    def new_notice_id(self) -> str:
        return str(uuid.uuid4())

    def compose(self, notice_id: str, trade: Trade, payment: Payment, struck: Faults) -> str:
        content = paid_answer(trade, payment, struck)
        return self._envelope(notice_id, "transaction", "TRANSACTION.SUCCESS", content, struck)

    def tells_of(self, refund: Refund) -> bool:
        return refund.status in Refund.ENDS

    def compose_refund(self, notice_id: str, refund: Refund, struck: Faults) -> str:
        return self._envelope(notice_id, "refund", f"REFUND.{refund.status}", refund_notice(refund, struck), struck)

    def _envelope(self, notice_id: str, kind: str, event_type: str, content: dict[str, object], struck: Faults) -> str:
        secret = secret_keys.secret("wechat_apiv3_key")
        if "wrong_secret" in struck:
            secret = secret[::-1]
        resource = wire.encrypt(json.dumps(content, ensure_ascii=False), secret=secret, associated_data=kind)
        envelope = {
            "id": notice_id,
            "create_time": clock.rfc3339(clock.now()),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": SUMMARIES[event_type],
            "resource": {"original_type": kind, **resource},
        }
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))

    def pack(self, notice: Notice, struck: Faults) -> Parcel:
        if dials.get("notice_signer") == "public_key":
            serial = str(secret_keys.platform()["public_key_id"])
        else:
            serial = secret_keys.next_signer()
        body = notice.body.encode()
        if "not_utf8" in struck:
            body += b"\xff"
        return Parcel(
            headers={
                "Content-Type": "application/json",
                "User-Agent": "Mozilla/4.0",
                "Request-ID": notice.notice_id.upper(),
                **signing.headers(notice.body, serial=serial, struck=struck),
            },
            body=body,
        )

    def is_accepted(self, status: int, body: bytes) -> bool:
        """The HTTP status decides; a FAIL in the body of a 200 still counts as delivered."""
        return status in {200, 204}
