"""S08: the grid of channels and days, one day to the fen, statements handed in, and who signs."""

import io
import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from core.models import AuditEntry, User
from payments.models import Discrepancy, PaymentOrder
from reconciliation.channel_days import Side, day_figures
from reconciliation.models import SignOff, Statement
from reconciliation.sign_offs import confirm_sign_off
from reconciliation.working import reconcile_statement
from tests import world
from tests.portal.desk import log_in, staff
from tests.reconciliation.conftest import family
from tests.reconciliation.stating import Said, agree, days_later, deliver, line_of, noon, receive, stated, today
from tests.world import MEDICAL, PENSION, Family, hand_over, line_for, open_order, say_paid

__all__ = ["family"]
pytestmark = pytest.mark.django_db

MERCHANT = "1900000001"


@pytest.fixture
def zhao(family: Family) -> User:
    return staff(world.ZHAO_MIN)


@pytest.fixture
def paid(family: Family) -> PaymentOrder:
    return say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION))))


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def strange() -> Said:
    return Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(today()))


def test_a_day_that_agrees_says_so_in_a_word_and_to_the_fen(zhao: User, paid: PaymentOrder) -> None:
    statement = deliver([line_of(paid)], MERCHANT)
    with days_later(1):
        page = text_of(log_in(zhao), "/console/reconciliation/")
        assert '<span class="tag done">一致</span>' in page
        assert "1,000.00" in page
        assert f"/console/reconciliation/{statement.pk}/" in page
        assert "<svg" in page
        assert "<script>" not in page
        assert " style=" not in page


def test_both_sides_of_a_day_add_up_to_the_fen(zhao: User, family: Family, paid: PaymentOrder) -> None:
    """Four buckets: one agrees, one is only ours, one only theirs, one of another amount."""
    mine = say_paid(hand_over(open_order(family.payer, line_for(family.father, PENSION))))
    differs = say_paid(hand_over(open_order(family.payer, line_for(family.son, MEDICAL, 24_000))))
    lines = [line_of(paid), line_of(differs, amount=24_001), strange()]
    statement = deliver(lines, MERCHANT)
    said = day_figures(statement)
    buckets = {bucket.code: (bucket.ours, bucket.theirs) for bucket in said.buckets}
    assert buckets["agree"] == (Side(1, 100_000), Side(1, 100_000))
    assert buckets["mine"] == (Side(1, mine.amount_fen), Side())
    assert buckets["theirs"] == (Side(), Side(1, 38_000))
    assert buckets["amount"] == (Side(1, 24_000), Side(1, 24_001))
    assert said.booked_later == Side(1, 38_000)  # the unknown money became a receipt, held in full
    assert sum((bucket.theirs for bucket in said.buckets), Side()) == said.theirs == Side(3, 162_001)
    assert said.found + said.booked_later == said.ours
    page = text_of(log_in(zhao), f"/console/reconciliation/{statement.pk}/")
    for anchor in ("mine", "theirs", "amount"):
        assert f'id="{anchor}"' in page
    assert "还不能签收：3件没有着落" in page
    assert "\u2212" in page


def test_what_is_missing_or_cannot_be_read_is_named_with_its_reason_and_line(zhao: User, paid: PaymentOrder) -> None:
    """B5, B6."""
    broken = stated([line_of(paid)], MERCHANT, today()).replace(b"1000.00", b"1000.0x", 1)
    unreadable = receive([], MERCHANT, content=broken)
    reconcile_statement(statement_id=unreadable.pk)
    with days_later(1):
        page = text_of(log_in(zhao), "/console/reconciliation/")
        assert "读不了" in page
        assert re.search(r"第\d行：", page)
        assert "第3行" in text_of(log_in(zhao), f"/console/reconciliation/{unreadable.pk}/")


def test_a_statement_that_does_not_come_is_a_missing_file(zhao: User) -> None:
    from reconciliation.agreements import expect_statements

    with days_later(2):
        expect_statements()
        page = text_of(log_in(zhao), "/console/reconciliation/")
    assert "缺文件" in page
    assert "渠道还没有交" in page


def test_staff_hand_a_statement_in_and_run_the_day_again(zhao: User, paid: PaymentOrder) -> None:
    day = today()
    said = {"merchant": f"wechat_pay:{MERCHANT}", "day": day.isoformat()}
    content = stated([line_of(paid)], MERCHANT, day)
    early = log_in(zhao).post("/console/reconciliation/upload/", said | {"file": named(content)}, follow=True)
    assert re.search("这一天还没有过完，.*0:00以后再交", early.content.decode())
    with days_later(1):
        client = log_in(zhao)
        answer = client.post("/console/reconciliation/upload/", said | {"file": named(content)})
        statement = Statement.objects.get()
        assert answer["Location"] == f"/console/reconciliation/{statement.pk}/"
        assert statement.status == "received"
        client.post(f"/console/reconciliation/{statement.pk}/again/")
        statement.refresh_from_db()
        assert statement.status == "closed"
        assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"receive_statement", "run_statement"}
        answer = client.post(f"/console/reconciliation/{statement.pk}/again/", follow=True)
        assert "已经关账" in answer.content.decode()


