"""States of a feed batch (HOUSE 3)."""

from django.utils.translation import gettext_lazy as _

from core.states import Edge, State, StateTable

FEED_BATCH = StateTable(
    "FEED_BATCH",
    [
        State("received", _("已收到"), "", "run"),
        State("read", _("已读取"), "", "run"),
        State("applied", _("已入库"), "", "done"),
        State("applied_with_rejects", _("已入库，有退回"), "", "warn"),
        State("unreadable", _("读不了"), "", "bad"),
    ],
    [
        Edge("read", ("received",), "read"),
        Edge("apply", ("read",), "applied"),
        Edge("apply_partly", ("read",), "applied_with_rejects"),
        Edge("spoil", ("received",), "unreadable"),
    ],
)
