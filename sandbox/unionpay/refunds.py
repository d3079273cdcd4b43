"""Refunds of UnionPay: transactions of their own, taken at once and done later, asked about as payments are."""

from sandbox import dials, refunds, writes
from sandbox.faults import Faults
from sandbox.models import Payment, Refund
from sandbox.unionpay import wire
from sandbox.unionpay.errors import Refused
from sandbox.unionpay.notices import DONE, OK, names, queried, refund_facts

ENDS = {
    Refund.SUCCESS: OK,
    Refund.PROCESSING: ("05", "交易已受理，请稍后查询交易结果"),
    Refund.ABNORMAL: ("61", "输入的卡号无效，请确认后输入"),
    Refund.CLOSED: ("01", "交易失败，详情请咨询95516"),
}


def named(merchant: str, refund_no: str) -> Refund | None:
    """By the merchant's own number; ``found`` looks at the time."""
    chosen = Refund.objects.filter(gateway="unionpay", merchant=merchant, refund_no=refund_no)
    return chosen.select_related("payment__trade").first()


def payment_named(merchant: str, query_id: str) -> Payment | None:
    paid = Payment.objects.filter(trade__gateway="unionpay", trade__merchant=merchant, transaction_no=query_id)
    return paid.select_related("trade").first()


def ask(fields: dict[str, str], struck: Faults) -> dict[str, str]:
    """Taken is not refunded. A number that came before is 12, whatever became of it. Raises Refused."""
    amount = wire.fen(fields.get("txnAmt", ""))
    for name in ("origQryId", "backUrl"):
        if not fields.get(name):
            raise Refused("13", name)
    if amount is None:
        raise Refused("10", "txnAmt")
    with writes.alone():
        if named(fields["merId"], fields["orderId"]):
            raise Refused("12")
        payment = payment_named(fields["merId"], fields["origQryId"])
        if payment is None:
            raise Refused("34", "2600000")
        if payment.is_refunded_whole():
            raise Refused("35")
        if payment.refunded_fen() + amount > payment.amount_fen:
            raise Refused("33")
        if "balance_short" in struck:
            raise Refused("64")
        asked = refunds.Asked(
            refund_no=fields["orderId"],
            amount_fen=amount,
            reason=fields["txnTime"],  # UnionPay is given no reason; the time names the refund together with the number
            notify_url=fields["backUrl"][:256],
        )
        taken = refunds.take(payment, asked, struck, seconds=dials.number("unionpay_refund_seconds"))
    unclear = struck.get("unclear")
    if unclear:  # 03, 04 or 05
        told = {"respCode": str(unclear.params.get("code", "05")), "respMsg": "交易状态未明，请查询对账结果"}
        return _names(taken) | {"txnType": "04", "txnSubType": "00", "bizType": "000201"} | told
    facts = refund_facts(taken)
    return {name: value for name, value in facts.items() if name not in LATER} | DONE


LATER = ("settleAmt", "settleCurrencyCode", "settleDate", "traceNo", "traceTime", "accNo", "payCardType")
"""What the answer to a refund does not say yet."""


def found(refund: Refund, fields: dict[str, str], struck: Faults) -> dict[str, str]:
    """The refund of this number and time. Raises Refused."""
    if refund.reason != fields["txnTime"] or "not_found" in struck:
        raise Refused("34", "2600000")
    code, message = ENDS[Refund.PROCESSING if "still_processing" in struck else refund.status]
    told = refund_facts(refund) if code == OK[0] else _names(refund)
    return {name: value for name, value in told.items() if name != "origQryId"} | queried(code, message)


def _names(refund: Refund) -> dict[str, str]:
    return names(refund.payment.trade) | {"orderId": refund.refund_no, "txnTime": refund.reason}
