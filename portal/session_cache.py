"""The cache in front of sessions. While the broker is away sessions come from the database alone."""

import logging
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

log = logging.getLogger(__name__)


class Client(RedisCacheClient):
    """Django makes a client anew for every key; one serves all threads."""

    _made: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if self._made is None:
            self._made = super().get_client(key, write=write)
        return self._made


class SessionCache(RedisCache):
    """A cache whose loss costs time and nothing else: what cannot be read is missing, what cannot be kept is not."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except redis.RedisError as problem:
            return _say(problem, default)

    def set(self, key: Any, value: Any, *arguments: Any, **named: Any) -> None:
        try:
            super().set(key, value, *arguments, **named)
        except redis.RedisError as problem:
            _say(problem)

    def delete(self, key: Any, version: int | None = None) -> bool:
        try:
            return bool(super().delete(key, version))
        except redis.RedisError as problem:
            return bool(_say(problem, False))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        try:
            return bool(super().has_key(key, version))
        except redis.RedisError as problem:
            return bool(_say(problem, False))


def _say(problem: redis.RedisError, answer: Any = None) -> Any:
    log.warning("sessions without their cache: %s", type(problem).__name__)
    return answer
