"""Where the stack keeps what it must not lose, what it may lose, and its logs."""

import os
from dataclasses import dataclass
from pathlib import Path

from .trouble import Trouble

CHECKOUT = Path(__file__).resolve().parents[2]

PRIVATE = 0o700
PASSABLE = 0o711
"""Lets the database's own OS user through to its directory below, and lists nothing to it."""


@dataclass(frozen=True)
class Places:
    """The data directory and what lies in it; every property is a directory."""

    data: Path

    @classmethod
    def of_environment(cls) -> "Places":
        """`PORTAL_DATA`, or `var` in the checkout."""
        return cls(Path(os.environ.get("PORTAL_DATA") or CHECKOUT / "var").expanduser().absolute())

    @property
    def postgres(self) -> Path:
        """Data and socket of the embedded PostgreSQL; as root a link where its user cannot reach this place."""
        return self.data / "postgres"

    @property
    def valkey(self) -> Path:
        return self.data / "valkey"

    @property
    def keys(self) -> Path:
        """The portal's secrets, each a file of mode 0600."""
        return self.data / "keys"

    @property
    def keys_sandbox(self) -> Path:
        """The sandbox's secrets: the portal never reads here, the sandbox never reads in `keys`."""
        return self.data / "keys-sandbox"

    @property
    def exchange(self) -> Path:
        """Public keys, laid down by each side for the other."""
        return self.data / "exchange"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def run(self) -> Path:
        """Locks, sockets, the beat's schedule: nothing that may not be lost."""
        return self.data / "run"

    @property
    def files(self) -> Path:
        """What the portal keeps as files: feeds, statements, certificates."""
        return self.data / "files"

    @property
    def sandbox(self) -> Path:
        return self.data / "sandbox"

    def make(self) -> None:
        """Make what is missing; raise `Trouble` where another user owns the data."""
        if not self.data.exists():
            self.data.mkdir(parents=True)
            self.data.chmod(PASSABLE if os.geteuid() == 0 else PRIVATE)
        owner = self.data.stat().st_uid
        if owner != os.geteuid():
            raise Trouble(
                f"{self.data} belongs to user number {owner}: start as that user, or choose another place with "
                "PORTAL_DATA."
            )
        for place in (
            self.valkey, self.keys, self.keys_sandbox, self.exchange, self.logs, self.run, self.files, self.sandbox,
        ):  # fmt: skip
            place.mkdir(mode=PRIVATE, exist_ok=True)
