"""Money that no gateway moves any more: given back in another way, with a paper, by two (HOUSE 2.9, G19, B11, I17)."""

import io
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from core.models import Transition, User
from core.refusals import Refused
from payments import gateways
from payments.gateways.base import GatewayUnreachable, RefundRef, RefundResult, RefundState
from payments.models import Allocation, Declaration, Discrepancy, PaymentOrder, PeriodClaim, Refund
from payments.refund_checks import refresh_refund, refund_ref
from payments.refund_settling import RefundEvidence, RefundOutcome, fail_refund, settle_refund
from payments.refunds import retry_refund
from portal.messages.payer_messages import write_payer_messages
from portal.models import Message
from reconciliation.discrepancies import resolve_discrepancy, take_discrepancy
from reconciliation.models import OutsideSettlement
from reconciliation.outside import confirm_outside, drop_settlement, settle_failed_outside, settle_money_outside
from reconciliation.written_statements import WrittenStatement, read_document
from tests.payments.refund_world import approved, guards_look, make_staff
from tests.reconciliation.stating import Said, deliver, found, line_of, noon, today
from tests.reconciliation.test_releases import BANK, MERCHANT, at_bank
from tests.world import PENSION, QIAN_JIN, ZHAO_MIN, Family, hand_over, line_for, open_order, say_paid

__all__ = ["at_bank"]
NOTE = "信用社柜台退到原卡"


class Desk:
    """A gateway that says one thing of refunds; None is silence."""

    code, label, takes_refused_again = "wechat_pay", "微信支付", True

    def __init__(self) -> None:
        self.says: RefundState | None = RefundState.CLOSED

    def refund(self, refund: RefundRef) -> RefundResult:
        return self.query_refund(refund)

    def query_refund(self, refund: RefundRef) -> RefundResult:
        if self.says is None:
            raise GatewayUnreachable("silence")
        return RefundResult(self.says, refund.refund_no, refund.merchant, "", refund.trade_no, refund.amount_fen)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(gateways, "gateway", lambda code: made)
    monkeypatch.setattr("payments.gateways.desks.gateway", lambda code: made)
    return made


@pytest.fixture
def zhao(family: Family) -> User:
    return make_staff(ZHAO_MIN)


@pytest.fixture
def qian(family: Family) -> User:
    return make_staff(QIAN_JIN)


@pytest.fixture
def paid(family: Family, desk: Desk) -> PaymentOrder:
    order = say_paid(hand_over(open_order(family.payer, line_for(family.herself, PENSION, 50_000))))
    guards_look()
    return order


@pytest.fixture
def failed(paid: PaymentOrder, family: Family, qian: User) -> Refund:
    """Closed by its gateway after two people had agreed."""
    refund = approved(paid, family.payer, qian)
    refresh_refund(refund_no=refund.refund_no)
    refund.refresh_from_db()
    assert (refund.status, refund.failure) == ("failed", "closed")
    return refund


def paper(text: bytes = b"%PDF-1.4 voucher") -> WrittenStatement:
    return WrittenStatement("农商退2026-17", "voucher.pdf", io.BytesIO(text))


def refused(act: Callable[..., object], **given: object) -> str:
    with pytest.raises(Refused) as caught:
        act(**given)
    return caught.value.code


def of_order(order: PaymentOrder) -> Declaration:
    return Declaration.objects.get(order=order)


def test_bank_money_goes_back_by_paper_and_its_period_is_free(at_bank: PaymentOrder, zhao: User, qian: User) -> None:
    """PA-6: a counter gives nothing back by itself; one says so with a voucher, another sees it."""
    deliver([line_of(at_bank)], MERCHANT, channel=BANK)
    line = of_order(at_bank)
    given = {"declaration_no": line.declaration_no, "note": NOTE, "staff": zhao}
    assert refused(settle_money_outside, written=None, **given) == "no_document"
    step = settle_money_outside(written=paper(), **given)
    guards_look()
    assert (step.ground, step.refund.status, step.needs_second) == ("bank", "outside", True)
    assert PeriodClaim.objects.filter(declaration=line).exists()
    assert refused(settle_money_outside, written=paper(), **given) == "in_refund"
    assert refused(confirm_outside, settlement_id=step.pk, staff=zhao) == "same_person"
    assert read_document(step) == b"%PDF-1.4 voucher"
    confirm_outside(settlement_id=step.pk, staff=qian)
    guards_look()
    line.refresh_from_db()
    assert (line.status, PeriodClaim.objects.exists()) == ("refunded", False)
    refund = Refund.objects.get()
    assert (refund.status, refund.is_outside, refund.requested_by, refund.approved_by) == ("refunded", True, zhao, qian)
    lying = Allocation.objects.filter(receipt=refund.receipt).values_list("target_kind", "amount_fen").order_by("pk")
    assert list(lying)[1:] == [("declaration", -line.amount_fen), ("refund", line.amount_fen)]
    told = Transition.objects.get(kind="REFUND", event="settle_outside")
    assert (told.evidence["document"], told.evidence["document_sha256"]) == ("农商退2026-17", step.sha256)
    assert refused(confirm_outside, settlement_id=step.pk, staff=qian) == "decided"


