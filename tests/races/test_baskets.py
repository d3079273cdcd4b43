"""One payer, many windows: a basket becomes one checkout, and no change of it is lost (U1)."""

from functools import partial

import pytest

from core import clock
from payments.drafts import BasketLine, Choice, check_out, put_lines, read_basket
from payments.models import PaymentOrder
from payments.order_checks import cancel_order
from tests import world
from tests.races.threads import Crowd, errors

pytestmark = pytest.mark.django_db(transaction=True)

WINDOWS, ROUNDS = 8, 20


def line_of(member, insurance_type: str, tier_fen: int) -> BasketLine:
    wish = world.line_for(member, insurance_type, tier_fen)
    choice = Choice(member.pk, insurance_type, wish.coverage_year)
    return BasketLine(choice, wish.registration_id, tier_fen, tier_fen, clock.now())


def test_confirmed_in_many_windows_at_once_a_basket_is_one_order_for_all_of_them() -> None:
    family = world.make_family()
    line = line_of(family.herself, world.PENSION, 100_000)
    with Crowd(WINDOWS) as crowd:
        for _ in range(ROUNDS):
            basket = put_lines(payer=family.payer, lines=[line])
            act = partial(check_out, payer=family.payer, token=basket.token, seen={line.key: line.amount_fen})
            results = crowd.round([act] * WINDOWS)
            assert not errors(results)
            numbers = {order.order_no for orders in results for order in orders}
            assert len(numbers) == 1
            cancel_order(order_no=numbers.pop(), actor=family.payer.actor)
    assert PaymentOrder.objects.count() == ROUNDS


def test_lines_put_in_from_many_windows_at_once_are_all_there() -> None:
    family = world.make_family()
    lines = [line_of(member, world.MEDICAL, 24_000) for member in family.members]
    lines += [line_of(member, world.PENSION, 50_000) for member in family.members[:3]]
    with Crowd(len(lines)) as crowd:
        results = crowd.round([partial(put_lines, payer=family.payer, lines=[line]) for line in lines])
    assert not errors(results)
    assert {line.key for line in read_basket(family.payer).lines} == {line.key for line in lines}
