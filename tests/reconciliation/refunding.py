"""Refunds of an order in these tests, and what a channel states about them."""

from payments.gateways.base import RefundResult, RefundState
from payments.models import Declaration, PaymentOrder, Refund
from payments.refund_settling import RefundEvidence, settle_refund
from payments.refunds import approve_refund, request_refund
from tests.payments.refund_world import guards_look, make_staff
from tests.reconciliation.stating import Said, line_of
from tests.world import QIAN_JIN, ZHAO_MIN


def asked_back(order: PaymentOrder) -> Refund:
    """PA-6: asked for by 赵敏, approved by 钱进; the gateway has not been heard of yet."""
    asked = request_refund(
        declaration_no=Declaration.objects.get(order=order).declaration_no, reason=Refund.Reason.WRONG_PLACE, note="",
        actor="staff:1", requested_by=make_staff(ZHAO_MIN),
    )  # fmt: skip
    return approve_refund(refund_no=asked.refund_no, approved_by=make_staff(QIAN_JIN), actor="staff:2")


def settle(refund: Refund, order: PaymentOrder) -> None:
    """The gateway says, now, that the money went back."""
    said = RefundResult(
        RefundState.SUCCESS, refund.refund_no, order.merchant_id, order.order_no, line_of(order).trade_no,
        refund.amount_fen,
    )  # fmt: skip
    settle_refund(refund_no=refund.refund_no, evidence=RefundEvidence(said, order.gateway, "query"))
    guards_look()


def row_of(refund: Refund, order: PaymentOrder, **changes: object) -> Said:
    """The channel's line about it."""
    given = {"kind": "refund", "refund_no": refund.refund_no, "trade_refund_no": "5030001", "amount": refund.amount_fen}
    return line_of(order).but(**{**given, **changes})
