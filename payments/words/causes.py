"""What a cause says (SCREENS 2.4): one headline, short lines, who mends it, when to come back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from core import clock
from payments.policies.terms import Owner
from payments.pricing import Blocker, When
from payments.words import figures, names
from payments.words.causes_of_enrolment import ENROLMENT
from payments.words.causes_of_records import RECORDS
from payments.words.saying import Said, Say


@dataclass(frozen=True, slots=True)
class BlockerWords:
    """The words of one cause. `action` labels the one button and `action_code` says where it leads:

    resume, refund, refund_progress, pay_needed, retype, register, remind, call, other_channel, assess, or nothing.
    `short` is the line on a card.
    """

    code: str
    headline: str
    body: tuple[str, ...]
    action: str
    action_code: str
    owner: str
    when: str
    short: str


def blocker_words(blocker: Blocker, today: date | None = None) -> BlockerWords:
    """Say one cause. `today` is the business day that relative words and years refer to."""
    today = today or clock.today()
    said = SAYERS[blocker.code](Say(blocker, today))
    when = said.when or when_words(blocker, today)
    return BlockerWords(
        code=blocker.code,
        headline=said.headline,
        body=tuple(line for line in said.body if line),
        action=said.action,
        action_code=said.action_code,
        owner=said.owner or names.owner(blocker.owner),
        when=when,
        short=_short(said.headline, blocker, when),
    )


def _short(headline: str, blocker: Blocker, when: str) -> str:
    if blocker.come_back_on is None or blocker.when is not When.ON:
        return headline
    return _("%(headline)s，%(when)s再来") % {"headline": headline, "when": when}


def when_words(blocker: Blocker, today: date) -> str:
    """何时再来, from the kind of return and its date."""
    if blocker.come_back_at is not None:
        return figures.moment(blocker.come_back_at, today)
    if blocker.when is When.ON and blocker.come_back_on is not None:
        if blocker.come_back_time:
            return figures.date_and_hour(blocker.come_back_on, blocker.come_back_time, today)
        return figures.short_date(blocker.come_back_on, today)
    return str(_WHEN[blocker.when]())


_WHEN: dict[When, Callable[[], str]] = {
    When.ON: lambda: _("还没有确定日期"),
    When.AT: lambda: _("核对完以后"),
    When.NOW: lambda: _("现在就可以"),
    When.AFTER_MENDED: lambda: _("更正后的第二天"),
    When.AFTER_CHANGE: lambda: _("变更3天后"),
    When.AFTER_REGISTERING: lambda: _("登记3天后"),
    When.AFTER_COLLECTIVE: lambda: _("集体办完登记以后"),
    When.AFTER_REFUND: lambda: _("退费办完以后"),
    When.WHEN_ASSESSED: lambda: _("核定的金额送到以后"),
    When.WHEN_ANNOUNCED: lambda: _("本地公布以后"),
    When.NEXT_YEAR: lambda: _("下一年度"),
    When.WORKING_DAYS: lambda: _("2个工作日内"),
    When.NEVER: lambda: _("不用再来"),
}


def _closed_now(say: Say) -> Said:
    """C1."""
    evidence = say.evidence
    if evidence.get("kind") == "not_now":
        hours = {"opens": figures.hour(evidence["opens_at"]), "closes": figures.hour(evidence["closes_at"])}
        line = _("每天%(opens)s到%(closes)s可以缴。") % hours
    else:
        line = _("每月%(day_from)d日到%(day_to)d日可以缴。") % evidence
    last = _("最后一天是%(date)s。") % {"date": figures.short_date(evidence["last_on"], say.today)}
    return Said(_("现在不在缴费时间"), [line, last], _("到时提醒我"), "remind")


def _window(say: Say) -> Said:
    """C2."""
    evidence = say.evidence
    if evidence.get("kind") == "not_open" and say.blocker.come_back_on:
        on = figures.short_date(say.blocker.come_back_on, say.today)
        return Said(_("本地区还没开始缴"), [_("从%(date)s开始缴。") % {"date": on}], _("开始时提醒我"), "remind")
    if evidence.get("kind") == "closed":
        last = _("缴费到%(date)s为止。") % {"date": figures.short_date(evidence["last_on"], say.today)}
        note = evidence.get("special_note") or _("能不能补缴，先问%(agency)s。") % {"agency": say.agency}
        return Said(_("已过缴费期"), [last, note], _("打电话问12366"), "call")
    return Said(_("本地区还没开始缴"), [_("本地还没有公布缴费时间。")], _("打电话问12366"), "call")


def _needed(say: Say) -> Said:
    """C12."""
    needed = names.insurance_type(str(say.evidence["needed"]))
    headline = _("先缴当年基本养老")
    if say.evidence.get("under_way"):
        return Said(headline, [_("%(type)s正在核对，核对完就能缴。") % {"type": needed}], when=_("核对完以后"))
    line = _("先缴当年的%(type)s，才能缴%(this)s。") % {
        "type": needed,
        "this": names.insurance_type(say.blocker.insurance_type),
    }
    return Said(headline, [line], _("去缴%(type)s") % {"type": needed}, "pay_needed")


def _assess_first(say: Say) -> Said:
    """C13."""
    if lapsed_on := say.evidence.get("lapsed_on"):
        line = _("核定的金额到%(date)s有效，已经过期。") % {"date": figures.short_date(lapsed_on, say.today)}
    else:
        line = _("先到%(agency)s核定，再来缴。") % {"agency": say.agency}
    body = [line, _("不能选档次，要一次缴清。"), str(say.evidence.get("special_note", ""))]
    return Said(_("这笔要先核定金额"), body, _("怎样核定"), "assess")


def _document(say: Say) -> Said:
    """C15."""
    return Said(_("这个渠道暂不支持此证件"), [_others(say)], _("看其他渠道"), "other_channel")


def _channel(say: Say) -> Said:
    """C21."""
    opens = say.blocker.come_back_on
    line = _("从%(date)s开始。") % {"date": figures.short_date(opens, say.today)} if opens else ""
    return Said(_("这个渠道在本地还没开通"), [line, _others(say)], _("看其他渠道"), "other_channel")


def _others(say: Say) -> str:
    listed = figures.listed(say.evidence.get("others", ()))
    return _("现在可以用：%(channels)s。") % {"channels": listed} if listed else _("可以到办税服务厅办理。")


def _not_collected(say: Say) -> Said:
    """C22."""
    where = {key: say.evidence.get(key, "") for key in ("name", "phone", "address")}
    lines = [_("由%(name)s收，请到那里缴。") % where]
    lines.append(_("电话%(phone)s。") % where if where["phone"] else "")
    lines.append(_("地址：%(address)s。") % where if where["address"] else "")
    return Said(_("这项费不在税务缴"), lines, owner=where["name"] or names.owner(Owner.AGENCY))


def _unexplained(say: Say) -> Said:
    """C20."""
    days: dict[str, Any] = {"days": say.evidence.get("working_days", 2)}
    line = _("已经转给工作人员，%(days)d个工作日内答复。") % days
    return Said(_("我们还没查出原因"), [line, _("你不用打电话。")])


SAYERS: dict[str, Callable[[Say], Said]] = {
    **RECORDS,
    **ENROLMENT,
    "C1": _closed_now,
    "C2": _window,
    "C12": _needed,
    "C13": _assess_first,
    "C15": _document,
    "C20": _unexplained,
    "C21": _channel,
    "C22": _not_collected,
}
