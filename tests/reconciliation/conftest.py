"""Files go to a directory of the test's own; afterwards the books are looked through."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.outside import books_hold, outside, running_outside
from tests.reconciliation.stating import agree
from tests.world import Family, make_family

__all__ = ["books_hold", "outside", "running_outside"]


@pytest.fixture
def family(db: None, settings: LazySettings, tmp_path: Path, books_hold: None) -> Family:
    """王芳's family, with a channel that states its days."""
    settings.FILES_DIR = tmp_path
    made = make_family()
    agree()
    return made
