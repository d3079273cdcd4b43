"""Whether a gateway answers at the moment, so that a payer is not sent to one that is down (G21).

Three silences in a row close it for half a minute. Each process learns for itself: this only saves
payers and threads from waiting, nothing is decided on it.
"""

from datetime import datetime, timedelta

from core import clock

SILENCES = 3
PAUSE = timedelta(seconds=30)

_silences: dict[str, int] = {}
_back_at: dict[str, datetime] = {}


def note_silence(gateway: str) -> None:
    """The gateway did not answer, or not in a way that can be believed."""
    _silences[gateway] = _silences.get(gateway, 0) + 1
    if _silences[gateway] >= SILENCES:
        _silences[gateway] = 0
        _back_at[gateway] = clock.now() + PAUSE


def note_answer(gateway: str) -> None:
    """The gateway answered."""
    _silences.pop(gateway, None)
    _back_at.pop(gateway, None)


def back_at(gateway: str) -> datetime | None:
    """When it is tried again; None while it is up."""
    moment = _back_at.get(gateway)
    return moment if moment and moment > clock.now() else None


def is_up(gateway: str) -> bool:
    """Whether payers may be sent there."""
    return back_at(gateway) is None
