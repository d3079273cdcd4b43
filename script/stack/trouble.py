"""What a start says when it cannot go on."""


class Trouble(Exception):
    """One clear sentence for the person at the terminal: what is wrong, and what to do about it."""
