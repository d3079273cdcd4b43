"""A refund step by step, as its payer reads it: done, where it stands, and until when (R27).

A day that has passed is told to nobody: what takes longer says where it stands, and no day.
"""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from core import clock
from payments.models import Refund
from payments.policies.in_force import terms_of
from payments.refund_dates import RefundDates, dates_of
from payments.states import NOT_THROUGH, REFUNDING
from payments.words import figures, refund_words
from payments.words.refunds import rejection
from portal.pages import devices
from portal.pages.records import TimelineStep, person_label
from portal.pages.standing import declared_label

TAGS = {"refunded": "done", "rejected": "none"}


@dataclass(frozen=True)
class Progress:
    """What R27 says. `again`: from when one can pay again; `rejection`: why not, where it was refused."""

    refund: Refund
    what: str
    person: str
    word: str
    tag: str
    steps: list[TimelineStep]
    again: str
    rejection: str

    @property
    def is_running(self) -> bool:
        return self.refund.status in REFUNDING

    @property
    def is_failed(self) -> bool:
        return self.refund.status == "failed"


def progress_of(refund: Refund, relations: dict[bytes, str]) -> Progress:
    """Put one refund into words."""
    dates, row = dates_of(refund), refund.declaration
    return Progress(
        refund=refund,
        what=declared_label(row, terms_of([row.policy_id])[row.policy_id]) if row else _("多付的一笔"),
        person=person_label(row, relations) if row else "",
        word=refund_word(refund),
        tag=TAGS.get(refund.status, "half"),
        steps=_steps(refund, dates),
        again=_again(refund, dates),
        rejection=rejection(refund.failure) if refund.status == "rejected" else "",
    )


def refund_word(refund: Refund) -> str:
    """The state as residents read it."""
    return refund_words(refund.status).label


def _again(refund: Refund, dates: RefundDates) -> str:
    """PA-7: as soon as the money is proved to be back."""
    if refund.declaration_id is None or refund.status == "rejected":
        return ""
    if dates.settled_on is not None:
        return _("%(day)s起可以重新缴。") % {"day": figures.short_date(dates.settled_on)}
    if refund.status in NOT_THROUGH or _is_over(dates.back_by):
        return _("退回以后马上可以重新缴。")
    return _("退回以后马上可以重新缴，最迟预计%(day)s。") % {"day": figures.short_date(dates.back_by)}


def _steps(refund: Refund, dates: RefundDates) -> list[TimelineStep]:
    """已提交 → 审核（两人）→ 退款中 → 已退回; after a refusal only the first two."""
    steps = [_asked(refund), _reviewed(refund, dates)]
    if refund.status != "rejected":
        steps += [_under_way(refund, dates), _back(refund, dates)]
    for step in steps:
        if step.state != "done":
            step.state = "current"
            break
    return steps


def _asked(refund: Refund) -> TimelineStep:
    who = _("已收到你的申请")
    if refund.requested_by is None:
        who = _("核对账单时发现，按规则退回，不用你申请")
    elif refund.requested_by.is_staff:
        who = _("税务部门替你提交")
    return TimelineStep(_("已提交"), figures.moment(refund.requested_at), who, "done")


def _reviewed(refund: Refund, dates: RefundDates) -> TimelineStep:
    title = _("审核（两人）")
    if refund.status == "rejected":
        return TimelineStep(title, "", _("没有同意"), "")
    if refund.approved_at is None:
        until = _("正在进行，一般1个工作日内，最迟%(day)s") % {"day": figures.short_date(dates.review_by)}
        return TimelineStep(title, "", _where_it_stands(refund) if _is_over(dates.review_by) else until, "")
    said = _("按规则自动同意") if refund.rule else _("两人都已同意")
    return TimelineStep(title, figures.moment(refund.approved_at), said, "done")


def _under_way(refund: Refund, dates: RefundDates) -> TimelineStep:
    title, wallet = _("退款中"), {"wallet": devices.gateway_name(refund.gateway)}
    began = figures.moment(refund.sent_at) if refund.sent_at else ""
    if refund.status == "refunded":
        said = _("已按书面程序或由渠道退回") if refund.is_outside else _("%(wallet)s已办完") % wallet
        return TimelineStep(title, began, said, "done")
    if refund.status == "outside":
        return TimelineStep(title, began, _("税务部门在办，另行退给你，你不用再申请"), "")
    if refund.status == "failed":
        return TimelineStep(title, began, _("正在处理：%(wallet)s没有退成，税务部门在办，你不用再申请") % wallet, "")
    if refund.approved_at is None:
        return TimelineStep(title, "", _("还没到：审核通过马上退，一般几分钟，最迟3个工作日"), "")
    if _is_over(dates.back_by):
        return TimelineStep(title, began, _where_it_stands(refund), "")
    wallet["day"] = figures.short_date(dates.back_by)
    return TimelineStep(title, began, _("%(wallet)s正在退，一般几分钟，最迟%(day)s") % wallet, "")


def _back(refund: Refund, dates: RefundDates) -> TimelineStep:
    wallet = {"wallet": devices.gateway_name(refund.gateway)}
    if refund.settled_at is not None:
        said = _("钱已另行退回") if refund.is_outside else _("钱已退到%(wallet)s") % wallet
        return TimelineStep(_("已退回"), figures.moment(refund.settled_at), said, "done")
    estimate = _("（预计，放假安排还没公布）") if dates.is_estimate else ""
    is_open = refund.status in NOT_THROUGH or _is_over(dates.back_by)
    day = "" if is_open else _("最迟%(day)s") % {"day": figures.short_date(dates.back_by)} + estimate
    return TimelineStep(_("已退回"), day, _("还没到"), "")


def _is_over(day: date) -> bool:
    return day < clock.today()


def _where_it_stands(refund: Refund) -> str:
    return refund_words(refund.status).lines[0]
