"""`script/server` as a person runs it: one process in the foreground."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import psycopg2
import pytest

from script.stack.child import leftovers
from script.stack.places import CHECKOUT, Places
from script.stack.postgres import Postgres
from script.stack.throwaway import servers, temporary_places
from tests.ports import free_port

pytestmark = pytest.mark.stack

GENEROUS_SECONDS = 120


class Server:
    """One start of the server on `places`, with what it says."""

    def __init__(self, places: Places, ports: tuple[int, int], **variables: str) -> None:
        self.places = places
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = kept | {
            "PORTAL_DATA": str(places.data),
            "PORTAL_PORT": str(ports[0]),
            "SANDBOX_PORT": str(ports[1]),
            **variables,
        }
        self.port = ports[0]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "script.stack.server"],
            cwd=CHECKOUT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def wait_for_words(self, words: str) -> None:
        wait_for(lambda: words in self.said or self.process.poll() is not None, self)
        assert words in self.said, self.said

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(GENEROUS_SECONDS)
        self._reader.join(10)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def child(self, name: str) -> psutil.Process:
        """The leader of one of its processes."""
        mark = f"{self.places.data}\n{name}"
        found = [process for process in leftovers(self.places.data) if self._mark(process) == mark]
        return min(found, key=lambda process: process.create_time())

    def _mark(self, process: psutil.Process) -> str:
        try:
            return process.environ().get("PORTAL_STACK_CHILD", "")
        except psutil.Error:
            return ""

    def readiness(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz", headers={"Host": f"localhost:{self.port}"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def wait_for(condition: Callable[[], bool], server: Server | None = None) -> None:
    limit = time.monotonic() + GENEROUS_SECONDS
    while not condition():
        assert time.monotonic() < limit, server.said if server else "did not happen in time"
        time.sleep(0.1)


def postgres_of(places: Places) -> Postgres:
    return Postgres(places.postgres, passwords=places.keys, log=places.logs / "postgres.log", say=str)


def execute(places: Places, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(postgres_of(places).url())
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.fixture
def places() -> Iterator[Places]:
    with temporary_places() as made:
        yield made


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def test_server_survives_every_kill_keeps_its_data_and_stops_as_a_whole(places: Places, ports: tuple[int, int]) -> None:
    first = Server(places, ports)
    first.wait_for_words("Ready after")
    assert f"http://localhost:{ports[0]}" in first.said
    assert first.readiness() == 200

    second = Server(places, ports)
    assert second.wait() == 1
    assert "runs already" in second.said

    execute(places, "CREATE TABLE kept (word text)")
    execute(places, "INSERT INTO kept VALUES ('王芳')")
    for name in ("worker", "beat", "web", "sandbox", "valkey"):
        first.child(name).kill()
        first.wait_for_words(f"{name} ended (ended by SIGKILL); starting it again.")
    process = postgres_of(places).process()
    assert process is not None
    process.kill()
    first.wait_for_words("postgres ended; starting it again.")
    wait_for(lambda: first.readiness() == 200, first)

    before = leftovers(places.data)
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    psutil.wait_procs(before, timeout=20)
    third = Server(places, ports)
    third.wait_for_words("Ready after")
    seconds = float(re.findall(r"Ready after ([0-9.]+) s", third.said)[0])
    assert seconds < 60  # about 5 on a quiet machine
    assert execute(places, "SELECT word FROM kept") == [("王芳",)]
    assert third.readiness() == 200

    assert third.end(signal.SIGINT) == 0
    assert third.lines[-1] == "Stopped."
    assert leftovers(places.data) == []
    assert postgres_of(places).process() is None
    assert not [line for line in first.lines + second.lines + third.lines if line.startswith(("Traceback", "  File"))]


def told(server: Server) -> str:
    """The one sentence of a start that cannot be."""
    assert server.wait() == 1
    assert len(server.lines) == 1, server.said
    return server.lines[0]


def test_taken_port_is_told_in_one_sentence(places: Places, ports: tuple[int, int]) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        assert f"Port {ports[0]} is in use" in told(Server(places, ports))
    with socket.create_server(("127.0.0.1", ports[1])):
        assert f"SANDBOX_PORT={ports[1] + 1}" in told(Server(places, ports))


def test_unreachable_database_is_told_in_one_sentence(places: Places, ports: tuple[int, int]) -> None:
    url = f"postgres://portal@127.0.0.1:{free_port()}/portal"
    assert "DATABASE_URL cannot be reached" in told(Server(places, ports, DATABASE_URL=url))


def test_another_business_date_for_the_same_data_is_told_in_one_sentence(
    places: Places, ports: tuple[int, int]
) -> None:
    (places.data / "clock_offset").write_text("0 real\n")
    assert "began with the real date" in told(Server(places, ports, PORTAL_AS_OF="2022-02-10"))


def test_production_is_never_run_this_way(places: Places, ports: tuple[int, int]) -> None:
    assert "docs/deploy.md" in told(Server(places, ports, PORTAL_ENV="production"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_data_of_another_user_are_left_alone(places: Places, ports: tuple[int, int]) -> None:
    os.chown(places.data, 12345, 12345)
    try:
        assert "belongs to user number 12345" in told(Server(places, ports))
    finally:
        os.chown(places.data, 0, 0)


def test_given_servers_are_used_and_none_is_started(places: Places, ports: tuple[int, int]) -> None:
    with servers() as given:
        server = Server(places, ports, DATABASE_URL=given.database_url, REDIS_URL=given.redis_url)
        server.wait_for_words("Ready after")
        assert not places.postgres.exists()
        assert list(places.valkey.iterdir()) == []
        assert server.end() == 0
        assert given.postgres.process() is not None
