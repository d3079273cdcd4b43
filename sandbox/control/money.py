"""The testers' door to money that goes back."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox import courier, refunds, writes
from sandbox.control.views import body_of, moment_of, tester_only
from sandbox.models import Refund

SHOWN = ("gateway", "merchant", "refund_no", "refund_id", "amount_fen", "reason", "status", "ends_as", "asked_at")


def as_json(refund: Refund) -> dict[str, object]:
    shown = {name: getattr(refund, name) for name in (*SHOWN, "due_at", "ended_at")}
    return shown | {
        "order_no": refund.payment.trade.order_no,
        "transaction_no": refund.payment.transaction_no,
        "notices": list(refund.notices.order_by("id").values("id", "notice_id", "state", "tries", "faults")),
    }


@tester_only
def all_refunds(request: HttpRequest) -> HttpResponse:
    """GET: the newest, ?order_no= or refund_no=. POST ends one now: refund_no, gateway, status, ended_at."""
    if request.method == "POST":
        return JsonResponse(as_json(end_by_hand(body_of(request))))
    chosen = Refund.objects.select_related("payment__trade").order_by("-id")
    if request.GET.get("refund_no"):
        chosen = chosen.filter(refund_no=request.GET["refund_no"])
    if request.GET.get("order_no"):
        chosen = chosen.filter(payment__trade__order_no=request.GET["order_no"])
    return JsonResponse({"refunds": [as_json(refund) for refund in chosen[:200]]})


def end_by_hand(values: dict[str, object]) -> Refund:
    """Raises ValueError for an end that there is not, or a refund that nobody asked for."""
    status = str(values.get("status") or Refund.SUCCESS)
    if status not in Refund.ENDS:
        raise ValueError(f"a refund ends as one of: {', '.join(Refund.ENDS)}")
    chosen = Refund.objects.select_related("payment__trade").filter(refund_no=str(values.get("refund_no", "")))
    if values.get("gateway"):
        chosen = chosen.filter(gateway=str(values["gateway"]))
    with writes.alone():
        refund = chosen.order_by("-id").first()
        if refund is None:
            raise ValueError("no gateway knows this refund")
        refunds.end(refund, status=status, ended_at=moment_of(values, "ended_at"))
    courier.wake()
    return refund
