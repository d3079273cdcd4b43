"""What states of orders and declarations say: one source for pages, API, messages and console (SCREENS 2.5).

"未扣款" stands only on states that a gateway's word has led to.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from payments.states import DECLARATION, ORDER, REFUND


@dataclass(frozen=True, slots=True)
class StateWords:
    """A label for tags and lists, and the lines that explain it. `is_final`: nothing more will happen by itself."""

    label: str
    lines: tuple[str, ...]
    is_final: bool


def order_words(status: str, gateway_name: str = "") -> StateWords:
    """Say an order's state; `gateway_name` is the wallet or bank that is asked (微信, 支付宝)."""
    return StateWords(str(ORDER.states[status].resident), _order_lines(status, gateway_name), status in ORDER.ends())


def _order_lines(status: str, gateway_name: str) -> tuple[str, ...]:
    gateway = {"gateway": gateway_name or _("支付机构")}
    return {
        "created": (_("还没有支付。"), _("你的缴费单已保存。")),
        "submitting": _unknown(gateway),
        "awaiting": _unknown(gateway),
        "paid": (_("已收到这笔缴费。"),),
        "failed": (_("这笔没有扣款。"), _("可以重新支付。")),
        "expired": (_("这笔没有扣款，缴费单已关闭。"), _("可以重新支付。")),
    }[status]


def _unknown(gateway: dict[str, str]) -> tuple[str, ...]:
    return (
        _("正在向%(gateway)s核对结果。") % gateway,
        _("如果已付款，不要重复支付。"),
        _("有结果会发短信。"),
    )


def declaration_words(status: str) -> StateWords:
    """Say a declaration's state."""
    lines = {
        "declared": (_("已提交，还没有支付。"),),
        "in_payment": (_("正在核对结果，请不要重复缴费。"),),
        "paid": (_("已缴。"),),
        "withdrawn": (_("已取消，可以重新缴。"),),
        "released": (_("没有扣款，可以重新缴。"),),
        "refunded": (_("已退费，可以重新缴。"),),
    }[status]
    return StateWords(str(DECLARATION.states[status].resident), lines, status in DECLARATION.ends())


def refund_words(status: str) -> StateWords:
    """Say a refund's state. Until the money is back the payment counts, and the period stays paid (PA-7)."""
    lines = {
        "requested": (_("退费申请已收到，要经两个人审核。"), _("退费办完以前，这一期仍算已缴。")),
        "approved": _going_back(),
        "sending": _going_back(),
        "sent": _going_back(),
        "refunded": (_("钱已按原路退回。"), _("这一期可以重新缴。")),
        "rejected": (_("没有退费，这一期仍算已缴。"),),
        "failed": (_("钱没能按原路退回，工作人员正在处理。"), _("这一期仍算已缴。")),
        "outside": (_("钱另行退给你，税务部门正在办。"), _("这一期仍算已缴。")),
    }[status]
    return StateWords(str(REFUND.states[status].resident), lines, status in REFUND.ends())


def _going_back() -> tuple[str, ...]:
    return (_("已同意退费，正在按原路退回。"), _("退费办完以前，这一期仍算已缴。"))
