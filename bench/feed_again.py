"""`script/bench feed-again`: the same file once more, and a new list with 1 % changed, against the first load."""

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
    from bench._feed_run import deliver, empty_tables
    from core import clock

    parser = argparse.ArgumentParser(prog="bench feed-again")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    same, changed = [], []
    with tempfile.TemporaryDirectory(prefix="bench-feed-") as folder:
        begun = clock.now() - timedelta(hours=1)
        path, next_path = Path(folder) / "first.jsonl", Path(folder) / "next.jsonl"
        write_file(path, lines=options.lines, number="first", made_at=begun)
        empty_tables()
        first, _ = deliver(path)
        print(f"first load: {first:.2f} s")
        for turn in range(1, options.rounds + 1):
            same.append(deliver(path)[0])
            made_at = begun + timedelta(minutes=turn)
            write_file(next_path, lines=options.lines, number=f"{turn}", made_at=made_at, version=turn + 1)
            taken, batch = deliver(next_path)
            changed.append(taken)
            if (batch.changed, batch.ended) != (-(-options.lines // 100), 0):
                raise SystemExit(f"round {turn}: {batch.changed} changed, {batch.ended} ended")
            print(f"round {turn}: the same file {same[-1]:.3f} s, 1 % changed {taken:.2f} s")
    ours, partly = statistics.median(same), statistics.median(changed)
    figures = {
        "name": "feed-again",
        "ratio": round(ours / first, 4),
        "ours": round(ours, 3),
        "limit": round(first, 2),
        "unit": "s",
        "n": options.lines,
        "ratio_1_percent_changed": round(partly / first, 4),
        "seconds_1_percent_changed": round(partly, 2),
        "notes": f"median of {options.rounds}; the ratio is that of the identical file; limit: the first load",
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
