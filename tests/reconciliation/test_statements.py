"""Statements: awaited, kept as received, read whole or not at all, corrected by a new version."""

import io
from datetime import date, time, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from core import clock
from core.models import Transition
from core.refusals import Refused
from core.working_days import seed_years
from payments.models import Discrepancy, PaymentOrder, Receipt
from reconciliation.agreements import expect_statements
from reconciliation.models import Finding, Statement, StatementEntry
from reconciliation.statements import file_of, read_again, receive_statement
from reconciliation.working import reconcile_statement, work_through_statements
from tests.reconciliation.stating import (
    CHANNEL,
    Said,
    agree,
    days_later,
    deliver,
    found,
    line_of,
    noon,
    receive,
    stated,
    today,
)
from tests.world import PENSION, Family, hand_over, line_for, open_order, say_paid

MERCHANT = "1900000001"


@pytest.fixture
def paid(family: Family) -> PaymentOrder:
    return say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION))))


def on(day: date, **at: int) -> object:
    return clock.at(noon(day).replace(**at))


# --- awaited -----------------------------------------------------------------------------------------------------


def test_every_day_that_has_ended_is_awaited_once(family: Family) -> None:
    """I15: also those that a standstill has left out."""
    agree(since=today() - timedelta(days=3))
    expect_statements()
    expect_statements()
    days = Statement.objects.filter(agreement=CHANNEL).order_by("channel_day").values_list("channel_day", flat=True)
    assert list(days) == [today() - timedelta(days=number) for number in (3, 2, 1)]
    assert Transition.objects.filter(kind="STATEMENT").count() == Statement.objects.count()


def test_gateways_that_we_are_connected_with_are_awaited_without_anybodys_doing(family: Family) -> None:
    expect_statements()
    with days_later(1):
        expect_statements()
        awaited = Statement.objects.get(agreement="alipay", channel_day=today() - timedelta(days=1))
    assert (awaited.status, awaited.merchant_id) == ("awaited", "2088000000000001")
    assert awaited.due_at.astimezone(clock.SHANGHAI).hour == 9


def test_a_statement_that_does_not_come_is_a_case_and_later_days_still_run(family: Family, paid: PaymentOrder) -> None:
    """B5: the day stays open until its file comes; then the case is over."""
    agree(since=today())
    day = today()
    with days_later(1, hour=13):
        expect_statements()
    case = Discrepancy.objects.get(key__contains=CHANNEL)
    assert (case.kind, case.status) == ("statement", "open")
    with days_later(2, hour=11):
        assert deliver([], MERCHANT, day + timedelta(days=1)).status == "closed"
        expect_statements()
    assert Discrepancy.objects.filter(key__contains=CHANNEL).count() == 1
    with days_later(3, hour=11):
        assert deliver([line_of(paid)], MERCHANT, day).status == "closed"
    case.refresh_from_db()
    assert case.status == "settled"


def test_within_its_hours_of_grace_a_late_statement_is_no_case(family: Family) -> None:
    agree(since=today(), grace_hours=2)
    with days_later(1, hour=11):
        expect_statements()
    assert not Discrepancy.objects.exists()


def test_a_bank_that_sends_on_working_days_is_waited_for_over_a_holiday(family: Family) -> None:
    """B5, fault C5: National Day 2026 lasts from 1 to 7 October, and 10 October is worked."""
    seed_years(2026)
    bank = agree("nsh-wendeng", due_on_working_days=True)
    assert bank.due_at(date(2026, 9, 30)).astimezone(clock.SHANGHAI).date() == date(2026, 10, 8)
    assert bank.due_at(date(2026, 10, 9)).astimezone(clock.SHANGHAI).date() == date(2026, 10, 10)


def test_in_a_year_without_a_list_weekends_count_as_free(family: Family) -> None:
    """Fault C4."""
    bank = agree("nsh-wendeng", due_on_working_days=True)
    assert bank.due_at(date(2031, 3, 7)).astimezone(clock.SHANGHAI).date() == date(2031, 3, 10)


def test_a_number_that_is_given_up_is_stated_until_a_day_brings_nothing(family: Family, paid: PaymentOrder) -> None:
    """I15: what came by it on its last day is held against a statement too."""
    agree(since=today() - timedelta(days=1))
    expect_statements()
    day = today()
    paid.payee.merchants[CHANNEL] = "1900000777"
    paid.payee.save()
    for later in (1, 2, 3, 4):
        with days_later(later):
            expect_statements()
    rows = Statement.objects.filter(agreement=CHANNEL, merchant_id=MERCHANT).order_by("channel_day")
    assert [row.channel_day for row in rows] == [day + timedelta(days=number) for number in (-1, 0, 1)]


