"""The dials: numbers and switches of the whole sandbox, changed through ``/__control/dials``."""

import os

from sandbox import clock
from sandbox.models import Dial

DEFAULTS: dict[str, object] = {
    # The vendors' time runs this many times faster: retries of notices, delayed payments, the ban on early closing.
    "speed": float(os.environ.get("SANDBOX_SPEED", "1")),
    "courier_paused": False,  # hold every notice and planned payment
    "notice_timeout_seconds": 5.0,  # the merchant must have answered by then (real time)
    "h5_return_seconds": 5,  # the H5 cashier sends the browser back after that; 0: never
    "h5_referer_required": False,  # like the real one, refuse an H5 cashier opened without a Referer
    "close_after_seconds": 300,  # WeChat refuses to close younger orders (vendor's time)
    "expire_least_seconds": 60,  # WeChat refuses a time_expire nearer than that (vendor's time)
    "refund_seconds": 30,  # a WeChat refund is under way that long (vendor's time)
    "alipay_refund_seconds": 0,  # an Alipay refund; 0: done when it is answered
    "unionpay_refund_seconds": 30,  # a UnionPay refund is under way that long (vendor's time)
    "refund_apart_seconds": 60,  # WeChat takes the next refund of the same order after that (vendor's time)
    "fee_percent": 0.6,  # the gateways' share of a payment, as statements say it
    "statement_ready_hour": 10,  # a day's statement is there at that hour of the next
    "statements_at_once": False,  # also of today, and at any hour
    "statement_link_seconds": 30,  # so long a download address lives (real time)
    "notice_signer": "certificate",  # or public_key: which WeChat key signs notices
    "ahead_seconds": 0.0,  # every instant of the sandbox lies so far from the real one
    "seed": 1,  # of everything that a rule leaves to chance
}


def get(name: str) -> object:
    row = Dial.objects.filter(name=name).first()
    return DEFAULTS[name] if row is None else row.value


def number(name: str) -> float:
    return float(str(get(name)))


def everything() -> dict[str, object]:
    return DEFAULTS | {row.name: row.value for row in Dial.objects.all() if row.name in DEFAULTS}


def turn(changes: dict[str, object]) -> None:
    """Set dials. Raises ValueError for an unknown name or a value of another kind."""
    for name, value in changes.items():
        if name not in DEFAULTS:
            raise ValueError(f"no dial is called {name}")
        default = DEFAULTS[name]
        wrong = not isinstance(value, bool) if isinstance(default, bool) else isinstance(value, bool)
        if wrong or (isinstance(default, (int, float)) and not isinstance(value, (int, float))):
            raise ValueError(f"{name} takes a value like {default!r}")
        if name in {"speed", "notice_timeout_seconds"} and float(str(value)) <= 0:
            raise ValueError(f"{name} must be above zero")
    for name, value in changes.items():
        Dial.objects.update_or_create(name=name, defaults={"value": value})
    apply()


def apply() -> None:
    """Put the clock where its dial stands: after a change, and at the start."""
    clock.put_ahead(number("ahead_seconds"))


def vendor_seconds(seconds: float) -> float:
    """So many seconds of the vendor's time as real seconds."""
    return seconds / number("speed")
