"""States and moves of what payments owns (HOUSE 3). The words for residents sit on the states."""

from django.utils.translation import gettext_lazy as _

from core.states import Edge, State, StateTable

POLICY = StateTable(
    "POLICY",
    [
        State("draft", _("草稿"), "", "idle"),
        State("published", _("已发布"), "", "done"),
        State("discarded", _("已作废"), "", "idle"),
    ],
    [
        Edge("publish", ("draft",), "published"),
        Edge("discard", ("draft",), "discarded"),
    ],
)

DECLARATION = StateTable(
    "DECLARATION",
    [
        State("declared", _("已申报"), _("待支付"), "idle"),
        State("in_payment", _("缴费中"), _("结果确认中"), "run"),
        State("paid", _("已缴费"), _("已缴"), "done"),
        State("withdrawn", _("已撤回"), _("已取消"), "idle"),
        State("released", _("已释放"), _("未扣款"), "idle"),
        State("refunded", _("已退费"), _("已退费"), "idle"),
    ],
    [
        Edge("pay", ("declared",), "in_payment"),
        Edge("settle", ("in_payment",), "paid"),
        Edge("withdraw", ("declared",), "withdrawn"),
        Edge("release", ("in_payment",), "released"),
        Edge("late_success", ("withdrawn", "released"), "paid", correction=True),
        Edge("refund", ("paid",), "refunded"),
    ],
)
LIVE = ("declared", "in_payment", "paid")  # the states in which the period claims are held

ORDER = StateTable(
    "ORDER",
    [
        State("created", _("待支付"), _("待支付"), "idle"),
        State("submitting", _("提交中"), _("结果确认中"), "run"),
        State("awaiting", _("等结果"), _("结果确认中"), "run"),
        State("paid", _("已支付"), _("已缴费"), "done"),
        State("failed", _("未扣款"), _("未扣款"), "idle"),
        State("expired", _("已关闭"), _("未扣款"), "idle"),
    ],
    [
        Edge("start", ("created",), "submitting"),
        Edge("accept", ("submitting",), "awaiting"),
        Edge("confirm", ("submitting", "awaiting"), "paid"),
        Edge("reject", ("submitting",), "failed"),
        Edge("fail", ("awaiting",), "failed"),
        Edge("expire", ("created", "submitting", "awaiting"), "expired"),
        Edge("late_success", ("failed", "expired"), "paid", correction=True),
    ],
    starts=("created", "awaiting"),  # an order opened by a bank is already waiting
)
UNFINISHED = ("created", "submitting", "awaiting")
AT_GATEWAY = ("submitting", "awaiting")

REFUND = StateTable(
    "REFUND",
    [
        State("requested", _("待审核"), _("退费审核中"), "two"),
        State("approved", _("已批准，待发出"), _("退费中"), "run"),
        State("sending", _("正在发出"), _("退费中"), "run"),
        State("sent", _("已受理，等结果"), _("退费中"), "run"),
        State("refunded", _("已退回"), _("已退费"), "done"),
        State("rejected", _("不同意退费"), _("没有退费"), "idle"),
        State("failed", _("退费未成"), _("退费遇到问题，正在处理"), "bad"),
        State("outside", _("另行退回，等第二人"), _("退费中"), "two"),
    ],
    [
        Edge("approve", ("requested",), "approved"),
        Edge("reject", ("requested",), "rejected"),
        Edge("send", ("approved",), "sending"),
        Edge("accept", ("sending",), "sent"),
        Edge("settle", ("sending", "sent"), "refunded"),
        Edge("fail", ("sending", "sent"), "failed"),
        Edge("retry", ("failed",), "approved"),
        Edge("set_aside", ("failed",), "outside"),
        Edge("take_back", ("outside",), "failed"),
        Edge("drop", ("outside",), "rejected"),
        Edge("settle_outside", ("outside",), "refunded"),
    ],
    starts=("requested", "outside"),  # money that no gateway moves is never asked for at one
)
UNDECIDED = ("requested", "rejected", "outside")  # nobody need have agreed
NOT_THROUGH = ("failed", "outside")  # no gateway is giving it back now, so that no day can be promised
REFUNDING = ("requested", "approved", "sending", "sent", "failed", "outside")  # neither given back nor refused

DISCREPANCY = StateTable(
    "DISCREPANCY",
    [
        State("open", _("待处理"), _("核对中"), "warn"),
        State("in_hand", _("处理中"), _("核对中"), "run"),
        State("settled", _("已按规则处理"), "", "done"),
        State("resolved", _("已解决"), "", "done"),
        State("waived", _("已核销"), "", "idle"),
    ],
    [
        Edge("settle", ("open",), "settled"),
        Edge("take", ("open",), "in_hand"),
        Edge("resolve", ("in_hand",), "resolved"),
        Edge("waive", ("in_hand",), "waived"),
    ],
)
UNDER_WORK = ("open", "in_hand")  # a case that is not over
