"""Is this a machine on which the embedded servers run? Asked before anything is made."""

import errno
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .trouble import Trouble

FREE_BYTES_NEEDED = 500 * 1024 * 1024
OLDEST_GLIBC = (2, 28)
"""The wheels of PostgreSQL are built as manylinux_2_28."""

WHEELS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
"""Systems for which both embedded servers are published as wheels."""


def glibc_version() -> str:
    """The C library's version such as `2.36`; empty where it is not glibc (musl)."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")
    except (AttributeError, OSError, ValueError):
        return ""


def refuse_unsuited_machine(system: str, processor: str, glibc: str) -> None:
    """Raise `Trouble` where no wheels of the embedded servers exist."""
    docker = "use docker-compose.yml (docs/deploy.md)"
    if system == "Windows":
        raise Trouble(f"PostgreSQL and Valkey come as packages for Linux and macOS only, not for Windows; {docker}.")
    if (system, processor) not in WHEELS:
        raise Trouble(f"PostgreSQL and Valkey come as packages for no {system} on {processor}; {docker}.")
    if system != "Linux":
        return
    if not glibc:
        raise Trouble(f"PostgreSQL comes as a package for Linux with glibc only, and this one has musl; {docker}.")
    if tuple(int(part) for part in glibc.split(".")[:2]) < OLDEST_GLIBC:
        raise Trouble(f"PostgreSQL's package needs glibc 2.28 or newer, and this system has {glibc}; {docker}.")


def refuse_full_disk(directory: Path) -> None:
    """Raise `Trouble` where fewer than 500 MB are free for `directory`, which need not exist yet."""
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if free < FREE_BYTES_NEEDED:
        raise Trouble(f"The disk of {directory} has {free // 2**20} MB left; free at least 500 MB and start again.")


def check(*directories: Path) -> None:
    """Raise `Trouble` where the stack cannot run on this machine."""
    refuse_unsuited_machine(platform.system(), platform.machine(), glibc_version())
    for directory in directories:
        refuse_full_disk(directory)


@contextmanager
def plain_sentences() -> Iterator[None]:
    """Turn the system's own refusals (disk full, no permission) into one sentence."""
    try:
        yield
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Trouble(f"The disk is full{where}; free at least 500 MB and start again.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Trouble(f"No permission{where}; start as the user who owns it, or give it to this user.") from error
        raise
