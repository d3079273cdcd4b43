"""A PostgreSQL and a Valkey for one run of the tests or of a benchmark; nothing of them is left afterwards."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from . import valkey
from .child import Child, end_leftovers
from .keys import ensure_keys
from .places import PASSABLE, Places
from .postgres import OWNER, Postgres

PREFIX = "portal-throwaway-"

TEST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "jit": "off",
}
"""Fast and not durable: a test's database need not outlive the power."""


def bench_settings() -> dict[str, str]:
    """Durable, and sized as on a server of its own: the figures in docs/performance.md are made with these."""
    quarter = psutil.virtual_memory().total // 4 // 2**20
    return {
        "shared_buffers": f"{min(2048, quarter)}MB",
        "max_wal_size": "8GB",
        "max_connections": "200",
        "jit": "off",
    }


@dataclass(frozen=True)
class Servers:
    """Addresses of what runs, and the places that it uses."""

    places: Places
    postgres: Postgres
    database_url: str
    redis_url: str


@contextmanager
def servers(*, settings: Mapping[str, str] = TEST_SETTINGS, disk: bool = False) -> Iterator[Servers]:
    """PostgreSQL and Valkey with empty data, until the block ends.

    The role may create databases, ask for a checkpoint, read statistics and switch guards off. `disk` keeps the data on
    a real disk (/var/tmp) where /tmp may be memory.
    """
    with ExitStack() as stack:
        places = stack.enter_context(temporary_places(disk=disk))
        ensure_keys(places, needed=())
        postgres = Postgres(places.postgres, passwords=places.keys, log=places.logs / "postgres.log", settings=settings)
        stack.callback(postgres.stop)
        postgres.start()
        with postgres.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"ALTER ROLE {OWNER} CREATEDB")
            cursor.execute(f"GRANT pg_checkpoint, pg_monitor TO {OWNER}")  # benchmarks begin at a checkpoint
            cursor.execute(f"GRANT SET ON PARAMETER session_replication_role TO {OWNER}")  # tests empty their database
        connection.close()
        at = valkey.socket_path(places.run)
        broker = Child(
            "valkey",
            valkey.command(places.valkey, at, durable=False),
            environment=os.environ,
            log=places.logs / "valkey.log",
            data=places.data,
        )
        stack.callback(broker.stop)
        broker.start()
        valkey.wait_until_answers(at, still_runs=broker.alive, log=broker.log)
        yield Servers(places, postgres, postgres.url(), valkey.url(at))


@contextmanager
def temporary_places(*, disk: bool = False) -> Iterator[Places]:
    """An empty data directory, removed at the end, behind the link of PostgreSQL's as well."""
    parent = Path("/var/tmp") if disk and Path("/var/tmp").is_dir() else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    data = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    data.chmod(PASSABLE)
    places = Places(data)
    places.make()
    try:
        yield places
    finally:
        _remove(data)


def _remove(data: Path) -> None:
    postgres = data / "postgres"
    if postgres.is_symlink():
        shutil.rmtree(os.readlink(postgres), ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Stop and remove what a killed run left behind."""
    for data in parent.glob(f"{PREFIX}*"):
        with suppress(OSError, ValueError):
            maker = int(data.name.removeprefix(PREFIX).split("-")[0])
            if data.lstat().st_uid != os.geteuid() or psutil.pid_exists(maker):
                continue
            end_leftovers(data)
            postgres = Postgres(data / "postgres", passwords=data / "keys", log=data / "logs" / "postgres.log")
            if postgres.exists() and (process := postgres.process()):
                process.kill()
            _remove(data)
