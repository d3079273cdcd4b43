"""Orders paid by UnionPay, over real HTTP to the sandbox: nothing closes them but their expiry (HOUSE 2.7).

PA-1, PA-4, PA-5.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from core import clock
from core.refusals import Refused
from payments.models import Declaration, Discrepancy, Notification, PaymentOrder, Receipt, Refund
from payments.order_checks import cancel_order, refresh_order
from payments.orders import clears_by, start_payment
from payments.receipts import channel_day
from payments.refund_checks import refresh_refund, refund_ref, send_refund
from payments.refunds import approve_refund, request_refund, retry_refund
from tests import world
from tests.outside import eventually, status_of
from tests.payments.refund_world import make_staff, now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("books_hold")]


@pytest.fixture
def order(transactional_db: None, outside) -> PaymentOrder:
    """At the cashier: a browser has posted the form."""
    family = world.make_family()
    opened = world.open_order(family.payer, world.line_for(family.herself), world.line_for(family.father))
    started = start_payment(
        order_no=opened.order_no, gateway="unionpay", method="page", payer_ip="127.0.0.1", actor="resident:1"
    )
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.post(started.hand_over["url"], data=started.hand_over["fields"]).status_code == 200
    return started


@contextmanager
def ahead(**span: float) -> Iterator[None]:
    """So much later; the sandbox stays in its own time."""
    with clock.at(clock.now() + timedelta(**span)):
        yield


def declared(order: PaymentOrder) -> set[str]:
    return set(Declaration.objects.filter(order=order).values_list("status", flat=True))


def test_notice_pays_the_order(order, outside) -> None:
    assert (order.status, order.hand_over["kind"]) == ("awaiting", "form")
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    receipt = Receipt.objects.get()
    assert (receipt.gateway, receipt.merchant_id, receipt.amount_fen) == ("unionpay", "898371000000001", 200_000)
    assert receipt.channel_day == channel_day("unionpay", receipt.paid_at)
    assert declared(order) == {"paid"}


def test_payment_whose_notice_is_lost_is_found_by_asking(order, outside) -> None:
    """G4."""
    outside.rule(gateway="unionpay", point="notice", fault="never")
    outside.pay(order.order_no)
    assert refresh_order(order_no=order.order_no).status == "paid"


def test_notice_twice_at_once_pays_once(order, outside) -> None:
    """G5."""
    outside.rule(gateway="unionpay", point="notice", fault="never")
    outside.pay(order.order_no)
    answers = outside.control("POST", "notices", json={"order_no": order.order_no, "times": 4})["answers"]
    assert {answer["status"] for answer in answers} == {200}
    assert status_of(order) == "paid"
    assert Receipt.objects.count() == Notification.objects.count() == 1


@pytest.mark.parametrize("fault", ["forged", "unsigned", "unknown_serial"])
def test_forged_notice_is_refused_and_changes_nothing(order, outside, fault) -> None:
    """G11."""
    outside.rule(gateway="unionpay", point="notice", fault="never")
    outside.pay(order.order_no)
    asked = {"order_no": order.order_no, "faults": [fault]}
    [answer] = outside.control("POST", "notices", json=asked)["answers"]
    assert answer["status"] == 401
    assert status_of(order) == "awaiting"
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("fault", ["wrong_amount", "wrong_currency", "wrong_merchant", "stale"])
def test_notice_that_does_not_fit_or_is_old_lets_the_gateway_be_asked(order, outside, fault) -> None:
    """G10, G11: what it says is not applied; the query finds the true payment."""
    outside.rule(gateway="unionpay", point="notice", fault=fault)
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    assert Receipt.objects.get().amount_fen == 200_000
    assert Discrepancy.objects.exists() == (fault != "stale")


def test_another_amount_paid_is_held_in_full(order, outside) -> None:
    """G10."""
    outside.pay(order.order_no, amount_fen=199_999)
    eventually(lambda: Discrepancy.objects.filter(kind=Discrepancy.Kind.AMOUNT).exists())
    refresh_order(order_no=order.order_no)
    assert status_of(order) == "awaiting"


def test_giving_up_is_answered_with_the_time_at_which_the_order_frees_itself(order, outside) -> None:
    with pytest.raises(Refused) as refused:
        cancel_order(order_no=order.order_no, actor="resident:1")
    assert (refused.value.code, refused.value.facts["at"]) == ("cannot_close", clears_by(order))
    assert status_of(order) == "awaiting"
    assert declared(order) == {"in_payment"}


def test_giving_up_a_paid_order_pays_it_instead(order, outside) -> None:
    """G15."""
    outside.rule(gateway="unionpay", point="notice", fault="never")
    outside.pay(order.order_no)
    with pytest.raises(Refused) as refused:
        cancel_order(order_no=order.order_no, actor="resident:1")
    assert refused.value.code == "already_paid"
    assert status_of(order) == "paid"


@pytest.mark.parametrize("fault", ["not_found", "not_paid"])
def test_not_there_and_failed_free_the_order_only_after_its_expiry_and_grace(order, outside, fault) -> None:
    """Both may still turn into paid before payTimeout (SCREENS 1.5), and G17 after it."""
    outside.rule(gateway="unionpay", point="query", fault=fault)
    for minutes in (1, 29, 31, 39):
        with ahead(minutes=minutes):
            assert refresh_order(order_no=order.order_no).status == "awaiting", minutes
    with ahead(minutes=41):
        assert refresh_order(order_no=order.order_no).status == "expired"
    assert declared(order) == {"released"}


@pytest.mark.parametrize("code", ["03", "04", "05"])
def test_payment_under_way_is_never_freed_and_becomes_a_case(order, outside, code) -> None:
    """PA-4: after two days somebody owns it."""
    outside.rule(gateway="unionpay", point="query", fault="user_paying", params={"code": code})
    with ahead(minutes=41):
        assert refresh_order(order_no=order.order_no).status == "awaiting"
        with pytest.raises(Refused) as refused:
            cancel_order(order_no=order.order_no, actor="resident:1")
    assert refused.value.code == "cannot_close"
    with ahead(days=2, minutes=1):
        assert refresh_order(order_no=order.order_no).status == "awaiting"
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.STUCK


def test_late_payment_of_a_freed_order_is_paid_after_all(order, outside) -> None:
    """G6, G17: a bank's page stays open longer than payTimeout."""
    with ahead(minutes=41):
        assert refresh_order(order_no=order.order_no).status == "expired"
    outside.pay(order.order_no, forced=True)
    eventually(lambda: status_of(order) == "paid")
    assert declared(order) == {"paid"}


