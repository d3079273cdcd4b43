"""The invented people as agencies' files, in every shape that the portal reads; they come in by the real door."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from payments.demo.cast import LATE_AGENCY
from payments.demo.people import Enrolment, Someone
from registration.feed_format import Header, Layout, write_feed

NUMBER = "demo-1"
REGIONS = {
    "hr-371000": ("371002", "371082", "371083"), "medical-371000": ("371002", "371082", "371083"),
    "hr-371003": ("371003",), "medical-371003": ("371003",), "hr-370100": ("370100",), "medical-370100": ("370100",),
    "hr-210700": ("210700",), "medical-210700": ("210700",), "hr-140200": ("140200",), "medical-140200": ("140200",),
}  # fmt: skip
_CSV = {"hr-210700": "gb18030", LATE_AGENCY: "gb18030", "hr-370100": "utf-8", "medical-370100": "utf-8"}


def write_files(
    folder: Path, people: Iterable[Someone], first_day: date, made_at: Mapping[str, datetime]
) -> dict[str, Path]:
    """One full file for each agency of `made_at`; their paths by agency."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[dict[str, Any]]] = {code: [] for code in REGIONS}
    for code, record in _records(people, first_day):
        lines[code].append(record)
    paths = {}
    for code, made in made_at.items():
        records = lines[code]
        encoding = _CSV.get(code, "utf-8")
        layout = Layout.CSV if code in _CSV else Layout.JSON_LINES
        header = Header(code, NUMBER, "full", REGIONS[code], made, encoding="" if encoding == "utf-8" else encoding)
        paths[code] = folder / f"{code}.{layout.value}"
        with_bom = layout is Layout.CSV and encoding == "utf-8"
        paths[code].write_bytes(b"".join(write_feed(header, records, layout=layout, encoding=encoding, bom=with_bom)))
        paths[code].chmod(0o600)
    return paths


def _records(people: Iterable[Someone], first_day: date) -> Iterator[tuple[str, dict[str, Any]]]:
    given: dict[str, str] = {}  # by document: nobody may stand under two person numbers of one agency
    for position, someone in enumerate(people, 1):
        if someone.document_no in given:
            continue
        given[someone.document_no] = person_no = f"{position:08d}"
        for enrolment in someone.enrolments:
            yield enrolment.agency, _record(someone, person_no, enrolment, first_day)


def _record(someone: Someone, person_no: str, enrolment: Enrolment, first_day: date) -> dict[str, Any]:
    record = {
        "person_no": person_no, "insurance_type": enrolment.insurance_type, "region": enrolment.region,
        "group": enrolment.group, "name": someone.name, "document_type": someone.document_type,
        "document_no": someone.document_no, "version": 1, "registering_body": "城关街道",
        "registered_on": date(first_day.year - 2, 3, 1), "birth_on": someone.birth_on,
    } | enrolment.changes  # fmt: skip
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in record.items()
        if value is not None
    }
