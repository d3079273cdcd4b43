"""`script/bench feed`: a first full feed of a million registrations, against parsing and sealing alone."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def main(argv: Sequence[str]) -> int:
    """Prints each round, and the figures as the last line."""
    import django

    django.setup()
    from bench._feed_file import write_file
    from bench._feed_run import deliver, empty_tables, least_work
    from core import clock

    parser = argparse.ArgumentParser(prog="bench feed")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    ours, least = [], []
    with tempfile.TemporaryDirectory(prefix="bench-feed-") as folder:
        path = Path(folder) / "first.jsonl"
        write_file(path, lines=options.lines, number="first", made_at=clock.now() - timedelta(hours=1))
        for turn in range(options.rounds):
            empty_tables()
            least.append(least_work(path))
            taken, batch = deliver(path)
            ours.append(taken)
            print(f"round {turn + 1}: {taken:.2f} s, {batch.changed} new; parse and seal alone {least[-1]:.2f} s")
    figures = {
        "name": "feed",
        "ratio": round(statistics.median(a / b for a, b in zip(ours, least, strict=True)), 2),
        "ours": round(statistics.median(ours), 2),
        "limit": round(statistics.median(least), 2),
        "unit": "s",
        "n": options.lines,
        "notes": f"median of {options.rounds}; limit: parse, one index, one sealing, one text line, two processes",
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
