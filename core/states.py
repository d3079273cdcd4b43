"""Tables of states and moves (HOUSE 2.5).

Each app declares its tables in `states.py`. The diagram, the database trigger, the tests of all
pairs and the words on screens are derived from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True)
class State:
    """One state: its code, the staff's word, what a resident reads, and the tag that colours it."""

    code: str
    label: str | Promise
    resident: str | Promise
    tag: str  # done, run, idle, warn, bad or two: see the console's tags


@dataclass(frozen=True)
class Edge:
    """One event that moves rows from any of `sources` to `target`."""

    event: str
    sources: tuple[str, ...]
    target: str
    correction: bool = False  # a truth that came late, drawn dashed


class StateTable:
    """All states and edges of one kind of row. The first state is the one that creation gives."""

    def __init__(self, kind: str, states: Iterable[State], edges: Iterable[Edge], starts: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.states = {state.code: state for state in states}
        self.edges = {edge.event: edge for edge in edges}
        self.starts = starts or (next(iter(self.states)),)
        known = set(self.states)
        for edge in self.edges.values():
            if not {edge.target, *edge.sources} <= known:
                raise ValueError(f"{kind}: event {edge.event} names an unknown state")
        TABLES[kind] = self

    @property
    def choices(self) -> list[tuple[str, str | Promise]]:
        """For a model field."""
        return [(state.code, state.label) for state in self.states.values()]

    def edge(self, event: str) -> Edge:
        """The edge of an event; KeyError names a programming mistake."""
        return self.edges[event]

    def moves(self) -> set[tuple[str, str]]:
        """Every legal (from, to) pair; creation is ('', start)."""
        pairs = {(source, edge.target) for edge in self.edges.values() for source in edge.sources}
        return pairs | {("", start) for start in self.starts}

    def ends(self) -> set[str]:
        """States that no ordinary event leaves."""
        left = {source for edge in self.edges.values() if not edge.correction for source in edge.sources}
        return set(self.states) - left


TABLES: dict[str, StateTable] = {}


def drawing(table: StateTable) -> str:
    """The table as a Mermaid diagram; corrections are marked, because they are truths that came late."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {start}" for start in table.starts]
    for edge in table.edges.values():
        word = f"{edge.event} (correction)" if edge.correction else edge.event
        lines += [f"    {source} --> {edge.target}: {word}" for source in edge.sources]
    lines += [f"    {end} --> [*]" for end in sorted(table.ends())]
    return "\n".join([*lines, "```"])


def document() -> str:
    """`docs/states.md`: every table, its diagram and its words."""
    parts = ["# States and moves", ""]
    parts += ["Drawn from the tables of states by `manage.py draw_states`; a test compares them.", ""]
    for kind in sorted(TABLES):
        table = TABLES[kind]
        parts += [f"## {kind}", "", drawing(table), ""]
        parts += ["| state | staff read | residents read |", "| --- | --- | --- |"]
        parts += [f"| {state.code} | {state.label} | {state.resident or '–'} |" for state in table.states.values()]
        parts.append("")
    return "\n".join(parts)
