"""`script/bench pay`: payments over HTTP by the real code, against raw pgbench with the same commits and rows."""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def main(argv: Sequence[str]) -> int:
    """Prints each round, and the figures as the last line."""
    import django

    parser = argparse.ArgumentParser(prog="bench pay")
    parser.add_argument("--payments", type=int, default=400, help="payments of each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    django.setup()
    from bench._gateway import Gateway
    from bench._payments import CLIENTS, play
    from bench._people import LINES, make_payers, make_place
    from bench._raw_writes import RawWrites
    from bench._web import web
    from bench._writes import Written, counted
    from reconciliation.books import check_books

    gateway = Gateway.of_settings()
    make_place()
    payers = make_payers(options.payments)
    raw = RawWrites(clients=CLIENTS)
    ours, limits = [], []
    with gateway.running(), web("web", gateway.variables) as server:
        print("warm-up:", play(server, gateway, payers, 0).line())
        for turn in range(1, min(options.rounds, LINES - 2) + 1):
            found = play(server, gateway, payers, turn)
            limits.append(raw.rate())
            ours.append(found.rate)
            print(f"round {turn}: {found.line()}; raw {limits[-1]:.0f} payments/s, ratio {ours[-1] / limits[-1]:.3f}")
        play(server, gateway, payers, LINES - 1, written := Written())
    print("written for each payment, ours:", json.dumps(written.each(options.payments)))
    with counted(raw_written := Written()):
        raw_count = raw.count()
    print("written for each payment, raw: ", json.dumps(raw_written.each(raw_count)))
    broken = check_books()
    if broken:
        raise SystemExit(f"the books do not hold: {broken}")
    figures = {
        "name": "pay",
        "ratio": round(statistics.median(a / b for a, b in zip(ours, limits, strict=True)), 3),
        "ours": round(statistics.median(ours), 1),
        "limit": round(statistics.median(limits), 1),
        "unit": "payments/s",
        "n": options.payments,
        "notes": f"median of {len(ours)}; {CLIENTS} connections each; order, start and notice, signatures made and "
        "verified; limit: pgbench, prepared, one statement a commit, the same commits and rows, no foreign keys",
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
