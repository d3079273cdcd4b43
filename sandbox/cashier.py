"""The cashier page of all wallets: what a buyer can do with an order in front of him, and what he can do wrong."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render

from sandbox import clock, dials, events, faults, writes
from sandbox.alipay.notices import return_address
from sandbox.models import Payment, Trade
from sandbox.payments import CannotPay, new_transaction_no, pay, pay_later
from sandbox.unionpay.notices import return_fields

Answer = HttpResponse | StreamingHttpResponse
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
REFUSALS = {
    "paid": "这笔订单已经付过款",
    "closed": "商家已关闭这笔订单",
    "expired": "这笔订单已过付款时间",
}


def is_registered(url: str) -> bool:
    """Wallets send browsers back only to addresses that the merchant registered: the portal's."""
    parts = urlsplit(url)
    known = {urlsplit(settings.PORTAL_BASE_URL).hostname} | LOOPBACK
    return parts.scheme in {"http", "https"} and parts.hostname in known


def open_trade(trade: Trade) -> Trade:
    """A buyer has the order in hand: from now on Alipay knows the trade."""
    if trade.opened_at is None:
        moment = clock.now()
        with writes.alone():
            Trade.objects.filter(id=trade.id, opened_at=None).update(
                opened_at=moment, transaction_no=new_transaction_no(trade.gateway, moment)
            )
        trade.refresh_from_db()
    return trade


def show(request: HttpRequest, trade: Trade, *, back: str, seconds: float = 0, note: str = "") -> HttpResponse:
    """The cashier. ``back`` is where the browser belongs; it is sent there after ``seconds`` unless they are 0."""
    context = {
        "trade": trade,
        "yuan": f"{trade.amount_fen // 100}.{trade.amount_fen % 100:02d}",
        "back": back,
        "seconds": int(seconds),
        "note": note,
        "opened": signing.dumps(clock.epoch()),
        "paid": trade.payments.exists(),
        "wallet": {"wechat": "微信支付", "alipay": "支付宝", "unionpay": "银联"}[trade.gateway],
        "stay": request.get_full_path() + "&stay=1",
    }
    return render(request, "sandbox/cashier.html", context)


def act(request: HttpRequest, token: str) -> Answer:
    """What the buyer pressed."""
    trade = Trade.objects.filter(token=token).first()
    if trade is None or request.method != "POST":
        return HttpResponse(status=404 if trade is None else 405)
    struck = faults.take(trade.gateway, "cashier", order_no=trade.order_no, amount_fen=trade.amount_fen)
    events.note(request, events.Note(trade.gateway, "cashier", trade.order_no, [fault.name for fault in struck]))
    return faults.serve(
        request,
        struck,
        lambda: _act(request, open_trade(trade)),
        refuse=lambda reason, status: render(request, "sandbox/refused.html", {"reason": "系统繁忙"}, status=status),
    )


def _opened(request: HttpRequest) -> float:
    try:
        return float(signing.loads(request.POST.get("opened", "")))
    except signing.BadSignature:
        return clock.epoch()


def _wrong_amount(request: HttpRequest, trade: Trade) -> int:
    text = request.POST.get("amount_fen", "")
    return int(text) if text.isdecimal() and int(text) > 0 else trade.amount_fen + 1


def _act(request: HttpRequest, trade: Trade) -> HttpResponse:
    action, back = request.POST.get("action", ""), request.POST.get("back", "")
    if back and not is_registered(back):
        return render(request, "sandbox/refused.html", {"reason": "返回地址未登记"}, status=400)
    if action == "cancel":
        return HttpResponseRedirect(back) if back else _told(request, trade, "已取消付款", back)
    if action == "close_window":
        return render(request, "sandbox/closed_window.html")
    if action == "balance_short":
        Trade.objects.filter(id=trade.id).update(failed_at=clock.now())
        return _told(request, trade, "余额不足，没有扣款", back)
    if action == "pay_later":
        pay_later(trade, seconds=30)
        return _told(request, trade, f"将在{dials.vendor_seconds(30):.0f}秒后付款", back)
    if action == "pay_after_close":
        pay_later(trade, when_closed=True)
        return _told(request, trade, "将在商家关闭订单后付款", back)
    opened = clock.from_epoch(_opened(request))
    try:
        if action == "pay_wrong_amount":
            return show_paid(request, pay(trade.id, amount_fen=_wrong_amount(request, trade), opened_at=opened), back)
        if action in {"pay", "pay_twice"}:
            payment = pay(trade.id, opened_at=opened)
            if action == "pay_twice":
                pay(trade.id, again=True)
            return show_paid(request, payment, back)
    except CannotPay as refused:
        return render(request, "sandbox/refused.html", {"reason": REFUSALS[refused.reason], "back": back}, status=409)
    return HttpResponse(status=400)


def _told(request: HttpRequest, trade: Trade, text: str, back: str) -> HttpResponse:
    return render(request, "sandbox/told.html", {"text": text, "back": back, "trade": trade})


def show_paid(request: HttpRequest, payment: Payment, back: str) -> HttpResponse:
    """The page after the payment, with the way back: Alipay's is a signed address, UnionPay's a signed form."""
    trade = payment.trade
    if trade.gateway == "alipay" and is_registered(trade.return_url):
        back = return_address(trade, payment)
    fields = None
    if trade.gateway == "unionpay" and is_registered(trade.return_url):
        back, fields = trade.return_url, return_fields(trade, payment)
    context = {
        "fields": fields,
        "payment": payment,
        "trade": trade,
        "back": back,
        "yuan": f"{payment.amount_fen // 100}.{payment.amount_fen % 100:02d}",
    }
    return render(request, "sandbox/paid.html", context)
