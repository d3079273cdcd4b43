"""24 at once: one refund, one approval, one settlement; no word of payment or refund is applied twice (S2, X2, G5)."""

from functools import partial

import pytest
from django.db import IntegrityError

from core.models import Transition
from core.refusals import Refused
from payments.checkout import open_checkout
from payments.confirming import Payment, confirm_payment
from payments.gateways.base import RefundResult, RefundState, Result, TradeState
from payments.models import Allocation, Declaration, Discrepancy, PeriodClaim, Receipt, Refund
from payments.orders import expire_order
from payments.refund_checks import refresh_pending_refunds, refresh_refund, refund_held_money, send_refund
from payments.refund_settling import RefundEvidence, RefundOutcome, settle_refund
from payments.refunds import approve_refund, refund_by_rule, reject_refund, request_refund
from reconciliation.books import check_books
from tests import world
from tests.payments.gateways.conftest import keys, vendor
from tests.payments.refund_world import approved, ask_back, hear, line_of, make_staff, now, open_desk, paid_order
from tests.races.threads import Crowd, errors

__all__ = ["keys", "vendor"]

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 24


@pytest.fixture
def desk(vendor, keys, settings, tmp_path):
    return open_desk(vendor, keys, settings, tmp_path)


@pytest.fixture
def family(transactional_db):
    return world.make_family()


def at_once(*acts):
    """Let THREADS go, the acts shared among them."""
    with Crowd(THREADS) as crowd:
        return crowd.round([acts[index % len(acts)] for index in range(THREADS)])


def codes(results) -> set[str]:
    return {problem.code if isinstance(problem, Refused) else type(problem).__name__ for problem in errors(results)}


def word(refund) -> RefundEvidence:
    said = RefundResult(
        RefundState.SUCCESS, refund.refund_no, refund.merchant_id, trade_no=refund.receipt.gateway_trade_no,
        amount_fen=refund.amount_fen,
    )  # fmt: skip
    return RefundEvidence(said, refund.gateway, "statement")


def test_of_24_requests_one_is_written_down(desk, family) -> None:
    """X2."""
    order = paid_order(family)
    results = at_once(partial(ask_back, order, family.payer))
    assert len(results) - len(errors(results)) == 1
    assert codes(results) == {"in_refund"}
    assert Refund.objects.count() == 1
    assert check_books() == []


def test_requests_for_all_lines_at_once_never_exceed_the_receipt(desk, family) -> None:
    """I8: 24 threads, two lines, one receipt."""
    order = paid_order(family)
    at_once(partial(ask_back, order, family.payer), partial(ask_back, order, family.payer, 100_000))
    assert sorted(Refund.objects.values_list("amount_fen", flat=True)) == [50_000, 100_000]
    assert check_books() == []


def test_of_24_approvals_and_refusals_one_decides(desk, family) -> None:
    """S2."""
    order = paid_order(family)
    zhao = make_staff(world.ZHAO_MIN)
    refund = request_refund(
        declaration_no=line_of(order).declaration_no, reason=Refund.Reason.WRONG_PLACE, note="", actor=zhao.actor,
        requested_by=zhao,
    )  # fmt: skip
    qian = make_staff(world.QIAN_JIN)
    results = at_once(
        partial(approve_refund, refund_no=refund.refund_no, approved_by=qian, actor=qian.actor),
        partial(reject_refund, refund_no=refund.refund_no, why="x", actor=qian.actor),
        partial(approve_refund, refund_no=refund.refund_no, approved_by=zhao, actor=zhao.actor),
    )
    assert len(results) - len(errors(results)) == 1
    assert codes(results) <= {"finished", "same_person"}
    decisions = Transition.objects.filter(kind="REFUND", object_id=refund.pk, event__in=("approve", "reject"))
    assert decisions.count() == 1
    assert check_books() == []


def test_of_24_workers_one_sends(desk, family) -> None:
    refund = approved(paid_order(family), family.payer, make_staff(world.ZHAO_MIN))
    results = at_once(partial(send_refund, refund_no=refund.refund_no), refresh_pending_refunds)
    assert not errors(results)
    assert desk.told == 1
    assert now(refund).status == "sent"
    assert check_books() == []


