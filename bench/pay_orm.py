"""`script/bench pay-orm`: payments by the real code against the same done with Django's ORM alone."""

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

    parser = argparse.ArgumentParser(prog="bench pay-orm")
    parser.add_argument("--payments", type=int, default=300, help="payments of each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    django.setup()
    from bench._gateway import Gateway
    from bench._payments import CLIENTS, Round, play
    from bench._people import LINES, make_payers, make_place
    from bench._web import web
    from reconciliation.books import check_books

    gateway = Gateway.of_settings()
    make_place()
    payers = make_payers(options.payments)
    others = make_payers(options.payments, first=options.payments)
    ours: list[Round] = []
    theirs: list[Round] = []
    plain = gateway.variables | {"DJANGO_SETTINGS_MODULE": "bench._orm_settings"}
    with gateway.running(), web("web", gateway.variables) as server, web("web-orm", plain) as variant:
        for turn in range(min(options.rounds + 1, LINES)):
            rounds = play(server, gateway, payers, turn), play(variant, gateway, others, turn)
            if turn == 0:
                continue  # warm-up
            ours.append(rounds[0])
            theirs.append(rounds[1])
            print(f"round {turn}, ours: {ours[-1].line()}")
            print(f"round {turn}, ORM:  {theirs[-1].line()}; ratio {ours[-1].rate / theirs[-1].rate:.2f}")
    broken = check_books()
    if broken:
        raise SystemExit(f"the books do not hold: {broken}")
    cpu = statistics.median(b.cpu_s / a.cpu_s for a, b in zip(ours, theirs, strict=True))
    figures = {
        "name": "pay-orm",
        "ratio": round(statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True)), 2),
        "ours": round(statistics.median(each.rate for each in ours), 1),
        "limit": round(statistics.median(each.rate for each in theirs), 1),
        "unit": "payments/s",
        "n": options.payments,
        "cpu_of_web_servers_orm_to_ours": round(cpu, 2),
        "notes": f"median of {len(ours)}; {CLIENTS} connections; the same rows in the same transactions by bulk_create "
        "and filter().update(), the same middleware, prices and signatures",
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
