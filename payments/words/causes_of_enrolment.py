"""Causes that lie in the registration: C3 to C7, C10."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from payments.pricing import When
from payments.words import figures, names
from payments.words.saying import Said, Say


def _no_match(say: Say) -> Said:
    """C3, the joint answer: not registered and written differently are told in the same words (ID-3)."""
    lines = [
        _("没有参保登记同时符合这个姓名和证件号。"),
        _("可能还没登记，也可能登记时写得不一样。"),
        _("登记时写错的，填错的那个才能查到。"),
        _("改过名的，打12366。登记错的，由经办机构改。"),
        _("刚登记的，3天后再来。"),
        *_feeds(say),
    ]
    owner = _("你自己先核对；改名找税务，登记错找经办机构")
    return Said(_("姓名或证件号和登记的不一样"), lines, _("再核对一遍"), "retype", owner=owner)


def _not_registered(say: Say) -> Said:
    """C4."""
    agency = {"agency": names.agency_of(say.blocker.insurance_type)}
    lines = [_("先到%(agency)s登记，村居、街道也能办。") % agency, *_where(say), *_feeds(say)]
    return Said(_("还没有参保登记"), lines, _("怎样登记"), "register")


def _on_its_way(say: Say) -> Said:
    """C5, with the agency's last feed instead of a guess (RG-2)."""
    headline, lines = _("登记信息还在路上"), []
    if stated_on := say.evidence.get("stated_on"):
        lines.append(_("你说%(date)s登记过。") % {"date": figures.bare_date(stated_on, say.today)})
    lines += _feeds(say) or [_("经办机构的信息还没有送到。")]
    if say.blocker.when is When.NOW:
        lines.append(_("已经满3天。打12366，我们去催。"))
        return Said(headline, lines, _("打电话问12366"), "call")
    lines.append(_("通常半天送到，人多时2天以上。"))
    lines.append(_("到时还查不到，打12366，我们去催。"))
    return Said(headline, lines, _("信息到了提醒我"), "remind", owner=_("经办机构把登记信息送给税务"))


def _register_anew(say: Say) -> Said:
    """C6."""
    headline, body = _("今年要重新登记"), str(say.evidence.get("registering_body") or "")
    if say.evidence["rule"] == "collective":
        who = {"body": body or _("原来的村居、学校或社区")}
        lines = [_("以前由%(body)s集体登记，今年还由它办。") % who, _("先问它办了没有。")]
        return Said(headline, lines, _("打电话问12366"), "call", owner=who["body"])
    lines = [_("本地要求每个人重新登记。"), _("到%(agency)s办理。") % {"agency": say.agency}, *_where(say)]
    return Said(headline, lines, _("怎样登记"), "register")


def _group(say: Say) -> Said:
    """C7, by its reason."""
    return _GROUP_REASONS.get(str(say.evidence["reason"]), _nothing_to_pay)(say)


def _must_change(say: Say) -> Said:
    lines = [
        _("要先变更为%(group)s，再来缴。") % {"group": names.group(str(say.evidence["change_to"]))},
        _("到%(agency)s办理。") % {"agency": say.agency},
        *_where(say),
    ]
    return Said(_("要先变更身份"), lines, _("怎样变更"), "register")


def _group_unknown(say: Say) -> Said:
    group = {"group": say.evidence.get("group_name") or _("没有写明"), "agency": say.agency}
    lines = [
        _("登记的人员类别是%(group)s。") % group,
        _("本地没有这一类的档次。"),
        _("到%(agency)s核对人员类别。") % group,
    ]
    return Said(_("要先变更身份"), [*lines, *_where(say)], _("怎样变更"), "register")


def _too_young(say: Say) -> Said:
    return Said(_("还没到参保年龄"), [_("满%(age)d岁以后可以缴。") % {"age": say.evidence["age_from"]}])


def _no_amount(say: Say) -> Said:
    return Said(_("还没有可选的档次"), [_("本地还没有公布这类人员的金额。")], _("打电话问12366"), "call")


def _nothing_to_pay(say: Say) -> Said:
    paid_fen = say.evidence.get("government_pays_fen")
    lines: dict[str, str] = {
        "government_pays": _("由政府代缴%(money)s。") % {"money": figures.money(paid_fen)}
        if paid_fen
        else _("由政府代缴。"),
        "benefit_age": _("已到领取年龄，不用再缴。"),
        "in_school": _("在校学生不用缴居民养老。"),
        "newborn_free": _("出生当年不用缴。"),
    }
    line = lines.get(str(say.evidence["reason"]), "")
    return Said(_("你的人员类别不用自己缴"), [line, str(say.evidence.get("note") or "")])


_GROUP_REASONS: dict[str, Callable[[Say], Said]] = {
    "must_change": _must_change,
    "group_unknown": _group_unknown,
    "too_young": _too_young,
    "no_amount": _no_amount,
}


def _two_places(say: Say) -> Said:
    """C10, where the channel cannot show the choice."""
    lines = [
        _("只能在一个地方缴。"),
        _("选错了要先退费再重缴。"),
        _("这个渠道不能选参保地，请换一个渠道。"),
        _("请尽快到迁出地注销。"),
    ]
    return Said(_("你在两个地方有参保"), lines, _("看其他渠道"), "other_channel")


def _where(say: Say) -> list[str]:
    """Telephone and address, where the agency's are known."""
    sources: list[dict[str, Any]] = [dict(say.evidence), *say.evidence.get("feeds", ())]
    found = next((source for source in sources if source.get("phone") or source.get("address")), {})
    lines = []
    if found.get("phone"):
        lines.append(_("电话%(phone)s。") % {"phone": found["phone"]})
    if found.get("address"):
        lines.append(_("地址：%(address)s。") % {"address": found["address"]})
    return lines


def _feeds(say: Say) -> list[str]:
    """How far each agency's data has come."""
    return [
        _("%(agency)s的信息更新到%(moment)s。")
        % {
            "agency": feed["agency_name"] or names.agency_of(say.blocker.insurance_type),
            "moment": figures.moment(feed["last_received_at"], say.today),
        }
        for feed in say.evidence.get("feeds", ())
        if feed.get("last_received_at")
    ]


ENROLMENT: dict[str, Callable[[Say], Said]] = {
    "C3": _no_match,
    "C4": _not_registered,
    "C5": _on_its_way,
    "C6": _register_anew,
    "C7": _group,
    "C10": _two_places,
}
