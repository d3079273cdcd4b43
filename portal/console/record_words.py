"""What the codes of records mean to staff: who acted, where word of money came from, what a notification did."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import User

SOURCES: dict[str, Promise] = {
    "notification": gettext_lazy("渠道通知"),
    "query": gettext_lazy("查单"),
    "bank": gettext_lazy("银行接口"),
    "statement": gettext_lazy("对账单"),
}
OUTCOMES: dict[str, Promise] = {
    "": gettext_lazy("未处理"),
    "paid": gettext_lazy("记为已付"),
    "late": gettext_lazy("晚到，记为已付"),
    "refunded": gettext_lazy("记为已退"),
    "repeated": gettext_lazy("以前处理过"),
    "duplicate": gettext_lazy("重复付款，待退"),
    "mismatch": gettext_lazy("不符，没有记"),
    "asked_gateway": gettext_lazy("已去问渠道"),
    "case": gettext_lazy("已开差错"),
}


def actor_names(actors: Iterable[str]) -> dict[str, str]:
    """Staff by name, residents as such, everything else as the system."""
    given = set(actors)
    found = {actor: actor.partition(":")[2] for actor in given if actor.startswith("staff:")}
    known = dict(User.objects.filter(username__in=found.values()).values_list("username", "name"))
    words = {"resident": _("居民"), "system": _("系统")}
    return {
        actor: known.get(found[actor], found[actor]) if actor in found else words.get(actor.partition(":")[0], actor)
        for actor in given
    }


def source_word(code: str) -> str:
    """查单."""
    return str(SOURCES.get(code, code))


def outcome_word(code: str) -> str:
    """记为已付."""
    return str(OUTCOMES.get(code, code))
