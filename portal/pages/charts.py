"""Bars as SVG: lengths in rem and %, so that a chart grows with the text (R12, R13).

The figures are printed beside the bars and again in a table, so that a chart says nothing alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from payments.words import figures

ROW_REM = 2.75
TEXT_REM = 1.0
BAR_REM = 1.375
BAR_HEIGHT_REM = 0.625
FULL_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: a label, the value in print, and two segments that lie one after the other."""

    label: str
    value: str
    text_y: str
    bar_y: str
    base_width: str
    rest_x: str
    rest_width: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with the height of the drawing and what a screen reader is told instead."""

    bars: tuple[Bar, ...]
    height: str
    bar_height: str
    says: str


def stacked_bars(rows: Sequence[tuple[str, int, int]], says: str) -> Chart:
    """A chart of (label, base fen, rest fen); the longest row fills the width."""
    longest = max((base + rest for _label, base, rest in rows), default=0) or 1
    bars = tuple(_bar(index, label, base, rest, longest) for index, (label, base, rest) in enumerate(rows))
    height = ROW_REM * (len(rows) - 1) + BAR_REM + BAR_HEIGHT_REM if rows else 0
    return Chart(bars, _rem(height), _rem(BAR_HEIGHT_REM), says)


def _bar(index: int, label: str, base_fen: int, rest_fen: int, longest_fen: int) -> Bar:
    top = ROW_REM * index
    base, rest = (FULL_PERCENT * part / longest_fen for part in (base_fen, rest_fen))
    return Bar(
        label=label,
        value=figures.money(base_fen + rest_fen),
        text_y=_rem(top + TEXT_REM),
        bar_y=_rem(top + BAR_REM),
        base_width=_percent(base),
        rest_x=_percent(base),
        rest_width=_percent(rest),
    )


def _rem(length: float) -> str:
    return f"{length:.3f}".rstrip("0").rstrip(".") + "rem"


def _percent(length: float) -> str:
    return f"{length:.1f}%"
