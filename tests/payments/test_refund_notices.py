"""Notices of refunds: stored first, believed once, asked about where they are stale or say no (G5, G9, G11, G19)."""

import json
from datetime import timedelta

import pytest

from core import clock
from core.models import Transition
from payments.gateways.base import RefundResult
from payments.models import Discrepancy, Notification
from payments.notifications import process_notification, process_waiting_notifications
from payments.refund_checks import send_refund
from reconciliation.books import check_books
from tests import world
from tests.payments.gateways.conftest import keys, vendor
from tests.payments.gateways.wechat_world import notice_body, refund_notice, signed, transaction
from tests.payments.refund_world import approved, hear, line_of, make_staff, now, open_desk, paid_order

__all__ = ["keys", "vendor"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_hold")]


@pytest.fixture
def desk(vendor, keys, settings, tmp_path):
    return open_desk(vendor, keys, settings, tmp_path)


@pytest.fixture
def family(db):
    return world.make_family()


@pytest.fixture
def sent(desk, family):
    """A refund that WeChat Pay has accepted."""
    refund = approved(paid_order(family), family.payer, make_staff(world.ZHAO_MIN))
    return send_refund(refund_no=refund.refund_no)


def at_the_door(client, headers, body):
    return client.post("/hooks/wechat_pay/notice/", body, content_type="application/json", headers=headers)


def test_a_notice_of_a_success_settles_the_refund_without_asking(desk, sent, client):
    assert at_the_door(client, *desk.notice(sent)).status_code == 204
    assert now(sent).status == "refunded"
    row = Notification.objects.get()
    assert (row.outcome, row.next_try_at) == ("refunded", None)
    assert RefundResult.from_json(row.result).refund_no == sent.refund_no
    told = Transition.objects.get(kind="REFUND", event="settle")
    assert (told.actor, told.evidence["source"]) == ("system:notification", "notification")


@pytest.mark.parametrize("notice_id", ["the-same", ""])
def test_the_same_notice_twice_gives_back_once(desk, sent, notice_id):
    """G5: with its own id it is the same row, with another one a repetition."""
    said = [hear(*desk.notice(sent, notice_id=notice_id)) for _ in range(2)]
    assert said == (["refunded", "answered 204"] if notice_id else ["refunded", "repeated"])
    assert Transition.objects.filter(kind="DECLARATION", event="refund").count() == 1
    assert not Discrepancy.objects.exists()


def test_a_stale_notice_is_not_believed_and_the_gateway_is_asked(desk, sent):
    """G11: it may be a replay."""
    assert hear(*desk.notice(sent, age_s=400)) == "asked_gateway"
    assert now(sent).status == "sent", "the gateway says that it is still under way"
    desk.turn(sent, "SUCCESS")
    assert hear(*desk.notice(sent, age_s=400)) == "asked_gateway"
    assert now(sent).status == "refunded"


@pytest.mark.parametrize("status", ["ABNORMAL", "CLOSED"])
def test_a_notice_that_says_no_is_asked_about(desk, sent, status):
    """G19."""
    assert hear(*desk.notice(sent, status)) == "asked_gateway"
    assert now(sent).status == "sent"
    desk.turn(sent, status)
    assert hear(*desk.notice(sent, status)) == "asked_gateway"
    assert now(sent).status == "failed"
    assert Discrepancy.objects.get().kind == "refund_failed"


def test_a_notice_of_another_amount_is_not_applied_and_the_gateway_is_asked(desk, sent):
    said = hear(*desk.notice(sent, amount={"refund": 1, "total": 150_000}))
    assert (said, now(sent).status) == ("asked_gateway", "sent")
    assert Discrepancy.objects.get().kind == "amount"


def test_a_notice_under_a_key_that_we_do_not_know_yet_is_to_come_again(desk, keys, sent):
    """G13: it may be a right one."""
    headers, body = desk.notice(sent)
    assert hear(headers | {"Wechatpay-Serial": "FFFF"}, body) == "answered 500"
    assert Notification.objects.get().verdict == "refused"


@pytest.mark.parametrize("spoil", ["stranger", "changed", "unsigned"])
def test_a_forged_notice_of_a_refund_changes_nothing(desk, keys, sent, spoil):
    """G11, I12."""
    headers, body = desk.notice(sent)
    headers = {"stranger": signed(keys.stranger, body), "unsigned": {}}.get(spoil, headers)
    assert hear(headers, body + (b" " if spoil == "changed" else b"")) == "answered 401"
    assert now(sent).status == "sent"
    assert Notification.objects.get().verdict == "refused"


def test_a_success_that_comes_after_a_failure_is_taken(desk, sent):
    desk.turn(sent, "ABNORMAL")
    hear(*desk.notice(sent, "ABNORMAL"))
    assert hear(*desk.notice(sent)) == "refunded"
    assert now(sent).status == "refunded"
    assert Discrepancy.objects.get().status == "settled"


def test_the_notice_of_the_payment_repeated_after_the_refund_changes_nothing(desk, keys, sent):
    """G5 and G7: what is given back is not paid again by an old word."""
    hear(*desk.notice(sent))
    order = sent.receipt.order
    said = transaction(order.order_no, transaction_id=order.gateway_trade_no, mchid=order.merchant_id,
                       amount={"total": order.amount_fen, "currency": "CNY"})  # fmt: skip
    body = notice_body(said)
    assert hear(signed(keys.platform, body), body) == "repeated"
    assert (now(sent).status, line_of(order).status) == ("refunded", "refunded")


def test_a_refund_that_we_never_asked_for_is_kept_and_becomes_a_case(desk, keys, family):
    """G9: somebody gave money back at the vendor's own desk."""
    order = paid_order(family)
    body = refund_notice("MADE-BY-HAND-1", out_trade_no=order.order_no)
    assert hear(signed(keys.platform, body), body) == "put_off"
    row = Notification.objects.get()
    assert (row.failure, row.order_no) == ("unknown_refund", order.order_no)
    Notification.objects.update(received_at=clock.now() - timedelta(minutes=6), next_try_at=clock.now())
    process_waiting_notifications()
    row.refresh_from_db()
    assert (row.outcome, row.next_try_at) == ("case", None)
    case = Discrepancy.objects.get()
    assert (case.kind, case.amount_fen, case.receipt) == ("unprocessed", 18_000, None)
    assert line_of(order).status == "paid"


def test_a_refund_notice_before_the_payment_notice_makes_us_ask_about_the_order(desk, keys, vendor, family):
    """G9: that money went back tells that it had come."""
    order = world.hand_over(world.open_order(family.payer, world.line_for(family.father)))
    paid = transaction(order.order_no, mchid=order.merchant_id, transaction_id="42000-early",
                       amount={"total": order.amount_fen, "currency": "CNY"})  # fmt: skip
    said = json.dumps(paid).encode()
    vendor.answer = lambda asked: (200, signed(keys.platform, said), said)
    body = refund_notice("MADE-BY-HAND-2", out_trade_no=order.order_no, transaction_id="42000-early")
    assert hear(signed(keys.platform, body), body) == "put_off"
    order.refresh_from_db()
    assert order.status == "paid"


def test_a_stored_notice_can_be_run_again(desk, sent):
    headers, body = desk.notice(sent)
    hear(headers, body)
    assert process_notification(notification_id=Notification.objects.get().pk) == "refunded"
    assert check_books() == []
