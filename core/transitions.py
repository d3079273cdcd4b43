"""The one writer of states (HOUSE 2.5).

A move and its history row are one statement, whatever the number of rows. Moving a row that is not
in a source state is not an error: the row is simply not among the ids that come back, which is how
a repeated notification or a second worker is told apart from the first.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from core import clock
from core.statements import Prepared
from core.states import StateTable


class Stateful(models.Model):
    """A row with a `status` that only this module writes after creation."""

    TABLE: StateTable

    class Meta:
        abstract = True


@dataclass(frozen=True, slots=True)
class Move:
    """Rows of one kind and the event that moves them; `values` are further columns to set."""

    model: type[Stateful]
    ids: Iterable[int]
    event: str
    evidence: Mapping[str, Any] | None = None
    values: Mapping[str, Any] | None = None


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
    return advance_all([Move(model, ids, event, evidence, values)], actor=actor)[0]


def advance_all(moves: Sequence[Move], *, actor: str) -> list[list[int]]:
    """Several moves as one statement, no two of them about the same row; what `advance` returns, for each."""
    parts, parameters, moment = [], [], clock.now()
    for number, move in enumerate(moves):
        edge, kind = move.model.TABLE.edge(move.event), move.model.TABLE.kind
        columns, values = _assignments(move.model, move.values or {})
        parts.append(_MOVE.format(number=number, table=move.model._meta.db_table, columns=columns))
        parameters += [edge.target, *values, list(move.ids), list(edge.sources)]
        parameters += [kind, edge.target, move.event, actor, as_json(move.evidence), moment]
    moved = ", ".join(f"ARRAY(SELECT id FROM moved_{number} ORDER BY id)" for number in range(len(moves)))
    with connection.cursor() as cursor:
        cursor.execute(Prepared(f"WITH {', '.join(parts)} SELECT {moved}"), parameters)
        return [list(ids) for ids in cursor.fetchone()]


_MOVE = """
moved_{number} AS (
    UPDATE {table} SET status = %s{columns}
    WHERE id = ANY(%s) AND status = ANY(%s)
    RETURNING OLD.id AS id, OLD.status AS was
), told_{number} AS (
    INSERT INTO core_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
    SELECT %s, id, was, %s, %s, %s, %s::jsonb, %s::timestamptz FROM moved_{number}
)"""


def advance_one(
    row: Stateful,
    event: str,
    *,
    actor: str,
    evidence: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Move one row that the caller has locked, and let the object in hand say so; False where it did not move."""
    move = Move(type(row), [row.pk], event, evidence, values)
    moved = bool(advance_all([move], actor=actor)[0])
    if moved:
        take_over(row, move)
    return moved


def take_over(row: Stateful, move: Move) -> None:
    """Let the object in hand say what a move has made of its row."""
    for name, value in {"status": row.TABLE.edge(move.event).target, **(move.values or {})}.items():
        setattr(row, name, value)


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
