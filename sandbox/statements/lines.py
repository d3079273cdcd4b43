"""The content of a statement before it is written in a gateway's format. Values in, values out."""

from dataclasses import dataclass
from datetime import date, datetime

PAY, REFUND, REVERSAL, ERROR = "pay", "refund", "reversal", "error"


@dataclass(frozen=True)
class Line:
    """One movement of money. ``at`` is when it was done: by it days are cut."""

    kind: str
    at: datetime
    begun_at: datetime  # the order made, the refund asked for
    order_no: str
    transaction_no: str
    amount_fen: int
    fee_fen: int  # taken from the merchant; negative where it is given back
    product: str = "NATIVE"
    appid: str = ""
    payer: str = ""
    description: str = ""
    attach: str = ""
    currency: str = "CNY"
    refund_no: str = ""
    refund_id: str = ""

    @property
    def is_payment(self) -> bool:
        return self.kind == PAY


@dataclass(frozen=True)
class Sheet:
    """A day's statement of one merchant, and how its writing is spoilt."""

    merchant: str
    day: date
    lines: list[Line]
    fee_percent: str = "0.60%"
    count_by: int = 0  # wrong totals
    fen_by: int = 0
    mixed: bool = False  # one line in another encoding
    bom: bool = True

    def paid_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines if line.is_payment) + self.fen_by

    def back_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines if not line.is_payment)

    def fee_fen(self) -> int:
        return sum(line.fee_fen for line in self.lines)


@dataclass(frozen=True)
class Text:
    """What is written: the lines before the data, the data, and the lines after it."""

    head: list[str]
    data: list[str]
    tail: list[str]

    def encoded(self, encoding: str, *, stranger: str = "") -> bytes:
        """With CR LF ends. The middle line of data is in the encoding ``stranger``, where one is given."""
        odd = len(self.head) + len(self.data) // 2 if stranger and self.data else -1
        rows = [*self.head, *self.data, *self.tail]
        return b"".join(
            (row + "\r\n").encode(stranger if number == odd else encoding, "replace") for number, row in enumerate(rows)
        )


def yuan(fen: int, places: int = 2) -> str:
    """-1234 → -12.34"""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}" + "0" * (places - 2)
