"""Asking for money back (R26) and what has become of it (R27). PA-6, PA-7."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from core import clock, ids
from core.refusals import Refused
from payments import words
from payments.models import Declaration, Refund
from payments.orders import MAX_LINES
from payments.refund_asking import REASONS, RefundLine, ask_for_refunds, refund_lines
from payments.refund_dates import dates_if_asked
from payments.refund_records import refunds_to
from payments.words import figures, names
from payments.words.refunds import not_refundable, refund_reason
from portal.accounts.access import payer_of, resident_required
from portal.pages import devices
from portal.pages.records import person_label, relations_of
from portal.pages.refund_steps import progress_of
from portal.pages.standing import declared_label

LONGEST_NOTE = 200
KEPT = "refund"  # where the session keeps what was filled in, until it is sent

HINTS = {
    "wrong_place": gettext_lazy("参保登记在别的地方"),
    "duplicate": gettext_lazy("同一期缴了两次"),
    "not_eligible": gettext_lazy("由政府或单位缴，或已经退休"),
    "own_request": gettext_lazy("请在下面写一下"),
}


@dataclass(frozen=True)
class Asking:
    """What the form says. `used`: whether benefits of the period have been used, yes, no or not answered."""

    lines: tuple[str, ...] = ()
    reason: str = ""
    note: str = ""
    used: str = ""

    @classmethod
    def posted(cls, request: HttpRequest) -> "Asking":
        """Read a form as it was sent."""
        sent = request.POST
        note = " ".join(sent.get("note", "").split())[:LONGEST_NOTE]
        return cls(tuple(sent.getlist("line")[:MAX_LINES]), sent.get("reason", ""), note, sent.get("used", ""))

    @classmethod
    def kept(cls, request: HttpRequest, declaration_no: str) -> "Asking | None":
        """What was filled in for this record and not sent yet."""
        found = request.session.get(KEPT, {}).get(declaration_no)
        return cls(tuple(found["lines"]), found["reason"], found["note"], "no") if found else None

    def keep(self, request: HttpRequest, declaration_no: str) -> None:
        kept = {"lines": list(self.lines), "reason": self.reason, "note": self.note}
        request.session[KEPT] = {declaration_no: kept}


@dataclass
class ShownLine:
    """One line of the order as R26 shows it."""

    line: RefundLine
    what: str
    person: str
    is_chosen: bool = False
    refusal: str = ""

    @property
    def row(self) -> Declaration:
        return self.line.declaration


@dataclass
class Errors:
    """What has to be put right, by field, in the order of the page."""

    found: dict[str, str] = field(default_factory=dict)

    @property
    def in_order(self) -> list[tuple[str, str]]:
        """(id of the field, sentence)."""
        firsts = {"line": "line-1", "reason": "reason-1", "note": "note", "used": "used-no"}
        return [(firsts[name], sentence) for name, sentence in self.found.items()]


# --- R26 -------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@resident_required
def ask(request: HttpRequest, declaration_no: str) -> HttpResponse:
    """Which lines, why, and what follows; the check page comes before anything is sent."""
    row = _own_record(request, declaration_no)
    lines = _shown_lines(request, row)
    mine = next(line for line in lines if line.row.pk == row.pk)
    if mine.line.refund is not None and mine.line.refund.status != "rejected":
        messages.info(request, not_refundable("in_refund" if row.status == "paid" else "refunded"))
        return redirect("pages:refund", mine.line.refund.refund_no)
    if mine.refusal:
        return render(request, "pages/refund_ask.html", {"row": row, "refused": mine, "lines": []})
    if request.method == "GET":
        asking = Asking.kept(request, declaration_no) or Asking((declaration_no,), _reason_asked(request))
        return _ask_page(request, row, lines, asking, Errors())
    asking = Asking.posted(request)
    errors = _errors(asking, lines)
    if errors.found:
        return _ask_page(request, row, lines, asking, errors)
    asking.keep(request, declaration_no)
    return redirect("pages:refund_check", declaration_no)


def _own_record(request: HttpRequest, declaration_no: str) -> Declaration:
    """Who has paid asks; a record that others have paid is not there (HOUSE 5)."""
    rows = Declaration.objects.select_related("order", "order__payee", "registration", "region")
    return get_object_or_404(rows, declaration_no=declaration_no, payer=payer_of(request))


def _shown_lines(request: HttpRequest, row: Declaration) -> list[ShownLine]:
    relations = relations_of(payer_of(request))
    return [
        ShownLine(
            line, declared_label(line.declaration, line.terms), person_label(line.declaration, relations),
            refusal=not_refundable(line.refusal) if line.refusal else "",
        )
        for line in refund_lines(row.order)
    ]  # fmt: skip


def _reason_asked(request: HttpRequest) -> str:
    """A page that knows the reason leads here with it filled in (C11)."""
    asked = request.GET.get("reason", "")
    return asked if asked in REASONS else ""


def _errors(asking: Asking, lines: Iterable[ShownLine]) -> Errors:
    open_lines = {line.row.declaration_no for line in lines if not line.refusal}
    errors = Errors()
    if not asking.lines or not set(asking.lines) <= open_lines:
        errors.found["line"] = _("请选择要退的缴费。")
    if asking.reason not in REASONS:
        errors.found["reason"] = _("请选择退费的原因。")
    elif asking.reason == Refund.Reason.OWN_REQUEST and not asking.note:
        errors.found["note"] = _("请写一下原因。")
    if asking.used == "yes":
        errors.found["used"] = not_refundable("benefits")
    elif asking.used != "no":
        errors.found["used"] = _("请回答有没有用过待遇。")
    return errors


def _ask_page(
    request: HttpRequest, row: Declaration, lines: list[ShownLine], asking: Asking, errors: Errors
) -> HttpResponse:
    for line in lines:
        line.is_chosen = line.row.declaration_no in asking.lines
    context = {
        "row": row,
        "lines": lines,
        "open_lines": [line for line in lines if not line.refusal],
        "asking": asking,
        "reasons": [(reason.value, refund_reason(reason), HINTS[reason]) for reason in REASONS],
        "errors": errors.found,
        "errors_in_order": errors.in_order,
        "wallet": devices.gateway_name(row.order.gateway),
        "longest": LONGEST_NOTE,
    }
    return render(request, "pages/refund_ask.html", context)


@require_http_methods(["GET", "POST"])
@resident_required
def check(request: HttpRequest, declaration_no: str) -> HttpResponse:
    """Everything once more, with what follows from it; only the button here asks."""
    row = _own_record(request, declaration_no)
    lines = _shown_lines(request, row)
    if request.method == "POST":
        return _send(request, row, replace(Asking.posted(request), used="no"))
    asking = Asking.kept(request, declaration_no)
    if asking is None or _errors(asking, lines).found:
        return redirect("pages:refund_ask", declaration_no)
    chosen = [line for line in lines if line.row.declaration_no in asking.lines]
    context = {
        "row": row,
        "lines": chosen,
        "amount_fen": sum(line.row.amount_fen for line in chosen),
        "asking": asking,
        "reason": refund_reason(asking.reason),
        "wallet": devices.gateway_name(row.order.gateway),
        "dates": dates_if_asked(clock.today()),
        "follows": _what_follows(asking, chosen),
    }
    return render(request, "pages/refund_check.html", context)


def _send(request: HttpRequest, row: Declaration, asking: Asking) -> HttpResponse:
    """Asking twice is asking once: the second press of the button leads to the same refund."""
    if asking.reason not in REASONS:
        return redirect("pages:refund_ask", row.declaration_no)
    try:
        made = ask_for_refunds(
            declaration_nos=asking.lines, reason=Refund.Reason(asking.reason), note=asking.note,
            payer=payer_of(request),
        )  # fmt: skip
    except Refused as refusal:
        messages.warning(request, not_refundable(refusal.code))
        return redirect("pages:refund_ask", row.declaration_no)
    request.session.pop(KEPT, None)
    mine = next((refund for refund in made if refund.declaration_id == row.pk), made[0])
    return redirect("pages:refund", mine.refund_no)


def _what_follows(asking: Asking, chosen: list[ShownLine]) -> list[str]:
    """What giving back means, before it is asked for."""
    back_by = dates_if_asked(clock.today()).back_by
    said = [
        _("退回以后，这一期按没有缴过算，不享受这一期的待遇。"),
        _("已经开的缴费证明作废。"),
        _("在退回以前，这一期还算已缴，不能重缴。"),
    ]
    if asking.reason == Refund.Reason.WRONG_PLACE:
        said.append(_("退回以后，这里的申报记录同时删除，马上就能到参保的地方缴，不用再跑一趟。"))
    else:
        said.append(_("退回以后，马上可以重新缴。"))
    for line in chosen:
        said += [each for each in _too_late(line, back_by) if each not in said]
    return said


def _too_late(line: ShownLine, back_by: date) -> list[str]:
    """What may be over by the time the money is back (PO-4)."""
    window, last_on = line.line.terms.window, line.line.terms.last_on(line.row.coverage_year)
    what = {"type": names.insurance_type(line.row.insurance_type_id), "day": words.bare_date(last_on)}
    if last_on < back_by:
        return [_("%(type)s缴到%(day)s为止，退回时可能已经不能重缴。") % what]
    to = window.concentrated_to
    if to is not None and clock.today() <= to < back_by and line.line.terms.waiting:
        what["day"] = words.bare_date(to)
        return [_("%(type)s的集中缴费期到%(day)s为止。以后再缴，待遇要等。") % what]
    return []


# --- R27 -------------------------------------------------------------------------------------------------------------


@require_GET
@resident_required
def progress(request: HttpRequest, refund_no: str) -> HttpResponse:
    """Where the money is; for whoever paid it."""
    payer = payer_of(request)
    found = refunds_to(payer).filter(refund_no=refund_no).first()
    if found is None:
        raise Http404
    others = refunds_to(payer).filter(receipt=found.receipt_id).exclude(pk=found.pk)
    context: dict[str, Any] = {
        "refund": found,
        "told": progress_of(found, relations_of(payer)),
        "wallet": devices.gateway_name(found.gateway),
        "reason": refund_reason(found.reason),
        "others": [progress_of(other, relations_of(payer)) for other in others],
        "money": figures.money(found.amount_fen),
        "record_url": _record_url(found),
        "reference": ids.short_reference(found.refund_no),
    }
    return render(request, "pages/refund.html", context)


def _record_url(refund: Refund) -> str:
    if refund.declaration is None:
        return ""
    return reverse("pages:record", args=[refund.declaration.declaration_no])
