"""The virtual environment, and what is said when it cannot be made."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from script.stack import environment
from script.stack.environment import Environment, explain_pip
from script.stack.places import CHECKOUT
from script.stack.trouble import Trouble


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that needs no package at all."""
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    return tmp_path


def installs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether a start installs something."""
    Environment(checkout).ensure("requirements.txt")
    return "Installing" in capsys.readouterr().out


def test_environment_is_filled_once_and_again_when_the_lock_file_changes(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installs(checkout, capsys)
    assert not installs(checkout, capsys)
    stamp = json.loads((checkout / ".venv" / ".installed.json").read_text())
    assert [len(digest) for digest in stamp.values()] == [64]
    (checkout / "requirements.txt").write_text("# something else\n")
    assert installs(checkout, capsys)


def test_broken_environment_and_one_whose_making_was_killed_are_made_anew(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = checkout / ".venv" / "lib" / "half"
    half.mkdir(parents=True)
    (checkout / ".venv" / ".unfinished").touch()
    assert installs(checkout, capsys)
    assert not half.exists()
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    assert installs(checkout, capsys)
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0


def test_package_that_cannot_be_fetched_leaves_no_stamp(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (checkout / "requirements.txt").write_text(f"absent-package==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Trouble, match="No matching distribution found for absent-package"):
        Environment(checkout).ensure("requirements.txt")
    assert not (checkout / ".venv" / ".installed.json").exists()


def test_python_without_venv_is_told_which_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else found(name))
    with pytest.raises(Trouble, match="without ensurepip; install the package python3-venv"):
        environment.refuse_missing_venv()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("WARNING: Retrying (Retry(total=1)) after connection broken\nERROR: No matching distribution", "no network"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one that was locked"),
        ("Collecting x\nERROR: Some new trouble\nnote: see above", "ERROR: Some new trouble"),
    ],
)
def test_words_of_pip_become_one_sentence(output: str, sentence: str) -> None:
    told = explain_pip(output, Path(".venv/pip.log"))
    assert sentence in told
    assert "\n" not in told


def test_entry_needs_nothing_but_a_bare_python() -> None:
    """`begin` is imported before any package is installed."""
    probe = "import sys; sys.path.insert(0, '.'); import script.stack.begin"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("entry", ["server", "test", "bench", "database", "manage"])
def test_machine_without_a_new_python_is_told_so_in_one_sentence(entry: str, tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    for name in ("python3", "python"):
        old = tmp_path / name
        old.write_text("#!/bin/sh\nexit 1\n")  # what 3.10 answers when it is asked whether it is 3.11
        old.chmod(0o755)
    command = ["/bin/sh", str(CHECKOUT / "script" / entry)]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"Python 3\.11 or newer is needed, and none was found; .*\n", done.stderr)
