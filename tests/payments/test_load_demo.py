"""The demonstration: it loads on any business date, by the real doors, and every story in its table comes true."""

import io
import json
import re
import stat
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from core import clock, identity
from core.models import User
from core.sealed import blind_index
from payments.demo.cast import LATE_AGENCY, cast
from payments.demo.feed_files import REGIONS
from payments.demo.people import RESIDENT_ID, Someone
from payments.demo.population import population
from payments.facts import family_facts, judge
from payments.models import CollectionPolicy, PayeeAccount, PayeeRoute
from payments.pricing import Asked, Assessment
from registration.models import FamilyMember, FeedBatch, FeedFreshness, InsuredPerson, Registration

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few_people(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    settings.FILES_DIR = tmp_path / "files"
    monkeypatch.setattr("payments.management.commands.load_demo.population", lambda day: population(day, size=60))


def load(*arguments: str) -> str:
    said = io.StringIO()
    call_command("load_demo", *arguments, stdout=said)
    return said.getvalue()


def move_to(settings: LazySettings, on: date) -> None:
    settings.CLOCK_OFFSET_DAYS = 0
    settings.CLOCK_OFFSET_DAYS = (on - clock.today()).days


def assessment(someone: Someone, *, stated_on: date | None = None, asked: Asked | None = None) -> Assessment:
    """What this person sees of himself, with the name and number on his card."""
    payer = User.objects.get_or_create(username="payer")[0]
    document = identity.parse(identity.DocumentType(someone.document_type), someone.document_no, clock.today())
    member = FamilyMember(
        pk=1, payer=payer, relation="self", name=someone.name, name_folded=identity.fold_name(someone.name),
        document_type=someone.document_type, number_index=blind_index("number", someone.document_no),
        birth_on=document.birth_on,
    )  # fmt: skip
    facts = family_facts([member], payer=payer)[1]
    if stated_on:
        facts = replace(facts, stated_registered_on=stated_on)
    return judge(facts, asked)


def test_it_is_refused_in_production(settings: LazySettings) -> None:
    settings.IS_DEMO = False
    with pytest.raises(CommandError, match="not for production"):
        load()
    assert not FeedBatch.objects.exists()


def test_all_agencies_files_come_in_whole() -> None:
    load()
    batches = {batch.agency_id: batch for batch in FeedBatch.objects.all()}
    assert set(batches) == set(REGIONS)
    assert {batch.status for batch in batches.values()} == {"applied"}
    assert Registration.objects.count() == sum(batch.lines for batch in batches.values())
    names = {someone.name for someone in cast(clock.today()) if someone.enrolments}
    assert names - set(InsuredPerson.objects.values_list("name", flat=True)) == {"王志钢", "杨柳"}


def test_a_second_start_changes_nothing_and_tells_the_same_people() -> None:
    first = load()
    before = (list(Registration.objects.order_by("pk").values()), CollectionPolicy.objects.count())
    second = load()
    assert (list(Registration.objects.order_by("pk").values()), CollectionPolicy.objects.count()) == before
    people = re.compile(r"138\d{8}")
    assert people.findall(first) == people.findall(second)
    assert "Staff" in first
    assert "Staff" not in second


def test_people_stay_the_same_on_later_days() -> None:
    table = [line for line in load().splitlines() if "1380" in line]
    with clock.at(clock.now() + timedelta(days=400)):
        assert [line for line in load().splitlines() if "1380" in line] == table


def test_a_start_that_was_cut_off_goes_on() -> None:
    load()
    last = FeedBatch.objects.get(agency="medical-140200")
    people = InsuredPerson.objects.count()
    Registration.objects.filter(agency="medical-140200").delete()
    last.delete()
    load()
    assert FeedBatch.objects.get(agency="medical-140200").status == "applied"
    assert InsuredPerson.objects.count() == people


@pytest.mark.parametrize("on", [date(2022, 2, 10), date(2025, 7, 15), date(2026, 11, 21), date(2027, 3, 1)])
def test_something_can_be_paid_on_any_business_date(on: date, settings: LazySettings) -> None:
    move_to(settings, on)
    load()
    people = {someone.name: someone for someone in cast(on)}
    payable = {name: {each.insurance_type for each in assessment(people[name]).payables} for name in people}
    assert payable["王芳"]
    assert payable["刘建军"] == payable["王芳"]
    assert "flexible_pension" in payable["郭强"]
    if on == date(2022, 2, 10):
        assert payable["任伟"] >= {"resident_pension"}
        assert not CollectionPolicy.objects.filter(is_demo=True, coverage_year=2022).exists() or payable["王芳"]


def test_every_story_with_a_cause_comes_true(settings: LazySettings) -> None:
    move_to(settings, date(2026, 11, 21))
    load()
    tried = set()
    for someone in cast(clock.today()):
        told = re.match(r"C(\d+)。", someone.story)
        if told is None:
            continue
        code = f"C{told[1]}"
        if code == "C5":
            found = assessment(
                someone, stated_on=clock.today() - timedelta(days=2), asked=Asked(insurance_type="resident_medical")
            )
        else:
            found = assessment(someone)
        tried.add(code)
        told_codes = {blocker.code for blocker in found.blockers}
        told_codes |= {"C10" for payable in found.payables if "two_places" in payable.warnings}
        assert code in told_codes, someone.name
    assert tried >= {"C3", "C4", "C5", "C6", "C7", "C10", "C12"}


def test_who_is_held_under_another_name_or_number_is_found_by_it(settings: LazySettings) -> None:
    move_to(settings, date(2026, 11, 21))
    load()
    people = {someone.name: someone for someone in cast(clock.today())}
    for name, held in (("王志钢", "王志刚"), ("杨柳", "杨小柳")):
        someone = people[name]
        assert assessment(Someone(held, someone.document_no)).payables
    for name in ("张桂兰", "冯海"):
        said = re.search(r"\d{15,18}", people[name].story)
        assert said
        assert assessment(Someone(name, said[0])).payables


def test_the_late_agency_is_three_days_behind() -> None:
    load()
    late = FeedFreshness.objects.filter(agency=LATE_AGENCY).first()
    other = FeedFreshness.objects.filter(agency="hr-371003").first()
    assert late is not None
    assert other is not None
    assert other.last_received_at - late.last_received_at > timedelta(days=2)


def test_every_city_has_a_payee_for_pension_and_one_for_medical() -> None:
    load()
    assert PayeeAccount.objects.count() == 10
    merchants = [payee.merchants["wechat_pay"] for payee in PayeeAccount.objects.all()]
    assert len(set(merchants)) == 10
    assert all(re.fullmatch(r"1900000\d{3}", merchant) for merchant in merchants)
    at_unionpay = {payee.merchants["unionpay"] for payee in PayeeAccount.objects.all()}
    assert len(at_unionpay) == 10
    assert all(re.fullmatch(r"89837100000\d{4}", merchant) for merchant in at_unionpay)
    assert PayeeRoute.objects.filter(region="371003", insurance_type="resident_pension").count() == 1


def test_numbers_belong_to_nobody() -> None:
    everybody = [*cast(date(2026, 11, 21)), *population(date(2026, 11, 21), size=3000)]
    residents = [someone.document_no for someone in everybody if someone.document_type == RESIDENT_ID]
    assert all(number[14:17] == "000" for number in residents)
    assert all(identity.check_character(number[:17]) == number[17] for number in residents)
    assert len(set(residents)) > 0.99 * len(residents)


def test_log_ins_are_kept_for_the_owner_and_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = tmp_path / "sandbox"
    monkeypatch.setenv("SANDBOX_DATA", str(sandbox))
    load()
    table = tmp_path / "demo-logins.txt"
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert "王芳" in table.read_text(encoding="utf-8")
    rows = json.loads((sandbox / "people.json").read_text(encoding="utf-8"))
    assert rows[0] == {
        "name": "王芳", "document_type": "201", "document_no": "371003198503150001", "phone": "13800000001",
    }  # fmt: skip


def test_staff_get_new_passwords_only_when_asked() -> None:
    load()
    before = dict(User.objects.filter(is_staff=True).values_list("username", "password"))
    assert set(before) == {"zhaomin", "qianjin", "admin"}
    assert User.objects.get(username="zhaomin").region_prefix == "371"
    load()
    assert dict(User.objects.filter(is_staff=True).values_list("username", "password")) == before
    said = load("--reset-staff")
    after = dict(User.objects.filter(is_staff=True).values_list("username", "password"))
    assert not set(after.values()) & set(before.values())
    shown = re.search(r"zhaomin +赵敏 +征缴员 +(\S+) +([A-Z2-7]{32})", said)
    assert shown
    assert User.objects.get(username="zhaomin").check_password(shown[1])
