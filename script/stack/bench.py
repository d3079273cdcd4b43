"""`script/bench NAME`: runs `bench/<name>.py` on a throw-away, durable database with the tables of the portal."""

import os
import subprocess
import sys
from collections.abc import Sequence

from . import processes
from .machine import plain_sentences
from .places import CHECKOUT
from .processes import Addresses
from .throwaway import bench_settings, servers
from .trouble import Trouble


def names() -> list[str]:
    """The benchmarks there are, as they are called on the command line."""
    found = sorted(path.stem for path in (CHECKOUT / "bench").glob("*.py"))
    return [name.replace("_", "-") for name in found if not name.startswith("_")]


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one benchmark; its exit code. Its last line is the JSON object with the figures."""
    with servers(settings=bench_settings(), disk=True) as running:
        ours = processes.portal_variables(
            running.places,
            Addresses(),
            database_url=running.database_url,
            redis_url=running.redis_url,
            offset_days=0,
        )
        environment = processes.clean_environment(os.environ, ours)
        migrated = subprocess.run(
            processes.python(*processes.MIGRATE, "--verbosity", "0"), cwd=CHECKOUT, env=environment, check=False
        )
        if migrated.returncode != 0:
            raise Trouble("The tables could not be made on the throw-away database; see above.")
        module = f"bench.{name.replace('-', '_')}"
        return subprocess.run(
            processes.python("-m", module, *arguments), cwd=CHECKOUT, env=environment, check=False
        ).returncode


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark that the first argument names."""
    if not arguments or arguments[0] not in names():
        print(f"script/bench NAME [arguments]; the names are: {', '.join(names()) or 'none yet'}", file=sys.stderr)
        return 2
    try:
        with plain_sentences():
            return run(arguments[0], arguments[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
