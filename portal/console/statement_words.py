"""What is said of statements, their faults and their findings."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core import clock
from payments import gateways
from payments.models import Channel
from payments.words import figures
from reconciliation.channel_days import counts
from reconciliation.models import Finding, Statement

FAULTS: dict[str, Promise] = {
    "truncated": gettext_lazy("文件不完整，后面断了"),
    "hash_differs": gettext_lazy("摘要和渠道说的不同"),
    "totals_differ": gettext_lazy("合计和逐行相加不同"),
    "encoding_mixed": gettext_lazy("文字编码混杂"),
    "day_differs": gettext_lazy("不是这一天的"),
    "merchant_differs": gettext_lazy("不是这个商户的"),
    "channel_differs": gettext_lazy("不是这个渠道的"),
    "currency_differs": gettext_lazy("不是人民币"),
    "header_unknown": gettext_lazy("表头不认识"),
    "line_unreadable": gettext_lazy("这一行读不了"),
    "line_too_long": gettext_lazy("这一行太长"),
    "amount_unreadable": gettext_lazy("金额读不了"),
    "time_unreadable": gettext_lazy("时间读不了"),
    "content_unexpected": gettext_lazy("内容不是对账单"),
    "not_a_zip": gettext_lazy("不是ZIP文件"),
    "not_a_gzip": gettext_lazy("不是GZIP文件"),
    "too_large": gettext_lazy("文件太大"),
}
RESOLUTIONS: dict[str, Promise] = {
    "": gettext_lazy("还没办"),
    "confirmed": gettext_lazy("已自动记账"),
    "agrees": gettext_lazy("另有记录，相符"),
    "held": gettext_lazy("钱已挂账，等处理"),
    "case": gettext_lazy("已开差错"),
    "appeared": gettext_lazy("次日对账单上有"),
    "cancelled_out": gettext_lazy("收和冲相抵"),
    "superseded": gettext_lazy("由更正件重新核对"),
}
HINTS: dict[str, Promise] = {
    Finding.Kind.LATE: gettext_lazy("渠道收到了钱，我方没有收到通知。"),
    Finding.Kind.DUPLICATE: gettext_lazy("同一订单付了两次。"),
    Finding.Kind.UNKNOWN: gettext_lazy("对账单上的订单号不是本系统的，或这笔订单从没送到渠道。"),
    Finding.Kind.AMOUNT: gettext_lazy("两边的金额不同。"),
    Finding.Kind.WRONG_PARTY: gettext_lazy("商户号或订单和我方记录不符。"),
    Finding.Kind.REPEATED: gettext_lazy("同一笔在文件里列了两次，只算一次。"),
    Finding.Kind.OTHER_DAY: gettext_lazy("我方记在另一个渠道日，金额相符。"),
    Finding.Kind.MISSING: gettext_lazy("我方收到了，对账单没有。可能跨日，先看次日对账单。"),
    Finding.Kind.REFUND: gettext_lazy("对账单上有退费，我方没有同额的退费。"),
    Finding.Kind.UNREFUNDED: gettext_lazy("我方已退成，对账单没有这笔退费。可能跨日，先看前后几天。"),
    Finding.Kind.REVERSAL: gettext_lazy("渠道冲回了一笔钱。"),
    Finding.Kind.OTHER: gettext_lazy("渠道用了我们不认识的业务字样。"),
    Finding.Kind.CORRECTED: gettext_lazy("更正件和前一版不同。"),
}


def channel_name(code: str) -> str:
    """微信支付, or the bank's own name."""
    if code in gateways.all_codes():
        return str(gateways.gateway(code).label)
    known = Channel.objects.filter(pk=code).first()
    return known.local_name if known else code


def tail(merchant: str) -> str:
    """The last four of a merchant number."""
    return merchant[-4:]


def fault(statement: Statement) -> str:
    """Why a file was refused, with its line."""
    why = str(FAULTS.get(statement.refusal_code, statement.refusal_code))
    if not statement.refusal_line:
        return why
    return _("第%(line)d行：%(why)s") % {"line": statement.refusal_line, "why": why}


def is_late(statement: Statement) -> bool:
    """Not there, though it was due."""
    return statement.status == "awaited" and clock.now() > statement.due_at


def day_tag(statement: Statement, found: int, undone: int) -> tuple[str, str]:
    """(class, word) of a channel day."""
    if statement.status == "awaited":
        if is_late(statement):
            return "bad", _("缺文件")
        at = statement.due_at.astimezone(clock.SHANGHAI)
        return "idle", _("%(time)s到") % {"time": figures.hour(at.time())}
    if statement.status == "unreadable":
        return "bad", _("读不了")
    if not counts(statement) or statement.status == "read":
        return "run", _("对账中")
    if undone:
        return "warn", ngettext("差%(count)d", "差%(count)d", undone) % {"count": undone}
    if statement.status == "matched":
        return "run", _("对账中")
    if found:
        return "done", _("已办%(count)d") % {"count": found}
    return "done", _("一致")
