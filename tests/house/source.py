"""The product's source as syntax trees, read once."""

import ast
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("core", "registration", "payments", "reconciliation", "portal")


@dataclass(frozen=True)
class Module:
    path: Path
    tree: ast.Module
    text: str

    @property
    def name(self) -> str:
        """Dotted, as imported; a package is named without `__init__`."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def app(self) -> str:
        return self.name.split(".")[0]

    def imported(self) -> set[str]:
        """Every module and name that is imported anywhere in the file, dotted."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        return found


@functools.cache
def modules(*folders: str) -> tuple[Module, ...]:
    """All modules of the product (or of `folders`) but migrations."""
    found = []
    for folder in folders or APPS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts and "__pycache__" not in path.parts:
                text = path.read_text()
                found.append(Module(path, ast.parse(text), text))
    return tuple(found)


def in_every(modules: Iterable[Module]) -> Callable[[Callable[[Module], None]], Callable[[], None]]:
    """Make one test of a rule that holds for every module; it names all that break it.

    Thousands of small tests, one for each module, cost more in being counted than in being run.
    """

    def decorate(rule: Callable[[Module], None]) -> Callable[[], None]:
        def test() -> None:
            broken = []
            for module in modules:
                try:
                    rule(module)
                except AssertionError as error:
                    broken.append(f"{module.name}: {error}")
            assert not broken, "\n".join(broken)

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return decorate
