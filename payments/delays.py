"""When a payment becomes a record, printable, and credited, by the place's rule (AF-1, AF-3, AF-4)."""

from dataclasses import dataclass
from datetime import date, timedelta

from core.working_days import add_working_days
from payments.policies.terms import DayKind, Delays


@dataclass(frozen=True, slots=True)
class AfterPayment:
    """Dates counted from the day of payment; None where the place states no delay."""

    record_on: date | None
    printable_on: date | None
    credit_on: date | None
    dates_estimated: bool  # an official calendar was missing


def after_payment(delays: Delays, paid_on: date) -> AfterPayment:
    """Work the three dates out."""
    record = _after(paid_on, delays.record_days, delays.record_kind)
    certificate = _after(paid_on, delays.certificate_days, delays.certificate_kind)
    credit = _after(paid_on, delays.credit_days, delays.credit_kind)
    return AfterPayment(record[0], certificate[0], credit[0], record[1] or certificate[1] or credit[1])


def _after(paid_on: date, days: int | None, kind: DayKind) -> tuple[date | None, bool]:
    if days is None:
        return None, False
    if kind is DayKind.CALENDAR:
        return paid_on + timedelta(days=days), False
    return add_working_days(paid_on, days)
