"""A word on paper, kept as handed in: the last evidence where no machine can be asked (HOUSE 2.7, 2.9)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from core import ids
from core.refusals import Refused
from reconciliation.models import StepOnPaper

BYTES_MAX = 10 * 1024 * 1024
SHORTEST_NUMBER = 2


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """What a member of staff hands in: the paper's number and a picture or PDF of it."""

    document_no: str
    file_name: str
    content: BinaryIO


def numbered(written: WrittenStatement | None) -> WrittenStatement:
    """The paper, where it has a number. Raises Refused: `no_document`."""
    if written is None or len(written.document_no.strip()) < SHORTEST_NUMBER:
        raise Refused("no_document")
    return written


def attach(step: StepOnPaper, written: WrittenStatement) -> None:
    """Keep the paper and name it in the step, which is not saved yet. Raises Refused: `no_document`."""
    step.document_no, step.file_name = written.document_no.strip()[:60], written.file_name[:200]
    step.stored_path, step.sha256 = _keep(written)


def _keep(written: WrittenStatement) -> tuple[str, str]:
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


def read_document(step: StepOnPaper) -> bytes:
    """What was handed in, byte by byte."""
    return (Path(settings.FILES_DIR) / step.stored_path).read_bytes()
