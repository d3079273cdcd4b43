"""The basket on the server: nothing typed is lost (ID-6), and a basket becomes orders once (PA-1)."""

from datetime import timedelta

import pytest

from core import clock
from core.refusals import Refused
from payments.drafts import (
    KEPT_FOR,
    BasketLine,
    Choice,
    ask_for,
    check_out,
    choose_place,
    fill_again,
    put_lines,
    read_basket,
    remove_line,
    restore_line,
    skip_choice,
)
from payments.models import Declaration, PaymentOrder
from payments.order_checks import cancel_order
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def family(db: None) -> world.Family:
    return world.make_family()


def line_of(member, insurance_type=world.PENSION, tier_fen=100_000, amount_fen=None) -> BasketLine:
    wish = world.line_for(member, insurance_type, tier_fen)
    choice = Choice(member.pk, insurance_type, wish.coverage_year)
    return BasketLine(choice, wish.registration_id, tier_fen, amount_fen or tier_fen, clock.now())


def seen(basket) -> dict[str, int]:
    return {line.key: line.amount_fen for line in basket.lines}


def test_a_basket_holds_several_people_and_types(family) -> None:
    put_lines(payer=family.payer, lines=[line_of(family.herself), line_of(family.father, world.MEDICAL, 24_000)])
    basket = read_basket(family.payer)
    assert [line.choice.member_id for line in basket.lines] == [family.herself.pk, family.father.pk]
    assert basket.token


def test_a_line_takes_the_place_of_an_older_one_about_the_same(family) -> None:
    put_lines(payer=family.payer, lines=[line_of(family.herself)])
    before = read_basket(family.payer).token
    put_lines(payer=family.payer, lines=[line_of(family.herself, tier_fen=50_000)])
    basket = read_basket(family.payer)
    assert [line.tier_fen for line in basket.lines] == [50_000]
    assert basket.token != before


def test_what_is_put_in_is_asked_about_no_more(family) -> None:
    line = line_of(family.herself)
    other = Choice(family.father.pk, world.PENSION, clock.today().year)
    ask_for(payer=family.payer, choices=[line.choice, other])
    put_lines(payer=family.payer, lines=[line])
    assert read_basket(family.payer).pending == (other,)
    skip_choice(payer=family.payer, choice=other)
    assert read_basket(family.payer).pending == ()


def test_people_who_are_unticked_leave_the_basket_and_other_types_stay(family) -> None:
    medical = line_of(family.father, world.MEDICAL, 24_000)
    put_lines(payer=family.payer, lines=[line_of(family.herself), line_of(family.father), medical])
    ask_for(payer=family.payer, choices=[line_of(family.father).choice])
    kept = {line.key for line in read_basket(family.payer).lines}
    assert kept == {line_of(family.father).key, medical.key}


def test_removing_can_be_undone(family) -> None:
    line = line_of(family.herself)
    put_lines(payer=family.payer, lines=[line])
    remove_line(payer=family.payer, key=line.key)
    assert read_basket(family.payer).lines == ()
    restore_line(payer=family.payer)
    restored = read_basket(family.payer)
    assert [each.key for each in restored.lines] == [line.key]
    assert restore_line(payer=family.payer).lines == restored.lines


def test_another_place_drops_the_line_of_the_first(family) -> None:
    """RG-3."""
    line = line_of(family.herself)
    put_lines(payer=family.payer, lines=[line])
    choose_place(payer=family.payer, choice=line.choice, registration_id=line.registration_id + 1)
    basket = read_basket(family.payer)
    assert basket.lines == ()
    assert basket.place_of(line.choice) == line.registration_id + 1


def test_a_line_is_kept_for_a_week(family) -> None:
    put_lines(payer=family.payer, lines=[line_of(family.herself)])
    moment = clock.now()
    with clock.at(moment + KEPT_FOR - timedelta(minutes=1)):
        assert len(read_basket(family.payer).lines) == 1
    with clock.at(moment + KEPT_FOR + timedelta(minutes=1)):
        assert read_basket(family.payer).lines == ()


