"""The console as staff use it: second factor, region, one box, one person, policies by two people (S01–S12)."""

import io
import json
from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from core import audit, clock
from core.models import AuditEntry, CalendarDay, CalendarYear, User
from core.refusals import Refused
from payments.facts import family_facts, judge
from payments.models import CollectionPolicy
from payments.name_changes import confirm_name_change
from payments.policies.publishing import draft_policy, publish_policy
from portal.console.feeds import harmless
from registration.models import FeedBatch, FeedReject, Registration
from tests import world
from tests.portal.desk import PASSWORD, log_in, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def zhao() -> User:
    return staff(world.ZHAO_MIN)


@pytest.fixture
def family() -> world.Family:
    return world.make_family()


def person_of(who: world.Somebody) -> int:
    return Registration.objects.filter(number_index=who.index).values_list("person_id", flat=True)[0]


def test_password_and_second_factor_together_let_staff_in(zhao: User) -> None:
    """X10."""
    assert log_in(zhao).get("/console/").status_code == 200
    assert log_in(zhao, code="000000").get("/console/").status_code == 302
    assert log_in(zhao, password="wrong").get("/console/").status_code == 302


def test_staff_without_a_device_stay_outside() -> None:
    user = User.objects.create_user("bare", PASSWORD, is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get("/console/").status_code == 302


def test_residents_never_enter(family: world.Family) -> None:
    client = Client()
    client.force_login(family.payer)
    assert client.get("/console/").status_code == 302


def test_too_many_tries_lock_this_account_at_this_address_only(zhao: User) -> None:
    """X8."""
    for _ in range(5):
        log_in(zhao, password="wrong")
    assert log_in(zhao).get("/console/").status_code == 302
    other = staff(world.QIAN_JIN)
    assert log_in(other).get("/console/").status_code == 200


@pytest.mark.parametrize("kind", ["number", "name", "phone"])
def test_one_box_finds_a_person_and_records_the_search(zhao: User, family: world.Family, kind: str) -> None:
    who = world.WANG_FANG
    asked = {"number": f" {who.number.lower()} ", "name": "王芳 1980-05-12", "phone": "13800006712"}[kind]
    answer = log_in(zhao).post("/console/search/", {"q": asked, "purpose": "12366来电"})
    assert answer.status_code == 302
    assert answer["Location"] == f"/console/person/{person_of(who)}/"
    entry = AuditEntry.objects.get(action="search")
    assert (entry.subject_kind, entry.reason, entry.actor) == (kind, "12366来电", zhao.actor)
    assert who.number not in json.dumps(entry.detail)


def test_another_region_sees_nobody_of_this_one(family: world.Family) -> None:
    """X6: foreign is not there."""
    client = log_in(staff("远方", region="2107"))
    person_id = person_of(world.WANG_FANG)
    assert client.get(f"/console/person/{person_id}/").status_code == 404
    assert client.post(f"/console/person/{person_id}/full/", {"reason": "12366来电核对"}).status_code == 404
    answer = client.post("/console/search/", {"q": world.WANG_FANG.number})
    assert "没有查到" in answer.content.decode()
    registration = Registration.objects.first()
    assert client.get(f"/console/registration/{registration.pk}/name/").status_code == 404
    policy = CollectionPolicy.objects.first()
    assert client.get(f"/console/policies/{policy.pk}/").status_code == 404


def test_the_person_page_masks_and_says_what_residents_read(zhao: User, family: world.Family) -> None:
    page = log_in(zhao).get(f"/console/person/{person_of(world.WANG_FANG)}/").content.decode()
    assert world.WANG_FANG.number not in page
    assert "王*" in page
    assert "居民养老" in page
    assert "可缴" in page
    assert "style=" not in page
    assert "<script>" not in page


def test_a_full_number_needs_a_reason_and_is_recorded(zhao: User, family: world.Family) -> None:
    client, person_id = log_in(zhao), person_of(world.WANG_FANG)
    assert client.post(f"/console/person/{person_id}/full/", {"reason": ""}).status_code == 302
    assert not AuditEntry.objects.filter(action="reveal_number").exists()
    page = client.post(f"/console/person/{person_id}/full/", {"reason": "核对12366来电"}).content.decode()
    assert world.WANG_FANG.number in page
    assert AuditEntry.objects.get(action="reveal_number").reason == "核对12366来电"
    assert audit.first_broken_link() is None


def test_a_tampered_log_shows_where_it_was_broken(zhao: User) -> None:
    for number in range(3):
        audit.record(actor=zhao.actor, action="search", reason=str(number))
    first = AuditEntry.objects.order_by("pk")[1]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditentry DISABLE TRIGGER guard_append_only")
        cursor.execute("UPDATE core_auditentry SET reason = 'other' WHERE id = %s", [first.pk])
        cursor.execute("ALTER TABLE core_auditentry ENABLE TRIGGER guard_append_only")
    assert audit.first_broken_link() == first.pk
    assert "断开" in log_in(zhao).get("/console/audit/?check=1").content.decode()


def amended(policy: CollectionPolicy) -> dict:
    terms = dict(policy.terms)
    terms["notice"] = "延长到月底"
    return terms


def test_a_policy_is_published_by_a_second_person_and_never_edited(zhao: User, family: world.Family) -> None:
    """S3: versioned, two people."""
    base = CollectionPolicy.objects.filter(insurance_type=world.PENSION).get()
    client = log_in(zhao)
    text = json.dumps(amended(base), ensure_ascii=False)
    said = {"terms": text, "effective_on": clock.today().isoformat()}
    answer = client.post(f"/console/policies/{base.pk}/draft/", said)
    made = CollectionPolicy.objects.get(status="draft")
    assert answer["Location"] == f"/console/policies/{made.pk}/"
    assert "延长到月底" in client.get(f"/console/policies/{made.pk}/").content.decode()
    seen = {"seen_changes": "on", "seen_pages": "on"}
    client.post(f"/console/policies/{made.pk}/publish/", seen)
    made.refresh_from_db()
    assert made.status == "draft"  # its own maker may not
    log_in(staff(world.QIAN_JIN, group="复核员")).post(f"/console/policies/{made.pk}/publish/", seen)
    made.refresh_from_db()
    assert (made.status, made.version) == ("published", 2)
    base.refresh_from_db()
    assert "notice" not in base.terms


def test_a_draft_that_cannot_be_read_says_where_and_keeps_what_was_typed(zhao: User, family: world.Family) -> None:
    base = CollectionPolicy.objects.first()
    broken = dict(base.terms) | {"window": {"opens_on": "yesterday"}}
    client = log_in(zhao)
    url = f"/console/policies/{base.pk}/draft/"
    page = client.post(url, {"terms": json.dumps(broken), "effective_on": "2030-01-01"}).content.decode()
    assert "window.opens_on" in page
    assert "yesterday" in page
    assert not CollectionPolicy.objects.filter(status="draft").exists()
    assert "读不了" in client.post(url, {"terms": "{", "effective_on": "2030-01-01"}).content.decode()


def test_a_policy_of_the_past_is_not_published(zhao: User, family: world.Family) -> None:
    base = CollectionPolicy.objects.first()
    made = draft_policy(base=base, terms=base.terms, effective_on=clock.today() - timedelta(days=1), staff=zhao)
    with pytest.raises(Refused, match="too_late"):
        publish_policy(policy_id=made.pk, staff=staff(world.QIAN_JIN))


def test_a_changed_name_is_payable_at_once_where_the_tax_office_mends_it(zhao: User, family: world.Family) -> None:
    """ID-4."""
    row = Registration.objects.get(number_index=world.LIU_JIANJUN.index, insurance_type=world.PENSION)
    with pytest.raises(Refused, match="agency_mends"):
        confirm_name_change(registration_id=row.pk, new_name="刘军", reason="来电核实", staff=zhao)
    policy = CollectionPolicy.objects.get(insurance_type=world.PENSION)
    terms = dict(policy.terms) | {"name_mended_by": "tax"}
    new = draft_policy(base=policy, terms=terms, effective_on=clock.today(), staff=zhao)
    publish_policy(policy_id=new.pk, staff=staff(world.QIAN_JIN))
    renamed = world.make_member(family.payer, world.Somebody("刘军", world.number("19781120", "035")), "other")
    renamed.number_index = world.LIU_JIANJUN.index
    assert not judge(family_facts([renamed], payer=family.payer)[renamed.pk]).payables
    client = log_in(zhao)
    client.post(f"/console/registration/{row.pk}/name/", {"name": "刘军", "reason": "12366来电核实"})
    assert judge(family_facts([renamed], payer=family.payer)[renamed.pk]).payables
    assert AuditEntry.objects.filter(action="change_name").exists()


def test_feeds_show_their_rejects_and_the_list_is_harmless(zhao: User) -> None:
    """X9."""
    agency = world.make_agency()
    batch = FeedBatch.objects.create(
        agency=agency, number="B1", file_name="a", stored_path="a", sha256="0" * 64, size_bytes=1, rejected=1
    )
    FeedReject.objects.create(batch=batch, line=7, code="bad_date", detail="=cmd()", agency_person_no="+1")
    client = log_in(zhao)
    assert "bad_date" in client.get(f"/console/feeds/{batch.pk}/").content.decode()
    text = client.get(f"/console/feeds/{batch.pk}/rejects.csv").content.decode()
    assert text.startswith("\ufeff")
    assert "'=cmd()" in text
    assert "'+1" in text
    assert harmless("plain") == "plain"


def test_a_feed_file_is_received_from_staff(zhao: User) -> None:
    agency = world.make_agency()
    file = io.BytesIO(b"not a feed")
    file.name = "x.jsonl"
    log_in(zhao).post("/console/feeds/", {"agency": agency.code, "file": file})
    assert FeedBatch.objects.get().agency == agency


def test_staff_are_told_which_years_are_missing(zhao: User) -> None:
    """Fault C4: the official list of days off."""
    assert "放假安排还没有录入" in log_in(zhao).get("/console/").content.decode()
    for year in (clock.today().year, clock.today().year + 1):
        CalendarYear.objects.create(year=year, source="test")
    clock.forget_everything_kept()
    assert "放假安排还没有录入" not in log_in(zhao).get("/console/").content.decode()


def test_clerks_keep_the_calendar_and_nothing_about_money(zhao: User) -> None:
    call_command("setup_roles", stdout=io.StringIO())
    client = log_in(zhao)
    assert client.get("/console/core/calendarday/").status_code == 200
    day = {"on": "2027-02-06", "is_working": "", "note": "春节", "source": "国办"}
    client.post("/console/core/calendarday/add/", day)
    assert CalendarDay.objects.filter(on=date(2027, 2, 6)).exists()
    assert client.get("/console/payments/payeeaccount/add/").status_code == 403
    assert client.get("/console/payments/paymentorder/").status_code == 404


PAGES = ["", "search/", "policies/", "feeds/", "discrepancies/", "refunds/", "audit/", "core/calendarday/"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_without_inline_style_or_script(zhao: User, family: world.Family, path: str) -> None:
    call_command("setup_roles", stdout=io.StringIO())
    answer = log_in(zhao).get(f"/console/{path}")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert " style=" not in page
    assert "<script>" not in page
    assert "onclick" not in page
    assert "no-store" in answer["Cache-Control"]
