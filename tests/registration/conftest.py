"""Files go to a directory of the test's own; the catalogue is there."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from registration.catalogue import load_catalogue


@pytest.fixture
def catalogue(db: None, settings: LazySettings, tmp_path: Path) -> None:
    settings.FILES_DIR = tmp_path
    load_catalogue()
