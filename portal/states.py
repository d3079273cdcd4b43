"""States of a message to a person."""

from django.utils.translation import gettext_lazy as _

from core.states import Edge, State, StateTable

MESSAGE = StateTable(
    "MESSAGE",
    [
        State("waiting", _("待发送"), "", "run"),
        State("sent", _("已发送"), "", "done"),
        State("unsent", _("没有发出"), "", "bad"),
    ],
    [
        Edge("send", ("waiting",), "sent"),
        Edge("give_up", ("waiting",), "unsent"),
    ],
)
