"""Threads with a database connection each, let loose together."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


class Crowd:
    """Threads that stay for many rounds; each round all begin at one moment."""

    def __init__(self, size: int) -> None:
        self._gate = threading.Barrier(size + 1)
        self._done = threading.Barrier(size + 1)
        self._acts: Sequence[Callable[[], Any]] = ()
        self._results: list[Any] = [None] * size
        self._over = False
        self._threads = [threading.Thread(target=self._live, args=(index,), daemon=True) for index in range(size)]
        for thread in self._threads:
            thread.start()

    def _live(self, index: int) -> None:
        while True:
            self._gate.wait(60)
            if self._over:
                connection.close()
                return
            try:
                self._results[index] = self._acts[index]()
            except Exception as problem:
                self._results[index] = problem
            self._done.wait(60)

    def round(self, acts: Sequence[Callable[[], Any]]) -> list[Any]:
        """Run one act in each thread at once; what they returned or raised, in order."""
        self._acts = acts
        self._gate.wait(60)
        self._done.wait(60)
        return list(self._results)

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._gate.wait(60)
        for thread in self._threads:
            thread.join(60)


def errors(results: Sequence[Any]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]
