"""Runs a command that ends with its parent: `tether.py PARENT COMMAND…`.

On Linux the kernel sends SIGTERM to the command when its parent dies, however it dies. Elsewhere the next start
finds what is left.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the tie was made
            sys.exit(1)
    os.execvp(command[0], command)


main()
