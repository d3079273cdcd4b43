"""One line of a feed as a registration, or why it is none. Pure; rules RG-1, ID-2, ID-3."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from core import identity
from core.identity import DocumentType
from registration.feed_format import COLUMNS, REQUIRED, Layout, Unreadable, parse_line

VERSION_MAX = 2**63 - 1
YEARS = range(1950, 2200)
RENEWALS = frozenset({"none", "everyone", "collective"})
_PERSON_NO_MAX = 40
_BODY_MAX = 80
_KNOWN = frozenset(COLUMNS)
_REQUIRED = frozenset(REQUIRED)
_PLAIN_NAME = re.compile("[\u4e00-\u9fff]{2,10}")  # normalising and folding change nothing in these
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SEXES = {identity.Sex.MALE: "m", identity.Sex.FEMALE: "f"}


class LineRejected(Exception):
    """The line is not applied. `detail` names a field or a code, never a name or a number of a person."""

    def __init__(self, code: str, detail: str = "", *, person_no: str = "", insurance_type: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.person_no = person_no
        self.insurance_type = insurance_type


class Entry(NamedTuple):
    """What one line says, put right and checked."""

    person_no: str
    insurance_type: str
    region: str
    group: str
    name: str
    name_folded: str
    document_type: str
    number: str
    match_number: str
    version: int
    coverage_year: int | None
    renewal: str
    registering_body: str
    registered_on: date | None
    ended_on: date | None
    birth_on: date | None
    sex: str


@dataclass(frozen=True)
class Codes:
    """The catalogue's codes, and the places that this file covers."""

    insurance_types: frozenset[str]
    groups: frozenset[str]
    regions: frozenset[str]
    covered: frozenset[str]


@dataclass(frozen=True)
class LineReader:
    """Reads the lines of one file. `today` decides whether somebody has been born yet."""

    codes: Codes
    layout: Layout
    columns: tuple[str, ...]
    today: date

    def read(self, text: str) -> Entry:
        """Raises LineRejected."""
        try:
            record = parse_line(text, self.layout, self.columns)
        except Unreadable as error:
            raise LineRejected("unreadable_line") from error
        try:
            return self._entry(record)
        except LineRejected as rejected:
            # whom it is about, where it can be read: a person whose line is rejected has not left the list
            rejected.person_no = _short_text(record.get("person_no"), _PERSON_NO_MAX)
            rejected.insurance_type = _short_text(record.get("insurance_type"), 30)
            raise

    def _entry(self, record: Mapping[str, Any]) -> Entry:
        if not record.keys() <= _KNOWN:
            raise LineRejected("unknown_field")
        for name in REQUIRED:
            if not record.get(name):
                raise LineRejected("field_missing", name)
        insurance_type, region, group = self._codes(record)
        person_no = _text(record, "person_no", _PERSON_NO_MAX)
        name, name_folded = _name(record["name"])
        document = self._document(record)
        version = record["version"]
        if type(version) is not int or not 1 <= version <= VERSION_MAX:
            raise LineRejected("version_invalid", "version")
        coverage_year = record.get("coverage_year")
        if coverage_year is not None and (type(coverage_year) is not int or coverage_year not in YEARS):
            raise LineRejected("coverage_year_invalid", "coverage_year")
        renewal = record.get("renewal") or "none"
        if not isinstance(renewal, str) or renewal not in RENEWALS:
            raise LineRejected("renewal_invalid", "renewal")
        registered_on, ended_on = _date(record, "registered_on"), _date(record, "ended_on")
        if registered_on and ended_on and ended_on < registered_on:
            raise LineRejected("ended_before_registered", "ended_on")
        number = document.number
        return Entry(
            person_no, insurance_type, region, group, name, name_folded, record["document_type"], number,
            number if len(number) == 18 else identity.match_number(document), version, coverage_year, renewal,
            _text(record, "registering_body", _BODY_MAX), registered_on, ended_on,
            document.birth_on or _birth(record, self.today), _sex(record, document),
        )  # fmt: skip

    def _codes(self, record: Mapping[str, Any]) -> tuple[str, str, str]:
        insurance_type, region, group = record["insurance_type"], record["region"], record["group"]
        if not (isinstance(insurance_type, str) and isinstance(region, str) and isinstance(group, str)):
            raise LineRejected("field_not_text")
        if insurance_type not in self.codes.insurance_types:
            raise LineRejected("insurance_type_unknown", _short_text(insurance_type, 30))
        if region not in self.codes.regions:
            raise LineRejected("region_unknown", _short_text(region, 12))
        if region not in self.codes.covered:
            raise LineRejected("region_not_covered", region)
        if group not in self.codes.groups:
            raise LineRejected("group_unknown", _short_text(group, 30))
        return insurance_type, region, group

    def _document(self, record: Mapping[str, Any]) -> identity.Document:
        kind, number = record["document_type"], record["document_no"]
        if not isinstance(kind, str) or kind not in _DOCUMENT_TYPES:
            raise LineRejected("document_type_unknown", _short_text(kind, 8))
        if not isinstance(number, str):
            raise LineRejected("field_not_text", "document_no")
        # A number that is only questioned is taken: a few people are held under a wrong one (ID-2).
        document = identity.parse(_DOCUMENT_TYPES[kind], number, self.today)
        if document.problems and document.refusals:
            raise LineRejected("document_no_invalid", document.refusals[0].value)
        return document


_DOCUMENT_TYPES = {kind.value: kind for kind in DocumentType}


def _short_text(value: object, longest: int) -> str:
    return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""


def _text(record: Mapping[str, Any], name: str, longest: int) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LineRejected("field_not_text", name)
    if not value.isprintable() and any(unicodedata.category(character) in _CONTROLS for character in value):
        raise LineRejected("control_character", name)
    text = value.strip()
    if len(text) > longest:
        raise LineRejected("field_too_long", name)
    if not text and name in _REQUIRED:
        raise LineRejected("field_missing", name)
    return text


def _name(value: object) -> tuple[str, str]:
    if not isinstance(value, str):
        raise LineRejected("field_not_text", "name")
    if _PLAIN_NAME.fullmatch(value):
        return value, value
    if any(unicodedata.category(character) in _CONTROLS for character in value.strip()):
        raise LineRejected("control_character", "name")
    name = identity.normalise_name(value)
    folded = identity.fold_name(name)
    if not identity.is_name(name) or not folded:
        raise LineRejected("name_invalid", "name")
    if len(folded) > identity.NAME_CHARACTERS_MAX:
        raise LineRejected("field_too_long", "name")
    return name, folded


def _date(record: Mapping[str, Any], name: str) -> date | None:
    value = record.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise LineRejected("date_invalid", name)


def _birth(record: Mapping[str, Any], today: date) -> date | None:
    birth_on = _date(record, "birth_on")
    if birth_on is not None and birth_on > today:
        raise LineRejected("date_invalid", "birth_on")
    return birth_on


def _sex(record: Mapping[str, Any], document: identity.Document) -> str:
    if document.sex is not None:
        return _SEXES[document.sex]
    sex = record.get("sex") or ""
    if sex not in ("", "m", "f"):
        raise LineRejected("sex_invalid", "sex")
    return str(sex)
