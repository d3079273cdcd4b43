"""What can be paid, in words: until when, what waiting means, what to know before paying, what comes after."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import clock
from payments.delays import AfterPayment
from payments.policies.terms import DayKind, Delays, TierChange
from payments.pricing import Check, CheckState, Payable, WaitingFact, Warn
from payments.words import figures


def until_words(payable: Payable, today: date | None = None) -> str:
    """The two dates of R01 where there are two, the waiting where it has begun, else the last day."""
    today = today or clock.today()
    if payable.waiting is not None:
        return waiting_words(payable.waiting, today)
    to, last_on, rule = payable.concentrated_to, payable.last_on, payable.terms.waiting
    if to is None or rule is None or payable.group in rule.exempt_groups:
        return _("%(date)s截止") % {"date": figures.short_date(last_on, today)}
    dates = {"to": figures.bare_date(to, today), "last": figures.bare_date(last_on, to)}
    if last_on > to:
        return _("%(to)s前缴，待遇不受影响；之后到%(last)s还能缴，但要等一段时间才能享受待遇。") % dates
    return _("%(to)s前缴，待遇不受影响。") % dates


def waiting_words(waiting: WaitingFact, today: date | None = None) -> str:
    """PO-4: said before paying, never after."""
    rule, past = waiting.rule, _("集中缴费期已过。")
    if waiting.benefits_from_on is None:
        return past + _("现在缴，要等一段时间才能享受待遇。")
    length = (
        ngettext("%(count)d个月", "%(count)d个月", rule.fixed_months) % {"count": rule.fixed_months}
        if rule.fixed_months is not None
        else ngettext("%(count)d天", "%(count)d天", rule.fixed_days or 0) % {"count": rule.fixed_days or 0}
    )
    words = {"length": length, "date": figures.bare_date(waiting.benefits_from_on, today)}
    return past + _("现在缴，要等%(length)s，%(date)s起才能享受待遇。") % words


def warning_words(payable: Payable, today: date | None = None) -> dict[Warn, str]:
    """A sentence for each warning of a payable, in its order."""
    return {warn: _warning(warn, payable, today) for warn in payable.warnings}


def _warning(warn: Warn, payable: Payable, today: date | None) -> str:
    if warn is Warn.WAITING and payable.waiting is not None:
        return waiting_words(payable.waiting, today)
    return {
        Warn.TWO_PLACES: _("只能在一个地方缴。选错了要先退费再重缴。请尽快到迁出地注销。"),
        Warn.DEMO: _("演示：金额或日期不是本地公布的。"),
        Warn.PROVISIONAL: payable.terms.provisional_note or _("先按暂行标准收，差额以后另外通知。"),
        Warn.TIER_FIXED: _("今年已按这一档缴过，今年不能改档次。"),
        Warn.WAITING: "",
    }[warn]


def tier_change_words(payable: Payable, today: date | None = None) -> str:
    """What R12 says under the question: whether the tier can be changed after paying (PO-8)."""
    terms = payable.terms
    if terms.tier_change is TierChange.TOP_UP and terms.top_up_to is not None:
        return _("%(date)s前可以补差额提高档次。") % {"date": figures.bare_date(terms.top_up_to, today)}
    return _("缴费后今年不能改档次。")


@dataclass(frozen=True, slots=True)
class NextStep:
    """One line of 接下来 on R20: what, from when, and a remark."""

    what: str
    when: str
    remark: str


def next_steps(after: AfterPayment, delays: Delays, today: date | None = None) -> list[NextStep]:
    """What comes when after a payment; steps whose delay the place does not state are left out (AF-1, AF-3, AF-4)."""
    estimate = _("（预计，放假安排还没公布）") if after.dates_estimated else ""
    steps = []
    if after.record_on is not None:
        remark = _delay(delays.record_days, delays.record_kind, _("后成为确认记录"))
        steps.append(NextStep(_("查记录"), _from(after.record_on, today), remark + estimate))
    if after.credit_on is not None:
        remark = _("缴费后第%(days)d天，社保账户里能看到") % {"days": delays.credit_days}
        steps.append(NextStep(_("到账"), figures.short_date(after.credit_on, today), remark))
    if after.printable_on is not None:
        remark = _delay(delays.certificate_days, delays.certificate_kind, _("后可开"))
        steps.append(NextStep(_("开证明"), _from(after.printable_on, today), remark + estimate))
    return steps


def _from(on: date, today: date | None) -> str:
    return _("%(date)s起") % {"date": figures.short_date(on, today)}


def _delay(days: int | None, kind: DayKind, ending: str) -> str:
    count = days or 0
    working = ngettext("%(days)d个工作日", "%(days)d个工作日", count)
    length = working if kind is DayKind.WORKING else ngettext("%(days)d天", "%(days)d天", count)
    return length % {"days": count} + ending


NOT_OFFERED_OTHERWISE = "tier_not_offered"


def not_offered_words(code: str) -> str:
    """What a page says to a choice that `price` refused."""
    words = {
        "tier_needed": _("请选择一个档次。"),
        "tier_not_offered": _("这个档次现在不能选，请重新选。"),
        "months_needed": _("请选择缴到几月。"),
        "months_not_allowed": _("这项费要一次缴清。"),
        "months_not_consecutive": _("月份要连着缴，不能跳月。"),
        "months_start": _("要从第一个没缴的月份开始缴。"),
        "C16": _("今年已按一档缴过，今年不能改档次。"),
    }
    return words.get(code, words[NOT_OFFERED_OTHERWISE])


def price_changed_words(old_fen: int, new_fen: int) -> str:
    """R16: the price moved between choosing and confirming."""
    amounts = {"old": figures.money(old_fen), "new": figures.money(new_fen)}
    return _("金额有变化：%(old)s → %(new)s，请再确认。") % amounts


@dataclass(frozen=True, slots=True)
class CheckWords:
    """One line of 我们核对了这些: the subject, its state as a word, and the state for the tag."""

    subject: str
    state: str
    kind: CheckState


def check_words(check: Check) -> CheckWords:
    """Say one check."""
    subjects = {
        "identity": _("姓名和证件号"),
        "registration": _("参保登记"),
        "group": _("人员类别"),
        "window": _("缴费时间"),
        "records": _("缴费记录"),
        "channel": _("缴费渠道"),
    }
    states = {
        CheckState.DONE: _("已核对"),
        CheckState.ACTION: _("需要处理"),
        CheckState.UNKNOWN: _("等结果") if check.code == "C9" else _("暂时查不到"),
    }
    if check.code == "C8":  # found, and nobody has to do anything
        return CheckWords(subjects[check.subject], _("已经缴过"), CheckState.DONE)
    return CheckWords(subjects[check.subject], states[check.state], check.state)


def other_prompts() -> list[tuple[str, str]]:
    """其他渠道的提示是什么意思: prompts heard elsewhere, and what they mean here."""
    return [
        (_("已存在申报记录"), _("已经有人缴过，或者有一笔还在核对。")),
        (_("未查询到此人的参保险种信息"), _("还没登记，或登记信息还没送到。")),
        (_("不能获取到该险种的缴费档次"), _("人员类别要先变更，或缴费还没开始。")),
    ]
