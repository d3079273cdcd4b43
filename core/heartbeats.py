"""The last completed sweep of each kind (HOUSE 2.1): what `/readyz` looks at."""

from datetime import datetime, timedelta

from django.db import connection

from core import clock
from core.models import Heartbeat

LATE_AFTER = timedelta(minutes=2)


def beat(name: str) -> None:
    """Note that the sweep `name` has finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_heartbeat (name, finished_at) VALUES (%s, %s) "
            "ON CONFLICT (name) DO UPDATE SET finished_at = EXCLUDED.finished_at",
            [name, clock.now()],
        )


def late(expected: dict[str, timedelta], *, since: datetime) -> dict[str, datetime | None]:
    """Sweeps of `expected` (name → interval) that are more than two minutes overdue, with their last finish.

    `since`: when they were begun; the first of a rare sweep comes only after its interval.
    """
    seen = dict(Heartbeat.objects.values_list("name", "finished_at"))
    moment = clock.now()
    return {
        name: seen.get(name)
        for name, interval in expected.items()
        if moment - max(seen.get(name, since), since) > interval + LATE_AFTER
    }
