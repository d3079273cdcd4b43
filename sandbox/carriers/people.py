"""The demo population, as far as carriers and wallets know it: ``people.json`` in SANDBOX_DATA, written by whoever
loads the demo. A list of objects with name, document_type (201, …), document_no, phone, and real_named (default true).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_ID = "201"


@dataclass(frozen=True)
class Person:
    name: str
    document_type: str
    document_no: str
    phone: str = ""
    real_named: bool = True

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def with_check_digit(first_17: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(first_17, WEIGHTS, strict=True))
    return first_17 + "10X98765432"[total % 11]


def is_well_formed(document_no: str) -> bool:
    """18 characters must pass the check digit of GB 11643; other documents have none to check."""
    number = document_no.upper()
    if len(number) != 18:
        return 5 <= len(number) <= 20 and number.isalnum()
    return number[:17].isdecimal() and number.isascii() and with_check_digit(number[:17]) == number


# Numbers that belong to nobody: the sequence 000 is never given out.
DEFAULT_PEOPLE = (
    Person("王芳", RESIDENT_ID, with_check_digit("37100319850315000"), "13800000001"),
    Person("李强", RESIDENT_ID, with_check_digit("37100319790802000"), "13800000002"),
    Person("周敏", RESIDENT_ID, with_check_digit("37100319920109000"), "13800000003", real_named=False),
)


def population() -> list[Person]:
    """Everybody known. Entries that cannot be read are left out rather than breaking the log-in of the others."""
    path: Path = settings.DATA / "people.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return list(DEFAULT_PEOPLE)
    rows = rows if isinstance(rows, list) else []
    return [_person(row) for row in rows if isinstance(row, dict) and row.get("name") and row.get("document_no")]


def _person(row: dict[str, object]) -> Person:
    return Person(
        name=str(row["name"]),
        document_type=str(row.get("document_type") or RESIDENT_ID),
        document_no=str(row["document_no"]).upper(),
        phone=str(row.get("phone") or ""),
        real_named=bool(row.get("real_named", True)),
    )


def verdict(name: str, document_type: str, document_no: str, phone: str) -> str:
    """match, mismatch or unknown. Who is not known matches when the number is well formed, unless the phone ends
    in 0000."""
    known = {person.document_no: person for person in population()}.get(document_no.upper())
    if known:
        same = known.name == name and known.document_type == document_type and known.phone in ("", phone)
        return "match" if same else "mismatch"
    if not is_well_formed(document_no):
        return "unknown"
    return "mismatch" if phone.endswith("0000") else "match"
