"""An order from the basket to paid, over real HTTP to a real sandbox, and everything that goes wrong on the way.

PA-1, PA-2, PA-4, AF-1, AF-3, AF-4.
"""

import signal
from datetime import datetime, time, timedelta

import httpx
import pytest
from django.db import connection

from core import clock
from core.models import Transition
from core.refusals import Refused
from payments.checkout import MemberLine, open_checkout
from payments.facts import matching_registrations
from payments.models import Allocation, Declaration, Discrepancy, Notification, PaymentOrder, PeriodClaim, Receipt
from payments.notifications import process_notification
from payments.order_checks import cancel_order, expire_overdue_orders, refresh_order, refresh_pending_orders
from payments.orders import clears_by, start_payment
from tests import world
from tests.outside import age, eventually, later, status_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("books_hold")]


@pytest.fixture
def family(transactional_db: None) -> world.Family:
    return world.make_family()


def line_for(member, insurance_type=world.PENSION, tier_fen=100_000, **more) -> MemberLine:
    registration = next(
        row for row in matching_registrations(member) if row.insurance_type_id == insurance_type
    )
    return MemberLine(
        member_id=member.pk, registration_id=registration.pk, insurance_type=insurance_type,
        coverage_year=clock.today().year, part="base", tier_fen=tier_fen, **more,
    )  # fmt: skip


def open_family_order(family: world.Family) -> PaymentOrder:
    lines = [line_for(family.herself), line_for(family.father, tier_fen=50_000)]
    orders = open_checkout(payer=family.payer, lines=lines, actor=family.payer.actor)
    assert len(orders) == 1
    return orders[0]


def start(order: PaymentOrder, gateway: str = "wechat_pay", method: str = "qr") -> PaymentOrder:
    return start_payment(
        order_no=order.order_no, gateway=gateway, method=method, payer_ip="127.0.0.1", actor="resident:1"
    )


def declaration_states(order: PaymentOrder) -> set[str]:
    return set(Declaration.objects.filter(order=order).values_list("status", flat=True))


def test_a_family_is_declared_in_one_order_and_its_periods_are_claimed(family: world.Family) -> None:
    order = open_family_order(family)
    assert (order.status, order.amount_fen, order.line_count) == ("created", 150_000, 2)
    assert PeriodClaim.objects.count() == 2
    assert Transition.objects.filter(kind="DECLARATION", event="create").count() == 2
    subsidies = set(Declaration.objects.values_list("subsidy_fen", flat=True))
    assert subsidies == {8_000, 6_000}


def test_a_second_declaration_of_the_same_period_is_refused_and_leaves_nothing(family: world.Family) -> None:
    """PA-2, whoever asks."""
    open_family_order(family)
    with pytest.raises(Refused) as refused:
        open_checkout(payer=family.payer, lines=[line_for(family.father)], actor=family.payer.actor)
    assert refused.value.code == "C9"
    assert PaymentOrder.objects.count() == 1


def test_a_changed_price_is_shown_before_anything_is_declared(family: world.Family) -> None:
    wish = line_for(family.herself, expected_amount_fen=99_900)
    with pytest.raises(Refused) as refused:
        open_checkout(payer=family.payer, lines=[wish], actor=family.payer.actor)
    assert refused.value.code == "price_changed"
    assert refused.value.facts == {"line": 0, "old_fen": 99_900, "new_fen": 100_000}
    assert not PaymentOrder.objects.exists()


@pytest.mark.parametrize(("gateway", "method"), [("wechat_pay", "qr"), ("wechat_pay", "h5"), ("alipay", "page")])
def test_a_payment_is_noticed_and_paid_once(family, outside, gateway, method) -> None:
    order = start(open_family_order(family), gateway, method)
    assert order.status == "awaiting"
    assert order.hand_over["url"]
    if gateway == "alipay":
        httpx.get(order.hand_over["url"], trust_env=False, follow_redirects=True)  # the trade begins with the buyer
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    assert declaration_states(order) == {"paid"}
    receipt = Receipt.objects.get()
    assert (receipt.amount_fen, receipt.source, receipt.order_id) == (150_000, "notification", order.pk)
    assert sorted(Allocation.objects.values_list("amount_fen", flat=True)) == [50_000, 100_000]
    one = Declaration.objects.filter(order=order).first()
    assert one.credit_on == clock.business_date(one.paid_at) + timedelta(days=3)  # AF-4
    assert one.record_on < one.printable_on  # AF-1, AF-3


def test_a_notice_that_never_comes_is_found_by_asking(family, outside) -> None:
    """G4."""
    outside.rule(point="notice", fault="never")
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    age(order, seconds=6)
    assert refresh_pending_orders() == 1
    assert status_of(order) == "paid"
    assert Receipt.objects.get().source == "query"


