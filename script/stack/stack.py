"""The whole stack of one data directory: servers and processes by name, made ready, started and stopped in order."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import outside, processes, valkey
from .business_date import offset_days
from .child import Child, end_leftovers
from .keys import DATA_KEYS, SERVER_PASSWORDS, ensure_keys
from .places import CHECKOUT, Places
from .postgres import Postgres
from .prepared import Prepared
from .processes import Addresses
from .static_files import StaticFiles
from .trouble import Trouble

SETUP_SECONDS = 600
READY_SECONDS = 120
SERVERS = ("postgres", "valkey")
PROCESSES = ("sandbox", "web", "worker", "beat")
"""In the order of their start; they stop in the opposite one."""
STOP_SECONDS = {"worker": 30.0}


class Stack:
    """Everything that runs for one data directory.

    `given` are the caller's variables: DATABASE_URL and REDIS_URL in them replace the embedded servers.
    """

    def __init__(
        self, places: Places, addresses: Addresses, *, given: Mapping[str, str], say: Callable[[str], None] = print
    ) -> None:
        self.places = places
        self.addresses = addresses
        self.given = dict(given)
        self.say = say
        self.offset_days = 0
        self.children: dict[str, Child] = {}
        self.postgres: Postgres | None = None
        if not self.given.get("DATABASE_URL"):
            self.postgres = Postgres(places.postgres, passwords=places.keys, log=places.logs / "postgres.log", say=say)
        self.valkey_socket: Path | None = None

    # preparation

    def prepare(self) -> None:
        """Everything up to the point where the processes can start; raises `Trouble`."""
        self.places.make()
        if end_leftovers(self.places.data):
            self.say("Stopped what an earlier start had left running.")
        outside.refuse_taken_port(self.addresses.host, self.addresses.port, "PORTAL_PORT")
        outside.refuse_taken_port("127.0.0.1", self.addresses.sandbox_port, "SANDBOX_PORT")
        self.offset_days = offset_days(self.places.data / "clock_offset", as_of=self.given.get("PORTAL_AS_OF", ""))
        ensure_keys(self.places, needed=self._keys_needed())
        self.start_servers()
        self._set_up()

    def attach(self) -> None:
        """Use the servers that run for this data directory; raises `Trouble` where they do not."""
        if self.postgres and (not self.postgres.exists() or self.postgres.process() is None):
            raise Trouble(f"Nothing runs on {self.places.data}; start script/server first.")
        self.offset_days = offset_days(self.places.data / "clock_offset", as_of="")
        if not self.given.get("REDIS_URL"):
            self.valkey_socket = valkey.socket_path(self.places.run)

    def _keys_needed(self) -> tuple[str, ...]:
        """The keys without which data that already exist cannot be opened."""
        if self.postgres is None:
            return DATA_KEYS if outside.check_database(self.given["DATABASE_URL"]) else ()
        return DATA_KEYS + SERVER_PASSWORDS if self.postgres.exists() else ()

    def start_servers(self) -> None:
        """PostgreSQL and Valkey, or a look at those that were given."""
        self.start("postgres")
        self.start("valkey")

    def _set_up(self) -> None:
        """Tables, static files and the demo's data, one after the other; where nothing changed, all at once."""
        prepared = Prepared(
            self.places.run / "prepared",
            checkout=CHECKOUT,
            database_url=self.database_url,
            sandbox_database=self.places.sandbox / "sandbox.sqlite3",
        )
        if prepared.is_current() and StaticFiles(CHECKOUT).are_current():
            for name in PROCESSES:
                self._launch(name)
            self._wait_for_sandbox()
        else:
            self._migrate_and_collect()
            self.start("sandbox")  # lays its public keys down, and takes the demo's text messages
        # the sandbox's carrier and wallets know the same people
        demo = {**self.environment(), "SANDBOX_DATA": str(self.places.sandbox)}
        self._finish(self._step("load_demo", processes.python(*processes.LOAD_DEMO), demo, speaks=True))
        prepared.remember()

    def _migrate_and_collect(self) -> None:
        steps = [
            self._step("sandbox-migrate", processes.python(*processes.SANDBOX_MIGRATE), self.sandbox_environment()),
            self._step("migrate", processes.python(*processes.MIGRATE), self.environment()),
        ]
        static = StaticFiles(CHECKOUT)
        fingerprint = static.fingerprint()
        if not static.are_current():
            collect = processes.python(*processes.COLLECT_STATIC)
            steps.append(self._step("collectstatic", collect, self.environment()))
        self._finish(*steps)
        static.remember(fingerprint)

    def _step(self, name: str, command: list[str], environment: Mapping[str, str], *, speaks: bool = False) -> Child:
        child = self._child(name, command, environment, speaks=speaks)
        self.children[name] = child
        child.start()
        return child

    def _finish(self, *steps: Child) -> None:
        for step in steps:
            if step.finish(seconds=SETUP_SECONDS) != 0:
                raise Trouble(f"{step.name} failed: {last_words(step.log)} (all of it: {step.log})")
            del self.children[step.name]

    # variables

    @property
    def database_url(self) -> str:
        return self.postgres.url() if self.postgres else self.given["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return valkey.url(self.valkey_socket) if self.valkey_socket else self.given["REDIS_URL"]

    def environment(self) -> dict[str, str]:
        """What the portal's processes and `manage.py` get."""
        ours = processes.portal_variables(
            self.places,
            self.addresses,
            database_url=self.database_url,
            redis_url=self.redis_url,
            offset_days=self.offset_days,
        )
        return processes.clean_environment(self.given, ours)

    def sandbox_environment(self) -> dict[str, str]:
        ours = processes.sandbox_variables(self.places, self.addresses, offset_days=self.offset_days)
        return processes.clean_environment(self.given, ours, without=processes.NOT_FOR_THE_SANDBOX)

    # by name

    def _child(self, name: str, command: list[str], environment: Mapping[str, str], *, speaks: bool = False) -> Child:
        log = self.places.logs / f"{name}.log"
        return Child(name, command, environment=environment, log=log, data=self.places.data, speaks=speaks)

    def _new_process(self, name: str) -> Child:
        addresses = self.addresses
        if name == "sandbox":
            command = processes.sandbox(host="127.0.0.1", port=addresses.sandbox_port)
            return self._child(name, processes.python("-m", *command), self.sandbox_environment())
        commands = {
            "web": processes.web(host=addresses.host, port=addresses.port),
            "worker": processes.worker(),
            "beat": processes.beat(schedule=str(self.places.run / "beat-schedule")),
        }
        return self._child(name, processes.python("-m", *commands[name]), self.environment())

    def start(self, name: str) -> None:
        """Start one server or process; those that have a sign of life are waited for."""
        if name == "postgres":
            self._start_postgres()
        elif name == "valkey":
            self._start_valkey()
        else:
            self._launch(name)
            if name == "sandbox":
                self._wait_for_sandbox()

    def _launch(self, name: str) -> None:
        child = self.children[name] = self._new_process(name)
        child.start()

    def _start_postgres(self) -> None:
        if self.postgres:
            self.postgres.start()
        else:
            outside.check_database(self.given["DATABASE_URL"])

    def _start_valkey(self) -> None:
        if self.given.get("REDIS_URL"):
            outside.check_redis(self.given["REDIS_URL"])
            return
        self.valkey_socket = valkey.socket_path(self.places.run)
        command = valkey.command(self.places.valkey, self.valkey_socket)
        child = self.children["valkey"] = self._child("valkey", command, dict(os.environ))
        child.start()
        valkey.wait_until_answers(self.valkey_socket, still_runs=child.alive, log=child.log)

    def _wait_for_sandbox(self) -> None:
        child = self.children["sandbox"]
        limit = time.monotonic() + READY_SECONDS
        while time.monotonic() < limit:
            status, _body = outside.ask(self.addresses.sandbox_port, "/livez")
            if status == 200:
                return
            if not child.alive():
                raise Trouble(f"The sandbox does not start: {last_words(child.log)} (all of it: {child.log})")
            time.sleep(0.05)
        raise Trouble(f"The sandbox did not answer within {READY_SECONDS} seconds; see {child.log}.")

    def start_processes(self) -> None:
        """What serves people: web, worker, beat (the sandbox runs since the preparation)."""
        for name in PROCESSES:
            if not self.alive(name):
                self.start(name)

    def readiness(self) -> tuple[int, str]:
        """Status and words of `/readyz`; status 200 is ready, 0 is no answer."""
        host = "127.0.0.1" if self.addresses.host == "0.0.0.0" else self.addresses.host
        return outside.ask(self.addresses.port, "/readyz", host=host)

    def wait_until_ready(self, *, seconds: float = READY_SECONDS) -> None:
        """Raise `Trouble` when a process ends before `/readyz` says 200, or it never does."""
        limit = time.monotonic() + seconds
        status, words = 0, ""
        while time.monotonic() < limit:
            status, words = self.readiness()
            if status == 200:
                return
            for name in PROCESSES:
                if not self.alive(name):
                    log = self.children[name].log
                    raise Trouble(f"{name} does not start: {last_words(log)} (all of it: {log})")
            time.sleep(0.1)
        raise Trouble(f"The portal is not ready after {seconds:.0f} seconds: /readyz says {status} {words[:300]}")

    def alive(self, name: str) -> bool:
        """Whether one of our servers or processes runs; a given server counts as running."""
        if name == "postgres":
            return self.postgres is None or self.postgres.process() is not None
        if name == "valkey" and self.given.get("REDIS_URL"):
            return True
        return name in self.children and self.children[name].alive()

    def stop(self, name: str) -> None:
        """Stop one in order."""
        if name == "postgres":
            if self.postgres and self.postgres.exists():
                self.postgres.stop()
        elif child := self.children.pop(name, None):
            child.stop(seconds=STOP_SECONDS.get(name, 15.0))

    def kill(self, name: str) -> None:
        """End one with SIGKILL, as a crash would."""
        if name == "postgres":
            if self.postgres and (process := self.postgres.process()):
                process.kill()
        elif child := self.children.pop(name, None):
            child.kill()

    def stop_all(self) -> None:
        """Stop everything, the last started first, and what depends on nothing more side by side."""
        for name in [name for name in self.children if name != "valkey"]:
            self.children[name].ask_to_stop()
        for name in [*reversed([name for name in self.children if name != "valkey"]), "valkey", "postgres"]:
            self.stop(name)


def last_words(log: Path) -> str:
    """The last line of a log that says something."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return "it said nothing"
    said = [line for line in lines if line and not line.startswith("Type 'manage.py help'")]
    return said[-1] if said else "it said nothing"
