"""Money: amounts are whole fen everywhere; yuan exists only as text, and only here is it written or read."""

import re

Fen = int
"""An amount in fen (1 yuan = 100 fen)."""

_YUAN = re.compile(r"(-?)([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.([0-9]{1,2}))?")


def yuan(amount_fen: Fen) -> str:
    """Write fen as yuan with two decimals and groups of thousands: 100000 -> "1,000.00"."""
    whole, cents = divmod(abs(amount_fen), 100)
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{whole:,}.{cents:02d}"


def plain_yuan(amount_fen: Fen) -> str:
    """Write fen as yuan without groups, as machines expect it: 100000 -> "1000.00"."""
    return yuan(amount_fen).replace(",", "")


def fen(text: str) -> Fen:
    """Read yuan text exactly: "1000", "1,000.00", "10.5", "-3.20".

    Raises ValueError for more than two decimals, misplaced commas, more than fifteen digits and anything else.
    """
    found = _YUAN.fullmatch(text)
    if found is None:
        raise ValueError("not an amount in yuan")
    sign, whole, cents = found.groups()
    amount_fen = int(whole.replace(",", "")) * 100 + int((cents or "").ljust(2, "0"))
    return -amount_fen if sign else amount_fen
