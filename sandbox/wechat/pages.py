"""WeChat's pages in the buyer's browser: the H5 cashier. It sends the browser back whatever has happened."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from sandbox import cashier, clock, dials, events, faults
from sandbox.models import Trade

LINK_MINUTES = 5


def h5_cashier(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """``redirect_url`` is what the merchant appended to h5_url; without it the browser goes back where it came from."""
    trade = Trade.objects.filter(gateway="wechat", product="MWEB", token=request.GET.get("prepay_id", "")).first()
    if trade is None:
        return _refused(request, "商家参数格式有误，请联系商家解决")
    referer = request.headers.get("Referer", "")
    struck = faults.take("wechat", "cashier", order_no=trade.order_no, amount_fen=trade.amount_fen)
    events.note(request, events.Note("wechat", "cashier", trade.order_no, [fault.name for fault in struck]))
    if not referer and dials.get("h5_referer_required"):
        return _refused(request, "商家参数格式有误，请联系商家解决（没有收到Referer）")
    back = request.GET.get("redirect_url", "") or referer
    if back and not cashier.is_registered(back):
        return _refused(request, "商家存在未配置的参数，请联系商家解决（返回地址未登记）")
    if trade.linked_at < clock.now() - timedelta(minutes=LINK_MINUTES):
        return _refused(request, "支付链接已失效，请回到商家重新发起", back)
    if trade.closed_at or trade.is_expired(clock.now()):
        return _refused(request, cashier.REFUSALS["closed" if trade.closed_at else "expired"], back)

    def page() -> HttpResponse:
        seconds = 0 if request.GET.get("stay") else dials.number("h5_return_seconds")
        note = "" if referer else "真实的微信会拒绝没有Referer的页面，请检查Referrer-Policy。"
        return cashier.show(request, cashier.open_trade(trade), back=back, seconds=seconds if back else 0, note=note)

    return faults.serve(
        request, struck, page, refuse=lambda _, status: render(request, "sandbox/refused.html", status=status)
    )


def _refused(request: HttpRequest, reason: str, back: str = "") -> HttpResponse:
    return render(request, "sandbox/refused.html", {"reason": reason, "back": back}, status=400)
