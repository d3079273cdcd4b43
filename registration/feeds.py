"""Feeds: received as they are, then looked through, then applied as one (HOUSE 2.3, 4.1; RG-1, RG-2).

A broken file is refused whole, a bad line alone; both say where and why. Applying is one transaction, so that
a run that was cut off leaves nothing and can be repeated.
"""

import hashlib
import logging
import os
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction

from core import clock, ids
from core.nudge import nudge
from core.refusals import Refused
from core.sealed import sealer
from core.transitions import advance, record_creation
from registration.feed_crew import Crew
from registration.feed_format import FeedBroken, Header, Survey, read_header, survey
from registration.feed_lines import Codes, LineReader
from registration.feed_merge import Merge
from registration.feed_rows import Job, Share
from registration.feed_staging import held_shares, stage
from registration.feed_words import broken_sentence
from registration.models import Agency, FeedBatch, FeedFreshness, InsuranceType, PopulationGroup, Region, Registration

log = logging.getLogger(__name__)

CREW_FROM_BYTES = 8 * 1024 * 1024
LEASE = timedelta(minutes=10)
# Numbers of our own for advisory locks. One feed is merged at a time, so that nobody becomes two people.
_LOCK_RECEIVE, _LOCK_BATCH, _LOCK_MERGE = 7_302, 7_303, 7_304


def receive_feed(*, agency_code: str, file_name: str, stream: BinaryIO, actor: str) -> FeedBatch:
    """Keep a file as received and nudge its application. The same file again gives the same batch back.

    Raises Refused: agency_unknown, or feed_number_taken when another file came under this number before and was
    not refused itself.
    """
    agency = Agency.objects.filter(code=agency_code).first()
    if agency is None:
        raise Refused("agency_unknown", agency=agency_code)
    stored = f"feeds/{ids.public_no()}.feed"
    path = Path(settings.FILES_DIR) / stored
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        sha256, size = _keep(stream, path)
        batch = _register(agency, file_name, stored, sha256, size, actor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if batch.stored_path != stored:
        path.unlink(missing_ok=True)
    return batch


def _keep(stream: BinaryIO, path: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with path.open("xb") as file:
        path.chmod(0o600)
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())  # the row that will speak of it must find it after a crash
    return digest.hexdigest(), size


@transaction.atomic
def _register(agency: Agency, file_name: str, stored: str, sha256: str, size: int, actor: str) -> FeedBatch:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_RECEIVE, agency.code])
    same = FeedBatch.objects.filter(agency=agency, sha256=sha256).first()
    if same is not None:
        return same
    number = _number(Path(settings.FILES_DIR) / stored, agency, sha256)
    before = FeedBatch.objects.filter(agency=agency, number=number).first()
    if before is not None:
        if before.status != "unreadable":
            raise Refused("feed_number_taken", number=number)
        # a refused file has had no effect: its number is free again for the mended one
        FeedBatch.objects.filter(pk=before.pk).update(number=f"{number[:20]}~{before.pk}")
    batch = FeedBatch.objects.create(
        agency=agency, number=number, file_name=Path(file_name).name[:200], stored_path=stored, sha256=sha256,
        size_bytes=size, next_try_at=clock.now() + LEASE,
    )  # fmt: skip
    record_creation(FeedBatch, [batch.pk], status="received", actor=actor)
    nudge("registration.tasks.apply_feed", batch.pk)
    return batch


def _number(path: Path, agency: Agency, sha256: str) -> str:
    """The number in the file's own header; a stand-in where there is none that could be this agency's."""
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except FeedBroken:
        return f"?{sha256[:16]}"
    return header.number if header.agency == agency.code else f"?{sha256[:16]}"


def file_of(batch: FeedBatch) -> Path:
    """The file as received."""
    return Path(settings.FILES_DIR) / batch.stored_path


def apply_waiting(*, limit: int = 5) -> list[int]:
    """The sweep: take up batches whose nudge was lost or whose run was cut off; a large one goes to its own task."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE registration_feedbatch SET tries = least(tries + 1, 1000),
                   next_try_at = %(now)s + %(lease_s)s * least(tries + 1, 12) * interval '1 second'
               WHERE id IN (SELECT id FROM registration_feedbatch
                            WHERE status IN ('received', 'read') AND next_try_at <= %(now)s
                            ORDER BY next_try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
               RETURNING id, size_bytes""",
            {"now": clock.now(), "lease_s": LEASE.total_seconds(), "limit": limit},
        )
        leased = sorted(cursor.fetchall())
    for batch_id, size_bytes in leased:
        if size_bytes >= CREW_FROM_BYTES:
            nudge("registration.tasks.apply_feed", batch_id)
            continue
        try:
            apply_feed(batch_id, actor="system:apply_waiting_feeds")
        except Exception:  # one poisoned batch must not stop the sweep (W7); its lease grows with every try
            log.exception("feed batch %s could not be applied", batch_id)
    return [batch_id for batch_id, _ in leased]


