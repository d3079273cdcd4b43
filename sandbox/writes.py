"""Writers queue up in this process before they meet in SQLite, whose own waiting is a blind sleep that starves some."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

_queue = threading.RLock()


@contextmanager
def alone() -> Iterator[None]:
    """A write transaction with no other writer beside it. Do nothing slow inside."""
    with _queue, transaction.atomic():
        yield
