"""The same success through four doors at once has one effect (I2, I4, W2, G5)."""

from functools import partial

import pytest

from core import clock
from core.models import Transition
from payments.checkout import MemberLine, open_checkout
from payments.facts import matching_registrations
from payments.models import Allocation, Notification, PaymentOrder, Receipt
from payments.notifications import process_notification, process_waiting_notifications, receive_notification
from payments.order_checks import cancel_order, refresh_order, refresh_pending_orders
from payments.orders import start_payment
from reconciliation.books import check_books
from tests import world
from tests.outside import eventually
from tests.races.threads import Crowd, errors

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


def paid_order_with_its_notice(payer, member, outside, merchant) -> tuple[PaymentOrder, dict[str, str], bytes]:
    """An order that is paid at the gateway, and the notice that we have not yet been told."""
    registration = matching_registrations(member)[0]
    line = MemberLine(member.pk, registration.pk, registration.insurance_type_id, clock.today().year, "base", 100_000)
    [order] = open_checkout(payer=payer, lines=[line], actor="resident:1")
    merchant.received.clear()
    start_payment(order_no=order.order_no, gateway="wechat_pay", method="qr", payer_ip="127.0.0.1", actor="resident:1")
    outside.pay(order.order_no)
    headers, body, _ = merchant.wait_for(1)[0]
    return order, headers, body


def hear(headers: dict[str, str], body: bytes) -> None:
    """What the hook does with a notice."""
    received = receive_notification(gateway="wechat_pay", headers=headers, body=body)
    if received.notification_id is not None:
        process_notification(notification_id=received.notification_id)


def test_notices_return_and_sweeps_at_once_have_one_effect(outside, merchant, settings) -> None:
    settings.BASE_URL = f"http://127.0.0.1:{merchant.port}"
    world.make_ground()
    world.make_policy(world.PENSION)
    payer = world.make_payer()
    with Crowd(6) as crowd:
        for index in range(ROUNDS):
            who = world.Somebody(f"家人{index}", world.number("19700101", f"{index + 100:03d}"))
            world.make_registration(who, world.PENSION)
            member = world.make_member(payer, who, "relative")
            order, headers, body = paid_order_with_its_notice(payer, member, outside, merchant)
            PaymentOrder.objects.filter(pk=order.pk).update(next_check_at=clock.now())
            acts = [
                partial(hear, headers, body),
                partial(hear, headers, body),
                partial(refresh_order, order_no=order.order_no, actor="resident:1"),
                refresh_pending_orders,
                process_waiting_notifications,
                partial(cancel_order, order_no=order.order_no, actor="resident:1"),
            ]
            crowd.round(acts)
            order.refresh_from_db()
            assert order.status == "paid"
            assert Receipt.objects.filter(order=order).count() == 1
            moves = Transition.objects.filter(kind="ORDER", object_id=order.pk, to_state="paid")
            assert moves.count() == 1
    assert Allocation.objects.count() == ROUNDS
    eventually(lambda: process_waiting_notifications() >= 0)
    assert check_books() == []


def test_two_workers_on_the_same_notification_pay_once(outside, merchant, settings) -> None:
    settings.BASE_URL = f"http://127.0.0.1:{merchant.port}"
    family = world.make_family()
    order, headers, body = paid_order_with_its_notice(family.payer, family.father, outside, merchant)
    receive_notification(gateway="wechat_pay", headers=headers, body=body)
    row = Notification.objects.get()
    with Crowd(8) as crowd:
        results = crowd.round([partial(process_notification, notification_id=row.pk)] * 8)
    assert not errors(results)
    assert Receipt.objects.filter(order=order).count() == 1
    assert check_books() == []
