"""Files of keys: written once, whole or not at all, readable by the owner only unless public."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """Replace the file in one step, so that no reader ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def make_secret(path: Path) -> str:
    """The secret in the file; made at the first call."""
    if not path.exists():
        write_whole(path, secrets.token_hex(32), mode=0o600)
    return path.read_text().strip()
