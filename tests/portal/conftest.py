from collections.abc import Iterator

import pytest

from core import clock
from tests.outside import books_hold, carriers, outside, running_outside

__all__ = ["books_hold", "carriers", "outside", "running_outside"]


@pytest.fixture
def time_stands_still() -> Iterator[None]:
    """Pages that are compared word for word say the same times."""
    with clock.at(clock.now()):
        yield
