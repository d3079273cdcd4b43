"""Notices of WeChat Pay: only successes are told, as an encrypted resource in a signed envelope."""

import json
import uuid

from sandbox import clock, dials, secret_keys
from sandbox.courier import Parcel
from sandbox.faults import Faults
from sandbox.models import Notice, Payment, Trade
from sandbox.wechat import signing, wire
from sandbox.wechat.answers import paid_answer


class WechatCarrier:
    # 15 s, 15 s, 30 s, 3 m, 10 m, 20 m, 3 × 30 m, 60 m, 3 × 3 h, 2 × 6 h: 24 h 4 m in all
    TIMETABLE = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)

    def new_notice_id(self) -> str:
        return str(uuid.uuid4())

    def compose(self, notice_id: str, trade: Trade, payment: Payment, struck: Faults) -> str:
        content = paid_answer(trade, payment, struck)
        secret = secret_keys.secret("wechat_apiv3_key")
        if "wrong_secret" in struck:
            secret = secret[::-1]
        resource = wire.encrypt(json.dumps(content, ensure_ascii=False), secret=secret, associated_data="transaction")
        envelope = {
            "id": notice_id,
            "create_time": clock.rfc3339(clock.now()),
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {"original_type": "transaction", **resource},
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
