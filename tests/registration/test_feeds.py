"""Feeds into the tables: what comes once, again, late, out of order, in parts, under two numbers (A1, A3, A5, A8)."""

import io
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import IntegrityError

from core import clock, sealed
from core.models import Heartbeat, Transition, User
from core.refusals import Refused
from core.sealed import blind_index, unseal
from registration import feed_staging, feeds, tasks
from registration.feed_format import Layout, survey
from registration.feed_rows import SEALED_DOCUMENT, SEALED_REGISTRATION
from registration.feeds import apply_feed, apply_waiting, receive_feed
from registration.models import (
    FeedBatch,
    FeedFreshness,
    FeedReject,
    InsuredPerson,
    NameChange,
    PersonDocument,
    Registration,
)
from tests.registration.feeding import (
    HR,
    HUANCUI,
    INSURED_MEDICAL,
    LICHENG,
    MEDICAL,
    OTHER_CITY,
    RONGCHENG,
    counts,
    deliver,
    file,
    line,
    number,
    rejects,
    send,
    standing,
    yesterday,
)

pytestmark = pytest.mark.usefixtures("catalogue")


def receive(content: bytes, agency: str = HR) -> FeedBatch:
    return receive_feed(agency_code=agency, file_name="a.jsonl", stream=io.BytesIO(content), actor="system:test")


