"""SQL that is run all day long."""

from django.db.models import Model


class Prepared(str):
    """A statement that PostgreSQL parses and plans once for each connection (`portal/postgres`), not at every run.

    It names its columns: with `SELECT *` a kept plan would fail after a migration. Where its place does not tell
    the type of a parameter it says so (`%s::timestamptz`).
    """

    __slots__ = ()


def columns(model: type[Model]) -> str:
    """The columns of a model's table, for a statement that loads whole rows."""
    return ", ".join(str(field.column) for field in model._meta.concrete_fields)