def test_a_file_that_our_fault_refused_is_read_again(zhao: User, paid: PaymentOrder) -> None:
    """B6: the agreement named another format."""
    agree(format="wechat_pay")
    refused = reconcile_statement(statement_id=receive([line_of(paid)], MERCHANT).pk)
    agree()
    client, address = log_in(zhao), f"/console/reconciliation/{refused.pk}/"
    assert "再读一次" in text_of(client, address)
    answer = client.post(f"{address}again/", follow=True)
    read = Statement.objects.get(version=2)
    assert answer.redirect_chain == [(f"/console/reconciliation/{read.pk}/", 302)]
    assert (read.status, "已再读一次" in answer.content.decode()) == ("closed", True)
    assert AuditEntry.objects.get(action="run_statement").subject_id == str(read.pk)
    assert "已被更正件代替" in client.post(f"{address}again/", follow=True).content.decode()


def named(content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = "day.txt"
    return file


@pytest.mark.parametrize("said", [{}, {"merchant": "wechat_pay:1"}, {"merchant": f"wechat_pay:{MERCHANT}", "day": "x"}])
def test_a_statement_of_nobody_known_is_not_taken(zhao: User, said: dict[str, str]) -> None:
    assert log_in(zhao).post("/console/reconciliation/upload/", said).status_code == 302
    assert not Statement.objects.exists()


def test_a_day_that_agrees_is_signed_by_one(zhao: User, paid: PaymentOrder) -> None:
    statement = deliver([line_of(paid)], MERCHANT)
    client = log_in(zhao)
    client.post(f"/console/reconciliation/{statement.pk}/sign/", {"note": ""})
    signed = SignOff.objects.get()
    assert (signed.outcome, signed.asked_by, signed.decided_by) == ("done", zhao, None)
    assert signed.figures["ours"] == {"count": 1, "fen": 100_000}
    assert "已签收" in text_of(client, f"/console/reconciliation/{statement.pk}/")


def test_a_day_with_differences_is_signed_by_two_once_all_is_done(zhao: User, paid: PaymentOrder) -> None:
    from reconciliation.discrepancies import resolve_discrepancy, take_discrepancy

    statement = deliver([line_of(paid), line_of(paid)], MERCHANT)  # listed twice: a case
    client, address = log_in(zhao), f"/console/reconciliation/{statement.pk}/sign/"
    client.post(address)
    assert not SignOff.objects.exists()
    case = Discrepancy.objects.get()
    take_discrepancy(discrepancy_id=case.pk, staff=zhao)
    resolve_discrepancy(discrepancy_id=case.pk, reason="银行来电说是重复列", staff=zhao)
    client.post(address)
    assert SignOff.objects.get().outcome == ""
    answer = client.post(address, follow=True)
    assert "请另一人来看" in answer.content.decode()
    assert SignOff.objects.get().outcome == ""
    qian = staff(world.QIAN_JIN)
    log_in(qian).post(address)
    assert (SignOff.objects.get().outcome, SignOff.objects.get().decided_by) == ("done", qian)


def test_the_database_refuses_one_person_as_both(zhao: User, paid: PaymentOrder) -> None:
    """I17."""
    statement = deliver([line_of(paid)], MERCHANT)
    with pytest.raises(IntegrityError), transaction.atomic():
        SignOff.objects.create(statement=statement, asked_by=zhao, decided_by=zhao, outcome="done")


def test_a_signature_under_other_figures_is_not_confirmed(zhao: User, paid: PaymentOrder) -> None:
    from core.refusals import Refused

    statement = deliver([line_of(paid)], MERCHANT)
    made = SignOff.objects.create(statement=statement, asked_by=zhao, figures={"ours": {"count": 0, "fen": 0}})
    with pytest.raises(Refused, match="changed"):
        confirm_sign_off(sign_off_id=made.pk, staff=staff(world.QIAN_JIN))


def test_a_corrected_file_leaves_the_old_one_to_be_looked_at_only(zhao: User, paid: PaymentOrder) -> None:
    """B7."""
    first = deliver([line_of(paid)], MERCHANT)
    deliver([line_of(paid), strange()], MERCHANT)
    client = log_in(zhao)
    assert "已被更正件代替" in text_of(client, f"/console/reconciliation/{first.pk}/")
    client.post(f"/console/reconciliation/{first.pk}/sign/")
    assert not SignOff.objects.exists()


def test_another_region_sees_no_statement_of_this_one(zhao: User, paid: PaymentOrder) -> None:
    """X6."""
    statement = deliver([line_of(paid)], MERCHANT)
    foreign = log_in(staff("远方", region="2107"))
    assert foreign.get(f"/console/reconciliation/{statement.pk}/").status_code == 404
    assert foreign.post(f"/console/reconciliation/{statement.pk}/sign/").status_code == 404
    with days_later(1):
        foreign = log_in(staff("远方", region="2107"))
        assert "1,000.00" not in text_of(foreign, "/console/reconciliation/")
        said = {"merchant": f"wechat_pay:{MERCHANT}", "day": (today() - timedelta(days=1)).isoformat()}
        assert foreign.post("/console/reconciliation/upload/", said).status_code == 302
    assert Statement.objects.count() == 1
