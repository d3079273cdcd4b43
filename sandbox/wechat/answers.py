"""What WeChat Pay says about a trade, in answers and notices."""

from sandbox import clock
from sandbox.faults import Faults
from sandbox.models import Payment, Refund, Trade

DESCRIPTIONS = {
    "SUCCESS": "支付成功",
    "NOTPAY": "订单未支付",
    "CLOSED": "订单已关闭",
    "USERPAYING": "需要用户输入支付密码",
    "REFUND": "转入退款",
}


def spoil(content: dict[str, object], struck: Faults) -> dict[str, object]:
    """The mix-ups that a merchant must notice although the signature is right."""
    amount = content.get("amount")
    wrong = struck.get("wrong_amount")
    if wrong and isinstance(amount, dict):
        told = "refund" if "refund" in amount else "total"
        amount[told] += int(wrong.number("by_fen", 1))
        paid_by_payer = "payer_refund" if told == "refund" else "payer_total"
        if paid_by_payer in amount:
            amount[paid_by_payer] = amount[told]
    if "wrong_currency" in struck and isinstance(amount, dict):
        amount["currency"] = amount["payer_currency"] = "HKD"
    if "wrong_merchant" in struck:
        content["mchid"] = "1900009999"
    if "wrong_app" in struck:
        content["appid"] = "wx00000000deadbeef"
    other = struck.get("other_order")
    if other:
        content["out_trade_no"] = str(other.params.get("order_no") or _another_order(str(content["out_trade_no"])))
    return content


def _another_order(order_no: str) -> str:
    """The newest other order, else a number that nobody has."""
    newest = Trade.objects.filter(gateway="wechat").exclude(order_no=order_no).order_by("-id").first()
    return newest.order_no if newest else order_no[::-1]


def paid_answer(trade: Trade, payment: Payment, struck: Faults) -> dict[str, object]:
    content: dict[str, object] = {
        "mchid": trade.merchant,
        "appid": trade.appid,
        "out_trade_no": trade.order_no,
        "transaction_id": payment.transaction_no,
        "trade_type": trade.product,
        "trade_state": "SUCCESS",
        "trade_state_desc": DESCRIPTIONS["SUCCESS"],
        "bank_type": "OTHERS",
        "attach": trade.attach,
        "success_time": clock.rfc3339(payment.paid_at),
        "payer": {"openid": payment.payer},
        "amount": {
            "total": payment.amount_fen,
            "payer_total": payment.amount_fen,
            "currency": payment.currency,
            "payer_currency": payment.currency,
        },
    }
    return spoil(content, struck)


def unpaid_answer(trade: Trade, state: str, struck: Faults) -> dict[str, object]:
    content: dict[str, object] = {
        "mchid": trade.merchant,
        "appid": trade.appid,
        "out_trade_no": trade.order_no,
        "trade_state": state,
        "trade_state_desc": DESCRIPTIONS[state],
        "amount": {"total": trade.amount_fen, "payer_currency": trade.currency},
        "promotion_detail": [],
        "scene_info": {"device_id": ""},
    }
    return spoil(content, struck)


def query_answer(trade: Trade, struck: Faults) -> dict[str, object]:
    """An order that ran out of time stays NOTPAY until the merchant closes it: expiry is no evidence."""
    payment = trade.first_payment()
    if "user_paying" in struck:
        return unpaid_answer(trade, "USERPAYING", struck)
    if "not_paid" in struck:
        return unpaid_answer(trade, "NOTPAY", struck)
    if payment:
        answer = paid_answer(trade, payment, struck)
        if payment.refunds.exclude(status=Refund.CLOSED).exists():  # also of a part, and before it is done
            answer |= {"trade_state": "REFUND", "trade_state_desc": DESCRIPTIONS["REFUND"]}
        return answer
    return unpaid_answer(trade, "CLOSED" if trade.closed_at else "NOTPAY", struck)


def refund_answer(refund: Refund, struck: Faults) -> dict[str, object]:
    """What is said of a refund when it is asked for or asked about. Neither names the merchant."""
    payment, fen = refund.payment, refund.amount_fen
    status = Refund.PROCESSING if "still_processing" in struck else refund.status
    content: dict[str, object] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.refund_no,
        "transaction_id": payment.transaction_no,
        "out_trade_no": payment.trade.order_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": clock.rfc3339(refund.asked_at),
        "status": status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": payment.amount_fen,
            "refund": fen,
            "from": [],
            "payer_total": payment.amount_fen,
            "payer_refund": fen,
            "settlement_refund": fen,
            "settlement_total": payment.amount_fen,
            "discount_refund": 0,
            "currency": payment.currency,
            "refund_fee": 0,
        },
        "promotion_detail": [],
    }
    if status == Refund.SUCCESS and refund.ended_at:
        content["success_time"] = clock.rfc3339(refund.ended_at)
    return spoil(content, struck)


def refund_notice(refund: Refund, struck: Faults) -> dict[str, object]:
    """The resource of a refund notice."""
    payment, fen = refund.payment, refund.amount_fen
    content: dict[str, object] = {
        "mchid": refund.merchant,
        "out_trade_no": payment.trade.order_no,
        "transaction_id": payment.transaction_no,
        "out_refund_no": refund.refund_no,
        "refund_id": refund.refund_id,
        "refund_status": refund.status,
        "user_received_account": "支付用户零钱",
        "amount": {
            "total": payment.amount_fen,
            "refund": fen,
            "payer_total": payment.amount_fen,
            "payer_refund": fen,
        },
    }
    if refund.status == Refund.SUCCESS and refund.ended_at:
        content["success_time"] = clock.rfc3339(refund.ended_at)
    return spoil(content, struck)