def test_a_second_notice_changes_nothing(family, outside) -> None:
    """G5."""
    outside.rule(point="notice", fault="twice")
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    eventually(lambda: len([e for e in outside.events() if "notice" in str(e)]) >= 2)
    assert Receipt.objects.count() == 1
    assert Transition.objects.filter(kind="ORDER", event="confirm").count() == 1


def test_an_answer_that_is_lost_leaves_the_outcome_unknown_and_the_same_number_finds_it(family, outside) -> None:
    """G2: the gateway knows the order, we do not know that it does."""
    outside.rule(point="create", fault="lose_answer", times=1)
    order = start(open_family_order(family))
    assert (order.status, order.hand_over) == ("submitting", None)
    again = start(order)
    assert (again.order_no, again.status) == (order.order_no, "awaiting")
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")


@pytest.mark.parametrize("fault", ["server_error", "garbage", "unsigned", "forged", "drop", "lose_request"])
def test_no_unbelievable_answer_fails_an_order(family, outside, fault) -> None:
    """G1, G3: unknown is not failed."""
    outside.rule(point="create", fault=fault)
    outside.rule(point="query", fault=fault)
    order = start(open_family_order(family))
    assert order.status == "submitting"
    age(order, hours=30)
    assert refresh_order(order_no=order.order_no).status == "submitting"
    assert declaration_states(order) == {"in_payment"}


def test_not_paid_frees_nothing_before_expiry_and_grace(family, outside) -> None:
    """HOUSE 2.7, G14, G16: NOTPAY alone is no evidence."""
    outside.rule(point="close", fault="close_ignored")
    order = start(open_family_order(family))
    for minutes in (1, 28, 5, 5):  # 1, 29, 34, 39 minutes old
        age(order, minutes=minutes)
        assert refresh_order(order_no=order.order_no).status == "awaiting"
    age(order, minutes=2)
    assert refresh_order(order_no=order.order_no).status == "expired"
    assert declaration_states(order) == {"released"}
    assert not PeriodClaim.objects.exists()


def test_a_closed_order_frees_its_declarations_at_once(family, outside) -> None:
    outside.dial(close_after_seconds=0)
    order = start(open_family_order(family))
    age(order, minutes=6)
    cancelled = cancel_order(order_no=order.order_no, actor="resident:1")
    assert cancelled.status == "expired"
    assert declaration_states(order) == {"released"}
    open_family_order(family)


def test_wechat_refuses_to_close_in_the_first_minutes_and_the_payer_is_told_when(family, outside) -> None:
    order = start(open_family_order(family))
    with pytest.raises(Refused) as refused:
        cancel_order(order_no=order.order_no, actor="resident:1")
    assert refused.value.code == "too_early"
    assert refused.value.facts["at"] > clock.now()
    assert status_of(order) == "awaiting"


def test_giving_up_a_paid_order_pays_it_instead(family, outside) -> None:
    """G15: ORDERPAID on close is a payment."""
    outside.dial(close_after_seconds=0)
    outside.rule(point="notice", fault="never")
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    age(order, minutes=6)
    with pytest.raises(Refused) as refused:
        cancel_order(order_no=order.order_no, actor="resident:1")
    assert refused.value.code == "already_paid"
    assert status_of(order) == "paid"


def test_a_gateway_that_cannot_be_reached_frees_nothing(family, outside) -> None:
    order = start(open_family_order(family))
    age(order, minutes=6)
    outside.stop(signal.SIGKILL)
    with pytest.raises(Refused) as refused:
        cancel_order(order_no=order.order_no, actor="resident:1")
    assert refused.value.code == "unreachable"
    age(order, days=1)
    assert refresh_order(order_no=order.order_no).status == "awaiting"
    order.refresh_from_db()
    begun_on = order.started_at.astimezone(clock.SHANGHAI).date()
    tells_at = datetime.combine(begun_on + timedelta(days=2), time(12), clock.SHANGHAI)
    assert clears_by(order) == tells_at  # PA-4: the statements of that day and the next
    age(order, days=2)
    refresh_order(order_no=order.order_no)
    assert Discrepancy.objects.get().kind == "stuck"  # PA-4: a case, without the payer's calling
    assert declaration_states(order) == {"in_payment"}


def test_an_order_never_sent_to_a_gateway_expires_as_a_set(family) -> None:
    order = open_family_order(family)
    with clock.at(later(minutes=29)):
        assert expire_overdue_orders() == 0
    with clock.at(later(minutes=31)):
        assert expire_overdue_orders() == 1
    assert declaration_states(order) == {"withdrawn"}


def release_unpaid(outside, order: PaymentOrder) -> None:
    outside.dial(close_after_seconds=0)
    age(order, minutes=41)
    assert refresh_order(order_no=order.order_no).status == "expired"


def test_a_late_success_takes_its_free_periods_back(family, outside) -> None:
    """G6."""
    order = start(open_family_order(family))
    release_unpaid(outside, order)
    outside.pay(order.order_no, forced=True)
    eventually(lambda: status_of(order) == "paid")
    assert declaration_states(order) == {"paid"}
    assert Transition.objects.filter(event="late_success").count() == 3


