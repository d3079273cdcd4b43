"""`script/messages`: collect the texts of code and templates into the English catalogue, then compile it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from . import processes
from .machine import plain_sentences
from .places import CHECKOUT
from .trouble import Trouble

TOOLS = ("xgettext", "msgmerge", "msgattrib", "msgfmt")
ELSEWHERE = (".venv", "bench", "sandbox", "script", "staticfiles", "tests", "var")
"""Folders whose texts nobody reads on a page of the portal."""
CATALOGUE = "locale/en/LC_MESSAGES/django.po"
COLLECT = ("makemessages", "--locale=en", "--no-wrap", "--no-obsolete", "--add-location=file")
FORGET_GUESSES = ("--clear-fuzzy", "--empty", "--clear-previous", "--no-wrap")
"""A translation guessed from a similar text is no translation."""


def collect() -> None:
    """Write the catalogue anew; what is translated stays so."""
    ignored = [f"--ignore={folder}" for folder in ELSEWHERE]
    _run(*processes.python("manage.py", *COLLECT, *ignored), PORTAL_ENV="test")
    _run("msgattrib", *FORGET_GUESSES, f"--output-file={CATALOGUE}", CATALOGUE)


def compile_catalogue() -> None:
    """Check formats and write the file that the portal reads."""
    _run("msgfmt", "--check-format", f"--output-file={CATALOGUE.removesuffix('.po')}.mo", CATALOGUE)


def untranslated() -> str:
    """The entries without English, as they stand in the file; empty when there are none."""
    return _run("msgattrib", "--untranslated", "--no-wrap", CATALOGUE)


def _run(*command: str, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=CHECKOUT, env=dict(os.environ) | variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Trouble(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """0 when every text has its English, 1 when some have none or the tools are missing."""
    try:
        with plain_sentences():
            if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
                raise Trouble(f"GNU gettext is needed and {', '.join(missing)} was not found; install gettext")
            collect()
            compile_catalogue()
            left = untranslated()
            print(left or f"{CATALOGUE}: every text has its English.")
            return 1 if left else 0
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
