"""The sandbox as the outside world of a story, and the clock that a story sets."""

from collections.abc import Iterator

import pytest

from tests.flows.telling import Story
from tests.outside import outside, running_outside

__all__ = ["outside", "running_outside"]


@pytest.fixture
def story(outside, settings, tmp_path) -> Iterator[Story]:
    """Early on a working day in March of the next year; at the end, on the story's own day, the books are checked."""
    settings.FILES_DIR = tmp_path
    with Story(outside) as begun:
        yield begun
