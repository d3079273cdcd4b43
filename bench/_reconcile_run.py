"""What the two reconciliation benchmarks share: one timed day, and the least work that any loader of its file has."""

import os
import resource
import time
from datetime import date
from pathlib import Path

from django.db import connection

from bench._statement import CHANNEL, COLUMNS, MERCHANT
from reconciliation.matching import match_statement
from reconciliation.models import Statement
from reconciliation.statements import file_of, read_statement, receive_statement


def without_time_limits() -> None:
    """Filling takes minutes."""
    connection.close()
    connection.settings_dict["OPTIONS"]["options"] = ""


def checkpoint() -> None:
    """So that no run pays for what the one before has left to be written."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def forget_days() -> None:
    """No statement was ever received; orders and receipts stay."""
    for statement in Statement.objects.exclude(stored_path=""):
        file_of(statement).unlink(missing_ok=True)
    with connection.cursor() as cursor:
        tables = ("reconciliation_statement", "reconciliation_statemententry", "reconciliation_finding")
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def cpu_s() -> float:
    """Processor seconds so far, of this process and of its own in the database: what else runs here is not in them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        served = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(served[11]) + int(served[12])) / os.sysconf("SC_CLK_TCK")


def run_day(path: Path, day: date) -> tuple[dict[str, float], Statement]:
    """Seconds of each step, from the first byte received to the exceptions written."""
    steps, used, begun = {}, cpu_s(), time.perf_counter()
    with path.open("rb") as content:
        statement = receive_statement(
            channel=CHANNEL, merchant=MERCHANT, channel_day=day, content=content, actor="system:bench"
        )  # fmt: skip
    steps["keep"] = time.perf_counter() - begun
    statement = read_statement(statement_id=statement.pk)
    steps["read"] = time.perf_counter() - begun - steps["keep"]
    statement = match_statement(statement_id=statement.pk)
    steps["all"] = time.perf_counter() - begun
    steps["match"] = steps["all"] - steps["keep"] - steps["read"]
    steps["cpu"] = cpu_s() - used
    if statement.status != "matched":
        raise SystemExit(f"{statement}: {statement.status} {statement.refusal_code} {statement.refusal_line}")
    return steps, statement


def least_work(path: Path) -> tuple[float, float]:
    """Seconds, and seconds of processors, for COPY of the same file, column by column, into an unlogged table."""
    columns = ", ".join(f"c{number} text" for number in range(COLUMNS))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS bench_raw; CREATE UNLOGGED TABLE bench_raw ({columns})")
        used, begun = cpu_s(), time.perf_counter()
        with path.open("rb") as file:
            sql = "COPY bench_raw FROM STDIN (FORMAT csv, QUOTE E'\\b', HEADER)"
            cursor.copy_expert(sql, _WithoutTotals(file.fileno(), path), 1 << 18)
        taken = time.perf_counter() - begun
        used = cpu_s() - used
        cursor.execute("DROP TABLE bench_raw")
    return taken, used


class _WithoutTotals:
    """The file but for its last two lines, which have fewer columns."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        tail = path.read_bytes()[-2000:] if path.stat().st_size < 1 << 20 else _tail(path)
        ends = tail.rstrip(b"\r\n").rsplit(b"\r\n", 2)
        self._left = path.stat().st_size - len(tail) + len(ends[0]) + 2

    def read(self, size: int = 1 << 18) -> bytes:
        piece = os.read(self._descriptor, min(size, self._left))
        self._left -= len(piece)
        return piece


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-2000, 2)
        return file.read()


def peak_mb() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
