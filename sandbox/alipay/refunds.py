"""Refunds of Alipay: done when they are answered, and asked about under the merchant's own number."""

from sandbox import clock, dials, refunds, writes
from sandbox.alipay import wire
from sandbox.alipay.errors import NOT_EXIST, business
from sandbox.alipay.notices import spoil
from sandbox.faults import Faults
from sandbox.models import Payment, Refund, Trade


def _request_no(content: dict[str, object], trade: Trade) -> str:
    """Without a number of its own a refund goes by the order's, and then the order has only this one."""
    return str(content.get("out_request_no") or trade.order_no)[:64]


def _asked(content: dict[str, object], trade: Trade, payment: Payment) -> refunds.Asked:
    amount = wire.fen(str(content.get("refund_amount", "")))
    if amount is None:
        raise business("ACQ.INVALID_PARAMETER", "参数无效：refund_amount")
    if not content.get("out_request_no") and amount != payment.amount_fen:
        raise business("ACQ.INVALID_PARAMETER", "部分退款须传out_request_no")
    return refunds.Asked(
        refund_no=_request_no(content, trade),
        amount_fen=amount,
        reason=str(content.get("refund_reason", ""))[:256],
        notify_url=trade.notify_url,
    )


def _check(payment: Payment, asked: refunds.Asked, struck: Faults) -> None:
    if payment.is_refunded_whole():
        raise business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    if payment.refunded_fen() + asked.amount_fen > payment.amount_fen:
        raise business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
    if "balance_short" in struck:
        raise business("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")


def ask(trade: Trade, content: dict[str, object], struck: Faults) -> dict[str, object]:
    """fund_change says whether this very call moved money: N for a repeated one, and for one that is not done yet."""
    with writes.alone():
        payment = trade.payments.order_by("id").first()
        if content.get("trade_no"):
            payment = trade.payments.filter(transaction_no=str(content["trade_no"])).first() or payment
        if payment is None:
            raise business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        asked = _asked(content, trade, payment)
        known = Refund.objects.filter(payment__trade=trade, refund_no=asked.refund_no).first()
        if known and (known.amount_fen, known.payment_id) != (asked.amount_fen, payment.id):
            raise business("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
        changed, seconds = False, dials.number("alipay_refund_seconds")
        if known is None or known.status in {Refund.ABNORMAL, Refund.CLOSED}:
            _check(payment, asked, struck)
            if known is None:
                known = refunds.take(payment, asked, struck, seconds=seconds)
            else:
                refunds.again(known, struck, seconds=seconds)
            changed = known.status == Refund.SUCCESS
    back = payment.refunds.filter(status=Refund.SUCCESS)
    answer: dict[str, object] = {
        "trade_no": payment.transaction_no,
        "out_trade_no": trade.order_no,
        "buyer_logon_id": "dem***@example.com",
        "buyer_user_id": payment.payer,
        "fund_change": "Y" if changed else "N",
        "refund_fee": wire.yuan(sum(back.values_list("amount_fen", flat=True))),
        "send_back_fee": wire.yuan(known.amount_fen if changed else 0),
    }
    if known.ended_at and known.status == Refund.SUCCESS:
        answer["gmt_refund_pay"] = clock.plain(known.ended_at)
    return answer


def query(trade: Trade, content: dict[str, object], struck: Faults) -> dict[str, object]:
    """Only a refund that is done has data. Anything else is an empty success: it says nothing at all."""
    if not content.get("out_request_no"):
        raise business("ACQ.INVALID_PARAMETER", "参数无效：out_request_no")
    refunded = Refund.objects.filter(payment__trade=trade, refund_no=_request_no(content, trade))
    refund = refunded.select_related("payment").first()
    if trade.first_payment() is None:
        raise NOT_EXIST
    if refund is None or refund.status != Refund.SUCCESS or {"not_found", "still_processing"} & struck.names():
        return {}
    answer = {
        "trade_no": refund.payment.transaction_no,
        "out_trade_no": trade.order_no,
        "out_request_no": refund.refund_no,
        "refund_reason": refund.reason,
        "total_amount": wire.yuan(refund.payment.amount_fen),
        "refund_amount": wire.yuan(refund.amount_fen),
        "refund_status": "REFUND_SUCCESS",
    }
    if "gmt_refund_pay" in str(content.get("query_options", "")) and refund.ended_at:
        answer["gmt_refund_pay"] = clock.plain(refund.ended_at)
    wrong = struck.get("wrong_amount")
    if wrong:
        answer["refund_amount"] = wire.yuan(refund.amount_fen + int(wrong.number("by_fen", 1)))
    return dict(spoil(answer, struck.without("wrong_amount")))
