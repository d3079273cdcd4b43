"""A real demo stack for tests: the processes of `script/server` on free ports and a temporary data directory."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from script.stack import processes
from script.stack.places import CHECKOUT
from script.stack.processes import Addresses
from script.stack.stack import Stack
from script.stack.throwaway import temporary_places
from tests.ports import free_port

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CHROMIUM")


class RunningStack:
    """What a test may do with the stack: look at it, break it, mend it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.portal_url = stack.addresses.portal
        self.sandbox_url = stack.addresses.sandbox
        self.env = stack.environment()
        self.control_token = (stack.places.keys_sandbox / "control_token").read_text().strip()

    def control(self, door: str, *, method: str = "POST", **values: Any) -> Any:
        """Ask one of the sandbox's control doors (docs/sandbox.md), `rules` say; its answer, read from JSON."""
        request = urllib.request.Request(
            f"{self.sandbox_url}/__control/{door}",
            data=json.dumps(values).encode() if method == "POST" else None,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.control_token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def start(self, name: str) -> None:
        """Start postgres, valkey, sandbox, web, worker or beat again."""
        self._stack.start(name)

    def stop(self, name: str) -> None:
        self._stack.stop(name)

    def kill(self, name: str) -> None:
        """SIGKILL, to the whole group of a process."""
        self._stack.kill(name)

    def alive(self, name: str) -> bool:
        return self._stack.alive(name)

    def wait_until_ready(self) -> None:
        self._stack.wait_until_ready()

    def manage(self, *command: str) -> str:
        """Run `manage.py` with the stack's variables; what it printed. Raises when it fails."""
        done = subprocess.run(
            processes.python("manage.py", *command),
            cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def log(self, name: str) -> str:
        """What a process has said so far."""
        return (self._stack.places.logs / f"{name}.log").read_text(errors="replace")


@contextmanager
def running_stack(given: dict[str, str], *, as_of: str = "") -> Iterator[RunningStack]:
    """Start everything; stop and remove it when the block ends. `given` are the variables of the caller; `as_of`
    is the business date of the first day."""
    environment = {name: value for name, value in given.items() if name in PASSED_ON}
    if as_of:
        environment["PORTAL_AS_OF"] = as_of
    with temporary_places() as places:
        addresses = Addresses(port=free_port(), sandbox_port=free_port())
        stack = Stack(places, addresses, given=environment)
        try:
            stack.prepare()
            stack.start_processes()
            stack.wait_until_ready()
            yield RunningStack(stack)
        finally:
            stack.stop_all()
