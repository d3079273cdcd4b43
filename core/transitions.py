"""The one writer of states (HOUSE 2.5).

A move and its history row are one statement, whatever the number of rows. Moving a row that is not
in a source state is not an error: the row is simply not among the ids that come back, which is how
a repeated notification or a second worker is told apart from the first.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, models

from core import clock
from core.states import StateTable


class Stateful(models.Model):
    """A row with a `status` that only this module writes after creation."""

    TABLE: StateTable

    class Meta:
        abstract = True


def advance(
    model: type[Stateful],
    ids: Iterable[int],
    event: str,
    *,
    actor: str,
    evidence: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> list[int]:
    """Move the rows that are in a source state of `event`; return the ids that moved, ascending.

    `values` are further columns to set in the same statement.
    """
    edge = model.TABLE.edge(event)
    columns, parameters = _assignments(model, values or {})
    sql = f"""
        WITH moved AS (
            UPDATE {model._meta.db_table} SET status = %s{columns}
            WHERE id = ANY(%s) AND status = ANY(%s)
            RETURNING OLD.id AS id, OLD.status AS was
        ), told AS (
            INSERT INTO core_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
            SELECT %s, id, was, %s, %s, %s, %s::jsonb, %s FROM moved
        )
        SELECT id FROM moved ORDER BY id"""
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            [edge.target, *parameters, list(ids), list(edge.sources),
             model.TABLE.kind, edge.target, event, actor, as_json(evidence), clock.now()],
        )  # fmt: skip
        return [row[0] for row in cursor.fetchall()]


def advance_one(
    row: Stateful,
    event: str,
    *,
    actor: str,
    evidence: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Move one row that the caller has locked, and let the object in hand say so; False where it did not move."""
    moved = advance(type(row), [row.pk], event, actor=actor, evidence=evidence, values=values)
    if moved:
        for name, value in {"status": row.TABLE.edge(event).target, **(values or {})}.items():
            setattr(row, name, value)
    return bool(moved)


def record_creation(
    model: type[Stateful], ids: Iterable[int], *, status: str, actor: str, evidence: Mapping[str, Any] | None = None
) -> None:
    """Write the first history row of rows that were just created, in the same transaction."""
    sql = """
        INSERT INTO core_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
        SELECT %s, unnest(%s::bigint[]), NULL, %s, 'create', %s, %s::jsonb, %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [model.TABLE.kind, list(ids), status, actor, as_json(evidence), clock.now()])


def as_json(evidence: Mapping[str, Any] | None) -> str:
    """Evidence as JSON text; instants and dates become ISO strings."""
    return json.dumps(evidence or {}, ensure_ascii=False, default=str)


def _assignments(model: type[Stateful], values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    columns, parameters = "", []
    for name, value in values.items():
        field = model._meta.get_field(name)
        columns += f", {field.column} = %s"  # type: ignore[union-attr]
        parameters.append(field.get_db_prep_save(value, connection))  # type: ignore[union-attr]
    return columns, parameters
