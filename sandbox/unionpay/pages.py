"""UnionPay's cashier in the buyer's browser: first the card, then the payment."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sandbox import cashier, clock
from sandbox.models import Trade

DEMO_CARD = "6216261000000000018"


def cashier_page(request: HttpRequest, token: str) -> HttpResponse:
    trade = Trade.objects.filter(gateway="unionpay", token=token).first()
    if trade is None:
        return render(request, "sandbox/refused.html", {"reason": "订单不存在"}, status=404)
    payment = trade.first_payment()
    if payment:
        return cashier.show_paid(request, payment, "")
    back = trade.quit_url if cashier.is_registered(trade.quit_url) else ""
    if trade.is_expired(clock.now()):
        context = {"reason": cashier.REFUSALS["expired"], "back": back}
        return render(request, "sandbox/refused.html", context, status=409)
    card = re.sub(r"\s", "", request.POST.get("card", ""))
    if request.method != "POST" or not is_card(card):
        return _ask_for_card(request, trade, wrong=request.method == "POST")
    return cashier.show(request, cashier.open_trade(trade), back=back, note=f"银联卡 尾号{card[-4:]}")


def is_card(number: str) -> bool:
    """16 to 19 digits, beginning with 62, whose check digit is right."""
    if not re.fullmatch(r"62\d{14,17}", number, re.ASCII):
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _ask_for_card(request: HttpRequest, trade: Trade, *, wrong: bool) -> HttpResponse:
    context = {
        "trade": trade,
        "yuan": f"{trade.amount_fen // 100}.{trade.amount_fen % 100:02d}",
        "card": DEMO_CARD,
        "wrong": wrong,
    }
    return render(request, "sandbox/unionpay_card.html", context, status=400 if wrong else 200)
