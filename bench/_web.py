"""The web server as `script/server` runs it, on a port of its own."""

import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psutil

from bench._load import get, send
from script.stack import processes
from script.stack.child import Child
from script.stack.places import Places

READY_S = 60


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Web:
    """A running server."""

    port: int
    process: psutil.Process
    log: Path

    def give_up(self, why: str) -> NoReturn:
        """End the benchmark, showing what the server said last."""
        raise SystemExit(f"{why}\n{self.log.read_text()[-3000:]}")

    def cpu_s(self) -> float:
        """What all its processes have used of the processor."""
        times = [process.cpu_times() for process in [self.process, *self.process.children(recursive=True)]]
        return sum(time.user + time.system for time in times)


@contextmanager
def web(name: str, variables: Mapping[str, str]) -> Iterator[Web]:
    """Two workers of four threads, warm. `variables` go over the environment of the benchmark."""
    places = Places.of_environment()
    port = free_port()
    server = Child(
        name,
        processes.python("-m", *processes.web(host="127.0.0.1", port=port)),
        environment={**os.environ, **variables},
        log=places.logs / f"{name}.log",
        data=places.data,
    )
    server.start()
    try:
        _wait(server, port)
        send(port, [get("/livez")] * 200, clients=8)
        yield Web(port, psutil.Process(server.pid), server.log)
    finally:
        server.stop()


def _wait(server: Child, port: int) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and server.alive():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{server.name} does not answer:\n{server.log.read_text()[-2000:]}")
