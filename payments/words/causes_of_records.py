"""Causes that lie in money already sent: C8, C9, C11, C14, C16."""

from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext as _

from payments.words import figures, names
from payments.words.saying import Said, Say


def _paid(say: Say) -> Said:
    """C8; to a stranger no more than that there is a record."""
    year = say.blocker.coverage_year
    headline = _("今年已经缴过了") if year == say.today.year else _("%(year)d年度已经缴过了") % {"year": year}
    if say.evidence.get("private"):
        return Said(headline, [_("已有缴费记录，详情请本人登录或拨打12366。")])
    line = _("%(date)s通过%(channel)s缴了%(money)s。") % _facts(say, say.evidence["paid_at"])
    if say.evidence["own"]:
        return Said(headline, [line], _("看这条记录"), "record")
    return Said(headline, [line, _("不是你缴的？可能是家人或邻居代缴。")], _("打电话问12366"), "call")


def _unresolved(say: Say) -> Said:
    """C9, with the moment by which it clears; never 失败."""
    headline, evidence = _("有一笔缴费正在核对"), say.evidence
    clears_at = say.blocker.come_back_at
    until = _("最迟%(moment)s核对完。") % {"moment": figures.moment(clears_at, say.today)} if clears_at else ""
    again = _("请不要重复缴费。")
    if evidence.get("private"):
        return Said(headline, [_("有人提交过，还没收到付款结果。"), until, again], _("到时提醒我"), "remind")
    if evidence["own"] and evidence.get("status") == "declared":
        line = _("%(date)s提交过%(money)s，还没有支付。") % _facts(say, evidence["declared_at"])
        return Said(_("有一笔缴费还没支付"), [line], _("继续支付"), "resume", when=_("现在就可以"))
    line = _("%(date)s通过%(channel)s提交过%(money)s，还没收到付款结果。") % _facts(say, evidence["declared_at"])
    if evidence["own"]:
        return Said(headline, [line, until, again], _("查一下结果"), "resume")
    return Said(headline, [line, until, again], _("到时提醒我"), "remind")


def _wrong_place(say: Say) -> Said:
    """C11."""
    headline, evidence = _("缴到了另一个地方"), say.evidence
    if evidence.get("private"):
        return Said(headline, [_("详情请本人登录或拨打12366。")], _("打电话问12366"), "call")
    places = {
        "there": evidence["region_name"],
        "here": evidence["here"],
        "money": figures.money(evidence["amount_fen"]),
    }
    lines = [_("已在%(there)s缴了%(money)s。") % places, _("先在%(there)s退费，再在%(here)s缴。") % places]
    if not evidence.get("own"):
        return Said(headline, [*lines, _("谁付的款，由谁申请退费。")], _("打电话问12366"), "call")
    lines.append(_("退回以后，%(there)s的申报记录同时删除，马上就能在%(here)s缴，不用再跑一趟。") % places)
    return Said(headline, lines, _("申请退费"), "refund", when=_("退费办完就可以"))


def _refund(say: Say) -> Said:
    """C14."""
    lines = [_("退款办完以后，就可以重新缴。")]
    when = "" if say.blocker.come_back_on else _("退款办完以后")
    if say.evidence.get("refund_no"):
        return Said(_("退款还没结束"), lines, _("看退费进度"), "refund_progress", when=when)
    return Said(_("退款还没结束"), lines, _("到时提醒我"), "remind", when=when)


def _tier_locked(say: Say) -> Said:
    """C16."""
    this = names.insurance_type(say.blocker.insurance_type)
    lines = [_("%(type)s缴了以后，当年不能改档次。") % {"type": this}, _("下一年度再选。")]
    return Said(_("今年不能改档次"), lines)


def _facts(say: Say, at: datetime | None) -> dict[str, str]:
    return {
        "date": figures.moment(at, say.today) if at else "",
        "channel": str(say.evidence.get("channel_name") or _("其他渠道")),
        "money": figures.money(say.evidence["amount_fen"]),
    }


RECORDS: dict[str, Callable[[Say], Said]] = {
    "C8": _paid,
    "C9": _unresolved,
    "C11": _wrong_place,
    "C14": _refund,
    "C16": _tier_locked,
}
