"""What the cast paid last year at a bank counter, so that "the same as last year" can be tried (SCREENS 2.1).

Declared and paid by the real operations with the clock set back to that day; only the bank is invented.
"""

from datetime import date, datetime, timedelta

from django.db import transaction

from core import clock, ids
from core.sealed import blind_index
from core.transitions import advance
from payments.checkout import payees_of
from payments.confirming import Payment, confirm_payment
from payments.declarations import NewDeclaration, declare
from payments.demo.cast import MEDICAL, PENSION
from payments.facts import judge, person_facts
from payments.gateways.base import CURRENCY, Result, TradeState
from payments.models import Declaration, PaymentOrder
from payments.orders import NewOrder, open_orders
from payments.policies.terms import PolicyTerms
from payments.pricing import BASE, Asked, Payable, price
from registration.models import InsuredPerson, PersonDocument

COUNTER = "bank_counter"
ACTOR = "system:demo"
PAID_LAST_YEAR: tuple[tuple[str, str, int], ...] = (
    ("王芳", PENSION, 100_000),
    ("刘建军", PENSION, 100_000),
    ("王建国", PENSION, 50_000),
    ("王芳", MEDICAL, 0),
    ("刘建军", MEDICAL, 0),
    ("王建国", MEDICAL, 0),
    ("刘小宇", MEDICAL, 0),
)
"""Name, type, tier; a tier of 0 stands for the first that is offered."""


def load_history(numbers: dict[str, str]) -> int:
    """Pay last year for those of `numbers` (name → document number) who have not; returns how many payments."""
    return sum(
        _pay_last_year(person, insurance_type, tier_fen)
        for name, insurance_type, tier_fen in PAID_LAST_YEAR
        if (person := _person(numbers.get(name, ""))) is not None
    )


def _person(number: str) -> InsuredPerson | None:
    found = PersonDocument.objects.filter(match_index=blind_index("number", number)).select_related("person").first()
    return found.person if found else None


def _pay_last_year(person: InsuredPerson, insurance_type: str, tier_fen: int) -> bool:
    today = clock.today()
    ended = [
        (policy.coverage_year, policy.terms)
        for policy in person_facts(person).policies
        if policy.insurance_type == insurance_type and policy.terms.last_on(policy.coverage_year) < today
    ]
    if not ended:
        return False
    year, terms = max(ended, key=lambda each: each[0])
    if Declaration.objects.filter(person=person, insurance_type=insurance_type, coverage_year=year).exists():
        return False
    with clock.at(_paid_at(year, terms)):
        found = judge(person_facts(person), Asked(insurance_type, year)).payables
        payable = next((each for each in found if each.part == BASE and not each.months), None)
        if payable is None:
            return False
        _pay(person, payable, tier_fen or payable.tiers[0].tier_fen)
    return True


def _paid_at(year: int, terms: PolicyTerms) -> datetime:
    """Ten o'clock on an early day of that year's window."""
    opened: date = terms.window.opens_on or terms.coverage(year)[0]
    return clock.midnight(opened + timedelta(days=9)) + timedelta(hours=10)


@transaction.atomic
def _pay(person: InsuredPerson, payable: Payable, tier_fen: int) -> None:
    line = price(payable, tier_fen)
    payee = payees_of([payable])[payable.region, payable.insurance_type]
    new = NewOrder(order_no=ids.public_no(), payee=payee, amount_fen=line.amount_fen, line_count=1)
    [order] = open_orders(
        orders=[new], checkout_no=ids.public_no(), payer_id=None, channel_code=COUNTER, actor=ACTOR
    )
    declared = declare(
        lines=[
            NewDeclaration(
                order_id=order.pk, person_id=person.pk, registration_id=payable.registration_id,
                insurance_type=payable.insurance_type, region=payable.region, group=payable.group,
                policy_id=payable.policy_id, coverage_year=payable.coverage_year, part=payable.part,
                tier_fen=line.tier_fen, amount_fen=line.amount_fen, subsidy_fen=line.subsidy_fen,
            )
        ],
        payer_id=None, channel_code=COUNTER, actor=ACTOR,
    )  # fmt: skip
    values = {"gateway": COUNTER, "merchant_id": payee, "started_at": clock.now()}
    advance(PaymentOrder, [order.pk], "start", actor=ACTOR, values=values)
    advance(Declaration, declared, "pay", actor=ACTOR)
    said = Result(
        state=TradeState.PAID, order_no=order.order_no, merchant_id=payee, amount_fen=line.amount_fen,
        currency=CURRENCY, trade_no=f"demo-{order.order_no}", paid_at=clock.now(),
    )  # fmt: skip
    confirm_payment(order_no=order.order_no, payment=Payment(said, COUNTER, "bank"))
