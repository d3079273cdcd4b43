"""`script/server`: the whole portal with its demo, in the foreground."""

import os
import sys
from collections.abc import Mapping, Sequence

from .machine import plain_sentences
from .places import Places
from .processes import Addresses
from .stack import Stack
from .supervisor import Supervisor
from .trouble import Trouble

USAGE = """script/server starts everything that the portal needs, with its demo, and stops it at Ctrl-C.

It reads these variables:
  PORTAL_HOST, PORTAL_PORT   where the portal listens (127.0.0.1, 8000)
  SANDBOX_PORT               where the sandbox listens (9000)
  PORTAL_BASE_URL            how browsers name the portal, where that is not http://localhost:PORT
  PORTAL_DATA                the data directory (var)
  PORTAL_AS_OF               the business date of the first day, such as 2022-02-10
  DATABASE_URL, REDIS_URL    servers of your own, in place of the embedded ones
docs/operate.md tells the rest."""


def addresses_of(given: Mapping[str, str]) -> Addresses:
    """The addresses that the variables choose; raises `Trouble` for a port that is none."""
    ports = {"PORTAL_PORT": 8000, "SANDBOX_PORT": 9000}
    for name, usual in ports.items():
        text = given.get(name) or str(usual)
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise Trouble(f"{name}={text} is no port; give a number from 1 to 65535.")
        ports[name] = int(text)
    if ports["PORTAL_PORT"] == ports["SANDBOX_PORT"]:
        raise Trouble(f"PORTAL_PORT and SANDBOX_PORT are both {ports['PORTAL_PORT']}; choose two.")
    return Addresses(
        host=given.get("PORTAL_HOST") or "127.0.0.1",
        port=ports["PORTAL_PORT"],
        sandbox_port=ports["SANDBOX_PORT"],
        base_url=given.get("PORTAL_BASE_URL", ""),
    )


def say(line: str) -> None:
    print(line, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run until stopped: 0. What keeps it from starting is said in one sentence: 1."""
    if arguments:
        say(USAGE)
        return 0 if arguments[0] in ("-h", "--help") else 2
    try:
        with plain_sentences():
            if os.environ.get("PORTAL_ENV", "demo") == "production":
                raise Trouble("script/server runs the demo, never production; docs/deploy.md tells how to deploy.")
            places = Places.of_environment()
            Supervisor(Stack(places, addresses_of(os.environ), given=os.environ, say=say)).run()
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
