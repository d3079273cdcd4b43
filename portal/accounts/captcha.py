"""The captcha (X7): a small sum in words, for keyboards, screen readers and text browsers alike.

This module is the port: an office that has a captcha of its own puts it here, behind the same three functions.
When a question is due, how long it counts and how often it may be answered stands in `questions`. A sum in words
slows machines down, no more; what stops them are the limits in `codes`.
"""

import unicodedata
from collections.abc import Sequence

from django.utils.translation import gettext as _

from core import ids
from core.identity import normalise_number

Asked = dict[str, int]
"""What is kept of a question between asking and answering, on the server only."""


def ask() -> Asked:
    """A new question."""
    return {"first": _one_to_nine(), "second": _one_to_nine()}


def words(asked: Asked) -> str:
    """The question as the reader's language says it."""
    return _("%(first)s加%(second)s等于几？") % {name: _number_words()[asked[name]] for name in ("first", "second")}


def is_right(asked: Asked, said: str) -> bool:
    """Whether somebody said the sum: 12, １２ or 十二."""
    return as_number(said) == asked["first"] + asked["second"]


def as_number(said: str) -> int | None:
    """A number below a hundred in digits or Chinese numerals of any kind; None for anything else."""
    values = [unicodedata.numeric(character, -1) for character in normalise_number(said)]
    if not values or not all(value in range(11) for value in values):
        return None
    if 10 not in values:
        return _joined(values)
    at = values.index(10)
    return 10 * _joined(values[:at] or [1]) + _joined(values[at + 1 :] or [0])


def _joined(digits: Sequence[float]) -> int:
    return int("".join(str(int(digit)) for digit in digits))


def _one_to_nine() -> int:
    return 1 + ids.random_bits(32) % 9


def _number_words() -> tuple[str, ...]:
    return ("", _("一"), _("二"), _("三"), _("四"), _("五"), _("六"), _("七"), _("八"), _("九"))
