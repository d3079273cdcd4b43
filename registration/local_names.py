"""Names of places, groups and agencies in the reader's language: English on English pages, where one is known."""

from typing import Protocol

from django.utils.translation import get_language


class Named(Protocol):
    """A row of the catalogue."""

    @property
    def name(self) -> str: ...
    @property
    def name_en(self) -> str: ...


def is_english() -> bool:
    """Whether the reader's page is English."""
    return get_language() == "en"


def local_name(row: Named) -> str:
    """What the reader knows it by."""
    return row.name_en if is_english() and row.name_en else row.name


def local_name_sql(table: str) -> str:
    """The same as an expression over a table or its alias; never from input."""
    return f"coalesce(nullif({table}.name_en, ''), {table}.name)" if is_english() else f"{table}.name"