def test_answer_about_another_order_changes_nothing(order, outside) -> None:
    """G20."""
    outside.rule(gateway="unionpay", point="notice", fault="never")
    outside.pay(order.order_no)
    outside.rule(gateway="unionpay", point="query", fault="other_order", times=1)
    assert refresh_order(order_no=order.order_no).status == "awaiting"
    assert refresh_order(order_no=order.order_no).status == "paid"


# Money that goes back.


@pytest.fixture
def refund(order, outside) -> Refund:
    """One of the two lines goes back: decided, not sent."""
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    line = Declaration.objects.filter(order=order).earliest("pk")
    zhao, payer = make_staff(world.ZHAO_MIN), line.payer
    asked = request_refund(
        declaration_no=line.declaration_no, reason=Refund.Reason.WRONG_PLACE, note="选错了地方", actor=payer.actor,
        requested_by=payer,
    )  # fmt: skip
    return approve_refund(refund_no=asked.refund_no, approved_by=zhao, actor=zhao.actor)


def end(outside, refund: Refund) -> None:
    outside.control("POST", "refunds", json={"refund_no": refund.refund_no})


def test_refund_is_sent_and_told_and_its_period_is_free(refund, outside, order) -> None:
    """PA-7."""
    assert send_refund(refund_no=refund.refund_no).status == "sent"
    end(outside, refund)
    eventually(lambda: now(refund).status == "refunded")
    assert declared(order) == {"paid", "refunded"}
    assert now(refund).gateway_refund_no


def test_refund_whose_answer_and_notice_are_lost_is_found_by_asking_with_the_same_time(refund, outside) -> None:
    """G18."""
    outside.rule(gateway="unionpay", point="refund", fault="lose_answer")
    outside.rule(gateway="unionpay", point="refund_notice", fault="never")
    assert send_refund(refund_no=refund.refund_no).status == "sending"
    asked_at = refund_ref(refund).decided_at
    end(outside, refund)
    with ahead(minutes=1):
        assert refresh_refund(refund_no=refund.refund_no).status == "refunded"
    assert refund_ref(now(refund)).decided_at == asked_at


def test_refund_sent_again_under_a_number_that_is_known_is_what_the_question_says(refund, outside) -> None:
    """G18: 12 is no refusal and no silence; that it has gone back is found by asking at once."""
    outside.rule(gateway="unionpay", point="refund", fault="lose_answer", times=1)
    outside.rule(gateway="unionpay", point="refund_notice", fault="never")
    outside.rule(gateway="unionpay", point="refund_query", fault="not_found", times=1)
    assert send_refund(refund_no=refund.refund_no).status == "sending"
    end(outside, refund)
    with ahead(minutes=1):
        assert refresh_refund(refund_no=refund.refund_no).status == "refunded"
    assert (now(refund).tries, Discrepancy.objects.exists()) == (2, False)


def test_refund_that_was_refused_goes_back_under_its_number_and_one_that_ended_is_never_sent_again(
    refund, outside
) -> None:
    """G19: too little money with the payee; topped up, the same number is taken."""
    outside.rule(gateway="unionpay", point="refund", fault="balance_short", times=1)
    assert send_refund(refund_no=refund.refund_no).failure == "64"
    outside.rule(gateway="unionpay", point="refund", fault="ends_closed", times=1)
    outside.dial(unionpay_refund_seconds=0)
    retry_refund(refund_no=refund.refund_no, actor="staff:1")
    assert send_refund(refund_no=refund.refund_no).status == "sent"
    assert refresh_refund(refund_no=refund.refund_no).failure == "closed"
    with pytest.raises(Refused):
        retry_refund(refund_no=refund.refund_no, actor="staff:1")


def test_refund_that_came_to_nothing_is_a_case(refund, outside) -> None:
    """G19."""
    outside.rule(gateway="unionpay", point="refund", fault="ends_abnormal")
    outside.dial(unionpay_refund_seconds=0)
    send_refund(refund_no=refund.refund_no)
    assert refresh_refund(refund_no=refund.refund_no).status == "failed"
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.REFUND_FAILED
