"""One writer of states, one picture of them, and a database that agrees."""

import ast
import re

import pytest
from django.db import connection
from django.utils import translation

from core import states as core_states
from core.guards import moves_argument
from core.states import TABLES
from core.transitions import Stateful
from tests.house.source import ROOT, Module, in_every, modules


@in_every(modules())
def test_status_is_written_by_transitions_only(module: Module) -> None:
    if module.name == "core.transitions":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                written = isinstance(target, ast.Attribute) and target.attr == "status"
                assert not written, f"{module.name}:{node.lineno} writes .status"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            assert "status" not in {keyword.arg for keyword in node.keywords}, f"{module.name}:{node.lineno}"
    assert not re.search(r"\bSET\s+(\w+\s*=[^;]*,\s*)?status\s*=", module.text), module.name


def test_every_model_with_a_table_of_states_is_guarded_by_the_database(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, encode(tgargs, 'escape') FROM pg_trigger "
                       "WHERE tgname = 'guard_status_update'")  # fmt: skip
        guarded = {table: arguments.split("\\000")[:2] for table, arguments in cursor.fetchall()}
    for model in Stateful.__subclasses__():
        kind = model.TABLE.kind
        assert guarded[model._meta.db_table] == [kind, moves_argument(kind)], f"{kind}: write a migration"


def test_docs_states_equals_what_the_tables_draw() -> None:
    with translation.override("zh-hans"):
        assert (ROOT / "docs" / "states.md").read_text() == core_states.document(), "run manage.py draw_states"


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_nothing_un_pays(kind: str) -> None:
    """HOUSE 2.9: no edge leaves `paid` but a refund of a declaration."""
    leaving = {edge.event for edge in TABLES[kind].edges.values() if "paid" in edge.sources}
    assert leaving <= ({"refund"} if kind == "DECLARATION" else set())
