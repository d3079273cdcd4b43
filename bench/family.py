"""`script/bench family`: the queries of a family's page among 10 million people, against among 2 million."""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench._province import Province

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
BYTES_A_PERSON = 2500  # tables, indexes, and room to sort


def main(argv: Sequence[str]) -> int:
    """Prints each round, and the figures as the last line."""
    import django

    parser = argparse.ArgumentParser(prog="bench family")
    parser.add_argument("--small", action="store_true", help="200,000 people against a million")
    parser.add_argument("--families", type=int, default=1500, help="families of each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    sizes = (200_000, 1_000_000) if options.small else (2_000_000, 10_000_000)
    if shutil.disk_usage(os.environ["PORTAL_DATA"]).free < sum(sizes) * BYTES_A_PERSON:
        raise SystemExit("not enough room on the disk; --small needs 3 GB")
    django.setup()
    from django.db import connection

    from bench._people import make_place
    from bench._province import Province
    from core import clock

    connection.settings_dict["OPTIONS"]["options"] = ""  # no time limits: filling takes minutes
    make_place()
    provinces = [Province("few", sizes[0]), Province("many", sizes[1])]
    for province in provinces:
        begun = time.perf_counter()
        province.fill(year=clock.today().year)
        taken = time.perf_counter() - begun
        print(f"{province.people} people, {province.size()}, written in {taken:.0f} s", flush=True)
    found: list[tuple[float, float]] = []
    chosen = random.Random(7)
    for turn in range(options.rounds + 1):
        measured = _measure(provinces, [chosen.sample(each.families, options.families) for each in provinces])
        if turn:  # the first is the warm-up
            found.append((_p(measured[0].queries, 0.99), _p(measured[1].queries, 0.99)))
            for province, times in zip(provinces, measured, strict=True):
                print(f"round {turn}, {province.people} people: {times.line()}", flush=True)
    figures = {
        "name": "family",
        "ratio": round(statistics.median(many / few for few, many in found), 2),
        "ours": round(statistics.median(many for _, many in found), 3),
        "limit": round(statistics.median(few for few, _ in found), 3),
        "unit": "ms, p99 of the queries of one family",
        "n": sizes[1],
        "notes": f"median of {len(found)} rounds of {options.families} families of four, warm, one client; limit: the "
        f"same among {sizes[0]} people, family by family in turns",
    }
    print(json.dumps(figures))
    return 0


class Times:
    """Milliseconds, family by family: of the queries, and of all that Python does as well."""

    def __init__(self) -> None:
        self.queries: list[float] = []
        self.whole: list[float] = []

    def line(self) -> str:
        """For people who watch."""
        return (
            f"queries p50 {_p(self.queries, 0.5):.2f} p99 {_p(self.queries, 0.99):.2f} ms, "
            f"with Python p50 {_p(self.whole, 0.5):.2f} p99 {_p(self.whole, 0.99):.2f} ms"
        )


def _measure(provinces: "Sequence[Province]", families: Sequence[Sequence[int]]) -> list[Times]:
    """One family of each province after the other, so that what disturbs the one disturbs the other."""
    from django.db import connection

    spent = 0.0

    def timed(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal spent
        begun = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            spent += time.perf_counter() - begun

    found = [Times() for _ in provinces]
    with connection.execute_wrapper(timed):
        for together in zip(*families, strict=True):
            for province, family, times in zip(provinces, together, found, strict=True):
                province.take()
                spent, begun = 0.0, time.perf_counter()
                _read(family)
                times.whole.append((time.perf_counter() - begun) * 1000)
                times.queries.append(spent * 1000)
    return found


def _read(family: int) -> None:
    from core.models import User
    from payments.facts import load_family
    from registration.family import family_of

    payer = User(pk=family)
    facts = load_family(list(family_of(payer)), payer=payer).facts
    if len(facts) != 4 or not all(len(each.registrations) == 2 and each.declarations for each in facts.values()):
        raise SystemExit(f"family {family} is not whole")


def _p(times: Sequence[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
