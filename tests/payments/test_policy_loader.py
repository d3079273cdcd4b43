"""Policies of the files in the tables: once, again, changed, amended, beside what staff drafted."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.models import Transition, User
from payments.models import CollectionPolicy
from payments.policies.loader import load_policies, publish_rows
from payments.policies.reading import dump_terms
from payments.policies.sources import PolicyRow, read_policies
from registration.catalogue import load_catalogue
from tests.world import PENSION, PLACE, open_window, pension_terms

TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    load_catalogue()


def row(version: int = 1, *, note: str = "", is_demo: bool = False, year: int = 2019) -> PolicyRow:
    terms = replace(pension_terms(open_window(TODAY)), note=note, demo=is_demo)
    return PolicyRow(PLACE, PENSION, year, version, date(2018, 1, version), terms, is_demo)


def stored() -> list[tuple[int, str, bool]]:
    return [
        (policy.version, policy.terms.get("note", ""), policy.is_demo)
        for policy in CollectionPolicy.objects.filter(status="published").order_by("version")
    ]


def test_every_row_of_the_files_is_published_by_a_rule() -> None:
    count = load_policies(TODAY, with_demo=False)
    assert count == len(read_policies()) == CollectionPolicy.objects.count()
    assert not CollectionPolicy.objects.exclude(status="published").exists()
    assert not CollectionPolicy.objects.filter(is_demo=True).exists()
    moves = Transition.objects.filter(kind="POLICY").values_list("event", "actor")
    assert set(moves) == {("create", "system:sources"), ("publish", "system:sources")}


def test_loading_again_changes_nothing_on_any_later_day() -> None:
    load_policies(TODAY, with_demo=True)
    before = list(CollectionPolicy.objects.order_by("pk").values())
    assert load_policies(TODAY, with_demo=True) == 0
    assert list(CollectionPolicy.objects.order_by("pk").values()) == before
    versions = set(CollectionPolicy.objects.filter(is_demo=False).values_list("pk", flat=True))
    for days in range(30, 900, 30):
        load_policies(TODAY + timedelta(days=days), with_demo=True)
    assert set(CollectionPolicy.objects.filter(is_demo=False).values_list("pk", flat=True)) == versions


def test_a_demonstration_year_is_marked() -> None:
    load_policies(TODAY, with_demo=True)
    policy = CollectionPolicy.objects.filter(is_demo=True).first()
    assert policy is not None
    assert policy.terms["demo"] is True


def test_a_changed_row_becomes_a_new_version() -> None:
    assert publish_rows([row()]) == 1
    assert publish_rows([row()]) == 0
    assert publish_rows([row(note="改")]) == 1
    assert stored() == [(1, "", False), (2, "改", False)]


def test_an_amendment_is_added_behind() -> None:
    publish_rows([row()])
    publish_rows([row(), row(2, note="延期")])
    assert stored() == [(1, "", False), (2, "延期", False)]


def test_a_changed_row_under_an_amendment_brings_the_amendment_with_it() -> None:
    publish_rows([row(), row(2, note="延期")])
    assert publish_rows([row(note="改"), row(2, note="延期")]) == 2
    assert stored() == [(1, "", False), (2, "延期", False), (3, "改", False), (4, "延期", False)]
    assert publish_rows([row(note="改"), row(2, note="延期")]) == 0


def test_a_demonstration_row_stays_behind_the_sourced_ones() -> None:
    publish_rows([row(), row(2, note="演示", is_demo=True)])
    assert publish_rows([row(), row(2, note="演示", is_demo=True)]) == 0
    assert publish_rows([row()]) == 0
    publish_rows([row(note="改"), row(2, note="演示", is_demo=True)])
    assert stored() == [(1, "", False), (2, "演示", True), (3, "改", False), (4, "演示", True)]


def test_what_staff_have_drafted_is_left_alone() -> None:
    publish_rows([row()])
    staff = User.objects.create_user("zhaomin", is_staff=True)
    draft = CollectionPolicy.objects.create(
        region_id=PLACE, insurance_type_id=PENSION, coverage_year=2019, version=2, effective_on=TODAY,
        terms=dump_terms(row(note="草稿").terms), drafted_by=staff,
    )  # fmt: skip
    assert publish_rows([row()]) == 0
    assert publish_rows([row(note="改")]) == 1
    assert stored() == [(1, "", False), (3, "改", False)]
    draft.refresh_from_db()
    assert draft.status == "draft"
