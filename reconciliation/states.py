"""States of a channel's statement (HOUSE 3)."""

from django.utils.translation import gettext_lazy as _

from core.states import Edge, State, StateTable

STATEMENT = StateTable(
    "STATEMENT",
    [
        State("awaited", _("待收"), "", "idle"),
        State("received", _("已收到"), "", "run"),
        State("read", _("已读取"), "", "run"),
        State("matched", _("已核对"), "", "run"),
        State("closed", _("已关账"), "", "done"),
        State("unreadable", _("读不了"), "", "bad"),
    ],
    [
        Edge("receive", ("awaited",), "received"),
        Edge("read", ("received",), "read"),
        Edge("match", ("read",), "matched"),
        Edge("close", ("matched",), "closed"),
        Edge("spoil", ("received",), "unreadable"),
    ],
)
TO_WORK = ("received", "read", "matched")  # states in which the program still has something to do
READ = ("read", "matched", "closed")  # its lines count
COMPLETE = ("matched", "closed")  # what it lacks is known
