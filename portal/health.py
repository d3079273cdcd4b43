"""`/livez`: the process answers. `/readyz`: everything that it stands on does, and the sweeps run (HOUSE 2.1)."""

import logging
from datetime import datetime

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock, heartbeats
from portal.celery import SWEEPS

log = logging.getLogger(__name__)

OLDEST_POSTGRES = 18_00_00
_started_at = clock.now()


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Touches nothing: a process that hangs on its database is alive."""
    return HttpResponse(b"ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when payers may be sent here; 503 with the reasons otherwise. Names nothing secret."""
    problems = _database_problems()
    if not problems:
        problems = [*_broker_problems(), *_sweep_problems()]
    return JsonResponse({"ready": not problems, "problems": problems}, status=503 if problems else 200)


def _database_problems() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0])
        if version < OLDEST_POSTGRES:
            return ["PostgreSQL 18 or newer is needed"]
        return [] if _is_migrated() else ["migrations are missing"]
    except DatabaseError as problem:
        log.warning("not ready: %s", type(problem).__name__)
        return ["the database cannot be reached"]


@clock.kept_for(60)
def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker_problems() -> list[str]:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as broker:
            broker.ping()
    except redis.RedisError:
        return ["the broker cannot be reached"]
    return []


def _sweep_problems() -> list[str]:
    """The sweeps begin with this process: none is late before it had its time."""
    late = heartbeats.late(SWEEPS, since=_started_at)
    return [f"{name} last finished {_when(finished)}" for name, finished in sorted(late.items())]


def _when(finished: datetime | None) -> str:
    return finished.isoformat() if finished else "never"
