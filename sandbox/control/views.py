"""The testers' door: misbehaviours, dials, payments as a person would make them, notices by hand, the event log.

Open to loopback only, with the token. See docs/sandbox.md.
"""

import hmac
import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.core.exceptions import ObjectDoesNotExist
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox import cashier, clock, courier, dials, faults, payments, secret_keys, writes
from sandbox import events as event_log
from sandbox.models import Dial, Difference, Event, Notice, Payment, Refund, Rule, StatementFile, Trade

View = Callable[..., HttpResponse]
COOKIE = "sandbox_control"  # SameSite=Strict, set by the page for people
LOOPBACK = ("127.", "::1", "::ffff:127.")


def is_tester(request: HttpRequest) -> bool:
    given = request.headers.get("X-Control-Token", "")
    given = given or request.headers.get("Authorization", "").removeprefix("Bearer ")
    given = given or request.COOKIES.get(COOKIE, "")
    near = str(request.META.get("REMOTE_ADDR", "")).startswith(LOOPBACK)
    return near and hmac.compare_digest(given.encode(), secret_keys.secret("control_token").encode())


def tester_only(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: object) -> HttpResponse:
        if not is_tester(request):
            return JsonResponse({"error": "from loopback only, with the header X-Control-Token"}, status=403)
        try:
            return view(request, **kwargs)
        except (ValueError, TypeError, KeyError, ObjectDoesNotExist) as problem:
            return JsonResponse({"error": str(problem)}, status=400)
        except payments.CannotPay as refused:
            return JsonResponse({"error": refused.reason}, status=409)

    return guarded


def body_of(request: HttpRequest) -> dict[str, object]:
    content = json.loads(request.body or b"{}")
    if not isinstance(content, dict):
        raise ValueError("send a JSON object")
    return content


def find_trade(values: dict[str, object]) -> Trade:
    """By order_no, and gateway where two have the same number. Raises ValueError."""
    trades = Trade.objects.filter(order_no=str(values.get("order_no", "")))
    if values.get("gateway"):
        trades = trades.filter(gateway=str(values["gateway"]))
    trade = trades.order_by("-id").first()
    if trade is None:
        raise ValueError("no gateway knows this order")
    return trade


def rule_as_json(rule: Rule) -> dict[str, object]:
    return model_to_dict(rule) | {"id": rule.id}


@tester_only
def rules(request: HttpRequest) -> HttpResponse:
    """GET lists, POST adds, DELETE removes all or those of ?order_no=."""
    if request.method == "POST":
        return JsonResponse(rule_as_json(faults.add(body_of(request))), status=201)
    chosen = Rule.objects.order_by("id")
    if request.GET.get("order_no"):
        chosen = chosen.filter(order_no=request.GET["order_no"])
    if request.method == "DELETE":
        return JsonResponse({"removed": chosen.delete()[0]})
    return JsonResponse({"rules": [rule_as_json(rule) for rule in chosen]})


@tester_only
def one_rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    if request.method != "DELETE":
        return HttpResponse(status=405)
    return JsonResponse({"removed": Rule.objects.filter(id=rule_id).delete()[0]})


