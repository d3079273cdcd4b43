"""The virtual environment `.venv` with exactly the packages of a lock file. Runs on a bare Python."""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .trouble import Trouble

BUILD_TIME_OUT_SECONDS = 1800

NETWORK_SIGNS = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname",
    "Network is unreachable",
    "Connection refused",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "No route to host",
    "ProxyError",
    "Retrying (Retry",
)


class Environment:
    """`.venv` of a checkout. A stamp in it names the lock files that it was filled from, by their content."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.directory = checkout / ".venv"
        self.python = self.directory / "bin" / "python"
        self.stamp = self.directory / ".installed.json"
        self.unfinished = self.directory / ".unfinished"

    def ensure(self, requirements: str) -> Path:
        """The environment's Python, with the packages of the lock file `requirements` installed.

        Does nothing when the stamp fits. Raises `Trouble` with one sentence when it cannot be made.
        """
        if self._fits(requirements):
            return self.python
        self.directory.mkdir(exist_ok=True)
        with self._alone():
            if not self._fits(requirements):
                self._fill(requirements)
        return self.python

    def _fits(self, requirements: str) -> bool:
        return self._installed().get(requirements) == self._wanted(requirements) and self._works()

    def _wanted(self, requirements: str) -> str:
        return hashlib.sha256((self.checkout / requirements).read_bytes()).hexdigest()

    def _installed(self) -> dict[str, str]:
        try:
            stamp = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _works(self) -> bool:
        """False for an environment whose Python was removed or replaced by an older one."""
        try:
            probe = subprocess.run(
                [self.python, "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"],
                capture_output=True,
                timeout=60,
                check=False,
            )
        except OSError:
            return False
        return probe.returncode == 0 and not self.unfinished.exists()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two starts at once take turns; the kernel ends the turn of one that was killed."""
        with (self.directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _fill(self, requirements: str) -> None:
        if not self._works():
            self._make()
        print(f"Installing the packages of {requirements} into .venv; this takes a minute or two.", flush=True)
        self.unfinished.touch()
        self._install(requirements)
        stamp = self._installed() | {requirements: self._wanted(requirements)}
        self.stamp.write_text(json.dumps(stamp, indent=1) + "\n")
        self.unfinished.unlink()

    def _make(self) -> None:
        """An empty environment in place of whatever is there: a half-made one cannot be trusted."""
        for part in self.directory.iterdir():
            if part.name != ".lock":
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        refuse_missing_venv()
        self.unfinished.touch()
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(self.directory)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if made.returncode != 0:
            raise Trouble(f"Python could not make .venv: {last_line(made.stdout + made.stderr)}")

    def _install(self, requirements: str) -> None:
        command = [
            str(self.python), "-m", "pip", "install", "--require-hashes", "--no-input", "--retries", "2",
            "--progress-bar", "off", "-r", requirements,
        ]  # fmt: skip
        if requirements == "requirements.txt":
            command.append("--only-binary=:all:")  # the machine needs no compiler
        log = self.directory / "pip.log"
        with log.open("w") as output:
            done = subprocess.run(
                command,
                cwd=self.checkout,
                env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=BUILD_TIME_OUT_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise Trouble(explain_pip(log.read_text(errors="replace"), log))


def refuse_missing_venv() -> None:
    """Raise `Trouble` where the system's Python came without `venv` and `ensurepip`, as on Debian."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise Trouble(
            f"This Python comes without {' and '.join(missing)}; install the package python3-venv "
            "(Debian, Ubuntu: apt install python3-venv) and start again."
        )


def explain_pip(output: str, log: Path) -> str:
    """One sentence for what pip reported in `output`."""
    if "No space left on device" in output:
        return "The disk is full; free at least 500 MB and start again."
    if "DO NOT MATCH THE HASHES" in output:
        return f"A downloaded package is not the one that was locked, so nothing was installed; see {log}."
    if any(sign in output for sign in NETWORK_SIGNS):
        return f"The Python packages could not be fetched: no network, or no way to the package index; see {log}."
    return f"pip could not install the packages: {last_line(output)} (all of it: {log})"


def last_line(output: str) -> str:
    """The last line that says something, an `ERROR:` line where there is one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it said nothing"])[-1]
