"""What UnionPay signs and sends by itself: the back notice, and the form that the buyer's browser brings back."""

import json
import secrets
from datetime import timedelta
from urllib.parse import urlencode

from sandbox import clock, secret_keys
from sandbox.courier import Parcel
from sandbox.faults import NONE, Faults
from sandbox.models import Notice, Payment, Refund, Trade
from sandbox.unionpay import certificates, wire

STRANGE_MERCHANT = "898371000009999"
OK = ("00", "成功[0000000]")
DONE = {"respCode": OK[0], "respMsg": OK[1]}


def signed(fields: dict[str, str], struck: Faults = NONE) -> dict[str, str]:
    """With certificate and signature, right or spoilt."""
    if "unsigned" in struck:
        return fields
    signer = certificates.stranger() if "unknown_serial" in struck else certificates.platform()
    key = secret_keys.stranger() if "forged" in struck else signer.key
    given = fields | {"version": "5.1.0", "signMethod": "01", "signPubKeyCert": signer.pem.replace("\n", "\r\n")}
    return given | {"signature": wire.sign(key, given)}


def names(trade: Trade) -> dict[str, str]:
    return {
        "accessType": "0",
        "encoding": "UTF-8",
        "merId": trade.merchant,
        "orderId": trade.order_no,
        "txnTime": trade.attach,
    }


def facts(trade: Trade, payment: Payment) -> dict[str, str]:
    """What there is to say of a payment. UnionPay's day ends at 23:00."""
    amount = str(payment.amount_fen)
    paid_at = payment.paid_at.astimezone(clock.SHANGHAI)
    return names(trade) | {
        "bizType": "000201",
        "txnType": "01",
        "txnSubType": "01",
        "txnAmt": amount,
        "currencyCode": "156",
        "settleAmt": amount,
        "settleCurrencyCode": "156",
        "settleDate": f"{paid_at + timedelta(hours=1):%m%d}",
        "traceNo": payment.transaction_no[-6:],
        "traceTime": wire.local(paid_at)[4:],
        "queryId": payment.transaction_no,
        "payCardType": "01",
        "accNo": payment.payer,
    }


def refund_facts(refund: Refund) -> dict[str, str]:
    """What there is to say of a refund: a transaction of its own number and time, which names the payment's."""
    amount = str(refund.amount_fen)
    ended_at = (refund.ended_at or refund.asked_at).astimezone(clock.SHANGHAI)
    return facts(refund.payment.trade, refund.payment) | {
        "orderId": refund.refund_no,
        "txnTime": refund.reason,
        "txnType": "04",
        "txnSubType": "00",
        "txnAmt": amount,
        "settleAmt": amount,
        "settleDate": f"{ended_at + timedelta(hours=1):%m%d}",
        "traceNo": refund.refund_id[-6:],
        "traceTime": wire.local(ended_at)[4:],
        "queryId": refund.refund_id,
        "origQryId": refund.payment.transaction_no,
    }


def queried(code: str, message: str) -> dict[str, str]:
    """The answer to a query: it was understood, and the transaction asked about stands at this code."""
    asked = {"txnType": "00", "txnSubType": "00", "bizType": "000201"}
    return asked | {"origRespCode": code, "origRespMsg": message} | DONE


def spoil(fields: dict[str, str], struck: Faults) -> dict[str, str]:
    """The mix-ups that a merchant must notice although the signature is right."""
    wrong = struck.get("wrong_amount")
    if wrong and "txnAmt" in fields:
        fields["txnAmt"] = fields["settleAmt"] = str(int(fields["txnAmt"]) + int(wrong.number("by_fen", 1)))
    if "wrong_currency" in struck and "currencyCode" in fields:
        fields["currencyCode"] = fields["settleCurrencyCode"] = "344"
    if "wrong_merchant" in struck:
        fields["merId"] = STRANGE_MERCHANT
    other = struck.get("other_order")
    if other:
        newest = Trade.objects.filter(gateway="unionpay").exclude(order_no=fields["orderId"]).order_by("-id").first()
        another = newest.order_no if newest else fields["orderId"][::-1]
        fields["orderId"] = str(other.params.get("order_no") or another)
    return fields


class UnionPayCarrier:
    TIMETABLE = (60, 120, 240, 300)  # one, two, four and five minutes: five tries

    def new_notice_id(self) -> str:
        """For our own rows: the notice itself has none."""
        return f"unionpay-{secrets.token_hex(12)}"

    def compose(self, notice_id: str, trade: Trade, payment: Payment, struck: Faults) -> str:
        fields = facts(trade, payment) | DONE
        return json.dumps(spoil(fields, struck), ensure_ascii=False)

    def tells_of(self, refund: Refund) -> bool:
        """Only money that has gone back is told; a refund that came to nothing is to be asked about."""
        return refund.status == Refund.SUCCESS

    def compose_refund(self, notice_id: str, refund: Refund, struck: Faults) -> str:
        fields = refund_facts(refund) | DONE
        return json.dumps(spoil(fields, struck), ensure_ascii=False)

    def pack(self, notice: Notice, struck: Faults) -> Parcel:
        fields: dict[str, str] = json.loads(notice.body)
        stale = struck.get("stale")
        if stale:
            moment = clock.now() - timedelta(seconds=stale.number("seconds", 600))
            fields["traceTime"] = wire.local(moment)[4:]
        body = urlencode(signed(fields, struck)).encode()
        if "not_utf8" in struck:
            body += b"&x=%ff%fe"
        return Parcel(headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}, body=body)

    def is_accepted(self, status: int, body: bytes) -> bool:
        return status == 200 and body == b"ok"


def return_fields(trade: Trade, payment: Payment) -> dict[str, str]:
    """What the browser posts to frontUrl: signed as a notice is, and as little a proof."""
    return signed(facts(trade, payment) | DONE)