def rows() -> list[tuple[str, str]]:
    """Everything that a feed can change, with the row's own version, so that a rewritten row shows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT r.agency_person_no, r.ctid || r::text FROM registration_registration r ORDER BY id")
        return list(cursor.fetchall())


# --- one file --------------------------------------------------------------------------------------------------------


def test_a_registration_is_stored_as_the_agency_says() -> None:
    batch = send("1", line("A1", registering_body="龙山街道", registered_on="2019-03-01", coverage_year=2026,
                           renewal="collective"))  # fmt: skip
    assert (batch.status, counts(batch)) == ("applied", (1, 1, 0, 0, 0))
    row = Registration.objects.get()
    assert (row.agency_id, row.agency_person_no, row.insurance_type_id) == (HR, "A1", "resident_pension")
    assert (row.region_id, row.group_id, row.name, row.document_type) == (HUANCUI, "adult", "王芳", "201")
    assert (row.coverage_year, row.renewal, row.registering_body) == (2026, "collective", "龙山街道")
    assert (row.batch_id, row.version, row.received_at) == (batch.pk, 1, batch.received_at)
    assert row.person.name == "王芳"
    assert str(row.person.birth_on) == "1980-05-12"


def test_numbers_are_sealed_and_found_by_their_index() -> None:
    send("1", line())
    index = blind_index("number", number(1))
    row = Registration.objects.get(number_index=index)
    assert unseal(row.number_sealed, field=SEALED_REGISTRATION, index=index) == number(1)
    document = PersonDocument.objects.get(match_index=index)
    assert unseal(document.number_sealed, field=SEALED_DOCUMENT, index=index) == number(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM registration_registration r WHERE r::text LIKE %s", [f"%{number(1)}%"])
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_rare_characters_and_dots_come_through_every_shape(layout: Layout, encoding: str) -> None:
    people = ["赵龘", "陈𠮷", "阿依古丽·买买提", "欧阳\U0002b5af", "SMITH JOHN", "王\\n"]
    batch = send("1", *(line(f"A{at}", name=name, document_no=number(at)) for at, name in enumerate(people)),
                 layout=layout, encoding=encoding)  # fmt: skip
    assert counts(batch) == (6, 6, 0, 0, 0)
    assert set(Registration.objects.values_list("name", flat=True)) == set(people)
    assert set(InsuredPerson.objects.values_list("name", flat=True)) == set(people)


def test_a_bad_line_is_kept_with_its_reason_and_the_rest_is_applied() -> None:
    batch = send("1", line("A1"), line("A2", group="cat"), line("A3", document_no=number(3)))
    assert (batch.status, counts(batch)) == ("applied_with_rejects", (3, 2, 0, 1, 0))
    reject = FeedReject.objects.get()
    assert (reject.line, reject.code, reject.detail, reject.agency_person_no) == (3, "group_unknown", "cat", "A2")
    assert set(standing()) == {"A1", "A3"}


def test_a_broken_file_is_kept_and_refused_whole() -> None:
    content = file("1", line("A1"), line("A2")).replace(b'"lines": 2', b'"lines": 9')
    batch = deliver(content)
    assert batch.status == "unreadable"
    assert batch.failure.startswith("count_differs: 第")
    assert feeds.file_of(batch).read_bytes() == content
    assert not Registration.objects.exists()
    assert not FeedFreshness.objects.exists()
    assert list(Transition.objects.filter(kind="FEED_BATCH").values_list("to_state", flat=True)) == [
        "received", "unreadable",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agency": MEDICAL}, "agency_differs"),
        ({"regions": ("999999",)}, "region_unknown"),
        ({"regions": ("370100",)}, "region_not_of_agency"),
        ({"made_at": clock.now() + timedelta(days=2)}, "header_field"),
    ],
)
def test_a_header_that_does_not_fit_the_sender_is_refused(changes: dict[str, Any], code: str) -> None:
    batch = deliver(file("1", line(), **changes))
    assert (batch.status, batch.failure.split(":")[0]) == ("unreadable", code)
    assert not Registration.objects.exists()


def test_a_file_in_the_wrong_encoding_is_refused_with_its_line() -> None:
    content = file("1", line("A1"), line("A2"), encoding="gb18030")
    said_utf_8 = content.replace(b'"made_at"', b'"encoding": "utf-8", "made_at"', 1)
    batch = deliver(said_utf_8)
    assert batch.failure == "encoding_unreadable: 第2行：这一行的编码不对。请用 UTF-8 或 GB18030。"


# --- the same, newer, older ------------------------------------------------------------------------------------------


def test_the_same_file_twice_is_one_batch_and_changes_nothing() -> None:
    content = file("1", line("A1"), line("A2", document_no=number(2)))
    first = deliver(content)
    before = rows()
    again = deliver(content)
    assert again.pk == first.pk
    assert FeedBatch.objects.count() == 1
    assert rows() == before
    assert len(list(feeds.file_of(first).parent.iterdir())) == 1


def test_the_same_lines_under_a_new_number_rewrite_no_row() -> None:
    people = [line(f"A{at}", document_no=number(at)) for at in range(20)]
    send("1", *people, scope="full")
    before = rows()
    assert counts(send("2", *people, scope="full")) == (20, 0, 20, 0, 0)
    assert rows() == before


def test_only_the_changed_line_is_touched() -> None:
    people = [line(f"A{at}", document_no=number(at)) for at in range(100)]
    send("1", *people, scope="full")
    before = rows()
    people[42] |= {"version": 2, "group": "student"}
    assert counts(send("2", *people, scope="full")) == (100, 1, 99, 0, 0)
    assert {person_no for person_no, _ in set(rows()) - set(before)} == {"A42"}
    assert Registration.objects.get(agency_person_no="A42").group_id == "student"


def test_another_file_under_a_number_in_use_is_refused() -> None:
    send("1", line("A1"))
    with pytest.raises(Refused) as refused:
        receive(file("1", line("A2")))
    assert (refused.value.code, refused.value.facts) == ("feed_number_taken", {"number": "1"})
    assert set(standing()) == {"A1"}


def test_a_mended_file_may_take_the_number_of_the_refused_one() -> None:
    content = file("1", line("A1"))
    assert deliver(content[:-10]).status == "unreadable"
    assert deliver(content).status == "applied"
    assert FeedBatch.objects.count() == 2


def test_an_unknown_agency_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        receive(file("1", line()), agency="nobody")
    assert refused.value.code == "agency_unknown"
    assert not FeedBatch.objects.exists()


def test_an_older_version_is_refused() -> None:
    send("1", line("A1", version=5, name="王芳"))
    batch = send("2", line("A1", version=4, name="王方"))
    assert rejects(batch) == {2: "older_version"}
    assert standing() == {"A1": ("王芳", HUANCUI, 5)}


def test_an_equal_version_that_says_something_else_is_refused() -> None:
    send("1", line("A1", version=5))
    batch = send("2", line("A1", version=5, name="王方"))
    assert rejects(batch) == {2: "same_version_differs"}
    assert standing()["A1"][0] == "王芳"


def test_the_same_said_in_another_shape_is_no_change() -> None:
    send("1", line("A1", registered_on="2019-03-01"))
    batch = send("2", line("A1", registered_on="2019-03-01"), layout=Layout.CSV, encoding="gb18030")
    assert (batch.status, counts(batch)) == ("applied", (1, 0, 1, 0, 0))
    assert counts(send("3", line("A1", registered_on="2019-03-01"), layout=Layout.CSV, encoding="gb18030"))[2] == 1


def test_batches_out_of_order_end_as_in_order() -> None:
    send("2", line("A1", version=2, region=RONGCHENG), line("A2", version=1, document_no=number(2)))
    late = send("1", line("A1", version=1))
    assert rejects(late) == {2: "older_version"}
    assert standing() == {"A1": ("王芳", RONGCHENG, 2), "A2": ("王芳", HUANCUI, 1)}


def test_of_several_lines_of_one_file_the_newest_stands() -> None:
    batch = send(
        "1",
        line("A1", version=1),
        line("A1", version=3, region=RONGCHENG),
        line("A1", version=2),
        line("A1", version=3),
        line("A2", version=1, document_no=number(2)),
        line("A2", version=1, document_no=number(2)),
    )
    assert rejects(batch) == {4: "older_version", 5: "same_version_differs"}
    assert standing() == {"A1": ("王芳", RONGCHENG, 3), "A2": ("王芳", HUANCUI, 1)}
    assert counts(batch) == (6, 2, 2, 2, 0)


# --- full lists ------------------------------------------------------------------------------------------------------


def test_a_full_list_ends_those_that_it_lacks() -> None:
    send("1", line("A1"), line("A2", document_no=number(2)), line("A3", document_no=number(3), region=RONGCHENG))
    batch = send("2", line("A1"), scope="full", regions=(HUANCUI,))
    assert counts(batch) == (1, 0, 1, 0, 1)
    assert set(standing()) == {"A1", "A3"}
    ended = Registration.objects.get(agency_person_no="A2")
    assert ended.ended_on == clock.business_date(batch.made_at or clock.now())


def test_a_full_list_of_one_agency_ends_nobody_of_another() -> None:
    send("1", line("A1", insurance_type=INSURED_MEDICAL), agency=MEDICAL)
    assert send("1", scope="full").ended == 0
    assert set(standing()) == {"A1"}


def test_who_is_on_the_list_again_is_insured_again() -> None:
    send("1", line("A1"), scope="full")
    assert send("2", scope="full").ended == 1
    batch = send("3", line("A1"), scope="full")
    assert counts(batch) == (1, 1, 0, 0, 0)
    assert set(standing()) == {"A1"}


def test_a_rejected_line_of_a_full_list_ends_nobody_whom_it_names() -> None:
    send("1", line("A1"), line("A2", document_no=number(2)))
    batch = send("2", line("A1"), line("A2", document_no=number(2), version=2, group="cat"), scope="full")
    assert counts(batch) == (2, 0, 1, 1, 0)
    assert set(standing()) == {"A1", "A2"}


def test_a_line_of_a_full_list_that_names_nobody_ends_nobody() -> None:
    send("1", line("A1"), line("A2", document_no=number(2)))
    content = file("2", line("A1"), line("A9"), scope="full")
    content = content.replace(b'{"person_no":"A9"', b'{"person_no:"A9"')
    assert counts(deliver(content)) == (2, 0, 1, 1, 0)
    assert set(standing()) == {"A1", "A2"}


def test_a_full_list_older_than_the_last_is_refused() -> None:
    send("5", line("A1"), line("A2", document_no=number(2)), scope="full")
    batch = send("4", line("A1"), scope="full")
    assert (batch.status, batch.failure.split(":")[0]) == ("unreadable", "older_than_last_full")
    assert set(standing()) == {"A1", "A2"}


def test_a_cancelled_registration_ends_on_its_day() -> None:
    send("1", line("A1"))
    send("2", line("A1", version=2, ended_on="2026-01-31"))
    assert str(Registration.objects.get().ended_on) == "2026-01-31"


# --- people ----------------------------------------------------------------------------------------------------------


def test_one_human_of_two_agencies_is_one_person() -> None:
    send("1", line("A1"))
    send("1", line("Z9", insurance_type=INSURED_MEDICAL), agency=MEDICAL)
    send("1", line("J3", insurance_type=INSURED_MEDICAL, region=LICHENG), agency=OTHER_CITY, regions=("370100",))
    assert InsuredPerson.objects.count() == 1
    assert Registration.objects.count() == 3


@pytest.mark.parametrize("numbers", [(number(1), "371002800512001"), ("371002800512001", number(1))])
def test_fifteen_and_eighteen_digits_are_one_person(numbers: tuple[str, str]) -> None:
    send("1", line("A1", document_no=numbers[0]))
    send("1", line("Z9", insurance_type=INSURED_MEDICAL, document_no=numbers[1]), agency=MEDICAL)
    assert InsuredPerson.objects.count() == 1
    assert PersonDocument.objects.count() == 1
    found = {bytes(index) for index in Registration.objects.values_list("number_index", flat=True)}
    assert found == {blind_index("number", text) for text in numbers}


def test_a_new_document_of_a_known_person_becomes_his() -> None:
    send("1", line("A1", document_type="208", document_no="E12345678", birth_on="1980-05-12"))
    batch = send("2", line("A1", version=2))
    assert batch.status == "applied"
    person = InsuredPerson.objects.get()
    assert {bytes(row.match_index) for row in person.documents.all()} == {
        blind_index("number", "E12345678"), blind_index("number", number(1)),
    }  # fmt: skip


def test_an_agency_that_mends_a_wrong_number_keeps_the_person() -> None:
    wrong = number(1)[:-1] + "0"
    send("1", line("A1", document_no=wrong))
    send("2", line("A1", version=2))
    assert InsuredPerson.objects.count() == 1
    assert bytes(Registration.objects.get().number_index) == blind_index("number", number(1))


def test_two_known_people_are_never_made_one() -> None:
    send("1", line("A1"), line("A2", document_no=number(2), name="李强"))
    batch = send("2", line("A1", version=2, document_no=number(2)))
    assert rejects(batch) == {2: "documents_of_two_people"}
    assert InsuredPerson.objects.count() == 2
    assert bytes(Registration.objects.get(agency_person_no="A1").number_index) == blind_index("number", number(1))


def test_a_person_number_given_to_somebody_else_is_asked_about() -> None:
    send("1", line("A1"))
    batch = send("2", line("A1", version=2, name="李强", document_no=number(2, born="19900101")))
    assert rejects(batch) == {2: "person_changed"}
    assert standing()["A1"][0] == "王芳"


def test_several_documents_in_one_file_make_one_person() -> None:
    send(
        "1",
        line("A1", document_type="208", document_no="E12345678", birth_on="1980-05-12"),
        line("A1", insurance_type="supplementary_pension"),
        line("A2", name="李强", document_no=number(2)),
    )
    assert InsuredPerson.objects.count() == 2
    assert Registration.objects.filter(agency_person_no="A1").values("person").distinct().count() == 1


def test_two_people_under_one_number_of_one_file_are_told_apart() -> None:
    batch = send("1", line("A1"), line("A1", insurance_type="supplementary_pension", name="李强",
                                       document_no=number(2, born="19900101")))  # fmt: skip
    assert rejects(batch) == {3: "person_changed"}
    assert InsuredPerson.objects.count() == 1


def test_a_changed_name_is_changed_with_the_person() -> None:
    send("1", line("A1", name="王芳"))
    send("2", line("A1", version=2, name="王芬"))
    assert InsuredPerson.objects.get().name == "王芬"


def test_a_name_confirmed_by_the_tax_office_outlives_the_old_name_in_feeds() -> None:
    send("1", line("A1", name="杨小柳"))
    staff = User.objects.create_user("zhaomin", is_staff=True)
    row = Registration.objects.get()
    NameChange.objects.create(registration=row, old_name="杨小柳", new_name="杨柳", reason="12366", confirmed_by=staff)
    Registration.objects.filter(pk=row.pk).update(name="杨柳", name_folded="杨柳")
    assert counts(send("2", line("A1", name="杨小柳"), layout=Layout.CSV)) == (1, 0, 1, 0, 0)
    send("3", line("A1", name="杨小柳", version=2, region=RONGCHENG))
    assert standing() == {"A1": ("杨柳", RONGCHENG, 2)}
    send("4", line("A1", name="杨大柳", version=3))
    assert standing()["A1"][0] == "杨大柳"


# --- freshness, sweeps, crashes --------------------------------------------------------------------------------------


def test_freshness_is_kept_for_each_place_that_the_header_covers() -> None:
    with clock.at(yesterday()):
        send("1", line("A1"), scope="full")
    send("2", line("A1"), regions=(RONGCHENG,))
    kept = {row.region_id: row for row in FeedFreshness.objects.filter(agency=HR)}
    assert set(kept) == {"371000", HUANCUI, "371003", RONGCHENG, "371083"}
    assert kept[RONGCHENG].last_received_at - kept[HUANCUI].last_received_at > timedelta(hours=23)
    assert kept[RONGCHENG].last_full_at == kept[HUANCUI].last_full_at


def test_the_sweep_takes_up_what_no_task_has_applied() -> None:
    batch = receive(file("1", line("A1")))
    assert apply_waiting() == []
    with clock.at(clock.now() + feeds.LEASE + timedelta(seconds=1)):
        assert apply_waiting() == [batch.pk]
        assert apply_waiting() == []
    assert set(standing()) == {"A1"}


def test_a_batch_that_cannot_be_read_does_not_stop_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    """W7: here its file has been lost; it stays received and is tried again, and the next batch is applied."""
    lost, sound = receive(file("1", line("A1"))), receive(file("2", line("A2")))
    feeds.file_of(lost).unlink()
    with clock.at(clock.now() + feeds.LEASE + timedelta(seconds=1)):
        assert apply_waiting() == [lost.pk, sound.pk]
    lost.refresh_from_db()
    assert lost.status == "received"
    assert set(standing()) == {"A2"}
    assert f"feed batch {lost.pk} could not be applied" in caplog.text


def test_the_tasks_apply_and_leave_a_heartbeat() -> None:
    batch = receive(file("1", line("A1")))
    tasks.apply_feed(batch.pk)
    tasks.apply_waiting_feeds()
    batch.refresh_from_db()
    assert batch.status == "applied"
    assert Heartbeat.objects.filter(name="registration.tasks.apply_waiting_feeds").exists()


def test_applying_again_does_nothing() -> None:
    batch = send("1", line("A1"))
    before = rows()
    assert apply_feed(batch.pk).applied_at == batch.applied_at
    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_cut_off_leaves_nothing_and_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = receive(file("1", line("A1")))

    def cut(*_args: Any, **_facts: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(feeds, "advance", _then(feeds.advance, "apply", cut))
        with pytest.raises(ConnectionResetError):
            apply_feed(batch.pk)
    assert not Registration.objects.exists()
    batch.refresh_from_db()
    assert batch.status == "received"
    assert apply_feed(batch.pk).status == "applied"


def _then(real: Any, event: str, cut: Any) -> Any:
    return lambda model, ids, asked, **facts: cut() if asked == event else real(model, ids, asked, **facts)


# --- large files take another way to the same end --------------------------------------------------------------------


def test_helper_processes_come_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "CREW_FROM_BYTES", 0)
    people = [line(f"A{at}", document_no=number(at), group="cat" if at == 7 else "adult") for at in range(50)]
    assert counts(send("1", *people, scope="full")) == (50, 49, 0, 1, 0)
    people[3] |= {"version": 2, "name": "李强"}
    del people[20]
    batch = send("2", *people, scope="full")
    assert counts(batch) == (49, 1, 47, 1, 1)
    assert rejects(batch) == {9: "group_unknown"}
    assert standing()["A3"] == ("李强", HUANCUI, 2)
    assert "A20" not in standing()


def test_helpers_take_over_once_much_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "CREW_FROM_BYTES", 0)
    monkeypatch.setattr(feed_staging, "CREW_FROM_FRESH", 5)
    monkeypatch.setattr(feeds, "survey", partial(survey, chunk_bytes=1000))
    people = [line(f"A{at}", document_no=number(at)) for at in range(60)]
    send("1", *people[:40], scope="full")
    people[3] |= {"version": 2, "name": "李强"}
    people[35] |= {"version": 2, "name": "李强"}
    del people[20]
    assert counts(send("2", *people, scope="full")) == (59, 22, 37, 0, 1)
    assert standing()["A35"] == ("李强", HUANCUI, 2)
    assert len(standing()) == 59


def test_digests_taken_in_shares_come_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [line(f"A{at}", document_no=number(at)) for at in range(60)]
    send("1", *people, scope="full")
    monkeypatch.setattr(feed_staging, "DIGESTS_AT_ONCE", 7)
    people[3] |= {"version": 2, "name": "李强"}
    del people[20]
    before = rows()
    assert counts(send("2", *people, scope="full")) == (59, 1, 58, 0, 1)
    assert {person_no for person_no, _ in set(rows()) - set(before)} == {"A3", "A20"}


def test_a_new_index_key_costs_one_reading_and_changes_nothing(settings: LazySettings) -> None:
    people = [line(f"A{at}", document_no=number(at)) for at in range(5)]
    send("1", *people)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registration_registration SET line_digest = '\\x00'")
    assert counts(send("2", *people)) == (5, 0, 5, 0, 0)
    assert sealed.sealer().keyring.index_key_id == settings.INDEX_KEY_ID
    assert not Registration.objects.filter(line_digest=b"\x00").exists()


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_counts_and_rejects(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(file("1", line("A1"), line("A2", group="cat")))
    said = io.StringIO()
    call_command("import_feed", str(path), agency=HR, stdout=said)
    assert "applied_with_rejects: lines 2, changed 1, unchanged 0, rejected 1, ended 0" in said.getvalue()
    assert "line 3: group_unknown: 参保身份代码不认识。（cat）" in said.getvalue()
    assert number(1) not in said.getvalue()


def test_the_command_fails_for_a_refused_file(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(file("1", line("A1"))[:-5])
    with pytest.raises(CommandError, match="trailer_missing"):
        call_command("import_feed", str(path), agency=HR)
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_feed", str(tmp_path / "none"), agency=HR)
    with pytest.raises(CommandError, match="agency_unknown"):
        call_command("import_feed", str(path), agency="nobody")


# --- what foreign keys would keep ------------------------------------------------------------------------------------


NAMED = ["region", "insurancetype", "populationgroup", "agency", "feedbatch", "insuredperson"]


@pytest.mark.parametrize("table", NAMED)
def test_what_a_registration_names_cannot_be_deleted(table: str) -> None:
    send("1", line("A1"))
    with pytest.raises(IntegrityError, match="is named by"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM registration_{table}")
