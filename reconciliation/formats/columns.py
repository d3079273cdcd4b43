"""Lines of cells, many at once and by columns: to cut and compare whole blocks costs a tenth of doing it line by line.

What is wrong with a block is found by halving it, so that a format has its rules once, for any number of lines.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciliation.formats.base import Fault, Rows, Wrong

_END = "\n"  # a cell of its own behind each line; within a line there is none


def read_rows(read: Callable[[list[str], int], Rows], texts: list[str], first: int) -> Iterator[Rows]:
    """What `read` makes of these lines, the first of which is `first`. Raises StatementError for the line at fault.

    `read` raises Wrong, and then has changed nothing.
    """
    if not texts:
        return
    try:
        rows = read(texts, first)
    except Wrong as wrong:
        if len(texts) == 1:
            raise wrong.at(first) from None
        half = len(texts) // 2
        yield from read_rows(read, texts[:half], first)
        yield from read_rows(read, texts[half:], first + half)
    else:
        yield rows


@dataclass(frozen=True, slots=True)
class Table:
    """How lines are to be cut: how many cells they have, and where those stand that are wanted.

    A place behind the last is a column that the file does not have: it reads as `absent` in every line.
    """

    separator: str
    width: int
    places: Sequence[int]
    absent: str = ""
    mark: str = ""
    """What stands before every cell."""

    def columns(self, texts: list[str]) -> list[list[str]]:
        """The wanted columns of these lines. Raises Wrong where one has more or fewer cells."""
        between = self.separator + self.mark
        cells = f"{between}{_END}{self.separator}".join(texts).removeprefix(self.mark).split(between)
        step = self.width + 1
        ends = cells[self.width :: step]
        if len(cells) != step * len(texts) - 1 or ends.count(_END) != len(ends):
            raise Wrong(Fault.LINE_UNREADABLE, cells=len(cells), columns=self.width)
        nothing = [self.absent] * len(texts)
        return [cells[place::step] if place < self.width else nothing for place in self.places]