@tester_only
def turn_dials(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        dials.turn(body_of(request))
        courier.wake()
    return JsonResponse(dials.everything())


def moment_of(values: dict[str, object], name: str) -> datetime | None:
    """An instant in ISO 8601; without an offset it is Beijing time. Raises ValueError."""
    if not values.get(name):
        return None
    moment = datetime.fromisoformat(str(values[name]))
    return moment if moment.tzinfo else moment.replace(tzinfo=clock.SHANGHAI)


@tester_only
def pay(request: HttpRequest) -> HttpResponse:
    """Pay as a person would: order_no, and amount_fen, forced (closed or expired), again (already paid), after_seconds,
    when_closed, paid_at (an instant gone by: the statements' day)."""
    values = body_of(request)
    trade = cashier.open_trade(find_trade(values))
    if values.get("when_closed") or values.get("after_seconds"):
        seconds = float(str(values.get("after_seconds") or 0))
        payments.pay_later(trade, seconds=seconds, when_closed=bool(values.get("when_closed")))
        return JsonResponse({"planned": True}, status=202)
    amount = values.get("amount_fen")
    payment = payments.pay(
        trade.id,
        amount_fen=None if amount is None else int(str(amount)),
        paid_at=moment_of(values, "paid_at"),
        forced=bool(values.get("forced")),
        again=bool(values.get("again")),
    )
    return JsonResponse({"transaction_no": payment.transaction_no, "amount_fen": payment.amount_fen}, status=201)


@tester_only
def open_by_buyer(request: HttpRequest) -> HttpResponse:
    """A buyer scans or opens the order without paying it."""
    trade = cashier.open_trade(find_trade(body_of(request)))
    return JsonResponse(trade_as_json(trade))


def trade_as_json(trade: Trade) -> dict[str, object]:
    names = ("gateway", "product", "merchant", "appid", "order_no", "amount_fen", "currency", "description", "attach")
    names += ("notify_url", "return_url", "token", "created_at", "expires_at", "opened_at", "closed_at", "failed_at")
    shown = {name: getattr(trade, name) for name in names}
    shown["payments"] = list(
        trade.payments.order_by("id").values("transaction_no", "amount_fen", "currency", "paid_at", "returned_at")
    )
    shown["refunds"] = list(
        Refund.objects.filter(payment__trade=trade).order_by("id").values("refund_no", "amount_fen", "status")
    )
    shown["notices"] = list(
        trade.notices.order_by("id").values(
            "id", "notice_id", "state", "tries", "faults", "wait_seconds", "refund__refund_no"
        )
    )
    if trade.product == "NATIVE":
        shown["code_url"] = f"weixin://wxpay/bizpayurl?pr={trade.token}"
    return shown


@tester_only
def trades(request: HttpRequest) -> HttpResponse:
    """The newest, or one with ?order_no=."""
    chosen = Trade.objects.order_by("-id")
    if request.GET.get("order_no"):
        chosen = chosen.filter(order_no=request.GET["order_no"])
    return JsonResponse({"trades": [trade_as_json(trade) for trade in chosen[:200]]})


@tester_only
def send_notice(request: HttpRequest) -> HttpResponse:
    """Send a paid order's notice now, once more, as ``faults`` say; answers what the merchant answered.

    refund_no: the notice of that refund instead.
    new_id: the same payment under a new notice id, signed as a new one. replay: the last body as it was, with another
    id written into it, under a signature that no longer fits. times: so many at the same moment.
    """
    values = body_of(request)
    trade = find_trade(values)
    payment = trade.first_payment()
    if payment is None:
        raise ValueError("this order is not paid")
    refund = None
    if values.get("refund_no"):
        refund = Refund.objects.get(payment__trade=trade, refund_no=str(values["refund_no"]))
    struck = faults.Faults.from_json([f if isinstance(f, dict) else {"name": f} for f in values.get("faults") or []])  # type: ignore[attr-defined]
    unknown = struck.names() - faults.CATALOGUE["refund_notice" if refund else "notice"]
    if unknown:
        raise ValueError(f"unknown faults of notices: {', '.join(sorted(unknown))}")
    answers = courier.send_together(_by_hand(payment, refund, struck, values), times=int(str(values.get("times", 1))))
    return JsonResponse({"answers": answers})


def _by_hand(payment: Payment, refund: Refund | None, struck: faults.Faults, values: dict[str, object]) -> Notice:
    """A notice row that the courier leaves alone."""
    trade = payment.trade
    carrier = courier.GATEWAYS[trade.gateway]

    def compose(notice_id: str) -> str:
        if refund:
            return carrier.compose_refund(notice_id, refund, struck)
        return carrier.compose(notice_id, trade, payment, struck)

    last = trade.notices.filter(refund=refund).order_by("-id").first()
    if values.get("new_id") or last is None:
        notice_id = carrier.new_notice_id()
        body = compose(notice_id)
    else:
        notice_id = last.notice_id
        body = compose(notice_id) if struck.as_json() else last.body
    if values.get("replay") and last is not None:
        notice_id = carrier.new_notice_id()
        body = last.body.replace(last.notice_id, notice_id)
        struck = faults.Faults([*struck, faults.Fault("forged")])
    return Notice.objects.create(
        gateway=trade.gateway,
        trade=trade,
        refund=refund,
        order_no=trade.order_no,
        notice_id=notice_id,
        url=str(values.get("notify_url") or (refund.notify_url if refund else "") or trade.notify_url),
        body=body,
        faults=struck.as_json(),
        state=Notice.HELD,
        since=clock.epoch(),
    )


@tester_only
def probe(request: HttpRequest) -> HttpResponse:
    """A signature probe (SIGNTEST) of WeChat, to an order's notify address or the one given."""
    values = body_of(request)
    url = str(values.get("notify_url") or find_trade(values).notify_url)
    carrier = courier.GATEWAYS["wechat"]
    notice_id = carrier.new_notice_id()
    body = {"id": notice_id, "create_time": clock.rfc3339(clock.now()), "resource_type": "encrypt-resource"}
    body |= {"event_type": "TRANSACTION.SUCCESS", "summary": "支付成功", "resource": {}}  # type: ignore[dict-item]
    notice = Notice.objects.create(
        gateway="wechat",
        notice_id=notice_id,
        url=url,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        faults=[{"name": "signtest", "params": {}}],
        state=Notice.HELD,
        since=clock.epoch(),
    )
    return JsonResponse({"answers": [courier.send(notice)]})


@tester_only
def keys(request: HttpRequest) -> HttpResponse:
    """GET the certificates in use; POST {"stage": announce|overlap|switch|retire}."""
    if request.method == "POST":
        secret_keys.rotate(str(body_of(request).get("stage", "")))
    return JsonResponse(secret_keys.platform())


@tester_only
def events(request: HttpRequest) -> HttpResponse:
    """?since=<id>, kind, gateway, point, order_no; oldest first, at most 1000."""
    chosen = event_log.latest().order_by("id").filter(id__gt=int(request.GET.get("since", "0")))
    for name in ("kind", "gateway", "point", "order_no"):
        if request.GET.get(name):
            chosen = chosen.filter(**{name: request.GET[name]})
    return JsonResponse({"events": list(chosen.values()[:1000])})


@tester_only
def clear(request: HttpRequest) -> HttpResponse:
    """Rules, dials and differences as at the start; with {"everything": true} also what was ordered, paid and seen."""
    Rule.objects.all().delete()
    Dial.objects.all().delete()
    dials.apply()
    Difference.objects.all().delete()
    if body_of(request).get("everything"):
        with writes.alone():
            for model in (Trade, StatementFile):
                model.objects.all().delete()
        courier.drop_everything()
        Event.objects.all().delete()
    return JsonResponse({"cleared": True})
