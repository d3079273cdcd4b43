"""The limiter: so many tries in a period for one key, counted atomically.

Valkey counts; when it cannot be reached PostgreSQL does, so that a limit never opens by failure.
Keys name what is limited and a digest, never a number or a phone.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis
from django.conf import settings
from django.db import connection

from core import clock

log = logging.getLogger(__name__)

_SCRIPT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}
"""
_client: redis.Redis | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether the try may go on, and if not, when the next one may."""

    allowed: bool
    retry_at: datetime


def take(key: str, *, limit: int, period: timedelta) -> Verdict:
    """Count one try under `key`; the try is allowed while no more than `limit` fell in the period."""
    try:
        count, left = _count_in_valkey(key, period)
    except redis.RedisError:
        log.warning("limiter counts in PostgreSQL: the broker cannot be reached")
        count, left = _count_in_postgres(key, period)
    return Verdict(allowed=count <= limit, retry_at=clock.now() + left)


def look(key: str, *, limit: int, period: timedelta) -> Verdict:
    """What `take` would say of one more try; counts nothing. For saying no before anything is asked of a person."""
    try:
        count, left = _read_in_valkey(key)
    except redis.RedisError:
        log.warning("limiter reads in PostgreSQL: the broker cannot be reached")
        count, left = _read_in_postgres(key, period)
    return Verdict(allowed=count < limit, retry_at=clock.now() + left)


def clear(key: str) -> None:
    """Forget the tries under `key`: what they were counted for has been proved."""
    try:
        _valkey().delete(f"limit:{key}")
    except redis.RedisError:
        log.warning("limiter clears in PostgreSQL: the broker cannot be reached")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_limitcount WHERE key = %s", [key])


def _valkey() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return _client


def _count_in_valkey(key: str, period: timedelta) -> tuple[int, timedelta]:
    count, left_ms = _valkey().eval(_SCRIPT, 1, f"limit:{key}", int(period.total_seconds() * 1000))
    return count, timedelta(milliseconds=left_ms)


def _read_in_valkey(key: str) -> tuple[int, timedelta]:
    both = _valkey().pipeline()
    both.get(f"limit:{key}")
    both.pttl(f"limit:{key}")
    count, left_ms = both.execute()
    return int(count or 0), timedelta(milliseconds=max(0, left_ms))


def _window_of(period: timedelta) -> datetime:
    """When the window of PostgreSQL's counting that we are in began."""
    seconds = int(period.total_seconds())
    return datetime.fromtimestamp(int(clock.now().timestamp()) // seconds * seconds, UTC)


def _read_in_postgres(key: str, period: timedelta) -> tuple[int, timedelta]:
    window = _window_of(period)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count FROM core_limitcount WHERE key = %s AND window_at = %s", [key, window])
        found = cursor.fetchone()
    return found[0] if found else 0, window + period - clock.now()


def _count_in_postgres(key: str, period: timedelta) -> tuple[int, timedelta]:
    window = _window_of(period)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_limitcount (key, window_at, count) VALUES (%s, %s, 1) "
            "ON CONFLICT (key, window_at) DO UPDATE SET count = core_limitcount.count + 1 RETURNING count",
            [key, window],
        )
        return cursor.fetchone()[0], window + period - clock.now()
