"""Feeds by sets against the same lines applied one after the other, by a model simple enough to be seen through."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from django.db import transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from registration import feed_staging
from registration.models import FeedReject, Registration
from tests.registration.feeding import HR, HUANCUI, INSURED_MEDICAL, MEDICAL, PENSION, RONGCHENG, line, number, send

pytestmark = [pytest.mark.usefixtures("catalogue")]

PEOPLE = {"A": 1, "B": 2, "C": 3, "D": 4}  # person number → his one document
# a line may be judged by what was held when its slice came, or by a newer line of the same file: it is not newer
NOT_NEWER = {"older_version": "not_newer", "same_version_differs": "not_newer"}
SAID = ("version", "region", "group", "name")


@dataclass
class Book:
    """What an agency has said, line by line."""

    held: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    ended: set[tuple[str, str]] = field(default_factory=set)

    def apply(self, record: dict[str, Any]) -> str | None:
        """The reject's code, or None."""
        key = (record["person_no"], record["insurance_type"])
        if record["group"] == "cat":
            return "group_unknown"
        before = self.held.get(key)
        if before is not None:
            if before == record and key not in self.ended:
                return None
            is_held = record["version"] == before["version"] and key not in self.ended
            if record["version"] < before["version"] or is_held:
                return "not_newer"
        self.held[key] = record
        self.ended.discard(key)
        return None

    def holds(self, record: dict[str, Any]) -> bool:
        """Whether exactly this is held and in force."""
        key = (record["person_no"], record["insurance_type"])
        return self.held.get(key) == record and key not in self.ended

    def end_missing(self, records: list[dict[str, Any]]) -> None:
        """A full list ends the others."""
        named = {(record["person_no"], record["insurance_type"]) for record in records}
        self.ended |= set(self.held) - named


records = st.builds(
    lambda person, kind, version, region, group, name: line(
        person, insurance_type=kind, version=version, region=region, group=group, name=name,
        document_no=number(PEOPLE[person]),
    ),
    st.sampled_from(sorted(PEOPLE)),
    st.sampled_from([PENSION, INSURED_MEDICAL]),
    st.integers(1, 3),
    st.sampled_from([HUANCUI, RONGCHENG]),
    st.sampled_from(["adult", "adult", "minor", "cat"]),
    st.sampled_from(["王芳", "李强"]),
)  # fmt: skip
files = st.tuples(st.sampled_from([HR, HR, MEDICAL]), st.sampled_from(["full", "delta"]), st.lists(records, max_size=9))


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(files, min_size=1, max_size=5), st.sampled_from([1, 3, 100_000]))
def test_sets_end_where_lines_end(sent: list[tuple[str, str, list[dict[str, Any]]]], slice_lines: int) -> None:
    books = {HR: Book(), MEDICAL: Book()}
    feed_staging.SLICE_LINES, before = slice_lines, feed_staging.SLICE_LINES
    try:
        with transaction.atomic():
            for batch, (agency, scope, lines) in enumerate(sent, 1):
                applied = send(str(batch), *lines, agency=agency, scope=scope)
                # what the table held already when the file came is passed over, or is too old by then: both may be
                passed_over = {at for at, record in enumerate(lines, 2) if books[agency].holds(record)}
                expected = {at: code for at, record in enumerate(lines, 2) if (code := books[agency].apply(record))}
                if scope == "full":
                    books[agency].end_missing(lines)
                told = {
                    at: NOT_NEWER.get(code, code)
                    for at, code in FeedReject.objects.filter(batch=applied).values_list("line", "code")
                }
                assert told.items() <= expected.items()
                assert expected.keys() - told.keys() <= passed_over
                for code, book in books.items():
                    assert _stored(code) == _written(book)
            people = Registration.objects.values_list("agency_person_no", "person")
            assert len({person for _, person in people}) == len({no for no, _ in people})
            transaction.set_rollback(True)
    finally:
        feed_staging.SLICE_LINES = before


def _stored(agency: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = Registration.objects.filter(agency=agency)
    return {
        (row.agency_person_no, row.insurance_type_id): (
            row.version, row.region_id, row.group_id, row.name, isinstance(row.ended_on, date),
        )
        for row in rows
    }  # fmt: skip


def _written(book: Book) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {key: (*(record[name] for name in SAID), key in book.ended) for key, record in book.held.items()}


def test_the_model_itself_refuses_what_it_should() -> None:
    book = Book()
    assert book.apply(line("A", version=2)) is None
    assert book.apply(line("A", version=1)) == "not_newer"
    assert book.apply(line("A", version=2, name="李强")) == "not_newer"
