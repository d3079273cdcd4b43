"""Money that came and went back whole: nothing of it is left, so the attempt is cleared, and never as "not taken"."""

import io
from datetime import timedelta

import pytest

from core import clock
from core.models import Transition
from payments import gateways
from payments.gateways.base import RefundResult, RefundState, Result, TradeState
from payments.models import Declaration, Discrepancy, PaymentOrder, PeriodClaim, Receipt, Refund
from payments.order_checks import refresh_order
from payments.orders import WENT_BACK, expire_order
from payments.refund_settling import RefundEvidence, settle_refund
from payments.refunds import approve_refund, request_refund_of_held
from portal.messages.payer_messages import write_payer_messages
from portal.models import Message
from reconciliation.clearing import confirm_clearing, look_at, request_clearing
from reconciliation.models import ChannelAnswer, Clearing
from reconciliation.releases import clear_stuck_orders
from reconciliation.written_statements import WrittenStatement
from tests.payments.refund_world import guards_look, make_staff
from tests.portal.test_console_clearing import Gateway
from tests.portal.visiting import Visitor
from tests.reconciliation.stating import Said, days_later, deliver, found, line_of, today
from tests.reconciliation.test_releases import BANK, MERCHANT, at_bank, status
from tests.world import PENSION, QIAN_JIN, ZHAO_MIN, Family, hand_over, line_for, open_order

__all__ = ["at_bank"]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway(TradeState.REFUNDED)
    monkeypatch.setattr(gateways, "gateway", lambda code: made)
    return made


@pytest.fixture
def order(family: Family, gateway: Gateway) -> PaymentOrder:
    return hand_over(open_order(family.payer, line_for(family.father, PENSION)))


def back(order: PaymentOrder, kind: str = "refund", **changes: object) -> Said:
    """What the channel says it has given back by itself."""
    return line_of(order, kind=kind, refund_no="THEIR-OWN-1", trade_refund_no="R-1", **changes)


def two_days(order: PaymentOrder, *lines: Said, merchant: str = "", channel: str = "wechat_pay") -> None:
    """D with these lines, D+1 without any, each once it is over."""
    day = today()
    deliver(list(lines), merchant or order.merchant_id, day, channel)
    with days_later(2):
        deliver([], merchant or order.merchant_id, day + timedelta(days=1), channel)


def clear() -> int:
    """The sweep, on the second day after; the guards of the commit are asked at once."""
    with days_later(2):
        freed = clear_stuck_orders()
        guards_look()
    return freed


def is_free(order: PaymentOrder) -> bool:
    lines = set(Declaration.objects.filter(order=order).values_list("status", flat=True))
    return (status(order), lines) == ("expired", {"released"}) and not PeriodClaim.objects.exists()


def test_a_counter_that_took_and_reversed_it_is_cleared_by_the_statements(at_bank: PaymentOrder) -> None:
    """B11: before, an order that any line named was never cleared."""
    two_days(at_bank, line_of(at_bank), back(at_bank, "reversal"), merchant=MERCHANT, channel=BANK)
    assert clear() == 1
    assert is_free(at_bank)
    told = Transition.objects.get(kind="DECLARATION", event="release")
    assert (told.evidence["ground"], len(told.evidence["statements"])) == ("undone", 2)


def test_what_the_channel_refunded_by_itself_is_cleared_and_the_payer_reads_so(order: PaymentOrder) -> None:
    """Gateway and statement say the same: it came, and all of it went back."""
    statement = deliver([line_of(order), back(order)], order.merchant_id)
    assert found(statement) == [("reversal", "cancelled_out"), ("refund", "cancelled_out")]
    assert not Receipt.objects.exists()
    refresh_order(order_no=order.order_no)
    case = Discrepancy.objects.get()
    assert (case.kind, case.facts["reason"]) == ("stuck", "refunded_outside")
    day = today()
    with days_later(2):
        deliver([], order.merchant_id, day + timedelta(days=1))
    assert clear() == 1
    assert is_free(order)
    case.refresh_from_db()
    assert case.status == "settled"
    with days_later(2):
        write_payer_messages()
    text = Message.objects.get().text
    assert "钱已由渠道退回，可以重新缴" in text
    assert "没有扣款" not in text


def test_a_part_that_went_back_pays_the_order_and_is_a_case(order: PaymentOrder) -> None:
    """Something is left: no rule clears it."""
    deliver([line_of(order), back(order, amount=order.amount_fen - 1)], order.merchant_id)
    assert status(order) == "paid"
    assert Discrepancy.objects.get().kind == "refund"


def test_a_second_refund_of_the_same_trade_is_for_people(order: PaymentOrder) -> None:
    """More went back than came: somebody asks the channel first."""
    two_days(order, line_of(order), back(order), back(order).but(refund_no="THEIR-OWN-2", trade_refund_no="R-2"))
    assert clear() == 0
    assert status(order) == "awaiting"
    assert Discrepancy.objects.get(kind="refund").status == "open"


