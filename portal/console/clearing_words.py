"""What the evidence about a stuck order says, in words (S04)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core import clock
from payments.words import figures
from portal.console.evidence import ANSWERS
from reconciliation.clearing import Check, Look
from reconciliation.models import Clearing


@dataclass(frozen=True, slots=True)
class CheckWords:
    """One row of the table of evidence."""

    what: str
    wanted: str
    seen: str
    tag: str
    word: str


def check_words(check: Check, channel: str, ground: str) -> CheckWords:
    """The row of one piece of evidence. `ground`: what the evidence allows; '' where it allows nothing."""
    what, wanted, seen = _SAID[check.code](check, channel)
    if check.met:
        return CheckWords(what, wanted, seen, "done", _("满足"))
    if check.met is None or (ground and check.code == "day"):  # the channel's own word is enough without statements
        is_silent = check.facts.get("state") == "silent"
        return CheckWords(
            what, wanted, seen, "bad" if is_silent else "idle", _("没有答案") if is_silent else _("不要求")
        )
    return CheckWords(what, wanted, seen, "bad", _("不满足"))


def _channel(check: Check, channel: str) -> tuple[str, str, str]:
    what, wanted, state = _("现在问渠道"), _("答未支付、已关闭或已退款"), check.facts["state"]
    if state == "not_asked":
        return what, _("能问的渠道才要求"), _("%(channel)s不能问，只看对账单") % {"channel": channel}
    if not state:
        return what, wanted, _("十分钟内没有问过")
    said = {
        "at": _clock_time(check.facts["at"]), "channel": channel, "word": ANSWERS.get(state, state),
        "ms": check.facts["took_ms"],
    }  # fmt: skip
    return what, wanted, _("%(at)s %(channel)s：%(word)s，用时%(ms)d毫秒") % said


def _expiry(check: Check, channel: str) -> tuple[str, str, str]:
    ends_at = check.facts["ends_at"]
    word = _("已过") if check.met else _("还没到")
    return _("渠道到期"), _("过到期时刻加10分钟"), _("%(at)s，%(word)s") % {"at": figures.moment(ends_at), "word": word}


def _day(check: Check, channel: str) -> tuple[str, str, str]:
    day: date = check.facts["day"]
    what = _("%(day)s对账单") % {"day": figures.bare_date(day, clock.now().astimezone(clock.SHANGHAI).date())}
    return what, _("到齐、合计相符、没有这一笔，或者收了又全额退回"), _day_seen(check.facts)


def _day_seen(facts: dict[str, Any]) -> str:
    if facts.get("named"):
        return _("收了这一笔，又全额退回") if facts["undone"] else _("有这一笔的记录")
    if "lines" in facts:
        lines = ngettext("%(count)d行", "%(count)d行", facts["lines"]) % {"count": facts["lines"]}
        said = {"lines": lines, "money": figures.money(facts["paid_fen"])}
        if facts["status"] not in ("matched", "closed"):
            return _("%(lines)s，%(money)s，还没核对完") % said
        return _("%(lines)s，%(money)s，相符，没有") % said
    if facts.get("status") == "unreadable":
        return _("文件读不了")
    if facts.get("status") == "received":
        return _("文件到了，还没读完")
    if due_at := facts.get("due_at"):
        return _("文件没有到，应到%(at)s") % {"at": figures.moment(due_at)}
    return _("文件没有到")


def _notices(check: Check, channel: str) -> tuple[str, str, str]:
    count = check.facts["waiting"]
    return _("等处理的通知"), _("0条"), ngettext("%(count)d条", "%(count)d条", count) % {"count": count}


def _claims(check: Check, channel: str) -> tuple[str, str, str]:
    count = check.facts["count"]
    seen = ngettext("占着%(count)d个期间，清除后空出", "占着%(count)d个期间，清除后空出", count) % {"count": count}
    return _("期间占用"), _("只供参考"), seen


_SAID = {"channel": _channel, "expiry": _expiry, "day": _day, "notices": _notices, "claims": _claims}

REFUSALS: dict[str, tuple[Promise, Promise]] = {
    "finished": (gettext_lazy("这笔订单已经有结果"), gettext_lazy("不用清除。")),
    "notice_waiting": (
        gettext_lazy("现在不能清除：有渠道通知还没处理"), gettext_lazy("通知几分钟内会处理，处理完再看。"),
    ),
    "line_found": (
        gettext_lazy("现在不能清除：对账单上有这一笔"),
        gettext_lazy("钱可能已经扣了。按差错处理，书面说明也不能代替。"),
    ),
    "not_asked": (gettext_lazy("先问渠道"), gettext_lazy("十分钟内没有问过。问了才知道能不能清除。")),
    "not_expired": (
        gettext_lazy("现在不能清除：缴款人还可能付款"), gettext_lazy("要过到期时刻再加10分钟。"),
    ),
    "unclear": (
        gettext_lazy("现在不能清除：渠道没有说未支付"),
        gettext_lazy("钱可能已经扣了。没有渠道证据，任何人都不能清除，第二人也不能。"),
    ),
    "refunded": (
        gettext_lazy("现在不能清除：渠道答已退款，对账单还看不出全额退回"),
        gettext_lazy("可能只退了一部分。对账单到齐、看到全额退回，系统会自动清除。有全额退款凭证的，由两人办。"),
    ),
    "silent": (
        gettext_lazy("现在不能清除：钱可能已经扣了"),
        gettext_lazy("渠道没有答复，对账单也没有到齐。没有渠道证据，任何人都不能清除，第二人也不能。"),
    ),
    "statements_missing": (
        gettext_lazy("现在不能清除：钱可能已经扣了"),
        gettext_lazy("这个渠道不能问，对账单还没有到齐。没有渠道证据，任何人都不能清除，第二人也不能。"),
    ),
}  # fmt: skip
OTHERS: dict[str, Promise] = {
    "no_reason": gettext_lazy("请写清说明，不能少于4个字。"),
    "no_document": gettext_lazy("请填文号，并交书面说明或退款凭证的照片或PDF，不超过10MB。"),
    "waits": gettext_lazy("已经有一份申请在等第二人。"),
    "ground_differs": gettext_lazy("依据和现在的证据不同，请看了证据再选。"),
    "decided": gettext_lazy("已经有人办过。"),
    "same_person": gettext_lazy("申请人不能自己确认，请另一人来看。"),
}


def verdict_words(look: Look, waiting: Clearing | None) -> tuple[str, str, str]:
    """(class, sentence, what follows)."""
    if look.refusal:
        head, text = REFUSALS[look.refusal]
        kind = "info" if look.refusal in ("finished", "not_asked") else "no"
        if waiting is not None and look.may_write and waiting.ground == look.may_write:
            return "wait", _("等第二人核对书面说明"), _("第二人看原件，确认时系统再问一次渠道。")
        return kind, str(head), str(text)
    if waiting is not None:
        return "wait", _("证据够，等第二人确认"), _("确认时系统再问一次渠道，证据变了就不清除。")
    if look.ground == Clearing.Ground.UNDONE:
        return "yes", _("证据够，可以清除"), _("钱收了又全额退回。要第二人确认后才生效；没有人办，系统也会自动清除。")
    if look.needs_second:
        return "yes", _("证据够，可以清除"), _("已等超过24小时，或金额超过5000元，要第二人确认后才生效。")
    return "yes", _("证据够，可以清除"), _("一个人就能清除，提交时系统再问一次渠道。")


def refusal_words(code: str, at: datetime | None) -> str:
    """Why an act was refused, and when it may be."""
    if code in OTHERS:
        return str(OTHERS[code])
    head, text = REFUSALS[code]
    said = _("%(head)s。%(text)s") % {"head": head, "text": text}
    return said + (_("最早%(at)s。") % {"at": figures.moment(at)} if at else "")


def _clock_time(at: datetime) -> str:
    return f"{at.astimezone(clock.SHANGHAI):%H:%M:%S}"