def test_the_payer_is_told_once_and_only_when_it_is_done(failed: Refund, zhao: User, qian: User, desk: Desk) -> None:
    step = settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    write_payer_messages()
    before = Message.objects.count()
    confirm_outside(settlement_id=step.pk, staff=qian)
    guards_look()
    write_payer_messages()
    assert Message.objects.count() == before + 1
    text = Message.objects.latest("pk").text
    assert "已按书面程序或由渠道退回，现在可以重新缴" in text
    assert len(text) <= 90


def test_a_refund_that_its_gateway_closed_goes_back_in_another_way(
    failed: Refund, zhao: User, qian: User, desk: Desk
) -> None:
    """G19: other route by two staff; the case about it ends, and while it waits nobody sends it again."""
    case = Discrepancy.objects.get(kind="refund_failed")
    assert refused(retry_refund, refund_no=failed.refund_no, actor="x") == "ended"
    step = settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    assert refused(retry_refund, refund_no=failed.refund_no, actor="x") == "not_failed"
    confirm_outside(settlement_id=step.pk, staff=qian)
    guards_look()
    failed.refresh_from_db()
    case.refresh_from_db()
    assert (failed.status, failed.is_outside, case.status) == ("refunded", True, "settled")
    assert failed.declaration is not None
    assert (failed.declaration.status, step.ground) == ("refunded", "failed")


def test_one_that_did_not_go_back_after_all_is_a_failed_refund_again(failed: Refund, zhao: User, desk: Desk) -> None:
    step = settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    drop_settlement(settlement_id=step.pk, staff=zhao)
    failed.refresh_from_db()
    assert (failed.status, OutsideSettlement.objects.get().outcome) == ("failed", "dropped")
    assert settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper()).outcome == ""


@pytest.mark.parametrize(
    ("says", "code"), [(None, "silent"), (RefundState.PROCESSING, "may_move"), (RefundState.SUCCESS, "may_move")]
)
def test_while_the_gateway_may_still_move_it_nobody_settles_it(
    failed: Refund, zhao: User, qian: User, desk: Desk, says: RefundState | None, code: str
) -> None:
    """I8: it must not go back twice; what the gateway has done after all takes effect at once."""
    step = settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    desk.says = says
    assert refused(confirm_outside, settlement_id=step.pk, staff=qian) == code
    guards_look()
    failed.refresh_from_db()
    is_back = says is RefundState.SUCCESS
    assert (failed.status, failed.is_outside) == ("refunded" if is_back else "outside", False)
    drop_settlement(settlement_id=step.pk, staff=qian)
    failed.refresh_from_db()
    assert failed.status == ("refunded" if is_back else "failed")


def test_what_goes_back_a_second_time_by_the_gateway_is_a_case(
    failed: Refund, paid: PaymentOrder, zhao: User, qian: User, desk: Desk
) -> None:
    """Settled by paper, and then a statement lists it: the payer may have it twice."""
    step = settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    confirm_outside(settlement_id=step.pk, staff=qian)
    row = line_of(paid).but(kind="refund", refund_no=failed.refund_no, trade_refund_no="503", amount=failed.amount_fen)
    assert found(deliver([line_of(paid), row], paid.merchant_id)) == [("refund", "case")]
    assert Discrepancy.objects.get(kind="refund").amount_fen == failed.amount_fen
    desk.says = RefundState.SUCCESS
    said = desk.query_refund(refund_ref(failed))
    outcome = settle_refund(refund_no=failed.refund_no, evidence=RefundEvidence(said, failed.gateway, "notification"))
    assert outcome is RefundOutcome.MISMATCH
    assert Discrepancy.objects.get(key__startswith="refund-twice:").facts["reason"] == "given_back_twice"


