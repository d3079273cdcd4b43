"""Ports for the servers that tests start."""

import random
import socket

RANGE = range(20_000, 30_000)
"""Below those that the system deals out: no connection of another test is given one between the look and the start."""


def free_port() -> int:
    """A port of this machine that nobody uses now; by chance, since several test processes ask at once."""
    while True:
        number = random.choice(RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