# --- received ----------------------------------------------------------------------------------------------------


def test_a_file_is_kept_as_received(family: Family) -> None:
    content = stated([], MERCHANT, today())
    statement = receive([], MERCHANT)
    assert (statement.status, statement.size_bytes) == ("received", len(content))
    assert file_of(statement).read_bytes() == content


def test_the_same_file_again_changes_nothing(paid: PaymentOrder, settings) -> None:
    """B7."""
    first = deliver([line_of(paid)], MERCHANT)
    again = deliver([line_of(paid)], MERCHANT)
    assert again.pk == first.pk
    assert Statement.objects.count() == 1
    assert len(list((Path(settings.FILES_DIR) / "statements").iterdir())) == 1


def test_a_channel_without_an_agreement_is_refused(family: Family) -> None:
    with pytest.raises(Refused) as refusal:
        receive([], MERCHANT, channel="nobody")
    assert refusal.value.code == "channel_unknown"


@pytest.mark.parametrize(("channel", "ends"), [(CHANNEL, (24, 0)), ("unionpay", (23, 0)), ("nsh-wendeng", (17, 30))])
def test_a_statement_of_a_day_that_is_not_over_is_refused(family: Family, channel: str, ends: tuple[int, int]) -> None:
    """Fault C3, HOUSE 2.13: the channel's own day counts, and whoever comes too early is told when to come back."""
    agree(channel, cut_off=time(17, 30) if channel == "nsh-wendeng" else None)
    day = today()
    ends_at = noon(day).replace(hour=0) + timedelta(hours=ends[0], minutes=ends[1])
    with clock.at(ends_at - timedelta(seconds=1)), pytest.raises(Refused) as refusal:
        hand_in([], day, channel)
    assert (refusal.value.code, refusal.value.facts["at"]) == ("day_not_over", ends_at)
    with clock.at(ends_at):
        assert hand_in([], day, channel).status == "received"


def hand_in(lines: list[Said], day: date, channel: str = CHANNEL, **about: bool) -> Statement:
    return receive_statement(
        channel=channel, merchant=MERCHANT, channel_day=day, content=io.BytesIO(stated(lines, MERCHANT, day, channel)),
        actor="system:test", **about,
    )  # fmt: skip


# --- read --------------------------------------------------------------------------------------------------------


def test_lines_are_kept_as_stated_and_never_changed(paid: PaymentOrder) -> None:
    deliver([line_of(paid, order_no="A\\B")], MERCHANT)
    entry = StatementEntry.objects.get()
    assert (entry.order_no, entry.amount_fen, entry.kind) == ("A\\B", paid.amount_fen, "payment")
    for change in ("UPDATE {} SET amount_fen = 1", "DELETE FROM {}"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change.format("reconciliation_statemententry"))


def broken(lines: list[Said], how: str) -> bytes:
    content = stated(lines, MERCHANT, today())
    return {
        "cut off": content[:-20],
        "totals": content.replace(b"end|2|", b"end|3|"),
        "encoding": content.replace(b"T-strange", "王芳".encode("gb18030")),
        "merchant": content.replace(MERCHANT.encode(), b"1900000002", 1),
        "day": content.replace(today().isoformat().encode(), b"2020-01-01", 1),
    }[how]


@pytest.mark.parametrize("how", ["cut off", "totals", "encoding", "merchant", "day"])
def test_a_broken_file_is_refused_whole_with_the_line(paid: PaymentOrder, how: str) -> None:
    """B6: nothing of it is half applied, the day stays open, and staff have a case."""
    lines = [line_of(paid), Said("NO-SUCH-ORDER", "T-strange", 100, clock.now())]
    statement = receive([], MERCHANT, content=broken(lines, how))
    statement = reconcile_statement(statement_id=statement.pk)
    assert statement.status == "unreadable"
    assert statement.refusal_code
    assert statement.refusal_line or how == "cut off"
    assert not StatementEntry.objects.exists()
    assert Receipt.objects.count() == 1
    assert Discrepancy.objects.get().facts["reason"] == "unreadable"


def test_a_mended_file_takes_the_place_of_a_broken_one(paid: PaymentOrder) -> None:
    statement = receive([], MERCHANT, content=b"nonsense\n")
    reconcile_statement(statement_id=statement.pk)
    mended = deliver([line_of(paid)], MERCHANT)
    assert (mended.version, mended.status, found(mended)) == (2, "closed", [])
    statement.refresh_from_db()
    assert (statement.status, statement.superseded_by) == ("unreadable", mended)
    assert Discrepancy.objects.get().status == "settled"


