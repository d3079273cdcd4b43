"""The embedded Valkey, really started."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from script.stack import valkey
from script.stack.child import Child
from script.stack.places import Places
from script.stack.throwaway import temporary_places
from script.stack.trouble import Trouble

pytestmark = pytest.mark.stack


@pytest.fixture
def places() -> Iterator[Places]:
    with temporary_places() as made:
        yield made


def start(places: Places) -> Child:
    at = valkey.socket_path(places.run)
    server = Child(
        "valkey", valkey.command(places.valkey, at), environment=os.environ,
        log=places.logs / "valkey.log", data=places.data,
    )  # fmt: skip
    server.start()
    valkey.wait_until_answers(at, still_runs=server.alive, log=server.log)
    return server


def client(places: Places) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(valkey.url(valkey.socket_path(places.run)))


def test_killed_server_starts_again_with_what_was_written(places: Places) -> None:
    server = start(places)
    with client(places) as connection:
        connection.set("queue", "kept")
        connection.execute_command("WAITAOF", 1, 0, 2000)
    server.kill()
    server = start(places)
    try:
        with client(places) as connection:
            assert connection.get("queue") == b"kept"
    finally:
        server.stop()


def test_server_has_no_port_a_private_socket_and_drops_no_key(places: Places) -> None:
    server = start(places)
    try:
        with client(places) as connection:
            wanted = {"port": "0", "appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
            for name, value in wanted.items():
                assert connection.config_get(name)[name] == value
        at = valkey.socket_path(places.run)
        assert at.stat().st_mode & 0o077 == 0
        assert at.parent.stat().st_mode & 0o077 == 0
    finally:
        server.stop()


def test_path_too_long_for_a_socket_gets_a_short_private_one_and_keeps_it(tmp_path: Path) -> None:
    run = tmp_path / ("long-" * 12) / ("path-" * 12)
    run.mkdir(parents=True)
    at = valkey.socket_path(run)
    try:
        assert len(str(at)) < 60
        assert at.parent.stat().st_mode & 0o777 == 0o700
        assert valkey.socket_path(run) == at
    finally:
        at.parent.rmdir()
    again = valkey.socket_path(run)
    assert again.parent.is_dir()
    again.parent.rmdir()


def test_server_that_ends_at_once_is_told(places: Places) -> None:
    places.valkey.rmdir()
    with pytest.raises(Trouble, match="Valkey does not start"):
        start(places)
