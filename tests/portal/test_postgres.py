"""A kept connection that the server has closed is noticed without asking the server."""

import time

import psycopg2
import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


def second_connection() -> BaseDatabaseWrapper:
    copy = connection.copy()
    copy.connect()
    return copy


@pytest.mark.django_db
def test_a_connection_that_lives_is_kept() -> None:
    kept = second_connection()
    assert kept.is_usable()
    with kept.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert kept.is_usable()
    kept.close()


@pytest.mark.django_db
def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    lost = second_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [lost.connection.info.backend_pid])
    until = time.monotonic() + 10
    while lost.is_usable() and time.monotonic() < until:
        time.sleep(0.01)
    assert not lost.is_usable()
    with pytest.raises(psycopg2.OperationalError):
        lost.connection.cursor().execute("SELECT 1")
    lost.close()
    assert not lost.is_usable()
