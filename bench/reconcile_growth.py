"""`script/bench reconcile-growth`: five channel days of a million lines each, against one of them."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
DAYS = 5


def main(argv: Sequence[str]) -> int:
    """Prints each run, and the figures as the last line."""
    import django

    django.setup()
    from bench._reconcile_run import checkpoint, forget_days, peak_mb, run_day, without_time_limits
    from bench._statement import day_number, empty_tables, fill_day

    parser = argparse.ArgumentParser(prog="bench reconcile-growth")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of a day")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    one, many, cpu = [], [], []
    with tempfile.TemporaryDirectory(prefix="bench-reconcile-") as folder:
        paths = [Path(folder) / f"bill-{number}.csv" for number in range(DAYS)]
        without_time_limits()
        empty_tables()
        fill_day(day_number(0), options.lines, paths[0])
        for _turn in range(options.rounds):
            forget_days()
            checkpoint()
            steps, _ = run_day(paths[0], day_number(0))
            one.append(steps)
            print(f"one day: {steps['all']:.2f} s, cpu {steps['cpu']:.2f}; {peak_mb()} MB", flush=True)
        least_mb = peak_mb()
        for number in range(1, DAYS):
            fill_day(day_number(number), options.lines, paths[number])
        for _turn in range(options.rounds):
            forget_days()
            checkpoint()
            days = [run_day(path, day_number(number))[0] for number, path in enumerate(paths)]
            many.append(sum(steps["all"] for steps in days))
            cpu.append(sum(steps["cpu"] for steps in days))
            print(f"{DAYS} days: {many[-1]:.2f} s, cpu {cpu[-1]:.2f}; {peak_mb()} MB", flush=True)
    ours, limit = statistics.median(many), statistics.median(steps["all"] for steps in one)
    by_cpu = statistics.median(cpu) / statistics.median(steps["cpu"] for steps in one)
    figures = {
        "name": "reconcile-growth", "ratio": round(ours / limit, 2), "ours": round(ours, 2), "limit": round(limit, 2),
        "unit": "s", "n": options.lines * DAYS,
        "notes": f"medians of {options.rounds}; {DAYS} channel days against the first alone; by processor seconds "
        f"{by_cpu:.2f}; client {least_mb} MB, then {peak_mb()} MB",
    }  # fmt: skip
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
