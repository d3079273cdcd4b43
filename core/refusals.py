"""How an operation says no."""

from typing import Any


class Refused(Exception):
    """The operation did nothing, for a reason that the caller can explain.

    `code` is a cause of SCREENS 2.4 (C1 …) or a lower-case word listed by the operation that raises
    it; `facts` holds what the sentence needs, never another person's data.
    """

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
