"""What refunds say to payers: reasons, why not, and until when (R26, R27, PA-6, PA-7); one source for all doors."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

REASONS: dict[str, Promise] = {
    "wrong_place": gettext_lazy("缴错了地方"),
    "duplicate": gettext_lazy("重复缴了"),
    "not_eligible": gettext_lazy("不该自己缴"),
    "own_request": gettext_lazy("其他原因"),
    "late_taken": gettext_lazy("付款到的时候，这一期已经缴过"),
    "unknown_money": gettext_lazy("对不上的款"),
    "returned": gettext_lazy("钱已另行退回"),
}

REJECTIONS: dict[str, Promise] = {
    "benefits_used": gettext_lazy("这一期的待遇已经用过。"),
    "right_place": gettext_lazy("核对过，没有缴错地方。"),
    "not_twice": gettext_lazy("核对过，没有重复缴。"),
    "needs_papers": gettext_lazy("需要看材料，请带身份证到办税服务厅办理。"),
    "withdrawn": gettext_lazy("你自己不退了。"),
}
"""Why a refund is refused, by the code that is kept; any other text was written by a member of staff."""

REFUSALS: dict[str, Promise] = {
    "in_refund": gettext_lazy("这笔已在退费中。"),
    "not_paid": gettext_lazy("这笔还没有缴成，不用退费。"),
    "refunded": gettext_lazy("这笔已经退回了。"),
    "topped_up": gettext_lazy("这一期补过差额，请先申请退差额，再退这一笔。"),
    "benefits": gettext_lazy("已经享受待遇的，请到办税服务厅办理。"),
    "hall_only": gettext_lazy("这个地方的退费，请到办税服务厅办理。"),
    "not_yours": gettext_lazy("谁付的款，由谁申请退费。"),
    "no_gateway": gettext_lazy("这笔不是在网上付的，不能原路退回。请到缴费的银行或办税服务厅办理。"),
    "no_money": gettext_lazy("这笔钱还在核对，现在不能退。可以打12366问。"),
    "unknown_declaration": gettext_lazy("没有这笔缴费。"),
}
"""Why a refund cannot be asked for here, and where it can."""


def refund_reason(code: str) -> str:
    """Why the money goes back, as the payer reads it."""
    return str(REASONS.get(code, code))


def rejection(kept: str) -> str:
    """Why a refund was refused, from what is kept of it."""
    return str(REJECTIONS.get(kept, kept)) or _("没有写明原因，可以打12366问。")


def not_refundable(code: str) -> str:
    """The sentence of a refusal."""
    return str(REFUSALS[code])
