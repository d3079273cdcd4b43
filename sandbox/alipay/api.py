"""Alipay's one gateway address: requests of merchants' servers, and of browsers on their way to the cashier."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render

from sandbox import clock, events, faults, merchants, payments, secret_keys, writes
from sandbox.alipay import bills, refunds, wire
from sandbox.alipay.errors import NOT_EXIST, Refused, business, invalid
from sandbox.alipay.notices import spoil
from sandbox.faults import Faults
from sandbox.models import Payment, Trade

Answer = HttpResponse | StreamingHttpResponse
ORDER_NO = re.compile(r"[0-9A-Za-z_]{1,64}")
CASHIERS = {
    "alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY",
    "alipay.trade.wap.pay": "QUICK_WAP_WAY",
}
PRODUCT_CODES = {  # the second wap code is an old name that merchants still send
    "FAST_INSTANT_TRADE_PAY": {"FAST_INSTANT_TRADE_PAY"},
    "QUICK_WAP_WAY": {"QUICK_WAP_WAY", "QUICK_WAP_PAY"},
}
BILL = "alipay.data.dataservice.bill.downloadurl.query"
POINTS = {
    "alipay.trade.query": "query",
    "alipay.trade.close": "close",
    "alipay.trade.cancel": "cancel",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "refund_query",
    BILL: "bill",
}


def node_answer(method: str, content: dict[str, object], struck: Faults) -> HttpResponse:
    """{"<method>_response": node, "sign": signature over the node's own text}"""
    node = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    name = method.replace(".", "_") + "_response" if method else "error_response"
    if "unsigned" in struck:
        body = f'{{"{name}":{node}}}'
    else:
        key = secret_keys.stranger() if "forged" in struck else secret_keys.alipay_private()
        body = f'{{"{name}":{node},"sign":"{wire.sign(key, node.encode())}"}}'
    return HttpResponse(body.encode(), content_type="text/html;charset=utf-8")


def checked_params(request: HttpRequest) -> dict[str, str]:
    """The parameters, with a good signature of the app's key. Raises Refused."""
    params = {name: str(value) for name, value in request.GET.items()}
    params |= {name: str(value) for name, value in request.POST.items()}
    for name in ("app_id", "method", "sign", "sign_type", "timestamp", "version", "charset"):
        if not params.get(name):
            raise invalid(f"isv.missing-{name.replace('_', '-')}", f"缺少参数{name}")
    key = secret_keys.merchant_key("alipay_app")
    if not merchants.is_alipay_app(params["app_id"]) or key is None:
        raise invalid("isv.invalid-app-id", "无效的AppID参数")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", params["timestamp"]):
        raise invalid("isv.invalid-timestamp", "非法的时间戳参数")
    if params["sign_type"] != "RSA2":
        raise invalid("isv.invalid-signature-type", "无效的签名类型")
    if params["charset"].lower() != "utf-8":
        raise invalid("isv.invalid-charset", "字符集错误")
    if not wire.is_signed(key, wire.request_text(params), params["sign"]):
        raise invalid("isv.invalid-signature", "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配")
    return params


def content_of(params: dict[str, str]) -> dict[str, object]:
    try:
        content = json.loads(params.get("biz_content", ""))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise invalid("isv.invalid-parameter", "biz_content不是合法的JSON")
    return content


def _order_of(transaction_no: str) -> str:
    """The merchant's number of what is asked about by Alipay's: faults are aimed at it."""
    trades = Trade.objects.filter(gateway="alipay", payments__transaction_no=transaction_no)
    return trades.values_list("order_no", flat=True).first() or ""


def gateway(request: HttpRequest) -> Answer:
    """Both doors of Alipay: a browser gets the cashier, a server a signed node."""
    params = {**request.GET.dict(), **request.POST.dict()}
    method = str(params.get("method", ""))
    try:
        hint = json.loads(str(params.get("biz_content", "")))
        order_no = str(hint.get("out_trade_no", ""))[:64] or _order_of(str(hint.get("trade_no", "")))
        order_no = str(hint.get("bill_date", ""))[:64] if method == BILL else order_no  # bills go by their day
    except (ValueError, AttributeError):
        hint, order_no = {}, ""
    cashier = method in CASHIERS
    point = "create" if cashier else POINTS.get(method, "query")
    known = Trade.objects.filter(gateway="alipay", order_no=order_no).first() if order_no else None
    amount = known.amount_fen if known else wire.fen(str(hint.get("total_amount", ""))) if hint else None
    struck = faults.take("alipay", point, order_no=order_no, amount_fen=amount)
    events.note(request, events.Note("alipay", point, order_no, [fault.name for fault in struck]))

    def refuse(reason: str, status: int) -> HttpResponse:
        if reason == "too_many":
            limited = Refused("40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限")
            return node_answer(method, dict(limited.content), struck)
        answer = node_answer(method, dict(business("ACQ.SYSTEM_ERROR", "系统错误").content), struck)
        answer.status_code = status
        return answer

    act = (lambda: to_cashier(request, struck)) if cashier else (lambda: to_server(request, method, struck))
    return faults.serve(request, struck, act, refuse=refuse)


# The browser's way


def to_cashier(request: HttpRequest, struck: Faults) -> HttpResponse:
    try:
        params = checked_params(request)
        trade = _place(_ordered(params, content_of(params)))
    except Refused as refused:
        return render(request, "sandbox/alipay_error.html", refused.content, status=400)
    if "pay_first" in struck:
        payments.pay(trade.id)
        payments.wait_for_notices(trade, seconds=5)
    return HttpResponseRedirect(f"/alipay/cashier/{trade.token}")


def _expiry(content: dict[str, object]) -> datetime:
    """time_expire wins over timeout_express; without both 15 days. Raises Refused."""
    if content.get("time_expire"):
        try:
            moment = datetime.strptime(str(content["time_expire"]), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        except ValueError:
            raise business("ACQ.INVALID_PARAMETER", "time_expire格式错误") from None
        return moment.replace(tzinfo=clock.SHANGHAI)
    text = str(content.get("timeout_express") or "15d")
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    if text == "1c":
        midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=1)
    if not re.fullmatch(r"[1-9]\d{0,4}[mhd]", text):
        raise business("ACQ.INVALID_PARAMETER", "timeout_express格式错误")
    return clock.now() + int(text[:-1]) * units[text[-1]]


def _ordered(params: dict[str, str], content: dict[str, object]) -> Trade:
    product = CASHIERS[params["method"]]
    order_no, subject = str(content.get("out_trade_no", "")), str(content.get("subject", ""))
    amount = wire.fen(str(content.get("total_amount", "")))
    if not ORDER_NO.fullmatch(order_no) or not subject or len(subject) > 256 or amount is None:
        raise business("ACQ.INVALID_PARAMETER", "参数无效：out_trade_no、subject或total_amount")
    if content.get("product_code", product) not in PRODUCT_CODES[product]:
        raise business("ACQ.INVALID_PARAMETER", "参数无效：product_code")
    told = {name: content.get(name) for name in ("subject", "total_amount", "passback_params")}
    moment = clock.now()
    return Trade(
        gateway="alipay",
        product=product,
        merchant=params["app_id"],
        order_no=order_no,
        amount_fen=amount,
        description=subject,
        attach=str(content.get("passback_params", ""))[:512],
        notify_url=params.get("notify_url", "")[:256],
        return_url=params.get("return_url", "")[:512],
        quit_url=str(content.get("quit_url", ""))[:512],
        digest=hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(),
        token=secrets.token_urlsafe(12),
        created_at=moment,
        linked_at=moment,
        expires_at=_expiry(content),
    )


def _place(ordered: Trade) -> Trade:
    """Keep the order, or find it: the same number may come again with the same words until it is paid or closed."""
    with writes.alone():
        trade = Trade.objects.filter(gateway="alipay", merchant=ordered.merchant, order_no=ordered.order_no).first()
        if trade is None:
            if ordered.is_expired(clock.now()):
                raise business("ACQ.INVALID_PARAMETER", "交易已超时")
            ordered.save()
            return ordered
        if trade.digest != ordered.digest:
            raise business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
        if trade.payments.exists():
            raise business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
        if is_closed(trade):
            raise business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
        trade.linked_at = clock.now()
        trade.save(update_fields=["linked_at"])
        return trade


# The server's way


def is_closed(trade: Trade) -> bool:
    """Alipay closes a trade by itself when its time is up, without a word."""
    return trade.closed_at is not None or trade.is_expired(clock.now())


def to_server(request: HttpRequest, method: str, struck: Faults) -> HttpResponse:
    try:
        params = checked_params(request)
        if method not in {*ACTS, BILL}:
            raise invalid("isv.invalid-method", "不存在的方法名")
        content = content_of(params)
        if method == BILL:
            bill = bills.ask(request, params["app_id"], content, struck)
            return node_answer(method, {"code": "10000", "msg": "Success", **bill}, struck)
        if not content.get("out_trade_no") and not content.get("trade_no"):
            raise business("ACQ.INVALID_PARAMETER", "out_trade_no和trade_no不能同时为空")
        answer = ACTS[method](_known(params["app_id"], content), content, struck)
    except Refused as refused:
        return node_answer(method, dict(refused.content), struck)
    return node_answer(method, {"code": "10000", "msg": "Success", **answer}, struck)


def _known(app_id: str, content: dict[str, object]) -> Trade:
    """The trade, if it exists: before the buyer had it in hand there is none. Raises Refused."""
    trades = Trade.objects.filter(gateway="alipay", merchant=app_id, opened_at__isnull=False)
    if content.get("trade_no"):
        number = str(content["trade_no"])
        trade = trades.filter(Q(transaction_no=number) | Q(payments__transaction_no=number)).first()
    else:
        trade = trades.filter(order_no=str(content["out_trade_no"])).first()
    if trade is None:
        raise NOT_EXIST
    return trade


def _names(trade: Trade, payment: Payment | None) -> dict[str, object]:
    number = payment.transaction_no if payment else trade.transaction_no
    return {"trade_no": number, "out_trade_no": trade.order_no}


def query(trade: Trade, content: dict[str, object], struck: Faults) -> dict[str, object]:
    if "not_found" in struck:
        raise NOT_EXIST
    payment = trade.first_payment()
    if "not_paid" in struck or "user_paying" in struck:
        payment = None
    if payment and not payment.is_refunded_whole():
        state = "TRADE_SUCCESS"
    elif payment:
        state = "TRADE_CLOSED"
    else:
        state = "TRADE_CLOSED" if is_closed(trade) and "not_paid" not in struck else "WAIT_BUYER_PAY"
    amount = wire.yuan(payment.amount_fen if payment else trade.amount_fen)
    answer = {
        **_names(trade, payment),
        "buyer_logon_id": "dem***@example.com",
        "buyer_user_id": payment.payer if payment else "2088000000009001",
        "trade_status": state,
        "total_amount": amount,
        "receipt_amount": amount if payment else "0.00",
        "buyer_pay_amount": amount if payment else "0.00",
        "invoice_amount": amount if payment else "0.00",
        "point_amount": "0.00",
    }
    if payment:
        answer["send_pay_date"] = clock.plain(payment.paid_at)
    return spoil({name: str(value) for name, value in answer.items()}, struck)  # type: ignore[return-value]


def close(trade: Trade, content: dict[str, object], struck: Faults) -> dict[str, object]:
    if "not_found" in struck:
        raise NOT_EXIST
    with writes.alone():
        trade.refresh_from_db()
        if trade.payments.exists():
            raise business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
        if is_closed(trade):
            raise business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        if "close_ignored" not in struck:
            Trade.objects.filter(id=trade.id).update(closed_at=clock.now())
    return _names(trade, None)


def cancel(trade: Trade, content: dict[str, object], struck: Faults) -> dict[str, object]:
    """Undo an unknown outcome: what is unpaid is closed, what is paid goes back to the buyer whole."""
    moment = clock.now()
    with writes.alone():
        if any(payment.refunded_fen() for payment in trade.payments.all()):  # or a part would go back twice
            raise business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        paid = Payment.objects.filter(trade=trade, returned_at=None).update(returned_at=moment)
        Trade.objects.filter(id=trade.id, closed_at=None).update(closed_at=moment)
    return {**_names(trade, trade.first_payment()), "retry_flag": "N", "action": "refund" if paid else "close"}


ACTS: dict[str, Callable[[Trade, dict[str, object], Faults], dict[str, object]]] = {
    "alipay.trade.query": query,
    "alipay.trade.close": close,
    "alipay.trade.cancel": cancel,
    "alipay.trade.refund": refunds.ask,
    "alipay.trade.fastpay.refund.query": refunds.query,
}
