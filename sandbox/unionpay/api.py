"""UnionPay's addresses: the cashier, to which a browser posts the signed order; refunds and queries for servers."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render

from sandbox import clock, events, faults, merchants, payments, secret_keys, writes
from sandbox.faults import Faults
from sandbox.models import Refund, Trade
from sandbox.unionpay import refunds, wire
from sandbox.unionpay.errors import WORDS, Refused
from sandbox.unionpay.notices import OK, facts, names, queried, signed, spoil

Answer = HttpResponse | StreamingHttpResponse
ORDER_NO = re.compile(r"[0-9A-Za-z]{8,40}")
CHANNELS = {"07": "B2C_PC", "08": "B2C_PHONE"}
NEEDED = ("version", "encoding", "certId", "signature", "signMethod", "txnType", "txnSubType", "bizType", "accessType")


def checked(request: HttpRequest, *, kind: str, about: str = "orderId") -> dict[str, str]:
    """The fields, with a good signature of the merchant's key; ``about`` must be among them. Raises Refused."""
    fields = {name: str(value) for name, value in request.POST.items()}
    for name in (*NEEDED, "merId", about, "txnTime"):
        if not fields.get(name):
            raise Refused("13", name)
    if (fields["version"], fields["signMethod"], fields["txnType"]) != ("5.1.0", "01", kind):
        raise Refused("10", "version")
    if (about == "orderId" and not ORDER_NO.fullmatch(fields["orderId"])) or wire.instant(fields["txnTime"]) is None:
        raise Refused("10", "orderId")
    if not merchants.is_unionpay_merchant(fields["merId"]):
        raise Refused("31")
    key = secret_keys.merchant_key("unionpay_merchant")
    if key is None or not fields["certId"].isdecimal() or not wire.is_signed(key, fields):
        raise Refused("11")
    return fields


def _struck(request: HttpRequest, point: str) -> Faults:
    order_no = request.POST.get("orderId", "")[:64]
    known = Trade.objects.filter(gateway="unionpay", order_no=order_no).first() if order_no else None
    amount = known.amount_fen if known else wire.fen(request.POST.get("txnAmt", ""))
    struck = faults.take("unionpay", point, order_no=order_no, amount_fen=amount)
    events.note(request, events.Note("unionpay", point, order_no, [fault.name for fault in struck]))
    return struck


# The browser's way


def front(request: HttpRequest) -> Answer:
    """frontTransReq: keep the order and lead the browser to the cashier."""
    struck = _struck(request, "create")

    def refuse(reason: str, status: int) -> HttpResponse:
        return render(request, "sandbox/refused.html", {"reason": WORDS["02"]}, status=status)

    return faults.serve(request, struck, lambda: _to_cashier(request, struck), refuse=refuse)


def _to_cashier(request: HttpRequest, struck: Faults) -> HttpResponse:
    try:
        trade = _place(_ordered(checked(request, kind="01")))
    except Refused as refused:
        return render(request, "sandbox/refused.html", {"reason": refused.message}, status=400)
    if "pay_first" in struck:
        payments.pay(trade.id)
        payments.wait_for_notices(trade, seconds=5)
    return HttpResponseRedirect(f"/unionpay/cashier/{trade.token}")


def _ordered(fields: dict[str, str]) -> Trade:
    amount, expires_at = wire.fen(fields.get("txnAmt", "")), wire.instant(fields.get("payTimeout", ""))
    if amount is None or fields.get("currencyCode") != "156" or fields.get("channelType") not in CHANNELS:
        raise Refused("10", "txnAmt")
    if not fields.get("backUrl") or (fields.get("payTimeout") and expires_at is None):
        raise Refused("13", "backUrl")
    told = {name: value for name, value in fields.items() if name not in ("signature", "channelType")}
    risk = re.search(r"commodityName=([^{}&=]*)", fields.get("riskRateInfo", ""))
    moment = clock.now()
    return Trade(
        gateway="unionpay",
        product=CHANNELS[fields["channelType"]],
        merchant=fields["merId"],
        order_no=fields["orderId"],
        amount_fen=amount,
        description=risk.group(1) if risk else "",
        attach=fields["txnTime"],  # names the order together with merchant and number
        notify_url=fields["backUrl"][:256],
        return_url=fields.get("frontUrl", "")[:512],
        quit_url=fields.get("frontFailUrl", "")[:512],
        digest=hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(),
        token=secrets.token_urlsafe(12),
        created_at=moment,
        linked_at=moment,
        expires_at=expires_at,
    )


