"""S06: refunds as staff see and decide them; nobody decides alone (PA-6, I17)."""

import json

import pytest
from django.test import Client

from core import clock
from core.models import AuditEntry, User
from payments.models import Declaration, PaymentOrder, Refund
from payments.refund_checks import _begin_sending
from payments.refund_settling import fail_refund
from payments.refunds import approve_refund, request_refund
from portal.console.scope import refunds_for
from tests import world
from tests.portal.test_console import log_in, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def family(db: None) -> world.Family:
    return world.make_family()


@pytest.fixture
def order(family: world.Family) -> PaymentOrder:
    lines = [world.line_for(family.herself), world.line_for(family.father, tier_fen=50_000)]
    return world.say_paid(world.hand_over(world.open_order(family.payer, *lines)))


@pytest.fixture
def row(order: PaymentOrder) -> Declaration:
    return Declaration.objects.get(order=order, amount_fen=50_000)


@pytest.fixture
def refund(family: world.Family, row: Declaration) -> Refund:
    """王芳 asks for her father's money."""
    return request_refund(
        declaration_no=row.declaration_no, reason=Refund.Reason.WRONG_PLACE, note="选错了", actor=family.payer.actor,
        requested_by=family.payer,
    )  # fmt: skip


@pytest.fixture
def zhao() -> User:
    return staff(world.ZHAO_MIN)


@pytest.fixture
def qian() -> User:
    return staff(world.QIAN_JIN, group="复核员")


def url(refund: Refund, act: str = "") -> str:
    return f"/console/refunds/{refund.refund_no}/" + (f"{act}/" if act else "")


def state(refund: Refund) -> str:
    return Refund.objects.get(pk=refund.pk).status


def said(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert " style=" not in page
    assert "<script>" not in page
    assert "onclick" not in page
    return page


def test_what_a_payer_asks_back_is_looked_at_by_two_people(zhao: User, qian: User, refund: Refund) -> None:
    """S06, I17, PA-6: 初审, then 复审 by somebody else."""
    first, second = log_in(zhao), log_in(qian)
    assert "等初审" in said(first, url(refund))
    second.post(url(refund, "approve"), {"seen": "on"})
    assert state(refund) == "requested"  # nobody has looked first
    first.post(url(refund, "review"), {"note": "短"})
    assert not AuditEntry.objects.filter(action="review_refund").exists()
    first.post(url(refund, "review"), {"note": "环翠区登记已核实"})
    assert "等第二人" in said(first, url(refund))
    first.post(url(refund, "approve"), {"seen": "on"})
    assert state(refund) == "requested"  # not by the one who looked first
    page = said(second, url(refund))
    assert "环翠区登记已核实" in page
    second.post(url(refund, "approve"))
    assert state(refund) == "requested"  # without having looked
    second.post(url(refund, "approve"), {"seen": "on"})
    assert state(refund) == "approved"
    assert Refund.objects.get().approved_by == qian
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"review_refund", "approve_refund"}


def test_what_a_colleague_asks_back_needs_a_second_person_only(zhao: User, qian: User, row: Declaration) -> None:
    """PA-6: from the person page, with reason and note."""
    client = log_in(zhao)
    page = said(client, f"/console/person/{row.person_id}/")
    ask = f"/console/declarations/{row.declaration_no}/refund/"
    assert ask in page
    assert "提出退费" in said(client, ask)
    client.post(ask, {"reason": "wrong_place", "note": ""})
    assert not Refund.objects.exists()
    client.post(ask, {"reason": "wrong_place", "note": "11月22日来电，登记在环翠区"})
    refund = Refund.objects.get()
    assert refund.requested_by == zhao
    client.post(ask, {"reason": "wrong_place", "note": "11月22日来电，登记在环翠区"})
    assert Refund.objects.count() == 1
    client.post(url(refund, "approve"), {"seen": "on"})
    assert state(refund) == "requested"
    assert "等第二人" in said(client, url(refund))
    log_in(qian).post(url(refund, "approve"), {"seen": "on"})
    assert state(refund) == "approved"
    assert url(refund) in said(client, f"/console/person/{row.person_id}/")


