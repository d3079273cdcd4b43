"""The testers' door to statements: what is planted in them, and what they should say."""

from dataclasses import asdict
from datetime import date

from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.control.views import body_of, tester_only
from sandbox.models import Difference, Payment, Refund, StatementFile
from sandbox.statements import planted
from sandbox.statements.truth import day_of, lines_of

FIELDS = {"what", "gateway", "merchant", "day", "kind", "times"}


def _aim(values: dict[str, object]) -> dict[str, object]:
    """Gateway, merchant and day of the payment or refund that is named. Raises ValueError where it is not there."""
    if values.get("refund_no"):
        refund = Refund.objects.filter(refund_no=str(values["refund_no"])).order_by("-id").first()
        if refund is None or refund.ended_at is None:
            raise ValueError("no gateway has done this refund: name gateway and day")
        return {"gateway": refund.gateway, "merchant": refund.merchant, "day": day_of(refund.ended_at, refund.gateway)}
    paid = Payment.objects.filter(trade__order_no=str(values.get("order_no", ""))).select_related("trade")
    payment = paid.order_by("id").first()
    if payment is None:
        raise ValueError("nobody has paid such an order: name gateway and day")
    return {
        "gateway": payment.trade.gateway,
        "merchant": payment.trade.merchant,
        "day": day_of(payment.paid_at, payment.trade.gateway),
    }


def _as_json(difference: Difference) -> dict[str, object]:
    return model_to_dict(difference) | {"id": difference.id}


def plant_as_told(given: dict[str, object]) -> Difference:
    """Raises ValueError for what could never strike."""
    values = {name: value for name, value in given.items() if name in FIELDS}
    if not (values.get("gateway") and values.get("day")):
        values = _aim(given) | values
    values["day"] = date.fromisoformat(str(values["day"]))
    values["params"] = {name: value for name, value in given.items() if name not in FIELDS}
    return planted.plant(values)


@tester_only
def planted_differences(request: HttpRequest) -> HttpResponse:
    """GET lists, POST plants, DELETE takes out all or those of ?gateway=, day=, order_no=."""
    day = date.fromisoformat(request.GET["day"]) if request.GET.get("day") else None
    if request.method == "DELETE":
        gateway, order_no = request.GET.get("gateway", ""), request.GET.get("order_no", "")
        return JsonResponse({"removed": planted.remove(gateway, day, order_no)})
    if request.method == "POST":
        return JsonResponse(_as_json(plant_as_told(body_of(request))), status=201)
    chosen = Difference.objects.filter(day=day) if day else Difference.objects.all()
    shown = StatementFile.objects.filter(day=day) if day else StatementFile.objects.all()
    names = ("id", "gateway", "merchant", "day", "kind", "name", "told_hash", "first_asked_at")
    files = list(shown.order_by("-id").values(*names)[:200])
    return JsonResponse({"statements": [_as_json(one) for one in chosen.order_by("id")], "files": files})


@tester_only
def lines(request: HttpRequest) -> HttpResponse:
    """What really happened: ?gateway=, merchant=, day=. Statements without planted differences say just this."""
    gateway, merchant = request.GET["gateway"], request.GET["merchant"]
    found = lines_of(gateway, merchant, date.fromisoformat(request.GET["day"]))
    return JsonResponse({"lines": [asdict(line) for line in found]})
