"""The table of demonstration log-ins, on the terminal and in a file beside the data."""

import json
import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.identity import DocumentType
from payments.demo.people import Someone
from payments.demo.staff import StaffLogIn

RESIDENTS = ("姓名", "证件", "证件号", "手机号", "看点")
STAFF = ("登录名", "姓名", "岗位", "密码", "动态口令密钥")


def resident_table(people: Iterable[Someone]) -> str:
    """Everybody who can log in, with what is to be seen. The code comes to the sandbox's phone."""
    rows = [
        (each.name, str(DocumentType(each.document_type).label), each.document_no, each.phone, each.story)
        for each in people
    ]
    return _table(RESIDENTS, rows)


def staff_table(staff: Iterable[StaffLogIn]) -> str:
    """Staff, with what is shown only once."""
    return _table(STAFF, [(each.username, each.name, each.role, each.password, each.totp_secret) for each in staff])


def keep_file(path: Path, text: str) -> None:
    """Write for the owner's eyes only, unless exactly it is there."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    half.rename(path)


def people_json(people: Iterable[Someone]) -> str:
    """What the sandbox's carrier and wallets know of these people."""
    rows = [
        {
            "name": each.name,
            "document_type": each.document_type,
            "document_no": each.document_no,
            "phone": each.phone,
        }
        for each in people
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(_width(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
