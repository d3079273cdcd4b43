"""What differs between two versions of a policy, for the person who publishes the second (S07)."""

from dataclasses import dataclass
from typing import Any

from payments.policies.reading import dump_terms
from payments.policies.terms import PolicyTerms

IDENTIFIED_BY = ("code", "kind", "amount", "address", "age_from")
"""Keys by which the items of a list are told apart, so that a tier put in front does not shift all others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs. `before` None: added; `after` None: taken away. Amounts are yuan text."""

    path: str
    before: Any
    after: Any


def diff_terms(old: PolicyTerms, new: PolicyTerms) -> list[Change]:
    """Every change from `old` to `new`, in the order of their paths."""
    before, after = _flat(dump_terms(old, with_defaults=True)), _flat(dump_terms(new, with_defaults=True))
    paths = sorted(set(before) | set(after))
    changes = (Change(path, before.get(path), after.get(path)) for path in paths)
    return [change for change in changes if (change.before or None) != (change.after or None)]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        parts = [_flat(item, f"{path}.{key}" if path else key) for key, item in value.items()]
    elif isinstance(value, list):
        parts = [_flat(item, f"{path}[{_name(item, index)}]") for index, item in enumerate(value)]
    else:
        return {path: value}
    return {inner: item for part in parts for inner, item in part.items()}


def _name(item: Any, index: int) -> str:
    if isinstance(item, dict):
        return next((str(item[key]) for key in IDENTIFIED_BY if key in item), str(index))
    return str(item)
