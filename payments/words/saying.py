"""The small shapes in which causes are said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from payments.pricing import Blocker
from payments.words import names


@dataclass(frozen=True, slots=True)
class Say:
    """One cause and the day on which it is said."""

    blocker: Blocker
    today: date

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What the cause stands on."""
        return self.blocker.evidence

    @property
    def agency(self) -> str:
        """The agency by name, or by kind where no name is known."""
        return str(self.evidence.get("agency_name") or names.agency_of(self.blocker.insurance_type))


@dataclass(frozen=True, slots=True)
class Said:
    """The words of one cause before owner and time are filled in; empty lines are left out."""

    headline: str
    body: list[str] = field(default_factory=list)
    action: str = ""
    action_code: str = ""
    owner: str = ""
    when: str = ""
