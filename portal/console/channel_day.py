"""S08, one channel day of one merchant: four buckets to the fen, every finding, the file, and the signatures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from core import audit
from core.models import User
from core.refusals import Refused
from payments.models import Discrepancy
from payments.states import DISCREPANCY
from payments.words import figures
from portal.console.page import page
from portal.console.proving import proved_first
from portal.console.scope import discrepancies_for, forbid_lookers, staff_of, statement_or_404, statements_for
from portal.console.statement_words import HINTS, RESOLUTIONS, channel_name, day_tag, fault, is_late, tail
from reconciliation.channel_days import BUCKETS, DayFigures, counts, day_figures, receipts_of, undone
from reconciliation.models import Finding, SignOff, Statement, StatementEntry
from reconciliation.sign_offs import confirm_sign_off, drop_sign_off, run_again, sign_off
from reconciliation.states import STATEMENT

SHOWN = 200
NAMES: dict[str, Promise] = {
    "agree": gettext_lazy("一致"),
    "mine": gettext_lazy("我多"),
    "theirs": gettext_lazy("对方多"),
    "amount": gettext_lazy("金额不同"),
    "others": gettext_lazy("退费、冲正和其他"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One finding: its line, our order, what it means, what became of it."""

    finding: Finding
    order_no: str
    ours_fen: int | None
    theirs_fen: int | None
    hint: str
    became: str
    discrepancy: Discrepancy | None
    state: Any


@require_GET
def detail(request: HttpRequest, statement_id: int) -> HttpResponse:
    """What the day came to, and what is still to be done before it is signed."""
    user = staff_of(request)
    row = statement_or_404(user, statement_id)
    figures_of_day = day_figures(row) if counts(row) else None
    waiting = undone(row)
    cases = _cases(row, user)
    context = {
        "row": row,
        "channel": channel_name(row.channel),
        "tail": tail(row.merchant_id),
        "state": STATEMENT.states[row.status],
        "fault": fault(row) if row.status == "unreadable" else "",
        "is_late": is_late(row),
        "tag": day_tag(row, len(cases), waiting),
        "figures": figures_of_day,
        "buckets": [(bucket, str(NAMES[bucket.code])) for bucket in figures_of_day.buckets] if figures_of_day else [],
        "sections": _sections(cases, figures_of_day),
        "ours": receipts_of(row),
        "undone": waiting,
        "verdict": _verdict(row, figures_of_day, waiting),
        "versions": _versions(row),
        "before": _neighbour(user, row, -1),
        "after": _neighbour(user, row, 1),
        "signature": SignOff.objects.filter(statement=row).exclude(outcome="dropped")
        .select_related("asked_by", "decided_by").first(),
        "me": user,
    }  # fmt: skip
    return page(request, "channel_day", f"{context['channel']} {figures.short_date(row.channel_day)}", **context)


def _verdict(row: Statement, said: DayFigures | None, waiting: int) -> tuple[str, str, str]:
    """(class, sentence, what it means)."""
    if row.status == "awaited":
        if not is_late(row):
            return "info", _("还没到时候"), _("应到时间以前不用做什么。")
        return "no", _("缺文件：到了应到时间，对账单没有来"), _("这一天不能签收，卡住的申报也不能凭它清除。")
    if row.status == "unreadable":
        says = _("坏的文件一行也不算，请渠道重出，再交一次。若错在本系统，改好后点“再读一次”。")
        return "no", _("整个文件没有收"), says
    if row.superseded_by is not None:
        return "info", _("这一版已被更正件代替"), _("只供查看，签收看最新一版。")
    if said is None:
        return "wait", _("正在读取"), _("读完就核对。也可以点“重新对账”。")
    if waiting:
        head = ngettext("还不能签收：%(count)d件没有着落", "还不能签收：%(count)d件没有着落", waiting) % {
            "count": waiting
        }
        return "wait", head, _("都办完后由两人签收。")
    if row.status != "closed":
        return "wait", _("还在核对"), _("等次日对账单，或正在自动处理。")
    if said.differs:
        return "yes", _("差异都办完了，可以签收"), _("这一天有过差异，要两个人签收。")
    return "yes", _("两边一致，可以签收"), _("一个人签收就行。")


def _cases(row: Statement, user: User) -> list[Case]:
    found = list(
        Finding.objects.filter(statement=row)
        .select_related("order", "receipt", "discrepancy")
        .order_by("pk")[: SHOWN * 4]
    )
    lines = [each.line_no for each in found if each.line_no is not None]
    entries = {entry.line_no: entry for entry in StatementEntry.objects.filter(statement=row, line_no__in=lines)}
    seen = discrepancies_for(user).filter(pk__in=[each.discrepancy_id for each in found if each.discrepancy_id])
    mine = set(seen.values_list("pk", flat=True))
    return [_case(each, entries.get(each.line_no or 0), mine) for each in found]