def test_checking_out_twice_with_one_token_gives_the_same_order(family) -> None:
    """U1: double click, two tabs, back button."""
    basket = put_lines(payer=family.payer, lines=[line_of(family.herself)])
    first = check_out(payer=family.payer, token=basket.token, seen=seen(basket))
    second = check_out(payer=family.payer, token=basket.token, seen=seen(basket))
    assert [order.pk for order in first] == [order.pk for order in second]
    assert PaymentOrder.objects.count() == 1
    assert read_basket(family.payer).lines == ()


def test_a_basket_changed_in_another_window_is_looked_at_again(family) -> None:
    old = put_lines(payer=family.payer, lines=[line_of(family.herself)])
    put_lines(payer=family.payer, lines=[line_of(family.father)])
    with pytest.raises(Refused) as refused:
        check_out(payer=family.payer, token=old.token, seen=seen(old))
    assert refused.value.code == "basket_changed"
    assert not PaymentOrder.objects.exists()


def test_an_amount_that_was_not_seen_is_not_charged(family) -> None:
    basket = put_lines(payer=family.payer, lines=[line_of(family.herself, amount_fen=90_000)])
    with pytest.raises(Refused) as refused:
        check_out(payer=family.payer, token=basket.token, seen=seen(basket))
    assert refused.value.code == "price_changed"
    assert refused.value.facts["key"] == basket.lines[0].key
    assert len(read_basket(family.payer).lines) == 1


def test_a_line_paid_elsewhere_meanwhile_refuses_the_whole_and_keeps_the_basket(family) -> None:
    """U5: no order for the others either, before the payer has agreed."""
    lines = [line_of(family.herself), line_of(family.father)]
    basket = put_lines(payer=family.payer, lines=lines)
    world.open_order(family.payer, world.line_for(family.father))
    with pytest.raises(Refused) as refused:
        check_out(payer=family.payer, token=basket.token, seen=seen(basket))
    assert refused.value.code == "C9"
    assert refused.value.facts["key"] == lines[1].key
    assert PaymentOrder.objects.count() == 1
    assert len(read_basket(family.payer).lines) == 2


def test_an_order_that_was_given_up_fills_the_basket_again(family) -> None:
    order = world.open_order(family.payer, world.line_for(family.herself), world.line_for(family.father))
    cancel_order(order_no=order.order_no, actor=family.payer.actor)
    basket = fill_again(payer=family.payer, order=order)
    assert {line.choice.member_id for line in basket.lines} == {family.herself.pk, family.father.pk}
    again = check_out(payer=family.payer, token=basket.token, seen=seen(basket))
    assert again[0].pk != order.pk
    assert Declaration.objects.filter(order=order, status="withdrawn").count() == 2


def test_a_person_taken_off_the_list_does_not_come_back(family) -> None:
    order = world.open_order(family.payer, world.line_for(family.herself), world.line_for(family.father))
    cancel_order(order_no=order.order_no, actor=family.payer.actor)
    family.father.removed_at = clock.now()
    family.father.save()
    basket = fill_again(payer=family.payer, order=order)
    assert [line.choice.member_id for line in basket.lines] == [family.herself.pk]


def test_two_payees_become_two_orders_of_one_checkout(family) -> None:
    """HOUSE 2.11."""
    world.make_payee("medical-fund", "医保专户", types=[world.MEDICAL])
    lines = [line_of(family.herself), line_of(family.herself, world.MEDICAL, 24_000)]
    basket = put_lines(payer=family.payer, lines=lines)
    orders = check_out(payer=family.payer, token=basket.token, seen=seen(basket))
    assert len(orders) == 2
    assert len({order.checkout_no for order in orders}) == 1
    assert {order.payee_id for order in orders} == {"tax-371003", "medical-fund"}
