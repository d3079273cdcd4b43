"""The other commands: test, bench, database, manage; and the search for a browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from script.stack import chromium
from script.stack.bench import bench_settings, names
from script.stack.places import CHECKOUT, Places
from script.stack.throwaway import temporary_places


def run(module: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", f"script.stack.{module}", *arguments],
        cwd=CHECKOUT, env=kept | variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.stack
def test_exit_code_of_script_test_is_that_of_pytest() -> None:
    assert run("test", "--version").returncode == 0
    missing = run("test", "tests/there_is_no_such_test.py")
    assert missing.returncode == 4
    assert "there_is_no_such_test" in missing.stdout + missing.stderr


def test_unknown_benchmark_is_answered_with_the_names_there_are() -> None:
    done = run("bench", "no-such-thing")
    assert done.returncode == 2
    assert all(name in done.stderr for name in names())


def test_benchmarks_run_on_a_durable_database() -> None:
    assert not {"fsync", "full_page_writes", "synchronous_commit"} & bench_settings().keys()


@pytest.mark.parametrize("module", ["database", "manage"])
def test_command_for_a_stack_that_does_not_run_says_so(module: str) -> None:
    with temporary_places() as places:
        done = run(module, "check", PORTAL_DATA=str(places.data))
    assert done.returncode == 1
    assert "start script/server first" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_collecting_texts_without_gettext_says_what_to_install(tmp_path: Path) -> None:
    done = run("messages", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "install gettext" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_named_browser_that_is_none_is_not_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nonexistent/chromium")
    assert chromium.find() == ""
    assert chromium.find_or_install() == ""
    assert "CHROMIUM=/nonexistent/chromium is no program" in chromium.missing_sentence()


def test_browser_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.find() == str(program)


def test_data_directory_is_passable_and_shows_nothing(tmp_path: Path) -> None:
    places = Places(tmp_path / "var")
    places.make()
    assert places.data.stat().st_mode & 0o066 == 0
    for place in places.data.iterdir():
        assert place.stat().st_mode & 0o077 == 0, place
