"""Invented people and their numbers. Every number has a right check character and the sequence 000, which is
never given out, so that it belongs to nobody."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.identity import DocumentType, check_character

RESIDENT_ID = DocumentType.RESIDENT_ID.value
SEQUENCE = "000"


@dataclass(frozen=True)
class Enrolment:
    """One line in an agency's file. `changes` lie over what the person's own data say."""

    agency: str
    insurance_type: str
    region: str
    group: str = "adult"
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Someone:
    """An invented person. Only those with a phone can log in; `story` says what is to be seen with them."""

    name: str
    document_no: str
    enrolments: tuple[Enrolment, ...] = ()
    document_type: str = RESIDENT_ID
    phone: str = ""
    story: str = ""
    birth_on: date | None = None  # only for documents that do not tell it


def resident_number(area: str, born: date) -> str:
    """18 digits of a resident identity card, or of a residence permit with an area from 810000 to 830000."""
    return _checked(f"{area}{born:%Y%m%d}{SEQUENCE}")


def old_number(area: str, born: date) -> str:
    """15 digits, as they were given out before 1999."""
    return f"{area}{born:%y%m%d}{SEQUENCE}"


def foreign_resident_number(province: str, country: str, born: date) -> str:
    """The permanent resident card of 2023."""
    return _checked(f"9{province}{country}{born:%Y%m%d}{SEQUENCE}")


def wrong_number(number: str) -> str:
    """The same number with another last character, as an agency may hold it by mistake (ID-2)."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def _checked(first_17: str) -> str:
    return first_17 + check_character(first_17)
