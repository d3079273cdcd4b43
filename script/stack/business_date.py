"""The business calendar of a data directory: the real date plus a fixed number of days, chosen at its first start."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from .trouble import Trouble

CHINA = timezone(timedelta(hours=8))


def offset_days(remembered: Path, *, as_of: str, today: date | None = None) -> int:
    """Days to add to the real date; kept in the file `remembered`, which is written at the first start.

    `as_of` is what PORTAL_AS_OF holds: the date (ISO) that the first day shall have, or nothing. Raises `Trouble`
    for what is no date, and for another date than the first start's: data would lie in two calendars.
    """
    today = today or datetime.now(UTC).astimezone(CHINA).date()
    if not remembered.exists():
        days = (_date(as_of) - today).days if as_of else 0
        remembered.write_text(f"{days} {as_of or 'real'}\n")
        return days
    days_text, first = remembered.read_text().split()
    if as_of and as_of != first:
        began = "with the real date" if first == "real" else f"as of {first}"
        raise Trouble(
            f"These data began {began}, so PORTAL_AS_OF={as_of} cannot be used with them: leave it out, or choose "
            "another data directory with PORTAL_DATA."
        )
    return int(days_text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Trouble(f"PORTAL_AS_OF={text} is no date; write it as 2022-02-10.") from None
