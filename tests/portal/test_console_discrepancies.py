"""S09: discrepancies as a queue: taken, noted, given to somebody, resolved with a reason, let go by two."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from core import clock
from core.models import AuditEntry, Transition, User
from payments import gateways
from payments.discrepancies import held_by, open_discrepancy
from payments.gateways.base import Result, TradeState
from payments.models import Discrepancy, PaymentOrder, Refund
from payments.refund_settling import open_stuck_case
from portal.console.playbooks import ELSE, steps_for
from reconciliation.models import DiscrepancyNote, Waiver
from tests import world
from tests.payments.refund_world import approved
from tests.portal.desk import log_in, staff
from tests.reconciliation.conftest import family
from tests.reconciliation.stating import Said, deliver, line_of, noon, today
from tests.world import PENSION, Family, hand_over, line_for, open_order, say_paid

__all__ = ["family"]
pytestmark = pytest.mark.django_db
REASON = {"reason": "渠道来电，已核对凭证"}


@pytest.fixture
def zhao(family: Family) -> User:
    return staff(world.ZHAO_MIN)


@pytest.fixture
def order(family: Family) -> PaymentOrder:
    return hand_over(open_order(family.payer, line_for(family.father, PENSION)))


@pytest.fixture
def case(order: PaymentOrder) -> Discrepancy:
    """A reversal that the channel states: no money lies here."""
    return open_discrepancy(
        kind=Discrepancy.Kind.REVERSED, key="reversal:test", amount_fen=order.amount_fen, actor="system:test",
        order=order,
    )  # fmt: skip


def post(client: Client, row: Discrepancy, act: str, **said: object) -> str:
    return client.post(f"/console/discrepancies/{row.pk}/{act}/", said, follow=True).content.decode()


def status(row: Discrepancy) -> str:
    row.refresh_from_db()
    return row.status


def test_every_kind_has_a_playbook() -> None:
    assert all(steps_for(kind) is not ELSE for kind in Discrepancy.Kind.values)


def test_one_is_taken_noted_and_resolved_with_a_reason(zhao: User, case: Discrepancy) -> None:
    client = log_in(zhao)
    assert "先接手" in post(client, case, "resolve", **REASON)
    post(client, case, "take")
    assert status(case) == "in_hand"
    assert case.owner == zhao
    assert "要了凭证" in post(client, case, "note", reason="向渠道要了凭证")
    assert "不能少于4个字" in post(client, case, "resolve", reason="好")
    post(client, case, "resolve", **REASON)
    assert status(case) == "resolved"
    assert Transition.objects.get(kind="DISCREPANCY", event="resolve").evidence == REASON
    acts = ["take_discrepancy", "note_discrepancy", "resolve_discrepancy"]
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == acts


def test_it_is_let_go_by_a_second_person_only(zhao: User, case: Discrepancy) -> None:
    client = log_in(zhao)
    post(client, case, "take")
    post(client, case, "waive", **REASON)
    assert "请另一人来看" in post(client, case, "waive")
    assert status(case) == "in_hand"
    assert "核销正等另一人决定" in post(client, case, "resolve", **REASON)
    qian = staff(world.QIAN_JIN)
    post(log_in(qian), case, "waive")
    assert status(case) == "waived"
    assert Waiver.objects.get().decided_by == qian


def test_the_second_person_may_say_no(zhao: User, case: Discrepancy) -> None:
    post(client := log_in(zhao), case, "take")
    post(client, case, "waive", **REASON)
    post(log_in(staff(world.QIAN_JIN)), case, "waive", drop="1")
    assert (status(case), Waiver.objects.get().outcome) == ("in_hand", "dropped")


def test_the_database_refuses_one_person_as_both(zhao: User, case: Discrepancy) -> None:
    """I17."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Waiver.objects.create(discrepancy=case, asked_by=zhao, decided_by=zhao, outcome="done", note="自己批自己")


def test_held_money_is_neither_resolved_nor_waived(zhao: User, family: Family) -> None:
    """HOUSE 2.10: what lies there leaves by a refund."""
    deliver([Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(today()))], "1900000001")
    row = Discrepancy.objects.get(kind="unknown_order")
    client = log_in(zhao)
    post(client, row, "take")
    assert "先退费" in post(client, row, "resolve", **REASON)
    assert "先退费" in post(client, row, "waive", **REASON)
    assert status(row) == "in_hand"


def test_a_stuck_order_is_not_explained_away(zhao: User, order: PaymentOrder) -> None:
    row = open_discrepancy(
        kind=Discrepancy.Kind.STUCK, key="stuck:test", amount_fen=order.amount_fen, actor="system:test", order=order
    )
    client = log_in(zhao)
    page = post(client, row, "take")
    assert f"/console/orders/{order.pk}/clearing/" in page
    assert "订单还没有结果" in post(client, row, "resolve", **REASON)


def test_one_is_given_to_somebody_else_and_nobody_else_takes_it(zhao: User, case: Discrepancy) -> None:
    qian = staff(world.QIAN_JIN)
    post(log_in(zhao), case, "assign", owner=qian.pk)
    assert status(case) == "in_hand"
    assert case.owner == qian
    assert f"{world.QIAN_JIN}已经接手" in post(log_in(zhao), case, "take")
    assert "请选一个人" in post(log_in(zhao), case, "assign", owner=staff("远方", region="2107").pk)