def test_a_late_success_of_a_period_paid_elsewhere_is_held(family, outside) -> None:
    """G7: the receipt is recorded first; what has no place becomes a discrepancy, to the fen."""
    order = start(open_family_order(family))
    release_unpaid(outside, order)
    [second] = open_checkout(payer=family.payer, lines=[line_for(family.father)], actor="resident:1")
    start(second)
    outside.pay(second.order_no)
    eventually(lambda: status_of(second) == "paid")
    outside.pay(order.order_no, forced=True)
    eventually(lambda: status_of(order) == "paid")
    held = Discrepancy.objects.get()
    assert (held.kind, held.amount_fen) == ("late_taken", 50_000)
    assert sorted(Declaration.objects.values_list("status", flat=True)) == ["paid", "paid", "released"]


def test_paying_twice_holds_the_second_payment(family, outside) -> None:
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    outside.pay(order.order_no, again=True)
    eventually(lambda: Receipt.objects.count() == 2)
    held = Discrepancy.objects.get()
    assert (held.kind, held.amount_fen) == ("duplicate", 150_000)


@pytest.mark.parametrize("fault", ["wrong_amount", "wrong_currency", "wrong_merchant"])
def test_a_notice_that_does_not_fit_the_order_is_not_applied_and_the_gateway_is_asked(family, outside, fault) -> None:
    """G10."""
    outside.rule(point="notice", fault=fault)
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    eventually(lambda: status_of(order) == "paid")
    assert Receipt.objects.get().source == "query"
    assert Receipt.objects.get().amount_fen == 150_000


def test_a_forged_notice_is_kept_and_never_believed(family, outside) -> None:
    """G11, I12."""
    outside.rule(point="notice", fault="forged")
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    eventually(lambda: Notification.objects.filter(verdict="refused").exists())
    assert status_of(order) == "awaiting"


def test_money_that_a_query_says_is_of_another_amount_is_held_in_full(family, outside) -> None:
    outside.rule(point="notice", fault="never")
    outside.rule(point="query", fault="wrong_amount")
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    refresh_order(order_no=order.order_no)
    held = Discrepancy.objects.get()
    assert held.kind == "amount"
    assert Receipt.objects.get().amount_fen == held.amount_fen != 150_000
    assert status_of(order) == "awaiting"


def test_the_sandbox_dies_between_payment_and_notice_and_the_order_ends_paid_once(family, outside) -> None:
    outside.dial(courier_paused=True)
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    outside.stop(signal.SIGKILL)
    age(order, seconds=10)
    refresh_pending_orders()
    assert status_of(order) == "awaiting"
    outside.start()
    outside.dial(courier_paused=False)
    eventually(lambda: status_of(order) == "paid", seconds=20)
    assert Receipt.objects.count() == 1


def test_a_closed_order_is_asked_about_for_a_week_and_a_lost_late_success_is_found(family, outside) -> None:
    """A success after the closing whose notice never came: no statement is needed to find it."""
    outside.rule(point="notice", fault="never")
    order = start(open_family_order(family))
    release_unpaid(outside, order)
    assert refresh_pending_orders() == 0
    outside.pay(order.order_no, forced=True)
    PaymentOrder.objects.filter(pk=order.pk).update(next_check_at=clock.now())
    assert refresh_pending_orders() == 1
    assert status_of(order) == "paid"
    assert declaration_states(order) == {"paid"}


def test_the_last_look_back_ends_the_asking(family, outside) -> None:
    order = start(open_family_order(family))
    release_unpaid(outside, order)
    PaymentOrder.objects.filter(pk=order.pk).update(
        closed_at=clock.now() - timedelta(days=8), next_check_at=clock.now()
    )
    assert refresh_pending_orders() == 1
    order.refresh_from_db()
    assert (order.status, order.next_check_at) == ("expired", None)


def test_a_payment_of_no_order_of_ours_becomes_a_case_with_its_money_in_full(family, outside) -> None:
    """G8, B8: kept and tried again; after five minutes a case."""
    outside.dial(courier_paused=True)
    order = start(open_family_order(family))
    outside.pay(order.order_no)
    with connection.cursor() as cursor:  # the number that the gateway knows is not one of ours any more
        cursor.execute("UPDATE payments_paymentorder SET order_no = %s WHERE id = %s", ["0" * 26, order.pk])
    outside.dial(courier_paused=False)
    eventually(lambda: Notification.objects.filter(failure="unknown_order").exists())
    row = Notification.objects.get()
    assert process_notification(notification_id=row.pk) == "put_off"
    Notification.objects.update(received_at=clock.now() - timedelta(minutes=6))
    assert process_notification(notification_id=row.pk) == "case"
    held = Discrepancy.objects.get()
    assert (held.kind, held.amount_fen) == ("unknown_order", 150_000)
    assert Receipt.objects.get().order_id is None
