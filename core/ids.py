"""Where numbers and randomness come from (HOUSE 2.13, 5).

Public numbers carry 128 random bits, so that nobody can guess a neighbour's.
"""

import secrets
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: read out over a telephone
_LENGTH = 26  # 26 × 5 bits hold 128

random_bits: Callable[[int], int] = secrets.randbits


def public_no() -> str:
    """A new number for an order or a declaration: 26 base-32 characters."""
    bits = random_bits(128)
    return "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def short_reference(public_number: str) -> str:
    """The last six characters, for display and for reading out; never a key."""
    return public_number[-6:]


def nonce() -> str:
    """32 hexadecimal characters for a signature."""
    return f"{random_bits(128):032x}"


def digits(count: int) -> str:
    """A code of `count` decimal digits, for one-time passwords."""
    return f"{random_bits(64) % 10**count:0{count}d}"


def token() -> str:
    """64 hexadecimal characters for a bearer secret."""
    return f"{random_bits(256):064x}"
