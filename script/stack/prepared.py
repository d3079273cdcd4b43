"""Was everything prepared by exactly this code for exactly these data? Then a start need not wait for it again."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg2

CODE = ("core", "registration", "payments", "reconciliation", "portal", "sandbox")
APPLIED = "SELECT app, name FROM django_migrations ORDER BY app, name"


class Prepared:
    """A note of the last complete preparation: the code that made it and the migrations that were applied by then.

    Another code, another lock file, a database that was restored, replaced or emptied: each gives another fingerprint.
    """

    def __init__(self, note: Path, *, checkout: Path, database_url: str, sandbox_database: Path) -> None:
        self.note = note
        self.checkout = checkout
        self.database_url = database_url
        self.sandbox_database = sandbox_database

    def is_current(self) -> bool:
        """False when anything differs or cannot be told."""
        try:
            return self.note.read_text() == self._fingerprint()
        except (OSError, psycopg2.Error, sqlite3.Error):
            return False

    def remember(self) -> None:
        """Call when everything is prepared."""
        self.note.write_text(self._fingerprint())

    def _fingerprint(self) -> str:
        digest = hashlib.sha256((self.checkout / "requirements.txt").read_bytes())
        for path in sorted(path for source in CODE for path in (self.checkout / source).rglob("*.py")):
            digest.update(os.fsencode(path.relative_to(self.checkout)) + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        digest.update(repr(self._applied()).encode())
        return digest.hexdigest()

    def _applied(self) -> list[list[tuple[str, str]]]:
        """The migrations that the portal's and the sandbox's databases have seen."""
        with (
            closing(psycopg2.connect(self.database_url, connect_timeout=10)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT system_identifier::text, current_database() FROM pg_control_system()")
            which = cursor.fetchall()
            cursor.execute(APPLIED)
            portal = cursor.fetchall()
        with closing(sqlite3.connect(f"file:{self.sandbox_database}?mode=ro", uri=True)) as sandbox:
            return [which, portal, sandbox.execute(APPLIED).fetchall()]
