from collections.abc import Iterator

import pytest
from django.template import Template
from django.test.signals import template_rendered

from core import clock
from tests.outside import books_hold, carriers, outside, running_outside

__all__ = ["books_hold", "carriers", "outside", "running_outside"]


@pytest.fixture
def time_stands_still() -> Iterator[None]:
    """Pages that are compared word for word say the same times."""
    with clock.at(clock.now()):
        yield


@pytest.fixture
def rendered() -> Iterator[set[str]]:
    """Names of the templates that were used in this test."""
    names: set[str] = set()

    def note(sender: object, template: Template, **_: object) -> None:
        names.add(str(template.name))

    template_rendered.connect(note)
    yield names
    template_rendered.disconnect(note)
