"""Terms from and to plain data: the tables of a policy file, or the JSON of a draft.

Reading is strict. An unknown key, a wrong type or a date that cannot be is refused with its path, so
that staff who write a draft see where.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, time
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from core.money import fen, plain_yuan
from payments.policies.coherence import check_terms
from payments.policies.invalid import TermsInvalid
from payments.policies.terms import PolicyTerms

FEN = "_fen"
"""Fields so named are yuan text outside and lose the ending there: `amount_fen` is read from `amount`."""


def parse_terms(data: Mapping[str, Any]) -> PolicyTerms:
    """Read terms and check that they hold together. Raises TermsInvalid."""
    terms = cast(PolicyTerms, _read_record(PolicyTerms, data, ""))
    check_terms(terms)
    return terms


def dump_terms(terms: PolicyTerms, *, with_defaults: bool = False) -> dict[str, Any]:
    """Write terms as JSON values; `parse_terms` reads them back to an equal object. What is not stated is left out."""
    return _write_record(terms, with_defaults)


def _outside(name: str) -> str:
    return name.removesuffix(FEN)


def _read_record(kind: type[Any], data: object, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise TermsInvalid(path, "a table of keys is expected")
    hints, names, required = _shape(cast(Hashable, kind))
    for key in data:
        if key not in names:
            raise TermsInvalid(_join(path, str(key)), "unknown key")
    values = {}
    for outside, name in names.items():
        if outside in data and data[outside] is not None:
            values[name] = _read_value(hints[name], data[outside], _join(path, outside), name.endswith(FEN))
    for name in required:
        if name not in values:
            raise TermsInvalid(_join(path, _outside(name)), "is missing")
    return kind(**values)


@cache
def _shape(kind: type[Any]) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
    """Types by field, fields by their name outside, and the fields that must be given."""
    names = {_outside(field.name): field.name for field in fields(kind)}
    required = tuple(field.name for field in fields(kind) if field.default is MISSING)
    return get_type_hints(kind), names, required


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _read_value(hint: Any, value: object, path: str, is_money: bool) -> Any:
    if get_origin(hint) in (Union, UnionType):
        hint = next(each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is tuple:
        return tuple(_read_items(get_args(hint)[0], value, path))
    if is_dataclass(hint):
        return _read_record(cast(type[Any], hint), value, path)
    if is_money:
        return _read_money(value, path)
    return _SCALARS[hint](value, path) if hint in _SCALARS else _read_choice(hint, value, path)


def _read_items(hint: Any, value: object, path: str) -> Iterator[Any]:
    if not isinstance(value, list | tuple):
        raise TermsInvalid(path, "a list is expected")
    for index, item in enumerate(value):
        yield _read_value(hint, item, f"{path}[{index}]", False)


def _read_money(value: object, path: str) -> int:
    if not isinstance(value, str):
        raise TermsInvalid(path, "an amount in yuan is written as text")
    try:
        amount_fen = fen(value)
    except ValueError as error:
        raise TermsInvalid(path, "not an amount in yuan") from error
    if amount_fen < 0:
        raise TermsInvalid(path, "an amount is not negative")
    return amount_fen


def _read_choice(hint: type[StrEnum], value: object, path: str) -> StrEnum:
    try:
        return hint(cast(str, value))
    except ValueError as error:
        raise TermsInvalid(path, "one of " + ", ".join(hint) + " is expected") from error


def _read_text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise TermsInvalid(path, "text is expected")
    return value


def _read_int(value: object, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TermsInvalid(path, "a whole number is expected")
    return value


def _read_bool(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise TermsInvalid(path, "true or false is expected")
    return value


def _read_date(value: object, path: str) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(_read_text(value, path))
    except ValueError as error:
        raise TermsInvalid(path, "a date like 2026-11-21 is expected") from error


def _read_time(value: object, path: str) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(_read_text(value, path))
    except ValueError as error:
        raise TermsInvalid(path, "a time like 08:30 is expected") from error


_SCALARS: dict[Any, Callable[[object, str], Any]] = {
    str: _read_text,
    int: _read_int,
    bool: _read_bool,
    date: _read_date,
    time: _read_time,
}


def _write_record(record: Any, with_defaults: bool) -> dict[str, Any]:
    written = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if value is None or (value == field.default and not with_defaults):
            continue
        written[_outside(field.name)] = _write_value(value, field.name.endswith(FEN), with_defaults)
    return written


def _write_value(value: Any, is_money: bool, with_defaults: bool) -> Any:
    if is_money:
        return plain_yuan(value)
    if is_dataclass(value):
        return _write_record(value, with_defaults)
    if isinstance(value, tuple):
        return [_write_value(item, False, with_defaults) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value
