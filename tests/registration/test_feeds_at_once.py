"""Feeds side by side, and helper processes that are killed."""

import threading
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection

from registration import feeds
from registration.catalogue import load_catalogue
from registration.feed_crew import Crew, CrewLost
from registration.models import FeedBatch, InsuredPerson, PersonDocument, Registration
from tests.registration.feeding import HR, INSURED_MEDICAL, MEDICAL, counts, deliver, file, line, number, send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _catalogue(settings: LazySettings, tmp_path: Path) -> None:
    settings.FILES_DIR = tmp_path
    load_catalogue()


def side_by_side(*deliveries: tuple[bytes, str]) -> list[FeedBatch]:
    start = threading.Barrier(len(deliveries))
    done: list[FeedBatch] = []

    def run(content: bytes, agency: str) -> None:
        try:
            start.wait()
            done.append(deliver(content, agency))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=delivery) for delivery in deliveries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_one_human_in_two_feeds_at_once_is_one_person() -> None:
    people = [number(at) for at in range(40)]
    ours = file("1", *(line(f"A{at}", document_no=no) for at, no in enumerate(people)))
    theirs = file("1", *(line(f"Z{at}", document_no=no, insurance_type=INSURED_MEDICAL)
                         for at, no in enumerate(reversed(people))), agency=MEDICAL)  # fmt: skip
    done = side_by_side((ours, HR), (theirs, MEDICAL))
    assert {batch.status for batch in done} == {"applied"}
    assert InsuredPerson.objects.count() == PersonDocument.objects.count() == 40
    assert Registration.objects.count() == 80


def test_one_file_delivered_four_times_at_once_is_applied_once() -> None:
    content = file("1", *(line(f"A{at}", document_no=number(at)) for at in range(40)))
    done = side_by_side(*[(content, HR)] * 4)
    assert len({batch.pk for batch in done}) == 1
    batch = FeedBatch.objects.get()
    assert (batch.status, counts(batch)) == ("applied", (40, 40, 0, 0, 0))
    assert Registration.objects.count() == 40


class _DyingCrew(Crew):
    """Its processes are killed as soon as they have their work."""

    def _tell(self, message: object) -> None:
        super()._tell(message)
        for member in self.members:
            member.process.kill()


def test_killed_helpers_leave_nothing_and_the_next_run_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "CREW_FROM_BYTES", 0)
    content = file("1", *(line(f"A{at}", document_no=number(at)) for at in range(40)))
    with monkeypatch.context() as patched:
        patched.setattr(feeds, "Crew", _DyingCrew)
        with pytest.raises(CrewLost):
            deliver(content)
    assert FeedBatch.objects.get().status == "received"
    assert not InsuredPerson.objects.exists()
    assert deliver(content).status == "applied"
    assert send("2", line("A1", document_no=number(1), version=2, name="李强")).changed == 1
