"""Lines of a statement on their way into the database: one COPY, held a piece at a time."""

import io
from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import connection

from core import clock
from reconciliation.formats.base import StatementLine

COLUMNS = (
    "statement_id", "line_no", "kind", "order_no", "gateway_trade_no", "refund_no", "gateway_refund_no",
    "amount_fen", "settled_fen", "fee_millifen", "paid_at", "status",
)  # fmt: skip
LINES_AT_ONCE = 2_000
ANALYZE_FROM_LINES = 20_000
_COPY_BYTES = 1 << 18


def copy_entries(statement_id: int, lines: Iterable[StatementLine]) -> int:
    """Write every line; how many there were. What the parser raises comes out as it is, and undoes the whole."""
    rows = _Rows(statement_id, lines)
    with connection.cursor() as cursor:
        try:
            cursor.copy_expert(
                f"COPY reconciliation_statemententry ({', '.join(COLUMNS)}) FROM STDIN", rows, _COPY_BYTES
            )
        except Exception as error:
            raise rows.failure or error from error
        if rows.count >= ANALYZE_FROM_LINES:
            cursor.execute("ANALYZE reconciliation_statemententry (statement_id, kind, gateway_trade_no, order_no)")
    return rows.count


class _Rows(io.RawIOBase):
    """The file that COPY reads: made from the lines as they come."""

    def __init__(self, statement_id: int, lines: Iterable[StatementLine]) -> None:
        self._pieces = self._written(statement_id, lines)
        self._rest = b""
        self.count = 0
        self.failure: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            try:
                self._rest = next(self._pieces, b"")
            except Exception as error:
                self.failure = error
                raise
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def _written(self, statement_id: int, lines: Iterable[StatementLine]) -> Iterator[bytes]:
        words: dict[str, str] = {}
        start = f"{statement_id}\t"
        source = iter(lines)
        seen, at = None, ""
        offset = clock.offset()
        while some := list(islice(source, LINES_AT_ONCE)):
            self.count += len(some)
            rows = []
            for line, kind, order_no, trade_no, refund_no, back_no, amount, settled, fee, paid_at, word, _ in some:
                if paid_at is not seen:  # many lines are of the same second, and then of the same object
                    seen, at = paid_at, str(paid_at - offset)
                rows.append(
                    f"{start}{line}\t{kind}\t{order_no}\t{trade_no}\t{refund_no}\t{back_no}\t{amount}\t"
                    f"{settled}\t{fee}\t{at}\t{words.get(word) or _word(words, word)}\n"
                )
            text = "".join(rows)
            # numbers are printable ASCII; words were cleaned: a backslash can only stand in one of these
            yield (text.replace("\\", "\\\\") if "\\" in text else text).encode()


def _word(words: dict[str, str], status: str) -> str:
    """A channel's own word without what COPY would take for its own signs; remembered while they are few."""
    clean = "".join(character if character.isprintable() else " " for character in status) or " "
    if len(words) < 1000:
        words[status] = clean
    return clean