def test_a_success_through_every_door_at_once_settles_once(desk, family) -> None:
    """G5, I2: notices, their repetitions, queries, a statement and the sweep."""
    order = paid_order(family)
    refund = approved(order, family.payer, make_staff(world.ZHAO_MIN))
    send_refund(refund_no=refund.refund_no)
    refund = now(refund)
    desk.turn(refund, "SUCCESS")
    same = desk.notice(refund, notice_id="EV-one")
    results = at_once(
        partial(hear, *same),
        partial(hear, *desk.notice(refund)),
        partial(settle_refund, refund_no=refund.refund_no, evidence=word(refund)),
        partial(refresh_refund, refund_no=refund.refund_no),
        refresh_pending_refunds,
    )
    assert not errors(results)
    assert now(refund).status == "refunded"
    assert Transition.objects.filter(kind="REFUND", event="settle").count() == 1
    assert Transition.objects.filter(kind="DECLARATION", event="refund").count() == 1
    assert Allocation.objects.filter(target_kind="refund").count() == 1
    assert PeriodClaim.objects.count() == 1
    assert check_books() == []


def test_a_second_payment_goes_back_once_though_many_sweeps_run(desk, family) -> None:
    """I8: the rule, its sweep, and the money's own arrival."""
    desk.state = "SUCCESS"
    order = paid_order(family)
    world.say_paid(order, "42000-the-second-time")
    held = Discrepancy.objects.get()
    results = at_once(refund_held_money, partial(refund_by_rule, discrepancy_id=held.pk, rule="duplicate"),
                      refresh_pending_refunds)  # fmt: skip
    assert codes(results) <= {"in_refund", "finished"}
    refresh_pending_refunds()
    assert Refund.objects.get().status == "refunded"
    assert desk.told == 1
    assert check_books() == []


def test_a_late_success_and_the_refund_of_who_paid_meanwhile_keep_the_books(desk, family) -> None:
    """G7: the period is freed by a refund while late money for it arrives: paid by it or held, never lost or twice."""
    for index in range(6):
        first = world.hand_over(world.open_order(family.payer, world.line_for(family.husband)))
        assert expire_order(order_id=first.pk, actor="system:test", evidence={"closed": True})
        second = world.say_paid(world.hand_over(world.open_order(family.payer, world.line_for(family.husband))))
        zhao = make_staff(f"{world.ZHAO_MIN}{index}")
        refund = approved(second, family.payer, zhao, 100_000)
        send_refund(refund_no=refund.refund_no)
        refund = now(refund)
        first.refresh_from_db()
        late = Payment(
            Result(TradeState.PAID, first.order_no, first.merchant_id, 100_000, "CNY", f"late-{index}"),
            "wechat_pay", "notification",
        )  # fmt: skip
        results = at_once(
            partial(settle_refund, refund_no=refund.refund_no, evidence=word(refund)),
            partial(confirm_payment, order_no=first.order_no, payment=late),
        )
        assert not errors(results)
        outcomes = [result for result in results if isinstance(result, RefundOutcome)]
        assert outcomes.count(RefundOutcome.REFUNDED) == 1
        assert line_of(second, 100_000).status == "refunded"
        assert Receipt.objects.filter(order=first).count() == 1
        assert check_books() == []
        take_all_back(family, zhao)


def take_all_back(family, staff) -> None:
    """Give back whatever the round has left paid, so that the next finds the period free."""
    for line in Declaration.objects.filter(status="paid"):
        refund = request_refund(
            declaration_no=line.declaration_no, reason=Refund.Reason.OWN_REQUEST, note="", actor=family.payer.actor,
            requested_by=family.payer,
        )  # fmt: skip
        approve_refund(refund_no=refund.refund_no, approved_by=staff, actor=staff.actor)
        settle_refund(refund_no=refund.refund_no, evidence=word(now(refund)))


def test_a_period_given_back_is_paid_again_by_one_of_many(desk, family) -> None:
    """PA-7: while the refund settles, 23 try to pay the period; it is free for exactly one, and only afterwards."""
    order = paid_order(family)
    refund = approved(order, family.payer, make_staff(world.ZHAO_MIN))
    send_refund(refund_no=refund.refund_no)
    refund = now(refund)
    line = world.line_for(family.father)
    declare = partial(open_checkout, payer=family.payer, lines=[line], actor=family.payer.actor)
    settle = partial(settle_refund, refund_no=refund.refund_no, evidence=word(refund))
    results = at_once(settle, *[declare] * 23)
    assert len([result for result in results if isinstance(result, list)]) <= 1
    assert not [problem for problem in errors(results) if isinstance(problem, IntegrityError)]
    assert PeriodClaim.objects.filter(declaration__person=line_of(order).person).count() <= 1
    assert now(refund).status == "refunded"
    assert check_books() == []