def test_what_the_channel_reversed_is_settled_on_the_evidence_of_its_line(
    paid: PaymentOrder, zhao: User, qian: User, desk: Desk
) -> None:
    """B11: PAID becomes refunded by people, on what the statement says; never without a word of the channel."""
    given = {"declaration_no": of_order(paid).declaration_no, "note": NOTE, "staff": zhao}
    assert refused(settle_money_outside, written=paper(), **given) == "no_evidence"
    assert not Refund.objects.exists()
    deliver([line_of(paid), line_of(paid, kind="reversal", trade_refund_no="R-1")], paid.merchant_id)
    step = settle_money_outside(written=paper(), **given)
    assert (step.ground, len(step.evidence["findings"])) == ("channel", 1)
    confirm_outside(settlement_id=step.pk, staff=qian)
    guards_look()
    assert of_order(paid).status == "refunded"


def test_a_line_proves_no_more_than_its_amount(paid: PaymentOrder, zhao: User, desk: Desk) -> None:
    """A part that went back does not settle the whole."""
    back = line_of(paid, kind="refund", refund_no="NOT-OURS", trade_refund_no="R-1", amount=1)
    deliver([line_of(paid), back], paid.merchant_id)
    given = {"declaration_no": of_order(paid).declaration_no, "note": NOTE, "staff": zhao, "written": paper()}
    assert refused(settle_money_outside, **given) == "no_evidence"


def test_held_money_of_a_bank_leaves_its_case_by_paper(at_bank: PaymentOrder, zhao: User, qian: User) -> None:
    """B8 at a counter: what nobody can explain went back, and the case ends with it."""
    deliver([Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(today()))], MERCHANT, channel=BANK)
    held = Discrepancy.objects.get(kind="unknown_order")
    take_discrepancy(discrepancy_id=held.pk, staff=zhao)
    step = settle_money_outside(discrepancy_id=held.pk, note=NOTE, staff=zhao, written=paper())
    assert refused(resolve_discrepancy, discrepancy_id=held.pk, reason=NOTE, staff=zhao) == "holds_money"
    confirm_outside(settlement_id=step.pk, staff=qian)
    guards_look()
    held.refresh_from_db()
    assert held.status == "resolved"
    assert refused(
        settle_money_outside, discrepancy_id=held.pk, note=NOTE, staff=zhao, written=paper()
    ) == "finished"  # fmt: skip


def test_a_request_that_is_dropped_leaves_the_record_paid(at_bank: PaymentOrder, zhao: User) -> None:
    deliver([line_of(at_bank)], MERCHANT, channel=BANK)
    given = {"declaration_no": of_order(at_bank).declaration_no, "note": NOTE, "staff": zhao}
    step = settle_money_outside(written=paper(), **given)
    drop_settlement(settlement_id=step.pk, staff=zhao)
    write_payer_messages()
    assert (Refund.objects.get().status, of_order(at_bank).status) == ("rejected", "paid")
    assert not Message.objects.filter(text__contains="没有退费").exists()
    assert settle_money_outside(written=paper(), **given).outcome == ""


def test_the_database_refuses_one_person_as_both_and_a_step_without_its_paper(
    failed: Refund, zhao: User, desk: Desk
) -> None:
    """I17."""
    step = settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    rows = OutsideSettlement.objects.filter(pk=step.pk)
    for changes in ({"outcome": "done", "decided_by": zhao}, {"sha256": ""}, {"needs_second": False}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**changes)


@pytest.mark.parametrize("state", ["failed", "outside"])
def test_the_case_of_a_refund_is_not_over_before_the_refund(failed: Refund, zhao: User, desk: Desk, state: str) -> None:
    """I9: nobody explains away what still hangs."""
    if state == "outside":
        settle_failed_outside(refund_no=failed.refund_no, note=NOTE, staff=zhao, written=paper())
    case = Discrepancy.objects.get(kind="refund_failed")
    take_discrepancy(discrepancy_id=case.pk, staff=zhao)
    assert refused(resolve_discrepancy, discrepancy_id=case.pk, reason=NOTE, staff=zhao) == "refund_hangs"


def test_a_word_about_a_refund_that_was_never_sent_changes_nothing(at_bank: PaymentOrder, zhao: User) -> None:
    """A failure told late does not touch what waits for the second person."""
    deliver([line_of(at_bank)], MERCHANT, channel=BANK)
    given = {"declaration_no": of_order(at_bank).declaration_no, "note": NOTE, "staff": zhao}
    step = settle_money_outside(written=paper(), **given)
    assert not fail_refund(refund_no=step.refund.refund_no, reason="x", actor="system:test", evidence={})