def _place(ordered: Trade) -> Trade:
    """Keep the order, or find it: the same form may be posted again until it is paid or its time is up."""
    with writes.alone():
        trade = Trade.objects.filter(gateway="unionpay", merchant=ordered.merchant, order_no=ordered.order_no).first()
        if trade is None:
            if ordered.is_expired(clock.now()):
                raise Refused("10", "payTimeout")
            ordered.save()
            return ordered
        if trade.digest != ordered.digest:
            raise Refused("12")
        trade.linked_at = clock.now()
        trade.save(update_fields=["linked_at"])
        return trade


# The server's way


def query(request: HttpRequest) -> Answer:
    """queryTrans: what became of the order or refund of this merchant, number and time."""
    refund = refunds.named(request.POST.get("merId", ""), request.POST.get("orderId", ""))
    struck = struck_refund(request, "refund_query", refund) if refund else _struck(request, "query")

    def act() -> dict[str, str]:
        fields = checked(request, kind="00")
        if refund is None:
            return _found(fields, struck)
        return refunds.found(refund, fields, struck)

    return door(request, struck, act)


def back(request: HttpRequest) -> Answer:
    """backTransReq: of what servers ask for there, refunds."""
    paid = refunds.payment_named(request.POST.get("merId", ""), request.POST.get("origQryId", ""))
    order_no = paid.trade.order_no if paid else ""
    amount = wire.fen(request.POST.get("txnAmt", ""))
    struck = faults.take("unionpay", "refund", order_no=order_no, amount_fen=amount)
    events.note(request, events.Note("unionpay", "refund", order_no, [fault.name for fault in struck]))
    return door(request, struck, lambda: refunds.ask(checked(request, kind="04"), struck), spoilt=False)


def struck_refund(request: HttpRequest, point: str, refund: Refund) -> Faults:
    order_no = refund.payment.trade.order_no
    struck = faults.take("unionpay", point, order_no=order_no, amount_fen=refund.amount_fen)
    events.note(request, events.Note("unionpay", point, order_no, [fault.name for fault in struck]))
    return struck


def door(request: HttpRequest, struck: Faults, act: Callable[[], dict[str, str]], *, spoilt: bool = True) -> Answer:
    """Answer a server with signed fields: those of ``act``, or why it refuses."""

    def refuse(reason: str, status: int) -> HttpResponse:
        if reason == "too_many":
            return _answer(_failed(request, Refused("37")), struck)
        return HttpResponse(b"<html><body>Bad Gateway</body></html>", status=status, content_type="text/html")

    def answer() -> HttpResponse:
        try:
            fields = act()
        except Refused as refused:
            fields = _failed(request, refused)
        return _answer(spoil(fields, struck) if spoilt else fields, struck)

    return faults.serve(request, struck, answer, refuse=refuse)


def _answer(fields: dict[str, str], struck: Faults) -> HttpResponse:
    return HttpResponse(wire.bare(signed(fields, struck)), content_type="text/html;charset=UTF-8")


def _failed(request: HttpRequest, refused: Refused) -> dict[str, str]:
    echoed = ("accessType", "encoding", "merId", "orderId", "txnTime", "txnType", "txnSubType", "bizType", "settleDate")
    fields = {name: request.POST[name] for name in echoed if name in request.POST}
    return fields | {"respCode": refused.code, "respMsg": refused.message}


def _found(fields: dict[str, str], struck: Faults) -> dict[str, str]:
    """A payment that was tried is known, an order at which nobody paid is not. Raises Refused."""
    trade = Trade.objects.filter(
        gateway="unionpay", merchant=fields["merId"], order_no=fields["orderId"], attach=fields["txnTime"]
    ).first()
    payment = trade.first_payment() if trade else None
    if trade is None or "not_found" in struck:
        raise Refused("34", "2600000")
    paying = struck.get("user_paying")
    if paying:  # 03, 04 or 05
        code = str(paying.params.get("code", "05"))
        return names(trade) | queried(code, "交易已受理，请稍后查询交易结果")
    if payment and "not_paid" not in struck:
        return facts(trade, payment) | queried(*OK)
    if trade.failed_at or "not_paid" in struck:
        return names(trade) | queried("51", "余额不足[1000051]")
    raise Refused("34", "2600000")
