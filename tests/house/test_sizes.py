"""Small files, small functions, few dependencies, no shortcuts with request data."""

import ast
import re
import tomllib

from tests.house.source import APPS, ROOT, Module, in_every, modules

EVERYTHING = modules(*APPS, "sandbox", "script", "bench")


@in_every(EVERYTHING)
def test_files_and_functions_stay_small(module: Module) -> None:
    assert len(module.text.splitlines()) <= 400
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 70, f"{module.name}.{node.name} has {length} lines"


@in_every(modules())
def test_request_data_is_never_expanded(module: Module) -> None:
    """CVE-2025-57833 and its kin: user-chosen keys reaching the ORM."""
    assert not re.search(r"\*\*\s*request\.", module.text)
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("filter", "exclude", "annotate", "alias", "order_by"):
            expanded = [keyword for keyword in node.keywords if keyword.arg is None]
            starred = [one for one in node.args if isinstance(one, ast.Starred)]
            assert not expanded, f"{module.name}:{node.lineno} expands a mapping"
            assert not (starred and node.func.attr == "order_by"), f"{module.name}:{node.lineno}"


@in_every(modules())
def test_time_comes_from_the_clock(module: Module) -> None:
    if module.name == "core.clock":
        return
    assert not re.search(r"\b(datetime\.now|datetime\.utcnow|date\.today|timezone\.now|time\.time)\(", module.text)


@in_every(modules())
def test_no_signals_and_no_overridden_save(module: Module) -> None:
    assert "@receiver" not in module.text
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef):
            assert node.name != "save" or module.name.endswith("admin"), module.name


@in_every([m for m in modules() if m.name.endswith(".tasks")])
def test_tasks_call_one_operation(module: Module) -> None:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= 5, f"{module.name}.{node.name}"


def test_direct_dependencies_are_few() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 20


def test_requirements_are_locked_with_hashes_and_name_no_registry() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        pins = re.findall(r"^[a-z0-9][\w.-]*==", text, re.MULTILINE)
        assert len(pins) > 15
        assert "://" not in text
        assert not re.search(r"^--(index|extra-index|find-links)", text, re.MULTILINE)
        assert text.count("--hash=sha256:") >= len(pins)
    assert not (ROOT / "uv.lock").exists()
