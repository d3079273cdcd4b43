"""Asking a worker to look at a row now (HOUSE 2.1).

A nudge is never needed: the sweep finds the row. So it is sent after the commit, waits at most a
second, and its failure is only logged.
"""

import logging
from typing import Any

from celery import current_app
from django.db import transaction

from core import clock

log = logging.getLogger(__name__)

_PAUSE_S = 5.0  # after a failure, so that a dead broker does not cost every request a second
_silent_until = 0.0


def nudge(task: str, *args: Any) -> None:
    """Send `task` by name once the current transaction has been committed."""
    transaction.on_commit(lambda: _send(task, args), robust=True)


def _send(task: str, args: tuple[Any, ...]) -> None:
    global _silent_until
    moment = clock.now().timestamp()
    if moment < _silent_until:
        return
    try:
        current_app.send_task(task, args=args, retry=False, ignore_result=True)
    except Exception as error:
        _silent_until = moment + _PAUSE_S
        log.warning("nudge %s was not sent: %s", task, type(error).__name__)
