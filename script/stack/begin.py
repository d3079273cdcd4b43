"""First steps on a bare Python: look at the machine, make the environment, go on inside it."""

import os
import sys
from collections.abc import Sequence

from . import machine
from .environment import Environment
from .places import CHECKOUT, Places
from .trouble import Trouble

REQUIREMENTS = {
    "server": "requirements.txt",
    "database": "requirements.txt",
    "manage": "requirements.txt",
    "messages": "requirements.txt",
    "test": "requirements-dev.txt",
    "bench": "requirements-dev.txt",
}


def main(arguments: Sequence[str]) -> int:
    """Replace this process by `script.stack.<command>` in the virtual environment; 1 when that cannot be."""
    command, *rest = arguments
    try:
        with machine.plain_sentences():
            machine.check(CHECKOUT, Places.of_environment().data)
            python = Environment(CHECKOUT).ensure(REQUIREMENTS[command])
        os.execv(python, [str(python), "-m", f"script.stack.{command}", *rest])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
