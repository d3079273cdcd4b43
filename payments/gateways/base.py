"""What every payment gateway can be asked, in values: no models, no requests.

An answer that is missing, unsigned, wrongly signed or unreadable is *unknown*, never a failure: the order may be paid
all the same, and is asked about again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from core.money import Fen

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

CURRENCY = "CNY"
MERCHANT_CHARACTERS_MAX = 32
FRESH_FOR = timedelta(minutes=5)
"""A notice dated further than this from now, either way, is kept but not acted upon by itself."""


class Method(StrEnum):
    """How a payer is handed over. A gateway offers some of them; WeChat's JSAPI will be one more."""

    QR = "qr"
    H5 = "h5"
    PAGE = "page"
    WAP = "wap"


class HandOverKind(StrEnum):
    QR = "qr"
    REDIRECT = "redirect"
    FORM = "form"


class TradeState(StrEnum):
    """What a gateway says about an order. NOTPAY also stands for a payer who went away, NOT_FOUND also for a QR code
    that was shown and not yet scanned: neither is evidence that no money will come."""

    PAID = "paid"
    NOTPAY = "notpay"
    USERPAYING = "userpaying"
    CLOSED = "closed"
    REFUNDED = "refunded"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


class RefundState(StrEnum):
    """What a gateway says about a refund. PROCESSING is accepted and not yet given back; NOT_FOUND that it holds no
    such refund, so that the same number may be sent; after CLOSED and ABNORMAL no money moves by itself."""

    SUCCESS = "success"
    PROCESSING = "processing"
    CLOSED = "closed"
    ABNORMAL = "abnormal"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


ENDED_BADLY = (RefundState.CLOSED, RefundState.ABNORMAL)
"""No gateway moves a refund any more that it says this of; under its number it only says the same again."""


class NoticeKind(StrEnum):
    PAYMENT = "payment"
    """About a payment to one of our merchants; `result` is set."""
    REFUND = "refund"
    """About a refund from one of our merchants; `refund` is set."""
    FOREIGN = "foreign"
    """Rightly signed, but about another app or merchant than ours: for people to look at."""
    OTHER = "other"
    """Rightly signed, of a kind or content that is not understood; `result` is None."""


@dataclass(frozen=True, slots=True)
class OrderRef:
    """An order as a gateway needs it."""

    order_no: str
    amount_fen: Fen
    description: str
    created_at: datetime
    """When it was first handed to the gateway: the five minutes before WeChat lets it be closed count from here."""
    expires_at: datetime
    merchant: str
    """The payee's merchant number at this gateway."""
    payer_ip: str
    return_url: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Where the payer goes: a QR code with `url`, a redirect to `url`, or a form posted to `url` with `fields`."""

    kind: HandOverKind
    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """A gateway's verified word about one order. Where the state is PAID, amount, currency and trade number are set."""

    state: TradeState
    order_no: str
    merchant_id: str
    """Their merchant number; `app:` and the app where it is not ours, so that it equals no merchant of an order."""
    amount_fen: Fen | None = None
    currency: str = ""
    trade_no: str = ""
    paid_at: datetime | None = None
    """None where the gateway does not say."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The gateway's own words, without what tells who paid."""

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; `from_json` reads it back."""
        return {
            "state": self.state.value,
            "order_no": self.order_no,
            "merchant_id": self.merchant_id,
            "amount_fen": self.amount_fen,
            "currency": self.currency,
            "trade_no": self.trade_no,
            "paid_at": self.paid_at.isoformat() if self.paid_at else None,
            "raw": dict(self.raw),
        }

    def of_foreign_app(self, app_id: object) -> "Result":
        """The same word, marked as being about an app that is not ours (see `merchant_id`)."""
        return replace(self, merchant_id=f"app:{app_id}"[:MERCHANT_CHARACTERS_MAX])

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Result":
        paid_at = values["paid_at"]
        return cls(
            state=TradeState(values["state"]),
            order_no=values["order_no"],
            merchant_id=values["merchant_id"],
            amount_fen=values["amount_fen"],
            currency=values["currency"],
            trade_no=values["trade_no"],
            paid_at=datetime.fromisoformat(paid_at) if paid_at else None,
            raw=values["raw"],
        )


@dataclass(frozen=True, slots=True)
class RefundRef:
    """A refund as a gateway needs it: of one trade, the whole or a part of it."""

    refund_no: str
    """Ours, the same on every try: a gateway pays one number once."""
    trade_no: str
    """Theirs: an order number may have been paid twice, a trade is one payment."""
    merchant: str
    amount_fen: Fen
    total_fen: Fen
    """What the whole trade was about."""
    notify_url: str
    reason: str = ""
    """Shown to whoever paid; never a name or a number of a person."""
    decided_at: datetime | None = None
    """When it was decided, the same on every try: UnionPay names a refund by number and time."""


@dataclass(frozen=True, slots=True)
class RefundResult:
    """A gateway's verified word about one refund. Where the state is SUCCESS, trade number and amount are set."""

    state: RefundState
    refund_no: str
    merchant_id: str
    order_no: str = ""
    trade_no: str = ""
    amount_fen: Fen | None = None
    gateway_refund_no: str = ""
    """Empty where the gateway gives refunds no number of its own."""
    refunded_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The gateway's own words, without what tells who paid."""

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; `from_json` reads it back."""
        values = {name: getattr(self, name) for name in self.__slots__}
        moment = self.refunded_at.isoformat() if self.refunded_at else None
        return values | {"state": self.state.value, "refunded_at": moment, "raw": dict(self.raw)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RefundResult":
        moment = values["refunded_at"]
        known = {name: values[name] for name in cls.__slots__}
        refunded_at = datetime.fromisoformat(moment) if moment else None
        return cls(**known | {"state": RefundState(values["state"]), "refunded_at": refunded_at})


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification whose signature holds."""

    key: str
    """The gateway's id of the message, the same on every repetition; at most 80 characters."""
    kind: NoticeKind
    order_no: str
    result: Result | None
    fresh: bool
    """Whether it is dated within five minutes of now. A stale one may be a replay: ask the gateway instead."""
    sent_at: datetime | None = None
    refund: RefundResult | None = None


