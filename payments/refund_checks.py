"""Sending refunds and finding out what became of them (HOUSE 2.1, 2.2, G18, G19, G22).

Commit the intention → call outside with no transaction open → lock, compare, advance. Unknown stays unknown and is
asked about again, without end; a gateway is told once more only where it says that it holds no such refund, and
always under the same number.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef

from core import clock
from core.heartbeats import beat
from core.refusals import Refused
from core.transitions import advance, advance_one
from payments.gateways import availability
from payments.gateways.base import (
    ENDED_BADLY,
    GatewayRefused,
    GatewayUnreachable,
    RefundDesk,
    RefundRef,
    RefundResult,
    RefundState,
)
from payments.gateways.desks import desk_codes, refund_desk
from payments.models import Discrepancy, Refund
from payments.refund_settling import RefundEvidence, fail_refund, open_stuck_case, settle_refund
from payments.refunds import RULES, locked_refund, refund_by_rule
from payments.states import NOT_THROUGH

log = logging.getLogger(__name__)

STEPS = [timedelta(seconds=s) for s in (5, 30, 60, 180, 600, 1800)]
KNOWN_AFTER = timedelta(seconds=10)  # Alipay: asked sooner it may not know of a refund that it was told of
LEASE = timedelta(seconds=90)
BATCH = 100
BATCH_TIME = timedelta(seconds=45)
CASE_AFTER = timedelta(days=2)
WITH_US = ("approved", "sending", "sent")  # what the sweep looks at
AT_GATEWAY = ("sending", "sent")
REASON = "社会保险费退费"  # what the payer's wallet shows


def send_refund(*, refund_no: str, actor: str = "system:refund") -> Refund:
    """Hand an approved refund to its gateway; one that was handed over before is asked about first (W3)."""
    refund = _found(refund_no)
    if refund.status != "approved":
        return refund
    known = _ask(refund) if refund.tries else None
    if refund.tries and (known is None or known.state is RefundState.UNKNOWN):
        _ask_again_later(refund)
    elif known is not None and known.state is RefundState.SUCCESS:
        _act_on(refund, known, source="query")
    elif _begin_sending(refund, actor=actor):
        if known is not None and known.state in (RefundState.PROCESSING, *ENDED_BADLY):
            _act_on(refund, known, source="query")  # told again, it would only say so again
        else:
            _hand_over(refund)
    refund.refresh_from_db()
    return refund


def refresh_refund(*, refund_no: str) -> Refund:
    """Ask what became of a refund and act on it; of a failed one only a success that came late is taken."""
    refund = _found(refund_no)
    if refund.status == "approved":
        return send_refund(refund_no=refund_no)
    if refund.status in NOT_THROUGH:
        ask_about_failed(refund_no=refund_no)
    elif refund.status in AT_GATEWAY:
        _find_out(refund)
    refund.refresh_from_db()
    return refund


def _find_out(refund: Refund) -> None:
    result = _ask(refund)
    if result is None:
        _ask_again_later(refund)
    elif result.state is RefundState.NOT_FOUND and _is_known_by_now(refund):
        _hand_over(refund)
    else:
        _act_on(refund, result, source="query")


def ask_about_failed(*, refund_no: str) -> RefundState | None:
    """What the gateway says now of a refund that did not go through; its success takes effect. None is silence."""
    refund = _found(refund_no)
    result = _ask(refund) if refund.status in NOT_THROUGH else None
    if result is None:
        return None
    if result.state is RefundState.SUCCESS:
        _act_on(refund, result, source="query")
    return result.state


def refund_ref(refund: Refund) -> RefundRef:
    """What a gateway is told about a refund; never a name or a number of a person."""
    return RefundRef(
        refund_no=refund.refund_no,
        trade_no=refund.receipt.gateway_trade_no,
        merchant=refund.merchant_id,
        amount_fen=refund.amount_fen,
        total_fen=refund.receipt.amount_fen,
        notify_url=f"{settings.BASE_URL}/hooks/{refund.gateway}/notice/",
        reason=REASON,
        decided_at=refund.approved_at or refund.requested_at,
    )


def _found(refund_no: str) -> Refund:
    refund = Refund.objects.select_related("receipt", "receipt__order").filter(refund_no=refund_no).first()
    if refund is None:
        raise Refused("unknown_refund")
    return refund


@transaction.atomic
def _begin_sending(refund: Refund, *, actor: str) -> bool:
    """Of several workers one sends."""
    moment = clock.now()
    values = {"sent_at": moment, "next_check_at": moment + STEPS[0], "checks": 0}
    return advance_one(locked_refund(refund.refund_no), "send", actor=actor, values=values)


def _hand_over(refund: Refund) -> None:
    is_first = _count_try(refund) == 1
    try:
        result = _desk(refund).refund(refund_ref(refund))
    except GatewayRefused as refusal:
        _judge_refusal(refund, refusal.code, is_first=is_first)
    except GatewayUnreachable as problem:
        _note_silence(refund, problem.reason)
    else:
        availability.note_answer(refund.gateway)
        _act_on(refund, result, source="refund")


def _count_try(refund: Refund) -> int:
    """Written down before the call, so that a refusal is never taken for the answer to a first try (G18)."""
    Refund.objects.filter(pk=refund.pk).update(tries=F("tries") + 1)
    refund.refresh_from_db(fields=["tries"])
    return refund.tries


def _judge_refusal(refund: Refund, code: str, *, is_first: bool) -> None:
    """This try was refused; an earlier one, whose answer was lost, may have been taken: the gateway says."""
    availability.note_answer(refund.gateway)
    result = None if is_first else _ask(refund)
    if is_first or (result is not None and result.state is RefundState.NOT_FOUND):
        fail_refund(refund_no=refund.refund_no, reason=code, actor=f"system:{refund.gateway}",
                    evidence={"refused": code, "at": clock.now()})  # fmt: skip
    elif result is None:
        _ask_again_later(refund)
    else:
        _act_on(refund, result, source="query")


def _ask(refund: Refund) -> RefundResult | None:
    """The gateway's word; None where there is none."""
    try:
        result = _desk(refund).query_refund(refund_ref(refund))
    except (GatewayUnreachable, GatewayRefused) as problem:
        availability.note_silence(refund.gateway)
        log.info("refund %s: %s at %s", refund.refund_no[-6:], type(problem).__name__, refund.gateway)
        return None
    availability.note_answer(refund.gateway)
    return result


