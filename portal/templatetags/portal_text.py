"""Money, dates and masked names in templates; the words themselves come from payments.words."""

from datetime import date, datetime

from django import template

from core import clock, money
from payments.words import figures

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
def moment(at: datetime | None) -> str:
    """11月21日 14:05."""
    return figures.moment(at, clock.today()) if at else ""
