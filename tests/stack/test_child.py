"""Processes of the stack: tied to their parent, stopped as a group, found again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from script.stack import child as children
from script.stack.child import Child, end_leftovers, leftovers, rotate
from script.stack.places import CHECKOUT

pytestmark = pytest.mark.stack

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)",
]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_leftovers(tmp_path, seconds=0.2)


def started(command: list[str], data: Path) -> Child:
    made = Child("sleeper", command, environment=os.environ, log=data / "sleeper.log", data=data)
    made.start()
    wait_for(lambda: made.log.read_text() != "")
    return made


def wait_for(condition: object, seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_stop_asks_first_and_ends_the_whole_group(data: Path) -> None:
    made = started(WITH_CHILD, data)
    grandchild = int(made.log.read_text())
    made.stop(seconds=5)
    assert not made.alive()
    wait_for(lambda: gone(grandchild))


def test_process_that_does_not_hear_is_ended(data: Path) -> None:
    made = started(DEAF, data)
    made.stop(seconds=0.2)
    assert not made.alive()


def test_children_die_with_a_supervisor_that_is_killed(data: Path) -> None:
    program = (
        "import os, sys, time; from pathlib import Path; from script.stack.child import Child\n"
        f"data = Path({str(data)!r})\n"
        f"c = Child('x', {SLEEPER!r}, environment=os.environ, log=data / 'x.log', data=data); c.start()\n"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    wait_for(lambda: "up" in (data / "x.log").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: gone(pid))


def test_next_start_finds_what_an_earlier_one_left_and_only_that(data: Path, tmp_path_factory: object) -> None:
    mine = started(WITH_CHILD, data)
    grandchild = int(mine.log.read_text())
    assert mine.pid is not None
    os.kill(mine.pid, signal.SIGKILL)  # its child lives on
    wait_for(lambda: not mine.alive())
    other_data = data / "other"
    other_data.mkdir()
    other = started(SLEEPER, other_data)
    try:
        assert [process.pid for process in leftovers(data)] == [grandchild]
        assert end_leftovers(data) == 1
        assert gone(grandchild)
        assert other.alive()
    finally:
        other.stop(seconds=1)


def test_log_is_rotated_when_it_has_grown_and_three_older_ones_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "LOG_BYTES_MAX", 10)
    log = tmp_path / "web.log"
    log.write_text("short")
    rotate(log)
    assert log.read_text() == "short"
    with log.open("a") as writer:
        for turn in range(6):
            writer.write(f"this was turn {turn}")
            writer.flush()
            rotate(log)
        writer.write("goes on")
    kept = {path.name: path.read_text().removeprefix("short") for path in tmp_path.iterdir()}
    older = {"web.log.1": "this was turn 5", "web.log.2": "this was turn 4", "web.log.3": "this was turn 3"}
    assert kept == older | {"web.log": "goes on"}
