"""Lines of a statement on their way into the database: one COPY, held a piece at a time."""

import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import connection

from core import clock
from reconciliation.formats.base import Remembered, Rows

COLUMNS = (
    "statement_id", "line_no", "kind", "order_no", "gateway_trade_no", "refund_no", "gateway_refund_no",
    "amount_fen", "settled_fen", "fee_millifen", "paid_at", "status",
)  # fmt: skip
ANALYZE_FROM_LINES = 20_000
_COPY_BYTES = 1 << 18
_TAB = "\t"


def copy_entries(statement_id: int, blocks: Iterable[Rows]) -> int:
    """Write every line; how many there were. What the parser raises comes out as it is, and undoes the whole."""
    rows = _Text(statement_id, blocks)
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


class _Text(io.RawIOBase):
    """The file that COPY reads: made from the lines as they come."""

    def __init__(self, statement_id: int, blocks: Iterable[Rows]) -> None:
        self._statement_id = statement_id
        self._pieces = self._written(blocks)
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

    def _written(self, blocks: Iterable[Rows]) -> Iterator[bytes]:
        offset = clock.offset()
        times: Remembered[datetime, str] = Remembered(lambda at: str(at - offset))
        words: Remembered[str, str] = Remembered(_clean)
        numbers: Remembered[int, str] = Remembered(str)
        for rows in blocks:
            self.count += len(rows.lines)
            columns: tuple[Iterable[str], ...] = (
                map(str, rows.lines), rows.kinds, rows.order_nos, rows.gateway_trade_nos, rows.refund_nos,
                rows.gateway_refund_nos, numbers.each(rows.amounts_fen), numbers.each(rows.settled_fen),
                numbers.each(rows.fees_millifen), times.each(rows.paid_at), words.each(rows.statuses),
            )  # fmt: skip
            end = f"\n{self._statement_id}\t"
            text = f"{end[1:]}{end.join(map(_TAB.join, zip(*columns, strict=True)))}\n"
            # numbers are printable ASCII; words were cleaned: a backslash can only stand in one of these
            yield (text.replace("\\", "\\\\") if "\\" in text else text).encode()


def _clean(status: str) -> str:
    """A channel's own word without what COPY would take for its own signs."""
    return "".join(character if character.isprintable() else " " for character in status) or " "
