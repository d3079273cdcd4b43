"""Given servers and ports."""

import os
import socket

import pytest

from script.stack import outside
from script.stack.server import addresses_of
from script.stack.trouble import Trouble
from tests.ports import free_port


def test_postgresql_older_than_18_is_refused_with_its_version() -> None:
    with pytest.raises(Trouble, match=r"version 17\.6; 18 or newer"):
        outside.refuse_old_postgres(170006)


def test_postgresql_18_and_later_are_taken() -> None:
    outside.refuse_old_postgres(180000)
    outside.refuse_old_postgres(190001)


def test_given_database_that_answers_is_taken() -> None:
    outside.check_database(os.environ["DATABASE_URL"])


def test_unreachable_database_is_told_without_its_password() -> None:
    url = f"postgres://portal:very-secret@127.0.0.1:{free_port()}/portal"
    with pytest.raises(Trouble, match="DATABASE_URL cannot be reached") as told:
        outside.check_database(url)
    assert "very-secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_unreachable_redis_is_told() -> None:
    with pytest.raises(Trouble, match="REDIS_URL cannot be reached"):
        outside.check_redis(f"redis://127.0.0.1:{free_port()}/0")


def test_address_that_is_none_is_told() -> None:
    with pytest.raises(Trouble, match="REDIS_URL cannot be reached"):
        outside.check_redis("nonsense")


def test_taken_port_is_named_with_the_variable_that_chooses_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Trouble, match=f"Port {port} is in use by another program.*PORTAL_PORT={port + 1}"):
            outside.refuse_taken_port("127.0.0.1", port, "PORTAL_PORT")
    outside.refuse_taken_port("127.0.0.1", port, "PORTAL_PORT")


def test_host_of_another_machine_cannot_be_listened_at() -> None:
    with pytest.raises(Trouble, match=r"Nothing can listen at 192\.0\.2\.1"):
        outside.refuse_taken_port("192.0.2.1", 8000, "PORTAL_PORT")


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1", "80 80"])
def test_port_that_is_no_number_is_told(port: str) -> None:
    with pytest.raises(Trouble, match="is no port"):
        addresses_of({"PORTAL_PORT": port})


def test_portal_and_sandbox_cannot_share_a_port() -> None:
    with pytest.raises(Trouble, match="choose two"):
        addresses_of({"PORTAL_PORT": "9000"})


def test_portal_and_sandbox_are_two_sites_to_a_browser() -> None:
    addresses = addresses_of({})
    assert addresses.portal == "http://localhost:8000"
    assert addresses.sandbox == "http://127.0.0.1:9000"
