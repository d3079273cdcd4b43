"""Notices and returns of Alipay: signed parameters, by form POST to notify_url and in the query of return_url."""

import json
import secrets
from urllib.parse import urlencode

from sandbox import clock, merchants, secret_keys
from sandbox.alipay import wire
from sandbox.courier import Parcel
from sandbox.faults import NONE, Faults
from sandbox.models import Notice, Payment, Refund, Trade

RETURN_METHODS = {
    "FAST_INSTANT_TRADE_PAY": "alipay.trade.page.pay.return",
    "QUICK_WAP_WAY": "alipay.trade.wap.pay.return",
}


def another_order(order_no: str) -> str:
    newest = Trade.objects.filter(gateway="alipay").exclude(order_no=order_no).order_by("-id").first()
    return newest.order_no if newest else order_no[::-1]


def spoil(params: dict[str, str], struck: Faults) -> dict[str, str]:
    """The mix-ups that a merchant must notice although the signature is right."""
    wrong = struck.get("wrong_amount")
    if wrong:
        for name in ("total_amount", "receipt_amount", "buyer_pay_amount", "invoice_amount"):
            if name in params:
                params[name] = wire.yuan((wire.fen(params[name]) or 0) + int(wrong.number("by_fen", 1)))
    if "wrong_currency" in struck:
        params["trans_currency"] = params["settle_currency"] = "HKD"
    if "wrong_merchant" in struck:
        params["seller_id"] = "2088000000009999"
    if "wrong_app" in struck:
        params["app_id"] = params["auth_app_id"] = "2021000000009999"
    other = struck.get("other_order")
    if other:
        params["out_trade_no"] = str(other.params.get("order_no") or another_order(params["out_trade_no"]))
    return params


def signed(params: dict[str, str], struck: Faults = NONE) -> dict[str, str]:
    """With sign_type and sign, right or spoilt."""
    key = secret_keys.stranger() if "forged" in struck or "unknown_serial" in struck else secret_keys.alipay_private()
    if "unsigned" in struck:
        return params
    return params | {"sign_type": "RSA2", "sign": wire.sign(key, wire.notice_text(params))}


class AlipayCarrier:
    # 4 m, 10 m, 10 m, 1 h, 2 h, 6 h, 15 h after the first: eight tries in about 25 hours
    TIMETABLE = (240, 600, 600, 3600, 7200, 21600, 54000)

    def new_notice_id(self) -> str:
        return f"{clock.now():%Y%m%d}00222{secrets.randbelow(10**21):021d}"

    def compose(self, notice_id: str, trade: Trade, payment: Payment, struck: Faults) -> str:
        return json.dumps(spoil(self._told(notice_id, trade, payment), struck), ensure_ascii=False)

    def tells_of(self, refund: Refund) -> bool:
        """Only money that has gone back is told; a refund that came to nothing is not."""
        return refund.status == Refund.SUCCESS

    def compose_refund(self, notice_id: str, refund: Refund, struck: Faults) -> str:
        """The trade's state once more, with all that went back so far: it stays paid until nothing is left."""
        payment, ended = refund.payment, refund.ended_at or clock.now()
        back = payment.refunds.filter(status=Refund.SUCCESS).values_list("amount_fen", flat=True)
        told = self._told(notice_id, payment.trade, payment)
        told |= {
            "refund_fee": wire.yuan(sum(back)),
            "gmt_refund": f"{clock.plain(ended)}.{ended.microsecond // 1000:03d}",
            "out_biz_no": refund.refund_no,
        }
        if payment.is_refunded_whole():
            told |= {"trade_status": "TRADE_CLOSED", "gmt_close": clock.plain(ended)}
        return json.dumps(spoil(told, struck), ensure_ascii=False)

    def _told(self, notice_id: str, trade: Trade, payment: Payment) -> dict[str, str]:
        amount = wire.yuan(payment.amount_fen)
        params = {
            "gmt_create": clock.plain(trade.opened_at or payment.paid_at),
            "charset": "utf-8",
            "gmt_payment": clock.plain(payment.paid_at),
            "notify_type": "trade_status_sync",
            "subject": trade.description,
            "buyer_id": payment.payer,
            "invoice_amount": amount,
            "version": "1.0",
            "notify_id": notice_id,
            "fund_bill_list": json.dumps([{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}], separators=(",", ":")),
            "trade_status": "TRADE_SUCCESS",
            "out_trade_no": trade.order_no,
            "total_amount": amount,
            "receipt_amount": amount,
            "buyer_pay_amount": amount,
            "point_amount": "0.00",
            "trade_no": payment.transaction_no,
            "auth_app_id": trade.merchant,
            "app_id": trade.merchant,
            "seller_id": merchants.alipay_seller_id(trade.merchant),
        }
        if trade.attach:
            params["passback_params"] = trade.attach
        return params

    def pack(self, notice: Notice, struck: Faults) -> Parcel:
        params: dict[str, str] = json.loads(notice.body)
        moment = clock.epoch()
        stale = struck.get("stale")
        if stale:
            moment -= stale.number("seconds", 600)
        params["notify_time"] = clock.plain(clock.from_epoch(moment))
        body = urlencode(signed(params, struck)).encode()
        if "not_utf8" in struck:
            body += b"&x=%ff%fe"
        return Parcel(headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body=body)

    def is_accepted(self, status: int, body: bytes) -> bool:
        """Only these seven characters count, whatever the status says besides."""
        return status == 200 and body == b"success"


def return_address(trade: Trade, payment: Payment) -> str:
    """return_url with the signed parameters of the front-channel return. Proves nothing, as with the real one."""
    params = {
        "charset": "utf-8",
        "out_trade_no": trade.order_no,
        "method": RETURN_METHODS[trade.product],
        "total_amount": wire.yuan(payment.amount_fen),
        "trade_no": payment.transaction_no,
        "auth_app_id": trade.merchant,
        "version": "1.0",
        "app_id": trade.merchant,
        "seller_id": merchants.alipay_seller_id(trade.merchant),
        "timestamp": clock.plain(clock.now()),
    }
    return trade.return_url + ("&" if "?" in trade.return_url else "?") + urlencode(signed(params))