def _desk(refund: Refund) -> RefundDesk:
    """Raises GatewayUnreachable where its gateway has been taken out of the settings since."""
    desk = refund_desk(refund.gateway)
    if desk is None:
        raise GatewayUnreachable("gives nothing back")
    return desk


def _is_known_by_now(refund: Refund) -> bool:
    return refund.sent_at is None or clock.now() - refund.sent_at >= KNOWN_AFTER


def _act_on(refund: Refund, result: RefundResult, *, source: str) -> None:
    evidence = RefundEvidence(result, refund.gateway, source)
    if result.state is RefundState.SUCCESS:
        settle_refund(refund_no=refund.refund_no, evidence=evidence)
        _ask_again_later(refund)  # only bites where it did not fit the refund
    elif result.state in ENDED_BADLY:
        fail_refund(refund_no=refund.refund_no, reason=result.state, actor=evidence.actor, evidence=evidence.as_json())
    else:
        if result.state is RefundState.PROCESSING:
            values = {"gateway_refund_no": result.gateway_refund_no}
            advance(Refund, [refund.pk], "accept", actor=evidence.actor, evidence=evidence.as_json(), values=values)
        _ask_again_later(refund)


def _note_silence(refund: Refund, reason: str) -> None:
    availability.note_silence(refund.gateway)
    log.info("refund %s: %s at %s", refund.refund_no[-6:], reason, refund.gateway)
    _ask_again_later(refund)


def _ask_again_later(refund: Refund) -> None:
    """Move the next question by growing steps, without end; after two days somebody owns it too."""
    refund.refresh_from_db(fields=["status", "checks", "sent_at"])
    moment = clock.now()
    step = STEPS[min(refund.checks, len(STEPS) - 1)]
    rows = Refund.objects.filter(pk=refund.pk, status__in=WITH_US)
    rows.update(next_check_at=moment + step, checks=min(refund.checks + 1, 30_000))
    since = refund.sent_at or refund.approved_at
    if refund.status in WITH_US and since is not None and moment - since > CASE_AFTER:
        open_stuck_case(refund)


_LEASE = """
UPDATE payments_refund SET next_check_at = %s
WHERE id IN (SELECT id FROM payments_refund WHERE next_check_at <= %s
             ORDER BY next_check_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING refund_no"""


def refresh_pending_refunds() -> int:
    """Sweep: send what is approved and ask about what is on its way, as each falls due; how many were looked at."""
    started = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [started + LEASE, started, BATCH])
        numbers = [row[0] for row in cursor.fetchall()]
    looked_at = 0
    for refund_no in numbers:
        if clock.now() - started > BATCH_TIME:
            break  # the lease runs out and another sweep takes the rest
        try:
            refresh_refund(refund_no=refund_no)
        except Exception:  # one poisoned row must not stop the sweep (W7)
            log.exception("refund %s could not be refreshed", refund_no[-6:])
            _put_off(refund_no)
        looked_at += 1
    beat("payments.tasks.refresh_pending_refunds")
    return looked_at


def _put_off(refund_no: str) -> None:
    """What cannot be worked is tried by growing steps too, and after two days somebody is shown it."""
    try:
        _ask_again_later(_found(refund_no))
    except DatabaseError:
        log.exception("refund %s could not be put off", refund_no[-6:])


def refund_held_money() -> int:
    """Sweep: second payments, and late ones of a period paid meanwhile, go back by rule (G7); how many."""
    decided = Refund.objects.filter(discrepancy=OuterRef("pk"))  # a refusal by people is not overruled by a rule
    held = Discrepancy.objects.filter(
        ~Exists(decided), status="open", kind__in=list(RULES), receipt__gateway__in=desk_codes()
    )
    begun = 0
    for discrepancy_id, kind in held.order_by("pk").values_list("pk", "kind")[:BATCH]:
        try:
            refund_by_rule(discrepancy_id=discrepancy_id, rule=kind)
            begun += 1
        except Refused as problem:  # another worker, or somebody who took it in hand
            log.info("discrepancy %s is not refunded by rule: %s", discrepancy_id, problem.code)
        except Exception:  # one poisoned row must not stop the sweep (W7)
            log.exception("discrepancy %s could not be refunded by rule", discrepancy_id)
    beat("payments.tasks.refund_held_money")
    return begun
