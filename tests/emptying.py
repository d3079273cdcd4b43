"""Emptying the database after a test whose transactions were real ones: only what is filled, and without asking guards.

Django's own way truncates every table and writes all content types and permissions anew; that takes longer than most
tests.
"""

from collections.abc import Callable

from django.db import connection
from django.test import TransactionTestCase

KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # made by migrations, changed by no test
MANY_BYTES = 1_000_000


def empty_quickly(test: TransactionTestCase) -> None:
    """Take all rows out of every table that has any; who may not switch the guards off does it as Django does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
        if cursor.fetchone() != (True,):
            _as_django_does(test)
            return
        cursor.execute("SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY relname")
        tables = [name for (name,) in cursor.fetchall() if name not in KEPT]
        cursor.execute(
            " UNION ALL ".join(
                f"""SELECT '{name}', pg_relation_size('"{name}"') WHERE EXISTS (SELECT 1 FROM "{name}")"""
                for name in tables
            )
        )
        filled = cursor.fetchall()
        large = [f'"{name}"' for name, size in filled if size > MANY_BYTES]
        orders = [f'DELETE FROM "{name}"' for name, size in filled if size <= MANY_BYTES]
        orders += [f"TRUNCATE {', '.join(large)} CASCADE"] if large else []
        cursor.execute("; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *orders, "COMMIT"]))


_as_django_does: Callable[[TransactionTestCase], None] = TransactionTestCase._fixture_teardown


def install() -> None:
    TransactionTestCase._fixture_teardown = empty_quickly  # type: ignore[method-assign]
