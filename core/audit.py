"""The log of looks and staff acts: append-only, each row hashed over the one before."""

import hashlib
from typing import Any

from django.db import connection, transaction

from core import clock
from core.models import AuditEntry
from core.transitions import as_json

_LOCK = 7_301  # any number of our own: one writer of the chain at a time


@transaction.atomic
def record(
    *, actor: str, action: str, subject_kind: str = "", subject_id: str = "", reason: str = "", detail: Any = None
) -> AuditEntry:
    """Add one entry. `detail` must hold no full identity number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    previous = AuditEntry.objects.order_by("-id").values_list("hash", flat=True).first() or ""
    entry = AuditEntry(
        at=clock.now(), actor=actor, action=action, subject_kind=subject_kind,
        subject_id=subject_id, reason=reason, detail=detail or {}, previous_hash=previous,
    )  # fmt: skip
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    return entry


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 over the previous hash and everything that the entry says."""
    said = [entry.previous_hash, entry.at.isoformat(), entry.actor, entry.action,
            entry.subject_kind, entry.subject_id, entry.reason, as_json(entry.detail)]  # fmt: skip
    return hashlib.sha256("\x1f".join(said).encode()).hexdigest()


def first_broken_link() -> int | None:
    """The id of the first entry whose hash does not fit, or None when the chain is whole."""
    previous = ""
    for entry in AuditEntry.objects.order_by("id").iterator():
        if entry.previous_hash != previous or entry.hash != entry_hash(entry):
            return entry.id
        previous = entry.hash
    return None
