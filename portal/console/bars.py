"""Bars as SVG, drawn by the server: the figures stand beside them, so a chart says nothing alone."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP = 15, 25, 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the units of the drawing; `look` is a class of the style sheet."""

    x: int
    y: str
    height: str
    look: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A drawing of bars."""

    bars: tuple[Bar, ...]
    width: int


def bars(values: Sequence[tuple[int, str]]) -> Bars:
    """(value, class) of each bar; the highest fills the height."""
    highest = max((value for value, _look in values), default=0) or 1
    drawn = [
        Bar(2 + index * (WIDTH + GAP), f"{27 - HEIGHT * value / highest:.1f}", f"{HEIGHT * value / highest:.1f}", look)
        for index, (value, look) in enumerate(values)
    ]
    return Bars(tuple(drawn), max(2 + len(values) * (WIDTH + GAP), 10))
