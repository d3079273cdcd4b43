"""The phone: messages and calls, the scanner and the wallets' list of orders that wait for money."""

import re

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from sandbox import cashier, clock
from sandbox.models import Message, Trade

SHOWN = 50
CODE = re.compile(r"(?:weixin://wxpay/bizpayurl\?pr=|https://qr\.alipay\.com/)([\w-]+)")


def home(request: HttpRequest) -> HttpResponse:
    """Messages and calls, newest first; of one number with ?phone=…"""
    phone = request.GET.get("phone", "").strip()
    messages = Message.objects.filter(lost=False, arrives_at__lte=clock.now()).order_by("-arrives_at", "-id")
    if phone:
        messages = messages.filter(phone=phone)
    return render(request, "sandbox/phone.html", {"messages": messages[:SHOWN], "phone": phone})


def _waiting() -> list[Trade]:
    trades = Trade.objects.filter(closed_at=None, payments=None).exclude(expires_at__lte=clock.now())
    return list(trades.order_by("-id")[:SHOWN])


def scan(request: HttpRequest) -> HttpResponse:
    """Codes that could be in front of the camera: choose one, or paste what a code says."""
    text = request.GET.get("code", "").strip()
    found = CODE.fullmatch(text)
    if found:
        return HttpResponseRedirect(f"/phone/pay/{found.group(1)}")
    codes = [trade for trade in _waiting() if trade.product in {"NATIVE", "FAST_INSTANT_TRADE_PAY"}]
    return render(request, "sandbox/scan.html", {"codes": codes, "unread": text})


def wallet(request: HttpRequest) -> HttpResponse:
    """Orders that a buyer has in hand and has not paid: what the browser left behind when it went back."""
    opened = [trade for trade in _waiting() if trade.opened_at or trade.product == "JSAPI"]
    return render(request, "sandbox/wallet.html", {"trades": opened})


def pay(request: HttpRequest, token: str) -> HttpResponse:
    """The cashier inside the phone's wallet, after a scan or from the list."""
    trade = Trade.objects.filter(token=token).first()
    if trade is None:
        return render(request, "sandbox/refused.html", {"reason": "二维码无效"}, status=404)
    if not trade.payments.exists() and (trade.closed_at or trade.is_expired(clock.now())):
        reason = cashier.REFUSALS["closed" if trade.closed_at else "expired"]
        return render(request, "sandbox/refused.html", {"reason": reason}, status=409)
    return cashier.show(request, cashier.open_trade(trade), back="")
