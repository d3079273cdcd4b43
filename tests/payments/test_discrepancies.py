"""Cases: one at a time about a matter, and a new one where the matter comes back (HOUSE 2.3, W7)."""

import pytest
from django.db import IntegrityError, transaction

from core.transitions import advance
from payments.discrepancies import open_discrepancy
from payments.models import Discrepancy
from reconciliation.discrepancies import grant_waiver, request_waiver, take_discrepancy
from tests.payments.refund_world import make_staff
from tests.world import QIAN_JIN, ZHAO_MIN

pytestmark = pytest.mark.django_db
FACTS = {"differs": ["amount"]}


def trouble(**changes: object) -> Discrepancy:
    """The same matter, raised once more."""
    given = {"kind": Discrepancy.Kind.AMOUNT, "key": "mismatch:x", "amount_fen": 5, "actor": "system:test",
             "facts": FACTS} | changes  # fmt: skip
    return open_discrepancy(**given)


def test_a_matter_has_one_case_while_it_is_worked_on() -> None:
    case = trouble()
    assert trouble() == case
    take_discrepancy(discrepancy_id=case.pk, staff=make_staff(ZHAO_MIN))
    assert trouble() == case
    assert Discrepancy.objects.count() == 1


@pytest.mark.parametrize("ending", ["settle", "resolve"])
def test_a_matter_that_comes_back_after_its_case_was_ended_is_seen_again(ending: str) -> None:
    """What swallowed it before: a key whose case was over returned that case, and nobody saw the new trouble."""
    case = trouble()
    if ending == "resolve":
        take_discrepancy(discrepancy_id=case.pk, staff=make_staff(ZHAO_MIN))
    assert advance(Discrepancy, [case.pk], ending, actor="system:test")
    again = trouble()
    assert (again.status, again.key) == ("open", case.key)
    assert again != case
    assert trouble() == again


def test_what_two_people_let_go_is_not_asked_again_in_the_same_words() -> None:
    case, zhao = trouble(), make_staff(ZHAO_MIN)
    take_discrepancy(discrepancy_id=case.pk, staff=zhao)
    waiver = request_waiver(discrepancy_id=case.pk, reason="差1分，渠道更正过", staff=zhao)
    grant_waiver(waiver_id=waiver.pk, staff=make_staff(QIAN_JIN))
    assert trouble().pk == case.pk
    assert trouble(facts={"differs": ["amount", "merchant"]}).pk != case.pk


def test_the_database_keeps_one_open_case_of_a_matter() -> None:
    """Two workers at once: whatever the code does."""
    case = trouble()
    with pytest.raises(IntegrityError), transaction.atomic():
        Discrepancy.objects.create(kind=case.kind, key=case.key)
