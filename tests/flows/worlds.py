"""What is there before a story begins: places, policies, who is registered where, a bank."""

from datetime import date

from core.models import User
from payments.models import PayeeAccount, PaymentOrder
from registration.models import FamilyMember
from tests import world
from tests.flows.people import Resident
from tests.reconciliation.stating import agree
from tests.world import Somebody

BANK, BANK_MERCHANT = "nsh-wendeng", "SB371003"


def wendeng(*registered: tuple[Somebody, str]) -> None:
    """One place with its policies of the year, and who is registered for what there."""
    world.make_ground()
    for insurance_type in sorted({kind for _, kind in registered}):
        world.make_policy(insurance_type)
    for who, insurance_type in registered:
        world.make_registration(who, insurance_type)


def moved_to_huancui(who: Somebody, insurance_type: str) -> None:
    """Somebody is registered in the next place as well, before the first has ended it (PA-6)."""
    world.make_policy(insurance_type, place=world.OTHER_PLACE)
    world.make_payee("tax-371002", "环翠区税务局", place=world.OTHER_PLACE)
    world.make_registration(who, insurance_type, place=world.OTHER_PLACE)


def rural_bank(since: date, *, due_on_working_days: bool = False) -> None:
    """农商行 takes money at its counters, and states its days by files that are handed in."""
    agree(BANK, since=since, due_on_working_days=due_on_working_days)
    world.make_channel(BANK, "bank_counter", world.RURAL_BANK)
    for payee in PayeeAccount.objects.all():
        payee.merchants[BANK] = BANK_MERCHANT
        payee.save()


def begun_at_the_counter(payer: Resident, insurance_type: str, amount_fen: int) -> PaymentOrder:
    """B1: a counter has begun to take the payer's own contribution and was never heard of again.

    The counters' own door comes with issue 5; until then this is how they begin.
    """
    user = User.objects.get(number_index=payer.who.index)
    herself = FamilyMember.objects.get(payer=user, relation="self")
    line = world.line_for(herself, insurance_type, amount_fen)
    return world.hand_over(world.open_order(user, line), BANK, "", url="")
