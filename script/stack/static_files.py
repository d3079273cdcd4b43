"""The collected static files in `staticfiles/`: made again only when something that goes into them has changed."""

import hashlib
import os
from pathlib import Path

SOURCES = ("static", "core", "registration", "payments", "reconciliation", "portal")


class StaticFiles:
    """`staticfiles/` of a checkout."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.note = checkout / "staticfiles" / ".fingerprint"

    def fingerprint(self) -> str:
        """Changes with every static file, and with the packages, which bring some of their own."""
        digest = hashlib.sha256((self.checkout / "requirements.txt").read_bytes())
        for path in sorted(self._files()):
            digest.update(os.fsencode(path.relative_to(self.checkout)) + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for source in SOURCES:
            folders = [self.checkout / source] if source == "static" else (self.checkout / source).rglob("static")
            for folder in folders:
                found += [path for path in folder.rglob("*") if path.is_file()]
        return found

    def are_current(self) -> bool:
        return self.note.exists() and self.note.read_text() == self.fingerprint()

    def remember(self, fingerprint: str) -> None:
        """Say what the collected files were made from; `fingerprint` is taken before collecting."""
        self.note.parent.mkdir(exist_ok=True)
        self.note.write_text(fingerprint)
