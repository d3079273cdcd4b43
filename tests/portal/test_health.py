"""`/livez` and `/readyz`: who may be sent here, and why not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from core import clock
from core.heartbeats import beat
from core.models import Heartbeat
from portal import health
from portal.celery import SWEEPS
from tests.ports import free_port


@pytest.fixture
def every_sweep(db: None, monkeypatch) -> None:
    """A process that has been up for an hour, whose sweeps have all just finished."""
    monkeypatch.setattr(health, "_started_at", clock.now() - clock.HOUR)
    for name in SWEEPS:
        beat(name)


def problems() -> list[str]:
    answer = Client().get("/readyz")
    said = answer.json()
    assert answer.status_code == (200 if said["ready"] else 503)
    assert "no-store" in answer.headers["Cache-Control"]
    return said["problems"]


def test_alive_is_said_without_asking_anything(django_assert_num_queries, db, settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    with django_assert_num_queries(0):
        answer = Client().get("/livez")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_ready_when_all_that_it_stands_on_answers(every_sweep) -> None:
    assert problems() == []


def test_not_ready_without_the_broker(every_sweep, settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert problems() == ["the broker cannot be reached"]


def test_not_ready_when_a_sweep_is_late(every_sweep) -> None:
    """HOUSE 2.1: two minutes beyond its interval."""
    name, interval = next(iter(SWEEPS.items()))
    Heartbeat.objects.filter(name=name).update(finished_at=clock.now() - interval - timedelta(minutes=3))
    [problem] = problems()
    assert problem.startswith(name)
    Heartbeat.objects.filter(name=name).delete()
    assert problems() == [f"{name} last finished never"]


def test_a_process_that_has_just_begun_waits_for_its_sweeps(every_sweep, monkeypatch) -> None:
    Heartbeat.objects.all().delete()
    monkeypatch.setattr(health, "_started_at", clock.now())
    assert problems() == []
    rarest = max(SWEEPS, key=SWEEPS.__getitem__)
    for name in SWEEPS.keys() - {rarest}:
        beat(name)
    monkeypatch.setattr(health, "_started_at", clock.now() - SWEEPS[rarest])
    assert problems() == [], "the first of a rare sweep comes after its interval"
    monkeypatch.setattr(health, "_started_at", clock.now() - SWEEPS[rarest] - timedelta(minutes=3))
    assert problems() == [f"{rarest} last finished never"]


def test_not_ready_while_migrations_are_missing(every_sweep) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'portal'")
    assert problems() == ["migrations are missing"]
