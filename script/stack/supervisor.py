"""One foreground process that keeps the stack alive: starts it, says what goes wrong, starts again what died."""

import fcntl
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .child import rotate
from .machine import plain_sentences
from .places import Places
from .stack import PROCESSES, SERVERS, Stack
from .trouble import Trouble

LOOK_SECONDS = 0.5
BACK_OFF_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60
"""After this long alive, an end counts as the first one again."""

PROBLEM = re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b")
PROBLEMS_SHOWN_AT_ONCE = 5


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM came while something was being started."""


class Supervisor:
    """Runs `stack` until it is asked to stop."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.asked = threading.Event()
        self.watching = False
        self.deaths: dict[str, list[float]] = {}
        self.read_to: dict[Path, int] = {}

    def run(self) -> None:
        """Start everything, say when it is ready, watch, stop everything. Raises `Trouble` when it cannot start."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        self.stack.places.make()
        with only_one(self.stack.places):
            try:
                began = time.monotonic()
                self.stack.prepare()
                self.stack.start_processes()
                self.stack.wait_until_ready()
                self._announce(time.monotonic() - began)
                self.watching = True
                self._watch()
            except StopRequested:
                pass
            finally:
                self.watching = True  # a signal during the stop must not break it off
                if self.asked.is_set():
                    self.stack.say("Stopping.")
                self.stack.stop_all()
        self.stack.say("Stopped.")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked.set()
        if not self.watching:
            self.watching = True
            raise StopRequested

    def _announce(self, seconds: float) -> None:
        addresses = self.stack.addresses
        self.stack.say(f"Portal   {addresses.portal}")
        self.stack.say(f"Console  {addresses.portal}/console/")
        self.stack.say(f"Sandbox  {addresses.sandbox}  (phone, wallets, cashiers)")
        self.stack.say(f"Logs     {self.stack.places.logs}")
        self.stack.say(f"Ready after {seconds:.1f} s. Ctrl-C stops everything.")

    def _watch(self) -> None:
        for log in self._logs():
            self.read_to[log] = log.stat().st_size
        while not self.asked.wait(LOOK_SECONDS):
            for name in SERVERS + PROCESSES:
                if not self.stack.alive(name):
                    self._start_again(name)
            self._show_problems()

    def _start_again(self, name: str) -> None:
        """Start what died; wait longer before it the more often it died in the last minute."""
        now = time.monotonic()
        recent = [moment for moment in self.deaths.get(name, []) if now - moment < STEADY_SECONDS]
        pause = BACK_OFF_SECONDS[min(len(recent), len(BACK_OFF_SECONDS) - 1)]
        if recent and now - recent[-1] < pause:
            return
        self.deaths[name] = [*recent, now]
        child = self.stack.children.get(name)
        code = child.exit_code() if child else None
        self.stack.say(f"{name} ended{'' if code is None else f' ({describe_exit(code)})'}; starting it again.")
        try:
            with plain_sentences():
                if child:
                    child.kill()  # members of its group that outlived it
                self.stack.start(name)
        except Trouble as trouble:
            self.stack.say(str(trouble))

    def _logs(self) -> list[Path]:
        return sorted(self.stack.places.logs.glob("*.log"))

    def _show_problems(self) -> None:
        """Show new lines of the logs that tell of an error, each with the name of who wrote it."""
        for log in self._logs():
            size = log.stat().st_size
            start = self.read_to.get(log, 0)
            if size < start:  # rotated
                start = 0
            if size == start:
                continue
            with log.open("rb") as file:
                file.seek(max(start, size - 65536))
                lines = file.read(65536).decode(errors="replace").splitlines()
            self.read_to[log] = size
            rotate(log)
            problems = [line for line in lines if PROBLEM.search(line)]
            for line in problems[:PROBLEMS_SHOWN_AT_ONCE]:
                self.stack.say(f"[{log.stem}] {line[:300]}")
            if len(problems) > PROBLEMS_SHOWN_AT_ONCE:
                self.stack.say(f"[{log.stem}] and {len(problems) - PROBLEMS_SHOWN_AT_ONCE} more in {log}")


def describe_exit(code: int) -> str:
    """What an exit code tells: `exit code 3`, `killed by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


@contextmanager
def only_one(places: Places) -> Iterator[None]:
    """Raise `Trouble` when another start runs on the same data; the kernel frees the lock of one that was killed."""
    with (places.run / "supervisor.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(f"script/server runs already on {places.data}; stop that one with Ctrl-C first.") from None
        yield
