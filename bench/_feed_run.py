"""What the two feed benchmarks share: empty tables, one timed delivery, and the least work that any loader has."""

import json
import os
import time
from multiprocessing import Pool
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection

from bench._feed_file import AGENCY
from core.sealed import Keyring, Sealer
from registration.catalogue import load_catalogue
from registration.feed_format import survey
from registration.feeds import apply_feed, file_of, receive_feed
from registration.models import FeedBatch

_RING = Keyring(sealing_keys={"b": b"s" * 32}, sealing_key_id="b", index_keys={"b": b"i" * 32}, index_key_id="b")


def empty_tables() -> None:
    """The catalogue and nothing else."""
    load_catalogue()
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE registration_insuredperson, registration_persondocument, registration_registration, "
            "registration_feedbatch, registration_feedreject, registration_feedfreshness CASCADE"
        )
        cursor.execute("CHECKPOINT")


def deliver(path: Path) -> tuple[float, FeedBatch]:
    """Seconds from the first byte received to the commit, and what came of it."""
    begun = time.perf_counter()
    with path.open("rb") as stream:
        batch = receive_feed(agency_code=AGENCY, file_name=path.name, stream=stream, actor="system:bench")
    batch = apply_feed(batch.pk)
    taken = time.perf_counter() - begun
    if batch.status != "applied":
        raise SystemExit(f"{path.name}: {batch.status} {batch.failure}")
    file_of(batch).unlink(missing_ok=True)
    return taken, batch


def least_work(path: Path) -> float:
    """Seconds for parsing each line, one keyed index, one sealing and one line of text, by two processes."""
    with path.open("rb") as file:
        chunks = survey(file).chunks
    with Pool(2) as pool:
        begun = time.perf_counter()
        for _ in pool.imap_unordered(_least_chunk, [(str(path), chunk.offset, chunk.size) for chunk in chunks]):
            pass
        return time.perf_counter() - begun


def _least_chunk(where: tuple[str, int, int]) -> int:
    path, offset, size = where
    sealer, cipher = Sealer(_RING), AESGCM(b"s" * 32)
    with open(path, "rb") as file:
        file.seek(offset)
        lines = file.read(size).splitlines()
    rows = []
    for line in lines:
        record = json.loads(line)
        number = record["document_no"].encode()
        index = sealer.blind_index("number", record["document_no"])
        nonce = os.urandom(12)
        sealed = nonce + cipher.encrypt(nonce, number, index)
        rows.append(f"{record['person_no']}\t{record['name']}\t\\\\x{index.hex()}\t\\\\x{sealed.hex()}\n")
    return len("".join(rows).encode())
