from sandbox.models.controls import Dial, Event, Rule
from sandbox.models.people import LoginCode, Message
from sandbox.models.refunds import Refund
from sandbox.models.statements import Difference, StatementFile
from sandbox.models.trades import Notice, Payment, PlannedPayment, Trade

__all__ = [
    "Dial",
    "Difference",
    "Event",
    "LoginCode",
    "Message",
    "Notice",
    "Payment",
    "PlannedPayment",
    "Refund",
    "Rule",
    "StatementFile",
    "Trade",
]