def test_the_evidence_is_there_before_the_button(zhao: User, refund: Refund, order: PaymentOrder) -> None:
    page = said(log_in(zhao), url(refund))
    for told in ("收款1,500.00元，其中500.00元记在这里", "可退余额1,500.00元", "登记在文登区，缴在文登区", "微信支付",
                 "选错了", "王*国", "同一订单的缴费"):  # fmt: skip
        assert told in page, told
    assert page.index("核对") < page.index("初审：可以退")
    assert world.WANG_FATHER.number not in page
    assert world.WANG_FATHER.name not in page


def test_a_refusal_has_a_reason_that_the_payer_reads(zhao: User, refund: Refund) -> None:
    client = log_in(zhao)
    client.post(url(refund, "reject"), {"why": "", "text": ""})
    client.post(url(refund, "reject"), {"why": "invented", "text": ""})
    assert state(refund) == "requested"
    client.post(url(refund, "reject"), {"why": "benefits_used", "text": ""})
    assert state(refund) == "rejected"
    assert "这一期的待遇已经用过。" in said(client, url(refund))
    assert refund.refund_no in said(client, "/console/refunds/?show=done")


def test_a_failed_one_is_sent_again_under_its_number(zhao: User, qian: User, refund: Refund) -> None:
    """G19."""
    approve_refund(refund_no=refund.refund_no, approved_by=qian, actor=qian.actor)
    refund.refresh_from_db()
    assert _begin_sending(refund, actor="system:refund")
    fail_refund(refund_no=refund.refund_no, reason="ABNORMAL", actor="system:wechat_pay", evidence={})
    client = log_in(zhao)
    assert "渠道的原因：ABNORMAL" in said(client, url(refund))
    assert refund.refund_no in said(client, "/console/")
    client.post(url(refund, "retry"))
    assert state(refund) == "approved"
    assert AuditEntry.objects.filter(action="retry_refund").exists()


def test_the_queue_shows_requested_ones_first_and_sums_up(zhao: User, family, order, refund: Refund) -> None:
    other = Declaration.objects.get(order=order, amount_fen=100_000)
    second = request_refund(
        declaration_no=other.declaration_no, reason=Refund.Reason.OWN_REQUEST, note="", actor=family.payer.actor,
        requested_by=family.payer,
    )  # fmt: skip
    client = log_in(zhao)
    page = said(client, "/console/refunds/")
    assert page.index(refund.refund_no) < page.index(second.refund_no)
    assert "1,500.00" in page
    page = said(client, "/console/refunds/?by=amount")
    assert page.index(second.refund_no) < page.index(refund.refund_no)
    approver = staff("另一人")
    approve_refund(refund_no=refund.refund_no, approved_by=approver, actor=approver.actor)
    page = said(client, "/console/refunds/?show=nothing&by=nothing")
    assert page.index(second.refund_no) < page.index(refund.refund_no)
    assert "退费待办" in said(client, "/console/")


def test_another_region_sees_no_refund_of_this_one(refund: Refund, row: Declaration) -> None:
    """X6."""
    far = staff("远方", region="2107")
    client = log_in(far)
    assert not refunds_for(far).exists()
    assert refund.refund_no not in said(client, "/console/refunds/")
    assert client.get(url(refund)).status_code == 404
    for act in ("review", "approve", "reject", "retry"):
        assert client.post(url(refund, act), {"seen": "on", "note": "看过材料", "why": "withdrawn"}).status_code == 404
    assert client.get(f"/console/declarations/{row.declaration_no}/refund/").status_code == 404
    assert state(refund) == "requested"


def test_whoever_may_only_look_decides_nothing(refund: Refund, row: Declaration) -> None:
    client = log_in(staff("看的人", group="查看"))
    assert "只能看" in said(client, url(refund))
    for act in ("review", "approve", "reject", "retry"):
        assert client.post(url(refund, act), {"seen": "on", "note": "看过材料"}).status_code == 403
    assert client.get(f"/console/declarations/{row.declaration_no}/refund/").status_code == 403


def test_pages_and_log_hold_no_full_number(zhao: User, refund: Refund) -> None:
    log_in(zhao).post(url(refund, "review"), {"note": "环翠区登记已核实"})
    entry = AuditEntry.objects.get(action="review_refund")
    assert entry.subject_id == refund.refund_no
    assert world.WANG_FATHER.number not in json.dumps(entry.detail)
    assert entry.at <= clock.now()
