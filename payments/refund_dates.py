"""How long a refund takes as a rule, and from when one can pay again (PA-7)."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from core import clock
from core.working_days import add_working_days
from payments.models import Refund

REVIEW_DAYS = 1
"""Working days from the request to the second person's decision."""
RETURN_DAYS = 3
"""Working days that a wallet or the bank behind it takes at most; as a rule it is minutes."""


@dataclass(frozen=True, slots=True)
class RefundDates:
    """By when the money should be sent, and by when it should be back. `settled_on`: the day on which it was."""

    review_by: date
    back_by: date
    settled_on: date | None = None
    is_estimate: bool = False


def dates_if_asked(today: date) -> RefundDates:
    """What a refund that is asked for today can expect."""
    review_by, guessed = add_working_days(today, REVIEW_DAYS)
    back_by, guessed_too = add_working_days(review_by, RETURN_DAYS)
    return RefundDates(review_by, back_by, is_estimate=guessed or guessed_too)


def dates_from(*, requested_at: datetime, begun_at: datetime | None) -> RefundDates:
    """The same for one that was asked for then, and was approved or sent at `begun_at`."""
    if begun_at is None:
        return dates_if_asked(clock.business_date(requested_at))
    begun_on = clock.business_date(begun_at)
    back_by, guessed = add_working_days(begun_on, RETURN_DAYS)
    return RefundDates(begun_on, back_by, is_estimate=guessed)


def dates_of(refund: Refund) -> RefundDates:
    """What holds for a refund as it stands: what has happened counts, the rest is the rule."""
    dates = dates_from(requested_at=refund.requested_at, begun_at=refund.sent_at or refund.approved_at)
    return replace(dates, settled_on=clock.business_date(refund.settled_at) if refund.settled_at else None)