def test_what_nobody_took_in_two_working_days_stands_on_top(zhao: User, case: Discrepancy) -> None:
    assert "超过两个工作日没有人接手" not in log_in(zhao).get("/console/discrepancies/").content.decode()
    with clock.at(clock.now() + timedelta(days=7)):
        clock.forget_everything_kept()
        for path in ("/console/", "/console/discrepancies/", f"/console/discrepancies/{case.pk}/"):
            assert "超过两个工作日没有人接手" in log_in(zhao).get(path).content.decode()
        post(log_in(zhao), case, "take")
        assert "超过两个工作日没有人接手" not in log_in(zhao).get("/console/").content.decode()


def test_the_queue_is_narrowed_and_adds_up(zhao: User, case: Discrepancy) -> None:
    client = log_in(zhao)
    page = client.get("/console/discrepancies/?show=free").content.decode()
    assert "1,000.00" in page
    assert "渠道冲正" in page
    assert "没有差错" in client.get("/console/discrepancies/?show=mine").content.decode()
    assert "没有差错" in client.get("/console/discrepancies/?kind=amount").content.decode()


def test_the_sum_is_the_money_that_is_really_held(zhao: User, case: Discrepancy, family: Family) -> None:
    """HOUSE 2.10: what a case is about may lie elsewhere, or nowhere."""
    deliver([Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(today()))], "1900000001")
    foot = log_in(zhao).get("/console/discrepancies/").content.decode().partition("<tfoot>")[2]
    assert "挂着的钱合计" in foot
    assert "380.00" in foot
    assert "1,380.00" not in foot
    assert held_by([case.pk]) == {}


def test_a_refund_that_hangs_is_not_explained_away(zhao: User, order: PaymentOrder) -> None:
    """I9: before, its case could be resolved because the order was long paid."""
    payer = order.payer
    assert payer is not None
    refund = approved(say_paid(order), payer, staff(world.QIAN_JIN), order.amount_fen)
    open_stuck_case(refund)
    row = Discrepancy.objects.get(kind="stuck")
    client = log_in(zhao)
    post(client, row, "assign", owner=zhao.pk)
    assert "这笔退费还没有结果，不能了结" in post(client, row, "resolve", **REASON)
    assert "这笔退费还没有结果，不能了结" in post(client, row, "waive", **REASON)
    assert status(row) == "in_hand"


def test_the_evidence_shows_the_line_the_receipt_and_the_history(zhao: User, order: PaymentOrder) -> None:
    paid = say_paid(order)
    deliver([line_of(paid), line_of(paid, trade_no="T-second")], paid.merchant_id)
    row = Discrepancy.objects.get(kind="duplicate")
    page = log_in(zhao).get(f"/console/discrepancies/{row.pk}/").content.decode()
    for text in ("T-second", "对账单的行", "T-second"[-8:], "订单：已支付", paid.order_no):
        assert text in page
    assert world.WANG_FATHER.number not in page


def test_the_channel_is_asked_on_demand_and_its_word_takes_effect(
    zhao: User, order: PaymentOrder, case: Discrepancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOUSE 2.4: one door for money."""
    monkeypatch.setattr(gateways, "gateway", lambda code: Says(TradeState.PAID))
    assert "已支付" in post(log_in(zhao), case, "ask")
    order.refresh_from_db()
    assert order.status == "paid"
    assert AuditEntry.objects.get(action="ask_channel").subject_id == order.order_no


def test_notes_are_never_changed(zhao: User, case: Discrepancy) -> None:
    post(log_in(zhao), case, "note", reason="向渠道要了凭证")
    with pytest.raises(IntegrityError), transaction.atomic():
        DiscrepancyNote.objects.update(text="别的话")


def test_another_region_sees_none_of_it(case: Discrepancy) -> None:
    """X6."""
    foreign = log_in(staff("远方", region="2107"))
    assert foreign.get(f"/console/discrepancies/{case.pk}/").status_code == 404
    assert foreign.post(f"/console/discrepancies/{case.pk}/take/").status_code == 404
    assert status(case) == "open"


class Says:
    """A gateway with one answer."""

    label = "微信支付"

    def __init__(self, state: TradeState) -> None:
        self.state = state

    def query(self, order):
        return Result(self.state, order.order_no, order.merchant, order.amount_fen, "CNY", "T-1", clock.now())

    close = query


def test_held_money_is_asked_back_once_and_a_second_person_decides(zhao: User, family: Family) -> None:
    """HOUSE 2.9: what a discrepancy holds goes out as a refund and in no other way."""
    deliver([Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(today()))], "1900000001")
    held = Discrepancy.objects.get(kind="unknown_order")
    client = log_in(zhao)
    assert "申请退回" in client.get(f"/console/discrepancies/{held.pk}/").content.decode()
    post(client, held, "refund", reason="查不到是谁的，退回原卡")
    made = Refund.objects.get()
    assert (made.discrepancy, made.status, made.reason) == (held, "requested", "unknown_money")
    assert made.requested_by == zhao
    assert "这笔已在退费中" in post(client, held, "refund", reason="再退一次")
    assert "看这笔退费" in client.get(f"/console/discrepancies/{held.pk}/").content.decode()
    assert Refund.objects.count() == 1


def test_who_only_looks_cannot_act(case: Discrepancy) -> None:
    client = log_in(staff("看的人", group="查看"))
    assert client.post(f"/console/discrepancies/{case.pk}/take/").status_code == 403
    assert status(case) == "open"
