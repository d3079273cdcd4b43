"""Sweeps are scheduled, nudges resolve, migrations are whole."""

import ast
from io import StringIO

import pytest
from django.core.management import call_command

from portal.celery import SWEEPS, app
from tests.house.source import modules


def all_tasks() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def test_every_sweep_is_a_task_and_leaves_a_heartbeat() -> None:
    beats = {
        node.args[0].value
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "beat"
        and node.args and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    assert set(SWEEPS) <= all_tasks()
    assert beats == set(SWEEPS), "a sweep without a heartbeat, or a heartbeat without a sweep"


def test_every_nudge_names_a_task() -> None:
    named = {
        node.args[0].value
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "nudge" and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert named
    assert named <= all_tasks()


def test_no_task_may_take_so_long_that_it_is_given_out_again() -> None:
    """With late acknowledgement the broker gives out anew what was not done within the visibility timeout."""
    longest = max(app.tasks[name].time_limit or app.conf.task_time_limit for name in all_tasks())
    assert app.conf.broker_transport_options["visibility_timeout"] > longest


@pytest.mark.django_db
def test_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())