def test_behind_a_spoilt_file_another_is_awaited(family: Family) -> None:
    """B5, B6: the day is fetched on; of a channel that keeps sending what cannot be read, less and less often."""
    agree(since=today(), is_fetched=True)
    day = today()
    with days_later(1, hour=13):
        for number in (1, 2):
            broken = receive([], MERCHANT, day, content=b"nonsense %d\n" % number)
            assert reconcile_statement(statement_id=broken.pk).status == "unreadable"
            row = Statement.objects.get(status="awaited")
            assert (row.version, row.next_try_at) == (number + 1, clock.now() + timedelta(hours=number - 1))
        expect_statements()
    assert Statement.objects.filter(agreement=CHANNEL).count() == 3
    assert Discrepancy.objects.filter(key__contains=CHANNEL).count() == 1


def test_a_file_that_waits_behind_a_spoilt_one_is_the_one_that_is_read(paid: PaymentOrder) -> None:
    receive([], MERCHANT, content=b"nonsense\n")
    assert deliver([line_of(paid)], MERCHANT).version == 2
    assert not Statement.objects.filter(status="awaited").exists()


def test_a_correction_that_is_spoilt_after_the_case_was_over_is_a_new_case(paid: PaymentOrder) -> None:
    """B6, I9: a case that has ended speaks for nothing that comes later."""
    receive([], MERCHANT, content=b"nonsense\n")
    deliver([line_of(paid)], MERCHANT)
    broken = receive([], MERCHANT, content=b"nonsense again\n")
    reconcile_statement(statement_id=broken.pk)
    assert sorted(Discrepancy.objects.values_list("status", flat=True)) == ["open", "settled"]
    assert not Statement.objects.filter(status="awaited").exists()
    deliver([], MERCHANT)
    cases = Discrepancy.objects.filter(kind="statement", facts__reason="unreadable")
    assert list(cases.values_list("status", flat=True)) == ["settled", "settled"]


# --- read again --------------------------------------------------------------------------------------------------


@pytest.fixture
def misread(paid: PaymentOrder) -> Statement:
    """A good file that was refused by a fault of ours: the agreement named another format. It is mended since."""
    agree(format="wechat_pay")
    statement = receive([line_of(paid)], MERCHANT)
    assert reconcile_statement(statement_id=statement.pk).status == "unreadable"
    agree()
    return statement


def test_a_file_that_our_fault_refused_is_read_again(misread: Statement) -> None:
    again = read_again(statement_id=misread.pk, actor="system:test")
    assert (again.version, again.sha256, file_of(again)) == (2, misread.sha256, file_of(misread))
    assert reconcile_statement(statement_id=again.pk).status == "closed"
    misread.refresh_from_db()
    assert (misread.status, misread.superseded_by) == ("unreadable", again)
    assert Discrepancy.objects.get().status == "settled"


def test_a_refused_file_that_is_handed_in_again_is_read_again(misread: Statement, paid: PaymentOrder) -> None:
    assert receive([line_of(paid)], MERCHANT).pk == misread.pk  # fetched once more, it is the same
    again = receive([line_of(paid)], MERCHANT, again=True)
    assert (again.version, again.status) == (2, "received")
    assert receive([line_of(paid)], MERCHANT, again=True).pk == again.pk
    assert reconcile_statement(statement_id=again.pk).status == "closed"
    assert receive([line_of(paid)], MERCHANT, again=True).pk == again.pk  # B7
    assert Statement.objects.count() == 2


def test_import_statement_reads_a_refused_file_again(misread: Statement, tmp_path: Path) -> None:
    path, out = tmp_path / "day.txt", StringIO()
    path.write_bytes(file_of(misread).read_bytes())
    with days_later(1):
        call_command("import_statement", str(path), channel=CHANNEL, day=misread.channel_day, stdout=out)
    assert "closed, 1 lines" in out.getvalue()


def test_only_the_last_file_of_a_day_is_read_again_and_only_if_it_was_refused(misread: Statement) -> None:
    """B7: an older one never takes the place of a newer one, be that as unreadable as it may."""
    later = deliver([], MERCHANT)
    newest = receive([], MERCHANT, content=b"nonsense\n")
    reconcile_statement(statement_id=newest.pk)
    for statement, reason in ((misread, "superseded"), (later, "not_refused")):
        with pytest.raises(Refused, match=reason):
            read_again(statement_id=statement.pk, actor="system:test")
    assert read_again(statement_id=newest.pk, actor="system:test").version == 4


