"""What the tests of feeds share: files made and delivered as an agency would, and people made of nothing."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from core import clock
from core.identity import check_character
from registration.feed_format import Header, Layout, write_feed
from registration.feeds import apply_feed, receive_feed
from registration.models import FeedBatch, FeedReject, Registration

HR, MEDICAL = "hr-371000", "medical-371000"
OTHER_CITY = "medical-370100"
HUANCUI, RONGCHENG, LICHENG = "371002", "371082", "370112"
PENSION, INSURED_MEDICAL = "resident_pension", "resident_medical"
_BEGUN = datetime(2020, 1, 1, tzinfo=UTC)


def number(sequence: int, born: str = "19800512", area: str = HUANCUI) -> str:
    """An 18-digit number with a right check character."""
    first_17 = f"{area}{born}{sequence:03d}"
    return first_17 + check_character(first_17)


def line(person_no: str = "1", **changes: Any) -> dict[str, Any]:
    """王芳's pension in 环翠, unless told otherwise. None leaves a field out."""
    record = {
        "person_no": person_no, "insurance_type": PENSION, "region": HUANCUI, "group": "adult", "name": "王芳",
        "document_type": "201", "document_no": number(1), "version": 1,
    } | changes  # fmt: skip
    return {name: value for name, value in record.items() if value is not None}


def header(batch: str = "1", **changes: Any) -> Header:
    """A delta of the Weihai HR bureau; the batch's number moves the time at which it was made."""
    minutes = int(batch) if batch.isdecimal() else 0
    given = {
        "agency": HR, "number": batch, "scope": "delta", "regions": ("371000",),
        "made_at": _BEGUN + timedelta(minutes=minutes),
    } | changes  # fmt: skip
    return Header(**given)


def file(batch: str, *records: dict[str, Any], layout: Layout = Layout.JSON_LINES, encoding: str = "utf-8",
         bom: bool = False, **changes: Any) -> bytes:  # fmt: skip
    """A whole file."""
    return b"".join(write_feed(header(batch, **changes), records, layout=layout, encoding=encoding, bom=bom))


def deliver(content: bytes, agency: str = HR) -> FeedBatch:
    """Receive and apply."""
    batch = receive_feed(agency_code=agency, file_name="feed.txt", stream=io.BytesIO(content), actor="system:test")
    return apply_feed(batch.pk)


def send(batch: str, *records: dict[str, Any], **changes: Any) -> FeedBatch:
    """Write, receive and apply."""
    return deliver(file(batch, *records, **changes), changes.get("agency", HR))


def rejects(batch: FeedBatch) -> dict[int, str]:
    """Code by line."""
    return dict(FeedReject.objects.filter(batch=batch).values_list("line", "code"))


def standing() -> dict[str, tuple[str, str, int]]:
    """Name, place and version of the registrations that have not ended, by person number."""
    rows = Registration.objects.filter(ended_on=None).order_by("agency_person_no")
    return {row.agency_person_no: (row.name, row.region_id, row.version) for row in rows}


def counts(batch: FeedBatch) -> tuple[int, int, int, int, int]:
    """lines, changed, unchanged, rejected, ended."""
    return batch.lines, batch.changed, batch.unchanged, batch.rejected, batch.ended


def yesterday() -> datetime:
    return clock.now() - timedelta(days=1)
