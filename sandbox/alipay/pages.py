"""Alipay's cashier in the buyer's browser. On a desktop it shows a code first: until it is scanned, no trade exists."""

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sandbox import cashier
from sandbox.alipay.api import is_closed
from sandbox.models import Trade


def cashier_page(request: HttpRequest, token: str) -> HttpResponse:
    trade = Trade.objects.filter(gateway="alipay", token=token).first()
    if trade is None:
        return render(request, "sandbox/refused.html", {"reason": "订单不存在"}, status=404)
    payment = trade.first_payment()
    if payment:
        return cashier.show_paid(request, payment, "")
    back = trade.quit_url if cashier.is_registered(trade.quit_url) else ""
    if is_closed(trade):
        reason = cashier.REFUSALS["closed" if trade.closed_at else "expired"]
        return render(request, "sandbox/refused.html", {"reason": reason, "back": back}, status=409)
    if trade.product == "FAST_INSTANT_TRADE_PAY" and request.method != "POST":
        return _code(request, trade)
    return cashier.show(request, cashier.open_trade(trade), back=back)


def _code(request: HttpRequest, trade: Trade) -> HttpResponse:
    """The desktop cashier until somebody logs in on it. It looks again every few seconds, so that a payment on the
    phone brings the browser back."""
    picture = segno.make(f"https://qr.alipay.com/{trade.token}", error="m").svg_inline(scale=5, border=2)
    context = {
        "trade": trade,
        "picture": picture,
        "yuan": f"{trade.amount_fen // 100}.{trade.amount_fen % 100:02d}",
    }
    return render(request, "sandbox/alipay_code.html", context)
