"""Money, dates and masked names in templates; the words themselves come from payments.words."""

from datetime import date, datetime

from django import template

from core import clock, money
from payments.words import figures, names
from registration import local_names

register = template.Library()


@register.filter
def yuan(amount_fen: int) -> str:
    """100000 → 1,000.00元."""
    return figures.money(amount_fen)


@register.filter
def bare_yuan(amount_fen: int) -> str:
    """100000 → 1,000.00, where the unit stands in a heading."""
    return money.yuan(amount_fen)


@register.filter
def signed_yuan(amount_fen: int) -> str:
    """100000 → +1,000.00, with a minus sign that is one; nothing is 0.00."""
    if amount_fen < 0:
        return f"\u2212{money.yuan(-amount_fen)}"
    return f"+{money.yuan(amount_fen)}" if amount_fen else money.yuan(0)


@register.filter
def short_weekday(on: date) -> str:
    """周二."""
    return str(figures.WEEKDAYS[on.weekday()])


@register.filter
def tier(amount_fen: int) -> str:
    """100000 → 1,000元: an amount that has no fen."""
    return figures.tier(amount_fen)


@register.filter
def long_date(on: date | datetime | None) -> str:
    """2026年11月24日（周二）."""
    if on is None:
        return ""
    return figures.full_date(clock.business_date(on) if isinstance(on, datetime) else on)


@register.filter
def short_date(on: date | datetime | None) -> str:
    """11月24日（周二）; with its year where it is not this one."""
    if on is None:
        return ""
    return figures.short_date(clock.business_date(on) if isinstance(on, datetime) else on, clock.today())


@register.filter
def local_name(row: local_names.Named) -> str:
    """A place or an agency in the language of the page."""
    return local_names.local_name(row)


@register.filter
def moment(at: datetime | None) -> str:
    """11月21日 14:05."""
    return figures.moment(at, clock.today()) if at else ""


@register.filter
def type_name(code: str) -> str:
    """resident_pension → 居民养老."""
    return names.insurance_type(code)
