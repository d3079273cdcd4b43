"""Findings that no rule can work: tried on, and shown to somebody instead of failing in silence (W7)."""

import pytest

from payments.models import Discrepancy, PaymentOrder
from reconciliation.models import Finding, Statement
from reconciliation.remedies import CASE_AFTER_TRIES, apply_remedies
from tests.reconciliation.stating import Said, deliver, noon, today
from tests.world import PENSION, Family, hand_over, line_for, open_order, say_paid


@pytest.fixture
def broken(family: Family) -> Finding:
    """Of a day that still waits for its next one: it names a line that is not there."""
    order: PaymentOrder = say_paid(hand_over(open_order(family.payer, line_for(family.father, PENSION))))
    statement = deliver([Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(today()))], order.merchant_id)
    assert statement.status == "matched"
    return Finding.objects.create(statement=statement, kind="unknown", line_no=99, amount_fen=38_000)


def sweep(finding: Finding, times: int) -> Statement:
    for _ in range(times):
        statement = apply_remedies(statement_id=finding.statement_id)
    finding.refresh_from_db()
    return statement


def cases() -> list[str]:
    return list(Discrepancy.objects.filter(key__startswith="finding-unworked:").values_list("status", flat=True))


def test_what_fails_again_and_again_is_a_case_once(broken: Finding) -> None:
    sweep(broken, CASE_AFTER_TRIES - 1)
    assert cases() == []
    sweep(broken, 3)
    assert cases() == ["open"]
    assert (broken.resolution, broken.tries) == ("", CASE_AFTER_TRIES + 2)
    case = Discrepancy.objects.get(key__startswith="finding-unworked:")
    assert (case.kind, case.amount_fen, case.facts["reason"]) == ("statement", 38_000, "not_worked")


def test_its_case_is_over_once_it_can_be_worked(broken: Finding) -> None:
    sweep(broken, CASE_AFTER_TRIES)
    Finding.objects.filter(pk=broken.pk).update(kind="corrected")
    sweep(broken, 1)
    assert (broken.resolution, cases()) == ("case", ["settled"])