def test_a_day_on_which_nothing_moved_is_closed_on_their_word(family: Family) -> None:
    word = b'{"code":"NO_STATEMENT_EXIST"}'
    with days_later(1):
        statement = receive_statement(
            channel=CHANNEL, merchant=MERCHANT, channel_day=today() - timedelta(days=1), content=io.BytesIO(word),
            is_empty=True, actor="system:test",
        )  # fmt: skip
    assert reconcile_statement(statement_id=statement.pk).status == "closed"
    assert file_of(statement).read_bytes() == word


# --- corrected ---------------------------------------------------------------------------------------------------


def test_a_corrected_version_shows_what_it_says_differently(family: Family, paid: PaymentOrder) -> None:
    """B7: a line that came, one that went and one that changed: cases, never a silent overwrite."""
    gone = Said("GONE", "T-gone", 100, clock.now())
    changed = Said("CHANGED", "T-changed", 200, clock.now())
    first = deliver([line_of(paid), gone, changed], MERCHANT)
    come = Said("COME", "T-come", 400, clock.now())
    second = deliver([line_of(paid), changed.but(amount=201), come], MERCHANT)
    first.refresh_from_db()
    assert (first.superseded_by, second.version) == (second, 2)
    told = Finding.objects.filter(statement=second, kind="corrected")
    amounts = {(row.facts["was_fen"], row.facts["now_fen"]) for row in told}
    assert amounts == {(200, 201), (None, 400), (100, None)}
    assert {row.resolution for row in told} == {"case"}
    assert Receipt.objects.filter(order=None).count() == 3  # nothing that was taken up is undone
    others = [kind for kind, _ in found(second) if kind != "corrected"]
    assert sorted(others) == ["amount", "missing", "unknown"]


def test_a_corrected_version_that_brings_the_missing_line_ends_the_case(paid: PaymentOrder) -> None:
    """B7, B9."""
    first = deliver([], MERCHANT)
    with days_later(1):
        deliver([], MERCHANT)
        reconcile_statement(statement_id=first.pk)
    case = Discrepancy.objects.get(kind="missing")
    deliver([line_of(paid)], MERCHANT)
    case.refresh_from_db()
    assert case.status == "settled"


def test_an_unreadable_correction_leaves_the_version_before_in_force(paid: PaymentOrder) -> None:
    first = deliver([line_of(paid)], MERCHANT)
    second = receive([], MERCHANT, content=b"nonsense\n")
    reconcile_statement(statement_id=second.pk)
    first.refresh_from_db()
    assert (first.status, first.superseded_by) == ("closed", None)


# --- the sweep and the commands ----------------------------------------------------------------------------------


def test_the_sweep_takes_up_a_file_whose_nudge_was_lost(paid: PaymentOrder) -> None:
    """W1."""
    statement = receive([line_of(paid)], MERCHANT)
    assert work_through_statements() == []
    assert statement.next_try_at is not None
    with clock.at(statement.next_try_at + timedelta(minutes=1)):
        assert work_through_statements() == [statement.pk]
    statement.refresh_from_db()
    assert statement.status == "closed"


def test_import_statement_prints_the_verdicts(paid: PaymentOrder, tmp_path: Path) -> None:
    path = tmp_path / "day.txt"
    path.write_bytes(stated([line_of(paid, amount=paid.amount_fen + 1)], MERCHANT, today()))
    out, day = StringIO(), today()
    with days_later(1):
        call_command("import_statement", str(path), channel=CHANNEL, day=day, stdout=out)
    assert "closed, 1 lines" in out.getvalue()
    assert "amount 1 (0.01, case)" in out.getvalue()


def test_import_statement_says_in_which_line_a_file_is_wrong(family: Family, tmp_path: Path) -> None:
    """B6."""
    path = tmp_path / "day.txt"
    path.write_bytes(stated([], MERCHANT, today()).replace(b"kind|", b"art|"))
    day = today()
    with days_later(1), pytest.raises(CommandError, match="header_unknown in line 2"):
        call_command("import_statement", str(path), channel=CHANNEL, day=day)


def test_reconcile_names_what_is_missing(family: Family) -> None:
    agree(since=today() - timedelta(days=1), is_fetched=False)
    out = StringIO()
    call_command("reconcile", day=today() - timedelta(days=1), stdout=out)
    assert "awaited, due" in out.getvalue()
