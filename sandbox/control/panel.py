"""The controls as a page for people: the same doors, with forms."""

import json

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from sandbox import cashier, courier, dials, events, faults, payments, secret_keys
from sandbox.control.money import end_by_hand
from sandbox.control.statements import plant_as_told
from sandbox.control.views import COOKIE, LOOPBACK, find_trade, is_tester
from sandbox.models import Difference, Refund, Rule, Trade
from sandbox.statements.planted import CATALOGUE as PLANTABLE

PAGE = "/__control/"


def page(request: HttpRequest) -> HttpResponse:
    if not str(request.META.get("REMOTE_ADDR", "")).startswith(LOOPBACK):
        return HttpResponse(status=403)
    if request.method == "POST" and request.POST.get("act") == "enter":
        response: HttpResponse = HttpResponseRedirect(PAGE)
        token = request.POST.get("token", "").strip()
        response.set_cookie(COOKIE, token, path=PAGE, httponly=True, samesite="Strict", max_age=12 * 3600)
        return response
    if not is_tester(request):
        return render(request, "sandbox/control_enter.html", status=200 if request.method == "GET" else 403)
    problem = ""
    if request.method == "POST":
        try:
            _act(request)
            return HttpResponseRedirect(PAGE)
        except (ValueError, TypeError, payments.CannotPay) as error:
            problem = str(error)
    return render(request, "sandbox/control.html", _context() | {"problem": problem}, status=400 if problem else 200)


def _context() -> dict[str, object]:
    return {
        "rules": Rule.objects.order_by("-id")[:100],
        "catalogue": [(point, sorted(names)) for point, names in sorted(faults.CATALOGUE.items())],
        "dials": [(name, json.dumps(value)) for name, value in dials.everything().items()],
        "trades": Trade.objects.order_by("-id").prefetch_related("payments", "notices")[:20],
        "refunds": Refund.objects.order_by("-id").select_related("payment__trade")[:20],
        "ends": Refund.ENDS,
        "differences": Difference.objects.order_by("-id")[:50],
        "plantable": [(what, ", ".join(sorted(params))) for what, params in sorted(PLANTABLE.items())],
        "events": events.latest().order_by("-id")[:40],
        "keys": secret_keys.platform(),
        "stages": secret_keys.STAGES,
    }


def _act(request: HttpRequest) -> None:
    """Do what the form asks. Raises ValueError or CannotPay."""
    form = request.POST
    act = form.get("act", "")
    if act == "add_rule":
        point, _, fault = form.get("fault", "").partition("/")
        values: dict[str, object] = {"gateway": form.get("gateway", ""), "point": point, "fault": fault}
        values |= {name: form[name].strip() for name in ("order_no", "order_suffix", "phone") if form.get(name)}
        values |= {name: int(form[name]) for name in ("amount_fen", "times") if form.get(name)}
        if form.get("params"):
            values["params"] = json.loads(form["params"])
        faults.add(values)
    elif act == "remove_rule":
        Rule.objects.filter(id=int(form.get("id", "0"))).delete()
    elif act == "turn":
        dials.turn({form.get("name", ""): json.loads(form.get("value", "null"))})
    elif act == "pay":
        payments.pay(cashier.open_trade(find_trade({"order_no": form.get("order_no", "")})).id, forced=True)
    elif act == "end_refund":
        end_by_hand({"refund_no": form.get("refund_no", ""), "status": form.get("status", "")})
    elif act == "plant":
        names = ("what", "gateway", "merchant", "day", "kind", "order_no", "refund_no")
        given: dict[str, object] = {name: form[name].strip() for name in names if form.get(name)}
        given |= {"times": int(form["times"])} if form.get("times") else {}
        plant_as_told(given | (json.loads(form["params"]) if form.get("params") else {}))
    elif act == "take_out":
        Difference.objects.filter(id=int(form.get("id", "0"))).delete()
    elif act == "rotate":
        secret_keys.rotate(form.get("stage", ""))
    else:
        raise ValueError("no such act")
    courier.wake()