def _case(finding: Finding, entry: StatementEntry | None, mine: set[int]) -> Case:
    case = finding.discrepancy if finding.discrepancy_id in mine else None
    return Case(
        finding,
        finding.order.order_no[-6:] if finding.order else (entry.order_no if entry else ""),
        finding.receipt.amount_fen if finding.receipt else None,
        entry.amount_fen if entry else None,
        str(HINTS[finding.kind]),
        str(RESOLUTIONS.get(finding.resolution, finding.resolution)),
        case,
        DISCREPANCY.states[case.status] if case else None,
    )


def _sections(cases: list[Case], said: DayFigures | None) -> list[tuple[str, str, int, list[Case]]]:
    """(anchor, name, how many were found, the first of them) of each bucket that holds something."""
    found = {bucket.code: bucket.found for bucket in said.buckets} if said else {}
    listed = []
    for code, kinds in BUCKETS.items():
        some = [case for case in cases if case.finding.kind in kinds]
        if some:
            listed.append((code, str(NAMES[code]), found.get(code, len(some)), some[:SHOWN]))
    return listed


def _versions(row: Statement) -> list[tuple[Statement, Any]]:
    same = Statement.objects.filter(
        agreement=row.agreement_id, merchant_id=row.merchant_id, channel_day=row.channel_day
    ).order_by("version")
    return [(each, STATEMENT.states[each.status]) for each in same]


def _neighbour(user: User, row: Statement, step: int) -> Statement | None:
    same = statements_for(user).filter(agreement=row.agreement_id, merchant_id=row.merchant_id)
    if step < 0:
        return same.filter(channel_day__lt=row.channel_day).order_by("-channel_day", "-version").first()
    return same.filter(channel_day__gt=row.channel_day).order_by("channel_day", "-version").first()


# --- what may be done --------------------------------------------------------------------------------------------


@require_POST
def again(request: HttpRequest, statement_id: int) -> HttpResponse:
    """重新对账, 现在去取, 再读一次: go on now."""
    user = forbid_lookers(request)
    row = statement_or_404(user, statement_id)
    said = _("已再读一次。") if row.status == "unreadable" else _("已重新对账。")
    return _done(request, row, "run_statement", lambda: run_again(statement_id=row.pk, staff=user), said)


@require_POST
@proved_first(gettext_lazy("签收对账单"))
def sign(request: HttpRequest, statement_id: int) -> HttpResponse:
    """The first signature, the second, or neither."""
    user = forbid_lookers(request)
    row = statement_or_404(user, statement_id)
    waiting = SignOff.objects.filter(statement=row, outcome="").first()
    if request.POST.get("drop") and waiting is not None:
        return _done(
            request, row, "drop_sign_off", lambda: drop_sign_off(sign_off_id=waiting.pk, staff=user), _("已退回签收。")
        )
    if waiting is not None:
        return _done(
            request, row, "confirm_sign_off", lambda: confirm_sign_off(sign_off_id=waiting.pk, staff=user),
            _("两人都签收了。"),
        )  # fmt: skip
    note = request.POST.get("note", "")
    return _done(request, row, "sign_off", lambda: sign_off(statement_id=row.pk, note=note, staff=user), _("已签收。"))


def _done(request: HttpRequest, row: Statement, action: str, act: Callable[[], Any], said: str) -> HttpResponse:
    try:
        made = act()
    except Refused as refusal:
        messages.warning(request, _refused(refusal))
    else:
        row = made if isinstance(made, Statement) else row
        audit.record(
            actor=staff_of(request).actor, action=action, subject_kind="statement", subject_id=str(row.pk),
            reason=request.POST.get("note", "")[:200],
        )  # fmt: skip
        messages.success(request, said)
    return redirect("admin:channel_day", row.pk)


def _refused(refusal: Refused) -> str:
    at = refusal.facts.get("at")
    return {
        "not_there": _("文件要由渠道交来，系统不能自己取。"),
        "not_due": _("还没到应到时间：%(at)s。") % {"at": figures.moment(at) if at else ""},
        "closed": _("已经关账，金额每次打开都重新算。"),
        "not_closed": _("还没核对完，不能签收。"),
        "superseded": _("这一版已被更正件代替。"),
        "undone": _("还有没办完的差异，不能签收。"),
        "signed": _("已经签收过。"),
        "decided": _("已经有人办过。"),
        "same_person": _("第一个签收的人不能签第二次，请另一人来看。"),
        "changed": _("签收以后金额变了，请退回重签。"),
    }[refusal.code]
