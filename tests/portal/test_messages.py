"""Short messages to payers (SCREENS 2.5): every outcome is told, and told once."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from core import clock
from core.models import Heartbeat, Transition, User
from payments.models import Declaration
from payments.orders import expire_order
from portal.messages import payer_messages, tasks
from portal.messages.payer_messages import send_waiting_messages, write_payer_messages
from portal.models import Message
from tests.portal.phones import texts
from tests.world import (
    MEDICAL,
    PENSION,
    WANG_FANG,
    Family,
    hand_over,
    line_for,
    make_family,
    make_payer,
    open_order,
    say_paid,
)

PHONE = "13800006712"


@pytest.fixture
def family(db: None) -> Family:
    return make_family()


@pytest.fixture
def paid(family: Family):
    return say_paid(hand_over(open_order(family.payer, line_for(family.father, PENSION))))


def due_again() -> None:
    """The next try's moment comes."""
    Message.objects.exclude(next_try_at=None).update(next_try_at=clock.now())


def test_a_payment_is_told_with_what_matters(carriers, family, paid) -> None:
    assert write_payer_messages() == 1
    assert send_waiting_messages() == 1
    year, text = clock.today().year, texts(carriers, PHONE)[0]
    assert text.startswith(f"【社保缴费】王*国{year}年居民养老1,000.00元已缴成功，参考号{paid.order_no[-6:]}。")
    assert "起可开证明" in text
    assert "王建国" not in text
    assert "http" not in text
    assert len(text) <= 140


def test_an_outcome_is_told_once(carriers, family, paid) -> None:
    for _ in range(2):
        write_payer_messages()
        send_waiting_messages()
        due_again()
    assert [message.status for message in Message.objects.all()] == ["sent"]
    history = list(Transition.objects.filter(kind="MESSAGE").order_by("id").values_list("event", flat=True))
    assert history == ["create", "send"]


def test_nothing_is_told_of_an_order_that_never_left(family) -> None:
    order = open_order(family.payer, line_for(family.father))
    assert expire_order(order_id=order.pk, actor=family.payer.actor, evidence={})
    assert write_payer_messages() == 0


def test_an_order_that_was_not_paid_is_told_so(family) -> None:
    """Only where the gateway has said so does an order end; the words may say it then."""
    order = hand_over(open_order(family.payer, line_for(family.father)))
    assert expire_order(order_id=order.pk, actor="system:wechat_pay", evidence={"trade_state": "CLOSED"})
    assert write_payer_messages() == 1
    assert "没有扣款，可以重新缴" in Message.objects.get().text


def test_several_people_are_counted_and_not_listed(family) -> None:
    lines = [line_for(member, PENSION) for member in family.members[:3]]
    say_paid(hand_over(open_order(family.payer, *lines)))
    write_payer_messages()
    text = Message.objects.get().text
    assert "等3项3,000.00元已缴成功" in text
    assert len(text) <= 140


def test_money_that_came_too_much_is_told_to_go_back(family) -> None:
    """A success for a period that is paid meanwhile is no second contribution."""
    wishes = (line_for(family.father), line_for(family.son, MEDICAL, 24_000))
    order = say_paid(hand_over(open_order(family.payer, *wishes)))
    lines = list(Declaration.objects.filter(order=order).select_related("registration", "order").order_by("pk"))
    lines[1].status = "released"
    text = payer_messages._text("paid", lines)
    assert "1,000.00元已缴成功" in text
    assert "另有240.00元重复，核对后退回" in text
    lines[0].status = "released"
    assert "已缴过，这次的1,240.00元核对后退回" in payer_messages._text("paid", lines)


def test_a_carrier_that_is_away_is_tried_again(carriers, family, paid) -> None:
    write_payer_messages()
    for fault in ("server_error", "too_many"):
        carriers.rule(point="sms", fault=fault, times=1)
        assert send_waiting_messages() == 0
        message = Message.objects.get()
        assert message.status == "waiting"
        assert message.next_try_at is not None
        assert message.next_try_at > clock.now()
        due_again()
    assert send_waiting_messages() == 1
    assert Message.objects.get().tries == 3
    assert [paid.order_no[-6:] in text for text in texts(carriers, PHONE)].count(True) == 1


def test_an_answer_that_was_lost_brings_no_second_message(carriers, family, paid) -> None:
    """The carrier knows the number of a message that it has sent."""
    write_payer_messages()
    carriers.rule(point="sms", fault="lose_answer", times=1)
    assert send_waiting_messages() == 0
    due_again()
    assert send_waiting_messages() == 1
    assert [paid.order_no[-6:] in text for text in texts(carriers, PHONE)].count(True) == 1


def test_a_number_that_takes_no_messages_is_given_up(carriers, family, paid) -> None:
    write_payer_messages()
    carriers.rule(point="sms", fault="refuse", times=1)
    assert send_waiting_messages() == 0
    message = Message.objects.get()
    assert (message.status, message.next_try_at) == ("unsent", None)
    move = Transition.objects.get(kind="MESSAGE", event="give_up")
    assert move.evidence == {"reason": "CarrierRefused"}


def test_trying_comes_to_an_end(carriers, family, paid) -> None:
    write_payer_messages()
    carriers.rule(point="sms", fault="server_error", times=len(payer_messages.STEPS) + 1)
    for _ in range(len(payer_messages.STEPS) + 1):
        send_waiting_messages()
        due_again()
    assert Message.objects.get().status == "unsent"


def test_a_payer_without_a_phone_is_told_nothing(carriers, family, paid) -> None:
    User.objects.update(phone_index=None, phone_sealed="")
    write_payer_messages()
    assert send_waiting_messages() == 0
    assert Message.objects.get().status == "unsent"


def test_a_message_that_one_worker_has_is_left_alone_by_others(carriers, family, paid) -> None:
    write_payer_messages()
    Message.objects.update(next_try_at=clock.now() + payer_messages.LEASE)
    assert send_waiting_messages() == 0
    assert Message.objects.get().status == "waiting"


def test_old_news_are_not_told(family, paid) -> None:
    late = clock.now() + payer_messages.LOOK_BACK + timedelta(minutes=1)
    with clock.at(late):
        assert write_payer_messages() == 0


def test_both_sweeps_leave_their_heartbeat(carriers, db) -> None:
    tasks.write_payer_messages()
    tasks.send_waiting_messages()
    assert Heartbeat.objects.filter(name__startswith="portal.messages.tasks.").count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_writers_at_once_tell_an_outcome_once() -> None:
    family = make_family()
    say_paid(hand_over(open_order(family.payer, line_for(family.father))))
    start = threading.Barrier(2)

    def write() -> None:
        start.wait()
        write_payer_messages()
        connections.close_all()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert Message.objects.count() == 1
    assert Transition.objects.filter(kind="MESSAGE", event="create").count() == 1


def test_the_named_payer_is_who_paid(family) -> None:
    """Not who is insured: he may have no phone at all."""
    make_payer(WANG_FANG.__class__("刘建军", "371003197811200175"), "13900006799")
    say_paid(hand_over(open_order(family.payer, line_for(family.husband))))
    write_payer_messages()
    assert Message.objects.get().recipient == family.payer
