"""`script/bench page`: the first page of a logged-in family, against `/livez` through the same middleware."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def main(argv: Sequence[str]) -> int:
    """Prints each round, and the figures as the last line."""
    import django

    parser = argparse.ArgumentParser(prog="bench page")
    parser.add_argument("--families", type=int, default=200)
    parser.add_argument("--pages", type=int, default=800, help="pages of each round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(argv)
    django.setup()
    from bench._gateway import Gateway
    from bench._load import get, send
    from bench._payments import CLIENTS, play
    from bench._people import keep_feeds_fresh, log_in, make_payers, make_place
    from bench._web import web
    from script.stack import processes

    subprocess.run(processes.python(*processes.COLLECT_STATIC, "--verbosity", "0"), check=True)
    gateway = Gateway.of_settings()
    make_place()
    payers = make_payers(options.families)
    ours, limits = [], []
    with gateway.running(), web("web", gateway.variables) as server:
        play(server, gateway, payers[::2], 0)  # every second family has paid for one of its four
        requests = [get("/livez")] * (options.pages * 2)
        for turn in range(options.rounds + 1):
            keep_feeds_fresh()
            cookies = log_in(payers)
            pages = [get("/", cookies[number % len(cookies)]) for number in range(options.pages)]
            alive = send(server.port, requests, clients=CLIENTS)
            cpu_s = server.cpu_s()
            shown = send(server.port, pages, clients=CLIENTS)
            cpu_s = server.cpu_s() - cpu_s
            if not all(answer.status == 200 and "刘".encode() in answer.body for answer in shown.answers):
                server.give_up("a page came without its family")
            if turn == 0:
                continue  # warm-up
            limits.append(len(requests) / alive.seconds)
            ours.append(len(pages) / shown.seconds)
            print(
                f"round {turn}: {ours[-1]:.0f} pages/s, p50 {shown.milliseconds(0.5)} "
                f"p99 {shown.milliseconds(0.99)} ms, web servers' CPU {cpu_s / len(pages) * 1000:.1f} ms a page; "
                f"/livez {limits[-1]:.0f}/s"
            )
    size = statistics.median(len(answer.body) for answer in shown.answers)
    figures = {
        "name": "page",
        "ratio": round(statistics.median(a / b for a, b in zip(ours, limits, strict=True)), 3),
        "ours": round(statistics.median(ours), 1),
        "limit": round(statistics.median(limits), 1),
        "unit": "requests/s",
        "n": options.pages,
        "notes": f"median of {len(ours)}; {CLIENTS} connections; a family of four with two types each, a page of "
        f"{size:.0f} bytes; limit: /livez without a session",
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
