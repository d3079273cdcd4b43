"""`script/test`: linters, types and every test on throw-away servers; with arguments, pytest alone with them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from . import chromium, outside, processes
from .machine import plain_sentences
from .places import CHECKOUT
from .throwaway import servers, temporary_places
from .trouble import Trouble

CHECKS = {
    "ruff": ("-m", "ruff", "check", "."),
    "mypy": ("-m", "mypy", "."),
}
MOST_PROCESSES = 4
"""Each process of a whole run has a database, a browser, a sandbox and a stack of its own."""


def in_parallel() -> tuple[str, ...]:
    """What a whole run tells pytest: a process for each core and one more, for every third moment is spent waiting.

    One that has done its part takes over of another's.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return ("-n", str(min(MOST_PROCESSES, cores + 1)), "--dist", "worksteal") if cores > 1 else ()


def failed_checks(environment: dict[str, str]) -> list[str]:
    """Run the linters; the names of those that found something."""
    failed = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        if subprocess.run(processes.python(*command), cwd=CHECKOUT, env=environment, check=False).returncode != 0:
            failed.append(name)
    return failed


@contextmanager
def test_environment() -> Iterator[dict[str, str]]:
    """The variables of a test run: given servers where DATABASE_URL and REDIS_URL name both, else throw-away ones."""
    given = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    base = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    base |= {"PORTAL_ENV": "test", "DJANGO_SETTINGS_MODULE": "portal.settings"}
    if all(given.values()):
        outside.check_database(given["DATABASE_URL"])
        outside.check_redis(given["REDIS_URL"])
        with temporary_places() as places:
            yield base | {"PORTAL_DATA": str(places.data)}
    else:
        with servers() as running:
            yield base | {
                "DATABASE_URL": running.database_url,
                "REDIS_URL": running.redis_url,
                "PORTAL_DATA": str(running.places.data),
            }


def run(arguments: Sequence[str]) -> int:
    """Run what is asked for; 0 when nothing failed. pytest's own summary closes the output."""
    browser = chromium.find_or_install()
    if not browser:
        print(f"!! Every browser test will be SKIPPED: {chromium.missing_sentence()}.", flush=True)
    with test_environment() as environment:
        if browser:
            environment["CHROMIUM"] = browser
        failed = [] if arguments else failed_checks(environment)
        print("== pytest", flush=True)
        environment["FAILED_CHECKS"] = ",".join(failed)
        command = processes.python("-m", "pytest", *(arguments or in_parallel()))
        tests = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False)
    return tests.returncode or (1 if failed else 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """The exit code of pytest, or 1 when a linter or the preparation failed."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with plain_sentences():
            return run(arguments)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
