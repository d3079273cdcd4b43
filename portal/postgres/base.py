"""Two savings on every request: kept connections are looked at, not asked, and hot statements are planned once."""

import re
import select
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db.backends.postgresql import base
from psycopg2 import extensions

from core.statements import Prepared

_PLACE = re.compile(r"%(?:s|\((\w+)\)s|%)")


class Cursor(extensions.cursor):  # type: ignore[misc]
    """Runs a `Prepared` statement by name, after preparing it on this connection."""

    known: set[str]

    def execute(self, query: Any, parameters: Any = None) -> None:
        if not isinstance(query, Prepared):
            super().execute(query, parameters)
            return
        name, text, order = _numbered(query)
        if name not in self.known:
            super().execute(f"PREPARE {name} AS {text}")
            self.known.add(name)
        values = _in_order(parameters, order)
        places = f" ({', '.join(['%s'] * len(values))})" if values else ""
        super().execute(f"EXECUTE {name}{places}", values)


@lru_cache(maxsize=1000)
def _numbered(query: Prepared) -> tuple[str, str, tuple[str, ...]]:
    """A name for the statement, its text with $1, $2 …, and the names of the parameters where they have names."""
    order: list[str] = []
    count = 0

    def number(place: re.Match[str]) -> str:
        nonlocal count
        if place[0] == "%%":
            return "%"
        if place[1] is None:
            count += 1
            return f"${count}"
        if place[1] not in order:
            order.append(place[1])
        return f"${order.index(place[1]) + 1}"

    text = _PLACE.sub(number, query)
    return f"portal_{abs(hash(str(query))):x}", text, tuple(order)


def _in_order(parameters: Any, order: Sequence[str]) -> tuple[Any, ...]:
    if isinstance(parameters, Mapping):
        return tuple(parameters[name] for name in order)
    return tuple(parameters or ())


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's engine for PostgreSQL with these two."""

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursor_factory": Cursor}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self.known: set[str] = set()
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        cursor.known = self.known
        return cursor

    def is_usable(self) -> bool:
        """An idle connection has nothing to read, unless the server has said goodbye or hung up.

        `CONN_HEALTH_CHECKS` would send `SELECT 1` ahead of a request's first query; the kernel knows as much.
        """
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)
