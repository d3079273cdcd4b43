"""One process of the stack: started in a group of its own, tied to us, stopped as a group, found again by a mark."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from .places import CHECKOUT

MARK = "PORTAL_STACK_CHILD"
"""In the environment of each process: data directory and name. By it a later start knows what is left of an earlier
one, whatever numbers the processes have."""

LOG_BYTES_MAX = 10 * 1024 * 1024
LOGS_KEPT = 3
TETHER = Path(__file__).with_name("tether.py")


class Child:
    """A process that the stack runs. Start it from the main thread: the tie is to the thread that starts it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        data: Path,
        speaks: bool = False,
    ) -> None:
        """`speaks`: what it prints goes to the terminal, and only its errors to the log."""
        self.name = name
        self.command = list(command)
        self.environment = {**environment, MARK: mark(data, name)}
        self.log = log
        self.speaks = speaks
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; what it says goes to its log."""
        rotate(self.log)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *self.command],
                cwd=CHECKOUT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=None if self.speaks else log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """Its exit code; negative the signal that ended it; None while it runs."""
        return self._process.poll() if self._process else None

    def finish(self, *, seconds: float) -> int:
        """Wait for its own end; its exit code."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        finally:
            self.kill()

    def ask_to_stop(self) -> None:
        """Send SIGTERM and do not wait."""
        if self._process and self.alive():
            self._process.terminate()

    def stop(self, *, seconds: float = 15) -> None:
        """Ask it to stop, wait, then end what is left of its group."""
        self.ask_to_stop()
        if self._process:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End its whole group at once, also the members that outlived their leader."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


def mark(data: Path, name: str) -> str:
    return f"{data}\n{name}"


def leftovers(data: Path) -> list[psutil.Process]:
    """Processes of an earlier stack on the same data directory, ours excluded."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK, "").startswith(f"{data}\n") and process.pid != os.getpid():
                found.append(process)
    return found


def end_leftovers(data: Path, *, seconds: float = 10) -> int:
    """Stop what an earlier, killed supervisor left behind; the number of processes found."""
    found = leftovers(data)
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _gone, alive = psutil.wait_procs(found, timeout=seconds)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=seconds)
    return len(found)


def rotate(log: Path) -> None:
    """Keep three older logs beside one that has grown over 10 MB.

    The log is emptied in place: whoever writes it has it open for appending, and goes on.
    """
    if not log.exists() or log.stat().st_size <= LOG_BYTES_MAX:
        return
    for number in range(LOGS_KEPT, 1, -1):
        newer = log.with_name(f"{log.name}.{number - 1}")
        if newer.exists():
            newer.rename(log.with_name(f"{log.name}.{number}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
