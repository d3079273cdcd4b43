"""24 payers at once for the same period: exactly one wins, in every round (PA-2, X1, B3)."""

from functools import partial

import pytest

from core import clock
from core.refusals import Refused
from payments.checkout import MemberLine, open_checkout
from payments.facts import matching_registrations
from payments.models import Declaration, PaymentOrder, PeriodClaim
from payments.orders import expire_order
from reconciliation.books import check_books
from tests import world
from tests.races.threads import Crowd

THREADS, ROUNDS = 24, 200

pytestmark = pytest.mark.django_db(transaction=True)


def neighbours(count: int) -> list[tuple[object, MemberLine]]:
    """Payers who all added the same person, each with the line that pays for him."""
    world.make_ground()
    world.make_policy(world.PENSION)
    registration = world.make_registration(world.WANG_FATHER, world.PENSION)
    found = []
    for index in range(count):
        who = world.Somebody(f"邻居{index}", world.number("19850909", f"{index + 100:03d}"))
        payer = world.make_payer(who, phone=f"1390000{index:04d}")
        member = world.make_member(payer, world.WANG_FATHER, "neighbour")
        assert matching_registrations(member) == [registration]
        line = MemberLine(
            member_id=member.pk, registration_id=registration.pk, insurance_type=world.PENSION,
            coverage_year=clock.today().year, part="base", tier_fen=100_000,
        )  # fmt: skip
        found.append((payer, line))
    return found


def test_of_24_threads_exactly_one_declares_the_period_in_every_one_of_200_rounds() -> None:
    """B3: every channel declares by this operation; the bank's own door comes with issue 5."""
    acts = [
        partial(open_checkout, payer=payer, lines=[line], actor=f"resident:{payer.pk}")
        for payer, line in neighbours(THREADS)
    ]
    with Crowd(THREADS) as crowd:
        for _ in range(ROUNDS):
            results = crowd.round(acts)
            won = [result for result in results if isinstance(result, list)]
            lost = [result for result in results if isinstance(result, Refused)]
            assert (len(won), len(lost)) == (1, THREADS - 1), results
            assert {problem.code for problem in lost} <= {"taken", "C9"}
            assert PeriodClaim.objects.count() == 1
            [order] = won[0]
            expire_order(order_id=order.pk, actor="system:test", evidence={"never_started": True})
    assert PaymentOrder.objects.count() == Declaration.objects.count() == ROUNDS
    assert check_books() == []