def apply_feed(batch_id: int, *, actor: str = "system:apply_feed") -> FeedBatch:
    """Look a batch through and apply it. Does nothing to one that is done; run again after a crash, it starts over."""
    batch = FeedBatch.objects.select_related("agency").get(pk=batch_id)
    if batch.status != "received":
        return batch
    large = batch.size_bytes >= CREW_FROM_BYTES
    with Crew() if large else nullcontext() as crew:
        if crew is not None and not Registration.objects.filter(agency=batch.agency_id).exists():
            crew.start()  # all of it is new: they get ready while the file is looked through
        try:
            found, covered = _look_through(batch)
        except FeedBroken as broken:
            _spoil(batch, broken, actor)
        else:
            _apply(batch, found, covered, crew, actor)
    batch.refresh_from_db()
    return batch


def _look_through(batch: FeedBatch) -> tuple[Survey, list[str]]:
    """The whole file and the places that it covers. Raises FeedBroken."""
    with file_of(batch).open("rb") as file:
        found = survey(file)
    header = found.header
    if header.agency != batch.agency_id:
        raise FeedBroken("agency_differs", 1, agency=header.agency)
    if header.made_at > clock.now() + timedelta(days=1):
        raise FeedBroken("header_field", 1, field="made_at")
    covered = _covered(header, batch.agency)
    if header.scope == "full" and _later_full(batch, header, covered):
        raise FeedBroken("older_than_last_full", 1)
    return found, covered


def _later_full(batch: FeedBatch, header: Header, covered: list[str]) -> bool:
    """Whether a full list made after this one has been applied: what this one lacks may have come since (A5)."""
    return FeedFreshness.objects.filter(
        agency=batch.agency_id, region__in=covered, last_full_made_at__gt=header.made_at
    ).exists()


def _covered(header: Header, agency: Agency) -> list[str]:
    """All places of the catalogue that the header's places include. Raises FeedBroken."""
    known = set(Region.objects.values_list("code", flat=True))
    for code in header.regions:
        if code not in known:
            raise FeedBroken("region_unknown", 1, region=code)
        if not code.startswith(_stem(agency.region_id)):
            raise FeedBroken("region_not_of_agency", 1, region=code)
    stems = tuple(_stem(code) for code in header.regions)
    return sorted(code for code in known if code.startswith(stems))


def _stem(code: str) -> str:
    """What the codes of all places within a place begin with."""
    if code.endswith("0000"):
        return code[:2]
    return code[:4] if code.endswith("00") else code


def _spoil(batch: FeedBatch, broken: FeedBroken, actor: str) -> None:
    log.warning("feed batch %s is unreadable: %s", batch.pk, broken)
    advance(
        FeedBatch, [batch.pk], "spoil", actor=actor, evidence={"code": broken.code, "line": broken.line},
        values={"failure": f"{broken.code}: {broken_sentence(broken)}", "next_try_at": None},
    )  # fmt: skip


class OverlappingFeeds(RuntimeError):
    """A later full list was applied while this one waited; the next run refuses the file."""


@transaction.atomic
def _apply(batch: FeedBatch, found: Survey, covered: list[str], crew: Crew | None, actor: str) -> None:
    header = found.header
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK_BATCH, batch.pk])
        if not cursor.fetchone()[0]:
            return  # another run is at it
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK_MERGE])
    if not advance(FeedBatch, [batch.pk], "read", actor=actor, values={"lines": found.lines}):
        return  # another run has finished it meanwhile
    if header.scope == "full" and _later_full(batch, header, covered):
        raise OverlappingFeeds(f"a later full list overtook batch {batch.pk}")
    held = Registration.objects.filter(agency=batch.agency_id, line_digest__isnull=False).count()
    by_digest = found.lines * 10 >= held > 0  # for a few lines it is cheaper to compare in the database
    merged = Merge(
        {
            "agency": batch.agency_id, "batch": batch.pk, "covered": covered, "is_full": header.scope == "full",
            "by_digest": by_digest, "made_at": header.made_at, "made_on": clock.business_date(header.made_at),
            "received_at": batch.received_at, "now": clock.now(),
        }
    )  # fmt: skip
    merged.begin()
    shares = held_shares(batch.agency_id, held) if by_digest else [Share()]
    for _ in stage(_job(batch, found, covered), found.chunks, shares, crew):
        merged.merge_slice()
    merged.finish()
    advance(
        FeedBatch, [batch.pk], "apply_partly" if merged.rejected else "apply", actor=actor,
        values={
            "scope": header.scope, "made_at": header.made_at, "lines": found.lines, "changed": merged.changed,
            "rejected": merged.rejected, "unchanged": found.lines - merged.changed - merged.rejected,
            "ended": merged.ended, "applied_at": clock.now(), "next_try_at": None, "failure": "",
        },
    )  # fmt: skip


def _job(batch: FeedBatch, found: Survey, covered: Iterable[str]) -> Job:
    ours = sealer()
    codes = Codes(
        insurance_types=frozenset(InsuranceType.objects.values_list("code", flat=True)),
        groups=frozenset(PopulationGroup.objects.values_list("code", flat=True)),
        regions=frozenset(Region.objects.values_list("code", flat=True)),
        covered=frozenset(covered),
    )
    return Job(
        path=str(file_of(batch)),
        encoding=found.encoding,
        reader=LineReader(codes, found.layout, found.columns, clock.today()),
        sealer=ours,
        digest_key=hashlib.blake2b(ours.keyring.index_keys[ours.keyring.index_key_id], person=b"feed lines").digest(),
    )
