"""S06, S09: money that has gone back in another way than through its gateway: one asks, a second sees the paper."""

from collections.abc import Callable
from typing import BinaryIO, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from core import audit
from core.models import User
from core.refusals import Refused
from payments.words import figures
from portal.console.proving import proved_first
from portal.console.scope import declarations_for, discrepancy_or_404, forbid_lookers, refunds_for, staff_of
from reconciliation.models import OutsideSettlement, StepOnPaper
from reconciliation.outside import (
    confirm_outside,
    drop_settlement,
    settle_failed_outside,
    settle_money_outside,
    waiting_for,
)
from reconciliation.written_statements import WrittenStatement, read_document

REFUSALS: dict[str, Promise] = {
    "no_reason": gettext_lazy("请写清说明，不能少于4个字。"),
    "no_document": gettext_lazy("请填文号，并交退款凭证的照片或PDF，不超过10MB。"),
    "no_evidence": gettext_lazy("对账单上没有退回或冲正，渠道也没有答已退款。没有退回过的，请提出退费。"),
    "not_failed": gettext_lazy("这笔退费有了别的进展，请重新看。"),
    "silent": gettext_lazy("渠道现在没有答复，不知道它还会不会退。问到了再办。"),
    "may_move": gettext_lazy("渠道答这笔退费还可能退成，现在不能另行退回。"),
    "not_paid": gettext_lazy("这笔还没有缴成，不用退费。"),
    "in_refund": gettext_lazy("这笔已在退费中。"),
    "finished": gettext_lazy("这笔已经有结果。"),
    "no_money": gettext_lazy("这里没有挂着的钱。"),
    "decided": gettext_lazy("已经有人办过。"),
    "same_person": gettext_lazy("申请人不能自己确认，请另一人来看。"),
}


@require_POST
@proved_first(gettext_lazy("记另行退回"))
def of_refund(request: HttpRequest, refund_no: str) -> HttpResponse:
    """A refund that did not go through."""
    user = forbid_lookers(request)
    get_object_or_404(refunds_for(user), refund_no=refund_no)
    made = _try(request, user, lambda: settle_failed_outside(
        refund_no=refund_no, note=request.POST.get("note", ""), staff=user, written=paper_of(request)))  # fmt: skip
    return redirect("admin:refund", made.refund.refund_no if made else refund_no)


@require_POST
@proved_first(gettext_lazy("记另行退回"))
def of_declaration(request: HttpRequest, declaration_no: str) -> HttpResponse:
    """Paid at a bank, or taken back by the channel itself."""
    user = forbid_lookers(request)
    get_object_or_404(declarations_for(user), declaration_no=declaration_no)
    made = _try(request, user, lambda: settle_money_outside(
        declaration_no=declaration_no, note=request.POST.get("note", ""), staff=user,
        written=paper_of(request)))  # fmt: skip
    return redirect("admin:refund", made.refund.refund_no) if made else redirect("admin:refund_ask", declaration_no)


@require_POST
@proved_first(gettext_lazy("记另行退回"))
def of_discrepancy(request: HttpRequest, discrepancy_id: int) -> HttpResponse:
    """Money that a discrepancy holds and that no gateway gives back."""
    user = forbid_lookers(request)
    row = discrepancy_or_404(user, discrepancy_id)
    made = _try(request, user, lambda: settle_money_outside(
        discrepancy_id=row.pk, note=request.POST.get("note", ""), staff=user, written=paper_of(request)))  # fmt: skip
    return redirect("admin:refund", made.refund.refund_no) if made else redirect("admin:discrepancy", row.pk)


@require_POST
@proved_first(gettext_lazy("决定另行退回"))
def decide(request: HttpRequest, refund_no: str) -> HttpResponse:
    """The second person agrees, or somebody drops it."""
    user = forbid_lookers(request)
    waiting = waiting_for(get_object_or_404(refunds_for(user), refund_no=refund_no))
    if waiting is None:
        messages.warning(request, str(REFUSALS["decided"]))
    elif request.POST.get("drop"):
        _try(request, user, lambda: drop_settlement(settlement_id=waiting.pk, staff=user))
    else:
        _try(request, user, lambda: confirm_outside(settlement_id=waiting.pk, staff=user))
    return redirect("admin:refund", refund_no)


@require_GET
def document(request: HttpRequest, refund_no: str, settlement_id: int) -> HttpResponse:
    """The paper, for the second person."""
    user = staff_of(request)
    refund = get_object_or_404(refunds_for(user), refund_no=refund_no)
    return paper_answer(user, OutsideSettlement.objects.filter(pk=settlement_id, refund=refund).first(), "settlement")


def paper_of(request: HttpRequest) -> WrittenStatement | None:
    """What the form hands in; None where no file came with it."""
    file = request.FILES.get("document")
    if file is None:
        return None
    return WrittenStatement(request.POST.get("document_no", ""), str(file.name), cast(BinaryIO, file))


def paper_answer(user: User, step: StepOnPaper | None, kind: str) -> HttpResponse:
    """The paper of a step as a download, for it is somebody else's file. Raises Http404 where there is none."""
    if step is None or not step.stored_path:
        raise Http404
    audit.record(actor=user.actor, action="read_document", subject_kind=kind, subject_id=str(step.pk))
    response = HttpResponse(read_document(step), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="written-{step.pk}.bin"'
    return response


def _try(request: HttpRequest, user: User, act: Callable[[], OutsideSettlement]) -> OutsideSettlement | None:
    try:
        step = act()
    except Refused as refusal:
        messages.warning(request, str(REFUSALS[refusal.code]))
        return None
    refund = step.refund
    audit.record(
        actor=user.actor, action="settle_outside", subject_kind="refund", subject_id=refund.refund_no,
        reason=step.note[:200],
        detail={"ground": step.ground, "outcome": step.outcome or "waiting", "amount_fen": refund.amount_fen,
                "document_no": step.document_no, "document_sha256": step.sha256},
    )  # fmt: skip
    said = {
        "": _("已提出，等另一人看凭证后确认。"),
        "done": _("已记为退回%(money)s，期间空出，缴款人会收到短信。"),
        "dropped": _("没有另行退回，已恢复原状。"),
    }[step.outcome]
    messages.success(request, said % {"money": figures.money(refund.amount_fen)} if step.outcome == "done" else said)
    return step
