"""How an operation says no."""

from typing import Any

SHORTEST_REASON = 4
"""Characters that a reason given by a member of staff has at least."""


class Refused(Exception):
    """The operation did nothing, for a reason that the caller can explain.

    `code` is a cause of SCREENS 2.4 (C1 …) or a lower-case word listed by the operation that raises
    it; `facts` holds what the sentence needs, never another person's data.
    """

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def given_reason(text: str, *, longest: int, code: str = "no_reason") -> str:
    """What somebody gives as his reason, trimmed and cut. Raises Refused(code) where it says too little."""
    reason = text.strip()[:longest]
    if len(reason) < SHORTEST_REASON:
        raise Refused(code)
    return reason
