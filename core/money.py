"""Money: amounts are whole fen everywhere; yuan exists only as text, and only here is it written or read."""

import re

Fen = int
"""An amount in fen (1 yuan = 100 fen)."""

Millifen = int
"""A thousandth of a fen: channels state their fees in yuan with up to five decimals."""

_YUAN = re.compile(r"(-?)([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.([0-9]{1,2}))?")
_FEE = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,5}))?")


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


def millifen(text: str) -> Millifen:
    """Read a fee in yuan exactly: "0.05940" -> 5940, "-0.06" -> -6000. Raises ValueError as `fen` does."""
    found = _FEE.fullmatch(text)
    if found is None:
        raise ValueError("not a fee in yuan")
    sign, whole, cents = found.groups()
    amount = int(whole + (cents or "").ljust(5, "0"))
    return -amount if sign else amount
