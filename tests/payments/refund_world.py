"""A refund desk of WeChat Pay and of Alipay on this machine, with real signatures, and orders paid there."""

import json
from typing import Any
from urllib.parse import parse_qsl

from django.db import connection

from core import clock, ids
from core.models import User
from payments import gateways
from payments.gateways import availability
from payments.models import Declaration, PaymentOrder, Refund
from payments.notifications import process_notification, receive_notification
from payments.refunds import approve_refund, request_refund
from tests import world
from tests.payments.gateways import alipay_world, wechat_world
from tests.payments.gateways.conftest import Asked, Keys, Vendor, private_pem, public_pem


class Desk:
    """Both vendors' refunds. A number is given back once; `state` is what new refunds become."""

    def __init__(self, vendor: Vendor, keys: Keys) -> None:
        self.vendor, self.keys = vendor, keys
        self.refunds: dict[str, dict[str, Any]] = {}
        self.state = "PROCESSING"
        self.told = 0  # how often somebody asked to give money back
        self.faults: list[str] = []  # of the next calls: lose_request, lose_answer, refuse
        self.query_faults: list[str] = []
        vendor.answer = self._answer

    def turn(self, refund: Refund, state: str) -> None:
        """A refund moves on over there."""
        self.refunds[refund.refund_no]["state"] = state

    def notice(self, refund: Refund, status: str = "SUCCESS", *, age_s: float = 0, notice_id: str = "", **changes: Any
               ) -> tuple[dict[str, str], bytes]:  # fmt: skip
        """Headers and body of WeChat's notice about a refund."""
        told = {"transaction_id": refund.receipt.gateway_trade_no, "out_trade_no": "0" * 26, "amount": {
            "total": refund.receipt.amount_fen, "refund": refund.amount_fen}}  # fmt: skip
        body = wechat_world.refund_notice(refund.refund_no, status, notice_id or ids.nonce(), **told | changes)
        return wechat_world.signed(self.keys.platform, body, age_s=age_s), body

    def _answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        return self._wechat(asked) if asked.target.startswith("/wechat") else self._alipay(asked)

    def _wechat(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.method == "POST":
            said = json.loads(asked.body)
            fault = self._told(said["out_refund_no"], said["transaction_id"], said["amount"]["refund"])
            if fault in ("lose_request", "lose_answer"):
                return 500, {}, b""
            if fault:
                return self._signed(403, {"code": fault, "message": "x"})
            return self._signed(200, self._described(said["out_refund_no"]))
        if self.query_faults:
            self.query_faults.pop(0)
            return 500, {}, b""
        number = asked.target.rsplit("/", 1)[1]
        if number not in self.refunds:
            return self._signed(404, {"code": "RESOURCE_NOT_EXISTS", "message": "x"})
        return self._signed(200, self._described(number))

    def _described(self, number: str) -> dict[str, Any]:
        kept = self.refunds[number]
        return wechat_world.refund_answer(
            number, transaction_id=kept["trade"], status=kept["state"], amount={"refund": kept["amount"], "total": 1},
            success_time=clock.now().isoformat() if kept["state"] == "SUCCESS" else None,
        )  # fmt: skip

    def _signed(self, status: int, content: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        body = json.dumps(content).encode()
        return status, wechat_world.signed(self.keys.platform, body), body

    def _told(self, number: str, trade: str, amount: Any) -> str:
        self.told += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault in ("", "lose_answer"):
            self.refunds.setdefault(number, {"trade": trade, "amount": amount, "state": self.state})
        return fault

    def _alipay(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        params = dict(parse_qsl(asked.body.decode()))
        said = json.loads(params["biz_content"])
        number, trade = said["out_request_no"], said["trade_no"]
        content: dict[str, Any] = {"code": "10000", "msg": "Success", "trade_no": trade}
        if params["method"] == "alipay.trade.refund":
            was_known = number in self.refunds
            fault = self._told(number, trade, said["refund_amount"])
            if fault:
                return 500, {}, b""
            moved = self.state == "SUCCESS" and not was_known
            content |= {"fund_change": "Y" if moved else "N", "refund_fee": said["refund_amount"]}
        elif self.refunds.get(number, {}).get("state") == "SUCCESS":
            content |= {"out_request_no": number, "refund_amount": self.refunds[number]["amount"],
                        "refund_status": "REFUND_SUCCESS"}  # fmt: skip
        return 200, {}, alipay_world.node(self.keys.platform, params["method"], content)


def open_desk(vendor: Vendor, keys: Keys, settings: Any, folder: Any) -> Desk:
    """Point both gateways of the portal at it."""
    (folder / "ours.pem").write_bytes(private_pem(keys.merchant))
    (folder / "theirs.pem").write_bytes(public_pem(keys.platform))
    settings.GATEWAYS = {
        "wechat_pay": {
            "base_url": vendor.url + "/wechat", "app_id": wechat_world.APP_ID, "merchant_id": wechat_world.MERCHANT,
            "merchant_serial": "DEMO01", "merchant_key_file": str(folder / "ours.pem"),
            "apiv3_key": wechat_world.APIV3_KEY.decode(),
            "platform_public_keys": {f"{wechat_world.SERIAL:X}": str(folder / "theirs.pem")}, "timeout_s": 3.0,
        },
        "alipay": {
            "gateway_url": vendor.url + "/alipay/gateway.do", "app_id": alipay_world.APP_ID,
            "seller_id": alipay_world.SELLER_ID, "app_key_file": str(folder / "ours.pem"),
            "platform_public_key_file": str(folder / "theirs.pem"), "timeout_s": 3.0,
        },
    }  # fmt: skip
    gateways.gateway.cache_clear()
    availability._silences.clear()
    availability._back_at.clear()
    return Desk(vendor, keys)


def guards_look() -> None:
    """What the database checks at a commit, in a test that is one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def make_staff(name: str) -> User:
    return User.objects.create_user(name, "x", is_staff=True)


def paid_order(family: world.Family, gateway: str = "wechat_pay", trade_no: str = "") -> PaymentOrder:
    """王芳 has paid 1,000 yuan for herself and 500 for her father, in one order."""
    lines = [world.line_for(family.herself), world.line_for(family.father, tier_fen=50_000)]
    method = "qr" if gateway == "wechat_pay" else "page"
    order = world.hand_over(world.open_order(family.payer, *lines), gateway, method)
    paid = world.say_paid(order, trade_no or f"42000{order.order_no}")
    guards_look()
    return paid


def line_of(order: PaymentOrder, amount_fen: int = 50_000) -> Declaration:
    return Declaration.objects.get(order=order, amount_fen=amount_fen)


def ask_back(order: PaymentOrder, payer: User, amount_fen: int = 50_000) -> Refund:
    """王芳 asks for one line's money."""
    return request_refund(
        declaration_no=line_of(order, amount_fen).declaration_no, reason=Refund.Reason.WRONG_PLACE, note="选错了地方",
        actor=payer.actor, requested_by=payer,
    )  # fmt: skip


def approved(order: PaymentOrder, payer: User, staff: User, amount_fen: int = 50_000) -> Refund:
    refund = ask_back(order, payer, amount_fen)
    return approve_refund(refund_no=refund.refund_no, approved_by=staff, actor=staff.actor)


def hear(headers: dict[str, str], body: bytes) -> str:
    """What the hook does with a notice; what came of it."""
    received = receive_notification(gateway="wechat_pay", headers=headers, body=body)
    if received.notification_id is None:
        return f"answered {received.status}"
    return process_notification(notification_id=received.notification_id)


def now(refund: Refund) -> Refund:
    """The refund as it stands."""
    return Refund.objects.select_related("receipt").get(pk=refund.pk)
