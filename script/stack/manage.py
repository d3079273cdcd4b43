"""`script/manage COMMAND …`: `manage.py` with the variables of the stack that runs on the data directory."""

import os
import sys
from collections.abc import Sequence

from . import processes
from .machine import plain_sentences
from .places import Places
from .server import addresses_of
from .stack import Stack
from .trouble import Trouble


def main(arguments: Sequence[str]) -> int:
    """Replace this process by `manage.py`; 1 when no stack runs."""
    try:
        with plain_sentences():
            stack = Stack(Places.of_environment(), addresses_of(os.environ), given=os.environ)
            stack.attach()
            command = processes.python(os.path.abspath("manage.py"), *arguments)
            os.execve(command[0], command, stack.environment())
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
