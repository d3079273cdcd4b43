"""Reads the policy files in `data/`: values out, no database.

A file holds one place and insurance type. `[common]` goes under every `[[policy]]` of the file; a
policy that `amends` an earlier version of its year says only what is different, and adds its sources.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.money import fen
from payments.policies.invalid import TermsInvalid
from payments.policies.reading import parse_terms
from payments.policies.terms import PolicyTerms

DATA = Path(__file__).parent / "data"
ROW_KEYS = ("coverage_year", "version", "effective_on", "amends")
FILE_KEYS = ("region", "insurance_type", "demo", "common", "policy")


@dataclass(frozen=True, slots=True)
class DayOfYear:
    """A day told from the coverage year: "Y-1 09-01" is 1 September of the year before."""

    years: int
    month: int
    day: int

    def on(self, coverage_year: int) -> date:
        """The day for one coverage year."""
        return date(coverage_year + self.years, self.month, self.day)


@dataclass(frozen=True, slots=True)
class DemoYear:
    """How a demonstration year is dated, and which terms it changes, where sources leave off."""

    opens_on: DayOfYear
    deadline: DayOfYear
    concentrated_to: DayOfYear | None = None
    top_up_to: DayOfYear | None = None
    overrides: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One version of one policy, ready to be stored."""

    region: str
    insurance_type: str
    coverage_year: int
    version: int
    effective_on: date
    terms: PolicyTerms
    is_demo: bool = False
    demo: DemoYear | None = None


@dataclass(frozen=True, slots=True)
class NationalMinimum:
    """A year's least personal payment and government share for resident medical: reference only."""

    insurance_type: str
    coverage_year: int
    personal_fen: int
    fiscal_fen: int
    grade: str
    address: str
    read_on: date


def read_policies(directory: Path = DATA) -> list[PolicyRow]:
    """Every policy of every file, by place, type, year and version. Raises TermsInvalid with file and path."""
    rows: list[PolicyRow] = []
    for path in sorted(directory.glob("*.toml")):
        try:
            rows.extend(_read_file(tomllib.loads(path.read_text(encoding="utf-8"))))
        except TermsInvalid as error:
            raise TermsInvalid(f"{path.name}: {error.path}", error.message) from error
        except tomllib.TOMLDecodeError as error:
            raise TermsInvalid(path.name, str(error)) from error
    return sorted(rows, key=lambda row: (row.region, row.insurance_type, row.coverage_year, row.version))


def read_minima(directory: Path = DATA) -> list[NationalMinimum]:
    """The national minima, by year."""
    data = tomllib.loads((directory / "reference" / "national_medical.toml").read_text(encoding="utf-8"))
    return [
        NationalMinimum(
            insurance_type=data["insurance_type"],
            coverage_year=row["coverage_year"],
            personal_fen=fen(row["personal"]),
            fiscal_fen=fen(row["fiscal"]),
            grade=row["grade"],
            address=row["address"],
            read_on=data["read_on"],
        )
        for row in data["row"]
    ]


def _read_file(data: Mapping[str, Any]) -> Iterator[PolicyRow]:
    for key in data:
        if key not in FILE_KEYS:
            raise TermsInvalid(key, "unknown key")
    common = data.get("common", {})
    demo = _read_demo(data["demo"]) if "demo" in data else None
    known: dict[tuple[int, int], dict[str, Any]] = {}
    for index, policy in enumerate(data.get("policy", [])):
        path = f"policy[{index}]"
        year, version = _whole(policy, "coverage_year", path), policy.get("version", 1)
        if (year, version) in known:
            raise TermsInvalid(path, "this version of this year stands twice")
        known[year, version] = content = _complete(policy, year, common, known, path)
        if type(policy.get("effective_on")) is not date:
            raise TermsInvalid(f"{path}.effective_on", "a date is expected")
        try:
            terms = parse_terms(content)
        except TermsInvalid as error:
            raise TermsInvalid(f"{path}.{error.path}", error.message) from error
        yield PolicyRow(data["region"], data["insurance_type"], year, version, policy["effective_on"], terms, demo=demo)


def _whole(table: Mapping[str, Any], key: str, path: str) -> int:
    value = table.get(key)
    if not isinstance(value, int):
        raise TermsInvalid(f"{path}.{key}", "a whole number is expected")
    return value


def _complete(
    policy: Mapping[str, Any],
    year: int,
    common: Mapping[str, Any],
    known: Mapping[tuple[int, int], dict[str, Any]],
    path: str,
) -> dict[str, Any]:
    """The whole content of a policy: the version that it amends or the file's common part, and its own on top."""
    own = {key: value for key, value in policy.items() if key not in ROW_KEYS}
    if "amends" not in policy:
        return _merge(common, own)
    amended = known.get((year, policy["amends"]))
    if amended is None:
        raise TermsInvalid(f"{path}.amends", "no such version of this year stands above")
    sources = [*own.pop("sources", []), *amended["sources"]]
    return {**_merge(amended, own), "sources": sources}


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are laid over each other; everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _read_demo(data: Mapping[str, Any]) -> DemoYear:
    days = {key: _read_day(data[key], f"demo.{key}") for key in _DEMO_DAYS if key in data}
    for key in ("opens_on", "deadline"):
        if key not in days:
            raise TermsInvalid(f"demo.{key}", "is missing")
    overrides = tuple((key, value) for key, value in data.items() if key not in _DEMO_DAYS)
    return DemoYear(overrides=overrides, **days)


_DEMO_DAYS = ("opens_on", "concentrated_to", "deadline", "top_up_to")


def _read_day(text: object, path: str) -> DayOfYear:
    try:
        year, _, day = str(text).partition(" ")
        month, _, number = day.partition("-")
        found = DayOfYear(int(year.removeprefix("Y") or "0"), int(month), int(number))
        found.on(2023)  # a year without 29 February
    except ValueError as error:
        raise TermsInvalid(path, 'a day like "Y-1 09-01" is expected') from error
    return found
