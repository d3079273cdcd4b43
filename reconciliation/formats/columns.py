"""Lines of cells, many at once and by columns: to cut and compare whole blocks costs a tenth of doing it line by line.

What is wrong with a block is found by halving it, so that a format has its rules once, for any number of lines.
"""

from collections.abc import Callable, Iterator, Sequence

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


def cut(texts: list[str], separator: str, width: int, *, mark: str = "") -> list[list[str]]:
    """The columns of lines that have as many cells as `width`. `mark` stands before every cell. Raises Wrong."""
    cells = f"{separator}{mark}{_END}{separator}".join(texts).removeprefix(mark).split(separator + mark)
    step = width + 1
    ends = cells[width::step]
    if len(cells) != step * len(texts) - 1 or ends.count(_END) != len(ends):
        raise Wrong(Fault.LINE_UNREADABLE, cells=len(cells), columns=width)
    return [cells[place::step] for place in range(width)]


def picked(columns: Sequence[list[str]], places: Sequence[int], absent: str) -> list[list[str]]:
    """Columns by their places; one behind the last is a column that the file does not have."""
    nothing = [absent] * len(columns[0])
    return [columns[place] if place < len(columns) else nothing for place in places]
