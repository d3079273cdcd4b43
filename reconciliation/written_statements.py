"""A channel's word on paper, kept as handed in: the last evidence where no machine can be asked (HOUSE 2.7)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from core import ids
from core.refusals import Refused
from reconciliation.models import Clearing

BYTES_MAX = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """What a member of staff hands in: the paper's number and a picture or PDF of it."""

    document_no: str
    file_name: str
    content: BinaryIO


def keep_document(written: WrittenStatement) -> tuple[str, str]:
    """Its place under FILES_DIR and its SHA-256. Raises Refused: `no_document` where it is empty or too large."""
    content = written.content.read(BYTES_MAX + 1)
    if not content or len(content) > BYTES_MAX:
        raise Refused("no_document")
    stored = f"written/{ids.public_no()}.bin"
    path = Path(settings.FILES_DIR) / stored
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(content)
    return stored, hashlib.sha256(content).hexdigest()


def read_document(clearing: Clearing) -> bytes:
    """What was handed in, byte by byte."""
    return (Path(settings.FILES_DIR) / clearing.stored_path).read_bytes()