@pytest.mark.parametrize("word", [TradeState.UNKNOWN, TradeState.PAID])
def test_a_gateway_that_says_otherwise_is_not_overruled(
    order: PaymentOrder, gateway: Gateway, word: TradeState
) -> None:
    """HOUSE 2.7: its word decides; what it says is paid is paid."""
    gateway.state = word
    two_days(order, line_of(order), back(order))
    assert clear() == 0
    assert status(order) == ("paid" if word is TradeState.PAID else "awaiting")


def test_an_amount_that_did_not_fit_and_was_given_back_leaves_nothing(order: PaymentOrder, gateway: Gateway) -> None:
    """G10: held in full, refunded by two; the books say that nothing is left, and the order is free at last."""
    two_days(order, line_of(order, "T-odd", amount=order.amount_fen - 1))
    held = Discrepancy.objects.get(kind="amount")
    assert clear() == 0
    give_back(held, "T-odd")
    assert clear() == 1
    assert is_free(order)


def test_money_that_was_given_back_opens_no_second_case_however_often_it_is_named(
    order: PaymentOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UnionPay calls a payment paid for ever; its amount did not fit, was held, and has gone back."""
    says = Result(TradeState.PAID, order.order_no, order.merchant_id, order.amount_fen + 1, "CNY", "T-odd", clock.now())
    monkeypatch.setattr(Gateway, "query", lambda self, ref: says)
    refresh_order(order_no=order.order_no)
    give_back(Discrepancy.objects.get(kind="amount"), "T-odd")
    refresh_order(order_no=order.order_no)
    assert Discrepancy.objects.get(kind="amount").status == "settled"


def give_back(held: Discrepancy, trade_no: str) -> None:
    """Two people agree, and the gateway does it."""
    zhao, qian = make_staff(ZHAO_MIN), make_staff(QIAN_JIN)
    refund = request_refund_of_held(
        discrepancy_id=held.pk, reason=Refund.Reason.UNKNOWN_MONEY, note="", actor=zhao.actor, requested_by=zhao
    )
    approve_refund(refund_no=refund.refund_no, approved_by=qian, actor=qian.actor)
    said = RefundResult(
        RefundState.SUCCESS, refund.refund_no, refund.merchant_id, "", trade_no, refund.amount_fen
    )  # fmt: skip
    settle_refund(refund_no=refund.refund_no, evidence=RefundEvidence(said, refund.gateway, "query"))


# --- by two members of staff ------------------------------------------------------------------------------------------


def test_two_people_clear_by_the_voucher_what_the_statements_do_not_show(order: PaymentOrder) -> None:
    """The channel says refunded, which may be a part: a paper shows that all of it went back."""
    zhao, qian = make_staff(ZHAO_MIN), make_staff(QIAN_JIN)
    with clock.at(clock.now() + timedelta(hours=1)):
        paper = WrittenStatement("微退1号", "voucher.pdf", io.BytesIO(b"%PDF-1.4 all of it"))
        made = request_clearing(
            order_id=order.pk, ground="returned", note="商户平台已全额退款", staff=zhao, written=paper
        )
        assert (made.needs_second, made.outcome, status(order)) == (True, "", "awaiting")
        confirm_clearing(clearing_id=made.pk, staff=qian)
        write_payer_messages()
    assert is_free(order)
    assert "钱已由渠道退回" in Message.objects.get().text


def test_what_the_statements_show_needs_a_second_person_and_no_paper(order: PaymentOrder) -> None:
    two_days(order, line_of(order), back(order))
    with days_later(2):
        answer = ChannelAnswer.objects.create(order=order, asked_by=make_staff(ZHAO_MIN), state="refunded")
        look = look_at(order, answer)
        assert (look.ground, look.refusal, look.needs_second, look.may_write) == ("undone", "", True, "")
        made = request_clearing(order_id=order.pk, ground="undone", note="对账单已核对", staff=answer.asked_by)
        assert made.outcome == ""
        confirm_clearing(clearing_id=made.pk, staff=make_staff(QIAN_JIN))
    assert is_free(order)
    assert Clearing.objects.get().ground == "undone"


def test_the_payer_is_not_told_that_no_money_was_taken(order: PaymentOrder) -> None:
    """SCREENS 2.5: the page of what was not paid says what is known, and nothing else."""
    assert set(WENT_BACK) <= set(Clearing.Ground.values)
    expire_order(order_id=order.pk, actor="system:statement", evidence={"ground": "undone"})
    assert order.payer is not None
    page = Visitor(order.payer).open(f"/orders/{order.order_no}/")
    assert "钱已由渠道退回" in page.text
    assert "没有扣款" not in page.text
