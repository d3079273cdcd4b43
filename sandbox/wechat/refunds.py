"""Refunds of WeChat Pay: taken at once, done later. That one was taken says nothing of how it ends."""

import contextlib
import re
from datetime import timedelta

from django.http import HttpRequest

from sandbox import clock, dials, faults, refunds, writes
from sandbox.faults import Faults
from sandbox.models import Payment, Refund
from sandbox.wechat.answers import refund_answer
from sandbox.wechat.api import Answer, Rejected, authorized_merchant, bad, body_of, checked_url, door, text_of

REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
MOST_REFUNDS = 50  # of one order
DAYS = 365  # after the payment


def refused(message: str) -> Rejected:
    return Rejected(400, "INVALID_REQUEST", message)


def _fen(amount: dict[str, object], field: str) -> int:
    value = amount.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise bad(f"/amount/{field}", f"{field}须为大于0的整数，单位为分")
    return value


def _asked(content: dict[str, object]) -> tuple[refunds.Asked, int]:
    """What the body asks for, and the order's total that it names. Raises Rejected."""
    refund_no = text_of(content, "out_refund_no", most=64)
    if not REFUND_NO.fullmatch(refund_no):
        raise bad("/out_refund_no", "商户退款单号只能是数字、大小写字母_-|*@")
    amount = content.get("amount")
    if not isinstance(amount, dict):
        raise bad("/amount", "缺少amount")
    if amount.get("currency") != "CNY":
        raise bad("/amount/currency", "境内商户号仅支持人民币")
    asked = refunds.Asked(
        refund_no=refund_no,
        amount_fen=_fen(amount, "refund"),
        reason=text_of(content, "reason", most=80, needed=False),
        notify_url=checked_url(content) if content.get("notify_url") else "",
    )
    return asked, _fen(amount, "total")


def _payment(mchid: str, content: dict[str, object]) -> Payment | None:
    """The payment that the body names, by WeChat's number or the merchant's. Raises Rejected where it names none."""
    payments = Payment.objects.select_related("trade").filter(trade__gateway="wechat", trade__merchant=mchid)
    transaction_no = text_of(content, "transaction_id", most=32, needed=False)
    order_no = text_of(content, "out_trade_no", most=32, needed=False)
    if not transaction_no and not order_no:
        raise bad("/transaction_id", "transaction_id和out_trade_no必须二选一")
    if transaction_no:
        payments = payments.filter(transaction_no=transaction_no)
    if order_no:
        payments = payments.filter(trade__order_no=order_no)
    return payments.order_by("id").first()


def _repeated(known: Refund, payment: Payment, asked: refunds.Asked, total: int) -> Refund:
    """The same number names the same refund, for ever. Raises Rejected."""
    if known.payment_id != payment.id:
        raise refused("商户退款单号已用于另一笔订单")
    if (known.amount_fen, payment.amount_fen) != (asked.amount_fen, total):
        raise refused("订单金额或退款金额与之前请求不一致，请核实后再试")
    return known


def _check(payment: Payment, asked: refunds.Asked, total: int, struck: Faults) -> None:
    """Whether this payment may go back by so much. Raises Rejected."""
    if total != payment.amount_fen:
        raise refused("订单金额与支付时的金额不一致，请核实后再试")
    if payment.paid_at < clock.now() - timedelta(days=DAYS):
        raise refused("交易时间超过一年的订单无法提交退款")
    gone = payment.refunded_fen()
    if gone >= payment.amount_fen:
        raise refused("订单已全额退款")
    if gone + asked.amount_fen > payment.amount_fen:
        raise refused("申请退款金额超过订单可退金额")
    if payment.refunds.count() >= MOST_REFUNDS:
        raise refused(f"一笔订单最多支持{MOST_REFUNDS}次部分退款")
    apart = timedelta(seconds=dials.vendor_seconds(dials.number("refund_apart_seconds")))
    if payment.refunds.filter(asked_at__gt=clock.now() - apart).exists():
        raise Rejected(429, "FREQUENCY_LIMITED", "同一笔订单多次部分退款须间隔1分钟，请稍后重试")
    if "balance_short" in struck:
        raise Rejected(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")


def ask(request: HttpRequest) -> Answer:
    content: dict[str, object] = {}
    order_no, amount_fen = "", None
    with contextlib.suppress(Rejected):  # told below, signed, after the authorization has been judged
        content = body_of(request)
    named = Payment.objects.filter(trade__gateway="wechat")
    hint = named.filter(transaction_no=str(content.get("transaction_id", ""))).first() if content else None
    hint = hint or named.filter(trade__order_no=str(content.get("out_trade_no", ""))).first()
    if hint:
        order_no = hint.trade.order_no
    amount = content.get("amount")
    if isinstance(amount, dict) and isinstance(amount.get("refund"), int):
        amount_fen = amount["refund"]

    def act(struck: Faults) -> tuple[int, object]:
        mchid = authorized_merchant(request)
        content = body_of(request)
        asked, total = _asked(content)
        with writes.alone():
            payment = _payment(mchid, content)
            if payment is None:  # an unpaid order is none to it either
                raise Rejected(404, "RESOURCE_NOT_EXISTS", "订单不存在或还未支付，请检查订单号是否正确")
            known = Refund.objects.filter(gateway="wechat", merchant=mchid, refund_no=asked.refund_no).first()
            if known:
                return 200, refund_answer(_repeated(known, payment, asked, total), faults.NONE)
            _check(payment, asked, total, struck)
            taken = refunds.take(payment, asked, struck, seconds=dials.number("refund_seconds"))
            return 200, refund_answer(taken, faults.NONE)

    return door(request, "refund", act, order_no=order_no, amount_fen=amount_fen)


def query(request: HttpRequest, refund_no: str) -> Answer:
    known = Refund.objects.filter(gateway="wechat", refund_no=refund_no).select_related("payment__trade").first()

    def act(struck: Faults) -> tuple[int, object]:
        mchid = authorized_merchant(request)
        refund = Refund.objects.filter(gateway="wechat", merchant=mchid, refund_no=refund_no).first()
        if refund is None or "not_found" in struck:
            raise Rejected(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return 200, refund_answer(refund, struck)

    return door(
        request,
        "refund_query",
        act,
        order_no=known.payment.trade.order_no if known else "",
        amount_fen=known.amount_fen if known else None,
    )
