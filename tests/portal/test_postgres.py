"""A kept connection that the server has closed is noticed without asking the server."""

import time

import psycopg2
import pytest
from django.db import DataError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from core.statements import Prepared


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


def prepared_count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'portal_%%'")
        return int(cursor.fetchone()[0])


def run(statement: str, parameters: object = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_a_hot_statement_is_planned_once_and_answers_each_time() -> None:
    statement = Prepared("SELECT %s::int + 1, 'a%%' LIKE %s")
    before = prepared_count()
    assert run(statement, [1, "a%"]) == [(2, True)]
    assert run(statement, [41, "b"]) == [(42, False)]
    assert prepared_count() == before + 1


@pytest.mark.django_db
def test_a_named_parameter_may_stand_in_several_places() -> None:
    statement = Prepared("SELECT %(a)s::text || %(b)s::text || %(a)s::text")
    assert run(statement, {"a": "x", "b": "y", "unused": 1}) == [("xyx",)]


@pytest.mark.django_db
def test_a_hot_statement_without_parameters_runs() -> None:
    assert run(Prepared("SELECT 7 %% 4")) == [(3,)]


@pytest.mark.django_db
def test_what_was_prepared_in_a_transaction_that_failed_still_serves() -> None:
    statement = Prepared("SELECT 10 / %s::int")
    with pytest.raises(DataError), transaction.atomic():
        run(statement, [0])
    assert run(statement, [5]) == [(2,)]


@pytest.mark.django_db
def test_another_connection_prepares_for_itself() -> None:
    statement = Prepared("SELECT %s::int * 2")
    assert run(statement, [4]) == [(8,)]
    other = second_connection()
    with other.cursor() as cursor:
        cursor.execute(statement, [5])
        assert cursor.fetchone() == (10,)
    other.close()
