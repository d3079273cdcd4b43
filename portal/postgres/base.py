"""A connection that was kept is looked at, not asked: one journey to the server less for every request."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """`CONN_HEALTH_CHECKS` sends `SELECT 1` ahead of a request's first query. The kernel knows as much without it."""

    def is_usable(self) -> bool:
        """An idle connection has nothing to read, unless the server has said goodbye or hung up."""
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)
