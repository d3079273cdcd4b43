"""What a start says about a machine on which it cannot run."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from script.stack import machine
from script.stack.trouble import Trouble


@pytest.mark.parametrize(
    ("system", "processor", "glibc"),
    [("Linux", "x86_64", "2.36"), ("Linux", "aarch64", "2.28"), ("Darwin", "arm64", "")],
)
def test_machines_with_wheels_are_taken(system: str, processor: str, glibc: str) -> None:
    machine.refuse_unsuited_machine(system, processor, glibc)


@pytest.mark.parametrize(
    ("system", "processor", "glibc", "sentence"),
    [
        ("Windows", "AMD64", "", "not for Windows"),
        ("Linux", "x86_64", "", "musl"),
        ("Linux", "x86_64", "2.17", "glibc 2.28"),
        ("Linux", "riscv64", "2.36", "riscv64"),
        ("Darwin", "x86_64", "", "Darwin"),
    ],
)
def test_machines_without_wheels_are_told_so_and_shown_another_way(
    system: str, processor: str, glibc: str, sentence: str
) -> None:
    with pytest.raises(Trouble, match=sentence) as told:
        machine.refuse_unsuited_machine(system, processor, glibc)
    assert "docs/deploy.md" in str(told.value)


def test_full_disk_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**8, 10**8))
    with pytest.raises(Trouble, match="95 MB left"):
        machine.refuse_full_disk(tmp_path / "not" / "there" / "yet")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.ENOSPC, "disk is full at /data/x"), (errno.EACCES, "No permission at /data/x"), (errno.EROFS, "No perm")],
)
def test_refusal_of_the_system_becomes_one_sentence(number: int, sentence: str) -> None:
    with pytest.raises(Trouble, match=sentence), machine.plain_sentences():
        raise OSError(number, "text of the system", "/data/x")


def test_unforeseen_error_is_not_hidden() -> None:
    with pytest.raises(OSError, match="broken"), machine.plain_sentences():
        raise OSError(errno.EIO, "broken")