class GatewayProblem(Exception):
    """Base of what a gateway may raise."""


class GatewayUnreachable(GatewayProblem):
    """The outcome is unknown: no answer, a broken, unsigned or forged one, or one that only a query can settle."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GatewayRefused(GatewayProblem):
    """This call was definitely not accepted, signed by the gateway. Earlier calls for the order are not judged."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SignatureInvalid(GatewayProblem):
    """A notification that is not the gateway's, or a probe whether we look: refused with a 4xx."""


class KeyUnknown(SignatureInvalid):
    """It may be the gateway's: its key is not known yet. Answered with a 5xx, so that it comes again (G13)."""


class TooEarlyToClose(GatewayProblem):
    """The gateway closes this order at `at` at the earliest."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"not before {at.isoformat()}")
        self.at = at


class Gateway(Protocol):
    """One payment gateway. Every method but `parse_notice` and `ack` may call the network and has a time-out."""

    code: str
    label: "StrPromise"
    methods: tuple[Method, ...]
    create_calls: bool
    """Whether `create` asks the gateway. Where not, it only signs, and says nothing of whether anybody answers."""
    can_close: bool
    """Whether an order can be ended before its expiry. Where not, `close` only asks, and nothing but the expiry frees
    an order: its payer is told so before he chooses."""

    @property
    def cashier_hosts(self) -> tuple[str, ...]:
        """Origins to which a payer may be handed over by form or redirect, for the content security policy."""

    def create(self, order: OrderRef, method: Method) -> HandOver:
        """Make the order known and say where the payer goes; calling again with the same number is safe.

        Raises GatewayUnreachable, after which the same number is queried or created again, or GatewayRefused.
        """

    def query(self, order: OrderRef) -> Result:
        """What became of the order. Raises GatewayUnreachable, or GatewayRefused where we may not ask."""

    def close(self, order: OrderRef) -> Result:
        """Ask to close where that can be asked, then query, and return what the query says: a closing that was accepted
        proves nothing.

        Raises TooEarlyToClose, GatewayUnreachable, GatewayRefused.
        """

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify, decrypt, date and name a notification. Raises SignatureInvalid and nothing else."""

    def ack(self, accepted: bool) -> tuple[int, str, bytes]:
        """Status, content type and body with which the gateway ends its tries, or tries again."""


@runtime_checkable
class RefundDesk(Protocol):
    """A gateway that gives money back. Money that came through another one goes back in another way."""

    takes_refused_again: bool
    """Whether the number of a refund that it refused may be sent again. Where not, it may have kept the number, and
    only its answer to a question tells what became of it."""

    def refund(self, refund: RefundRef) -> RefundResult:
        """Give money back; calling again with the same number and amount is safe and gives back once.

        Raises GatewayUnreachable, after which it is queried or sent again under the same number, or GatewayRefused
        where this call certainly began no refund. A SUCCESS here is the gateway's signed word that the money is back.
        """

    def query_refund(self, refund: RefundRef) -> RefundResult:
        """What became of a refund. Raises GatewayUnreachable, or GatewayRefused where we may not ask."""
