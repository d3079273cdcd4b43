"""Refunds: asked for, decided, sent under one number, settled once (PA-6, PA-7, U6, S2, X2)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from core import clock
from core.models import Transition
from core.refusals import Refused
from payments import gateways
from payments.checkout import open_checkout
from payments.facts import family_facts, judge
from payments.gateways.alipay.client import Alipay
from payments.gateways.base import RefundResult, RefundState
from payments.models import Allocation, Declaration, Discrepancy, PeriodClaim, Receipt, Refund
from payments.orders import expire_order
from payments.policies.terms import TierChange
from payments.pricing import Asked
from payments.pricing.shapes import TOP_UP
from payments.refund_checks import refresh_pending_refunds, refresh_refund, refund_held_money, send_refund
from payments.refund_dates import dates_of
from payments.refund_settling import RefundEvidence, RefundOutcome, fail_refund, settle_refund
from payments.refunds import (
    approve_refund,
    refund_by_rule,
    refund_of,
    reject_refund,
    request_refund,
    request_refund_of_held,
    retry_refund,
)
from tests import world
from tests.payments.gateways.conftest import keys, vendor
from tests.payments.refund_world import (
    approved,
    ask_back,
    guards_look,
    line_of,
    make_staff,
    now,
    open_desk,
    paid_order,
)

__all__ = ["keys", "vendor"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_hold")]


@pytest.fixture
def desk(vendor, keys, settings, tmp_path):
    return open_desk(vendor, keys, settings, tmp_path)


@pytest.fixture
def family(db):
    return world.make_family()


@pytest.fixture
def zhao(db):
    return make_staff(world.ZHAO_MIN)


def due() -> None:
    Refund.objects.exclude(next_check_at=None).update(next_check_at=clock.now())


def long_sent(refund, **ago) -> None:
    Refund.objects.filter(pk=refund.pk).update(sent_at=clock.now() - timedelta(**ago))


def refused(act, **given) -> str:
    with pytest.raises(Refused) as caught:
        act(**given)
    return caught.value.code


# Asking and deciding.


def test_one_line_of_a_family_order_is_asked_back_alone(desk, family):
    """U6."""
    order = paid_order(family)
    refund = ask_back(order, family.payer)
    assert (refund.status, refund.amount_fen, refund.receipt.amount_fen) == ("requested", 50_000, 150_000)
    assert (len(refund.refund_no), refund.gateway, refund.merchant_id) == (26, "wechat_pay", "1900000001")
    assert refund_of(line_of(order)) == refund
    assert refund_of(line_of(order, 100_000)) is None
    assert Transition.objects.get(kind="REFUND", object_id=refund.pk).actor == family.payer.actor


def test_a_refund_under_way_leaves_the_declaration_paid_and_the_period_taken(desk, family, zhao):
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    assert now(refund).status == "sent"
    assert line_of(order).status == "paid"
    assert PeriodClaim.objects.filter(declaration=line_of(order)).exists()
    with pytest.raises(Refused):
        open_checkout(payer=family.payer, lines=[world.line_for(family.father)], actor=family.payer.actor)


def test_the_payer_reads_that_his_refund_is_under_way_until_it_is_done(desk, family, zhao):
    """PA-7, C14: the facts say paid, and that money is going back; then the period is payable."""
    desk.state = "SUCCESS"
    order = paid_order(family)

    def told() -> tuple[set[str], int, int]:
        facts = family_facts([family.father], payer=family.payer)[family.father.pk]
        found = judge(facts, Asked(world.PENSION))
        return {each.code for each in found.blockers}, len(facts.refunds), len(found.payables)

    assert told() == ({"C8", "C16"}, 0, 0)
    refund = ask_back(order, family.payer)
    assert told() == ({"C14"}, 1, 0)
    approve_refund(refund_no=refund.refund_no, approved_by=zhao, actor=zhao.actor)
    assert told() == ({"C14"}, 1, 0)
    send_refund(refund_no=refund.refund_no)
    assert told() == (set(), 0, 1)


def test_a_day_that_has_passed_is_not_said_to_be_the_day_of_the_money(desk, family, zhao):
    refund = approved(paid_order(family), family.payer, zhao)

    def expected_on() -> date | None:
        (told,) = family_facts([family.father], payer=family.payer)[family.father.pk].refunds
        return told.expected_on

    by = dates_of(refund).back_by
    with clock.at(clock.midnight(by)):
        assert expected_on() == by
    with clock.at(clock.midnight(by + timedelta(days=1))):
        assert expected_on() is None


def test_a_rejected_refund_leaves_the_record_as_it_was(desk, family, zhao):
    order = paid_order(family)
    refund = ask_back(order, family.payer)
    reject_refund(refund_no=refund.refund_no, why="x", actor=zhao.actor)
    facts = family_facts([family.father], payer=family.payer)[family.father.pk]
    assert (facts.refunds, [each.status for each in facts.declarations]) == ((), ["paid"])


@pytest.mark.parametrize("again", ["requested", "approved"])
def test_a_second_refund_of_the_same_declaration_is_refused(desk, family, zhao, again):
    order = paid_order(family)
    refund = ask_back(order, family.payer)
    if again == "approved":
        approve_refund(refund_no=refund.refund_no, approved_by=zhao, actor=zhao.actor)
    with pytest.raises(Refused) as caught:
        ask_back(order, family.payer)
    assert (caught.value.code, caught.value.facts["refund_no"]) == ("in_refund", refund.refund_no)


def test_what_was_topped_up_goes_back_after_its_top_up(desk, family, zhao):
    """PO-8: the difference raises a payment that must still stand; one by one, from the top."""
    terms = world.pension_terms()
    raised = replace(terms, tier_change=TierChange.TOP_UP, top_up_to=terms.window.deadline)
    world.make_policy(world.PENSION, raised, version=2)
    base = paid_order(family)
    line = world.line_for(family.father, tier_fen=100_000, part=TOP_UP)
    world.say_paid(world.hand_over(world.open_order(family.payer, line)))
    above = Declaration.objects.get(part=TOP_UP)
    assert refused(ask_back, order=base, payer=family.payer) == "topped_up"
    asked = request_refund(declaration_no=above.declaration_no, reason=Refund.Reason.WRONG_PLACE, note="",
                           actor=family.payer.actor, requested_by=family.payer)  # fmt: skip
    assert ask_back(base, family.payer).status == asked.status == "requested"


def test_what_is_not_paid_or_not_his_is_not_given_back(desk, family):
    order = world.open_order(family.payer, world.line_for(family.father, tier_fen=50_000))
    with pytest.raises(Refused) as caught:
        ask_back(order, family.payer)
    assert caught.value.code == "not_paid"
    stranger = world.make_payer(world.LI_QIANG, phone="13900001234")
    paid = paid_order_of_herself(family)
    with pytest.raises(Refused) as caught:
        ask_back(paid, stranger, 100_000)
    assert caught.value.code == "not_yours"
    given = {"reason": Refund.Reason.OWN_REQUEST, "note": "", "actor": "x", "requested_by": stranger}
    assert refused(request_refund, declaration_no="0" * 26, **given) == "unknown_declaration"


def paid_order_of_herself(family):
    return world.say_paid(world.hand_over(world.open_order(family.payer, world.line_for(family.herself))))


def test_money_of_a_channel_that_gives_nothing_back_by_itself_is_refused(desk, family, settings):
    order = paid_order(family)
    settings.GATEWAYS = {"alipay": settings.GATEWAYS["alipay"]}
    with pytest.raises(Refused) as caught:
        ask_back(order, family.payer)
    assert caught.value.code == "no_gateway"


def test_a_gateway_that_gives_nothing_back_is_left_to_people(desk, family, monkeypatch):
    """Its second payment stays held, and nobody is promised a refund."""
    monkeypatch.delattr(Alipay, "refund")
    order = paid_order(family, "alipay")
    world.say_paid(order, "42000-the-second-time")
    assert refund_held_money() == 0
    with pytest.raises(Refused) as caught:
        ask_back(order, family.payer)
    assert caught.value.code == "no_gateway"


def test_who_asked_does_not_approve(desk, family, zhao):
    """S2, I17: staff ask too, and another one approves."""
    order = paid_order(family)
    refund = request_refund(
        declaration_no=line_of(order).declaration_no, reason=Refund.Reason.WRONG_PLACE, note="", actor=zhao.actor,
        requested_by=zhao,
    )  # fmt: skip
    given = {"refund_no": refund.refund_no, "approved_by": zhao, "actor": zhao.actor}
    assert refused(approve_refund, **given) == "same_person"
    assert refused(approve_refund, **(given | {"approved_by": family.payer})) == "not_staff"
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(approved_by=zhao)
    qian = make_staff(world.QIAN_JIN)
    assert approve_refund(refund_no=refund.refund_no, approved_by=qian, actor=qian.actor).status == "approved"
    assert refused(approve_refund, **(given | {"approved_by": qian})) == "finished"
    assert refused(reject_refund, refund_no=refund.refund_no, why="x", actor="x") == "finished"


def test_a_rejected_refund_may_be_asked_for_again(desk, family, zhao):
    order = paid_order(family)
    refund = ask_back(order, family.payer)
    assert reject_refund(refund_no=refund.refund_no, why="已享受待遇", actor=zhao.actor).status == "rejected"
    assert refund_of(line_of(order)).failure == "已享受待遇"
    assert ask_back(order, family.payer).pk != refund.pk


def test_the_database_refuses_more_than_the_receipt_holds_and_a_second_live_refund(desk, family):
    """I8, X2, S4: whatever the code does."""
    order = paid_order(family)
    refund = ask_back(order, family.payer)
    for changes in ({}, {"declaration_id": line_of(order, 100_000).pk, "amount_fen": 150_000},
                    {"declaration_id": line_of(order, 100_000).pk, "amount_fen": 1}):  # fmt: skip
        copy = Refund.objects.get(pk=refund.pk)
        copy.pk, copy.refund_no = None, f"X{changes.get('amount_fen', 0):025d}"
        for name, value in changes.items():
            setattr(copy, name, value)
        with pytest.raises(IntegrityError), transaction.atomic():
            copy.save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.filter(pk=refund.pk).update(amount_fen=1)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE payments_refund SET status = 'refunded' WHERE id = %s", [refund.pk])


# Sending and settling.


@pytest.mark.parametrize("gateway", ["wechat_pay", "alipay"])
def test_a_refund_is_sent_settled_and_frees_its_period_alone(desk, family, zhao, gateway):
    """PA-6, PA-7: the period is free as soon as the refund is proved; the rest of the family's order stays paid."""
    desk.state = "SUCCESS"
    order = paid_order(family, gateway)
    refund = approved(order, family.payer, zhao)
    assert send_refund(refund_no=refund.refund_no).status == "refunded"
    assert line_of(order).status == "refunded"
    assert line_of(order, 100_000).status == "paid"
    assert PeriodClaim.objects.count() == 1
    moved = Allocation.objects.filter(receipt=refund.receipt).order_by("pk").values_list("target_kind", "amount_fen")
    assert list(moved)[2:] == [("declaration", -50_000), ("refund", 50_000)]
    order.refresh_from_db()
    assert order.status == "paid"
    [again] = open_checkout(payer=family.payer, lines=[world.line_for(family.father)], actor=family.payer.actor)
    assert again.amount_fen == 100_000


@pytest.mark.parametrize("gateway", ["wechat_pay", "alipay"])
def test_accepted_is_not_refunded_and_is_asked_about(desk, family, zhao, gateway):
    order = paid_order(family, gateway)
    refund = approved(order, family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    assert (now(refund).status, line_of(order).status) == ("sent", "paid")
    desk.turn(refund, "SUCCESS")
    due()
    assert refresh_pending_refunds() == 1
    assert (now(refund).status, line_of(order).status) == ("refunded", "refunded")
    assert desk.told == 1


def test_the_sweep_sends_what_no_nudge_has_sent(desk, family, zhao):
    refund = approved(paid_order(family), family.payer, zhao)
    assert refresh_pending_refunds() == 1
    assert now(refund).status == "sent"


def test_a_lost_answer_is_asked_about_and_gives_back_once(desk, family, zhao):
    """G18: the gateway did it and said system error."""
    desk.state, desk.faults = "SUCCESS", ["lose_answer"]
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    assert send_refund(refund_no=refund.refund_no).status == "sending"
    assert refresh_refund(refund_no=refund.refund_no).status == "refunded"
    assert (desk.told, len(desk.refunds)) == (1, 1)


@pytest.mark.parametrize("gateway", ["wechat_pay", "alipay"])
def test_a_lost_request_is_sent_again_under_the_same_number(desk, family, zhao, gateway):
    """G1 of a refund: only where the gateway says that it holds none."""
    desk.state, desk.faults = "SUCCESS", ["lose_request"]
    refund = approved(paid_order(family, gateway), family.payer, zhao)
    assert send_refund(refund_no=refund.refund_no).status == "sending"
    assert refresh_refund(refund_no=refund.refund_no).status == "sending"
    assert desk.told == 1, "asked within ten seconds a gateway may not know yet"
    long_sent(refund, seconds=11)
    assert refresh_refund(refund_no=refund.refund_no).status == "refunded"
    assert (desk.told, list(desk.refunds)) == (2, [refund.refund_no])


def test_unknown_stays_unknown_without_end_and_becomes_a_case_after_two_days(desk, family, zhao):
    """HOUSE 2.2."""
    desk.faults, desk.query_faults = ["lose_answer"], ["x"] * 9
    refund = approved(paid_order(family), family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    gaps = []
    for _ in range(7):
        gaps.append(round((now(refund).next_check_at - clock.now()).total_seconds()))
        refresh_refund(refund_no=refund.refund_no)
    assert gaps == [5, 30, 60, 180, 600, 1800, 1800]
    assert not Discrepancy.objects.exists()
    long_sent(refund, days=2, minutes=1)
    refresh_refund(refund_no=refund.refund_no)
    case = Discrepancy.objects.get()
    assert (case.kind, case.owner) == ("stuck", zhao)
    assert now(refund).status == "sending"
    desk.turn(refund, "SUCCESS")
    desk.query_faults.clear()
    assert refresh_refund(refund_no=refund.refund_no).status == "refunded"
    case.refresh_from_db()
    assert case.status == "settled"


def test_a_refund_that_cannot_even_be_asked_about_waits_by_steps_and_is_shown_to_somebody(desk, family, zhao, settings):
    """W7: what breaks each sweep in the same way stops no other, and does not repeat itself in silence."""
    refund = approved(paid_order(family), family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    settings.GATEWAYS["wechat_pay"]["apiv3_key"] = "too short"
    gateways.gateway.cache_clear()
    long_sent(refund, days=2, minutes=1)
    due()
    assert refresh_pending_refunds() == 1
    assert (now(refund).status, now(refund).next_check_at > clock.now()) == ("sent", True)
    assert (Discrepancy.objects.get().kind, Discrepancy.objects.get().owner) == ("stuck", zhao)


def test_a_first_try_that_is_refused_fails_with_a_case_and_the_money_stays(desk, family, zhao):
    desk.faults = ["NOT_ENOUGH"]
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    failed = send_refund(refund_no=refund.refund_no)
    assert (failed.status, failed.failure, failed.next_check_at) == ("failed", "NOT_ENOUGH", None)
    case = Discrepancy.objects.get()
    assert (case.kind, case.owner, case.amount_fen) == ("refund_failed", zhao, 50_000)
    assert line_of(order).status == "paid"
    assert refund_of(line_of(order)) == refund


def test_a_refusal_after_a_lost_answer_proves_nothing_against_it(desk, family, zhao):
    """G18: the earlier try had been taken."""
    desk.faults, desk.query_faults = ["lose_answer", "INVALID_REQUEST"], []
    refund = approved(paid_order(family), family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    kept = desk.refunds.pop(refund.refund_no)  # the gateway does not see it yet
    long_sent(refund, seconds=11)
    answer = desk._told

    def told(*given):
        desk.refunds[refund.refund_no] = kept
        return answer(*given)

    desk._told = told
    assert refresh_refund(refund_no=refund.refund_no).status == "sent"
    assert not Discrepancy.objects.exists()


def test_a_failed_refund_is_tried_again_under_its_number_and_settles_its_case(desk, family, zhao):
    desk.faults = ["NOT_ENOUGH"]
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    assert refused(retry_refund, refund_no="0" * 26, actor="x") == "unknown_refund"
    assert retry_refund(refund_no=refund.refund_no, actor=zhao.actor).status == "approved"
    assert refused(retry_refund, refund_no=refund.refund_no, actor="x") == "not_failed"
    desk.state = "SUCCESS"
    assert send_refund(refund_no=refund.refund_no).status == "refunded"
    assert list(desk.refunds) == [refund.refund_no]
    assert Discrepancy.objects.get().status == "settled"
    assert line_of(order).status == "refunded"


@pytest.mark.parametrize("state", ["ABNORMAL", "CLOSED"])
def test_a_refund_that_was_accepted_and_came_back_is_a_case(desk, family, zhao, state):
    """G19."""
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    desk.turn(refund, state)
    assert refresh_refund(refund_no=refund.refund_no).status == "failed"
    assert Discrepancy.objects.get().kind == "refund_failed"
    assert line_of(order).status == "paid"
    assert refused(retry_refund, refund_no=refund.refund_no, actor=zhao.actor) == "ended", "it would say the same"
    assert refresh_refund(refund_no=refund.refund_no).status == "failed"
    assert Discrepancy.objects.count() == 1
    desk.turn(refund, "SUCCESS")  # mended at the vendor's own desk
    assert refresh_refund(refund_no=refund.refund_no).status == "refunded"
    assert set(Discrepancy.objects.values_list("status", flat=True)) == {"settled"}


def test_a_case_that_somebody_took_in_hand_is_resolved(desk, family, zhao):
    desk.faults = ["NOT_ENOUGH"]
    refund = approved(paid_order(family), family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    world.advance(Discrepancy, [Discrepancy.objects.get().pk], "take", actor=zhao.actor)
    desk.state = "SUCCESS"
    retry_refund(refund_no=refund.refund_no, actor=zhao.actor)
    send_refund(refund_no=refund.refund_no)
    assert Discrepancy.objects.get().status == "resolved"


def word(refund, **changes) -> RefundEvidence:
    said = {"state": RefundState.SUCCESS, "refund_no": refund.refund_no, "merchant_id": refund.merchant_id,
            "trade_no": refund.receipt.gateway_trade_no, "amount_fen": refund.amount_fen}  # fmt: skip
    gateway = changes.pop("gateway", refund.gateway)
    return RefundEvidence(RefundResult(**said | changes), gateway, "statement")


@pytest.mark.parametrize(
    "changes",
    [{"amount_fen": 49_999}, {"merchant_id": "1900009999"}, {"trade_no": "4200009"}, {"gateway": "alipay"},
     {"refund_no": "0" * 26}],
)  # fmt: skip
def test_a_word_that_does_not_fit_the_refund_is_not_applied(desk, family, zhao, changes):
    """G10, G20 of a refund."""
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    for _ in range(2):
        outcome = settle_refund(refund_no=refund.refund_no, evidence=word(refund, **changes))
        assert outcome is RefundOutcome.MISMATCH
    assert Discrepancy.objects.count() == 1
    assert (now(refund).status, line_of(order).status) == ("sent", "paid")


def test_a_success_of_a_refund_that_nobody_approved_is_a_case(desk, family):
    refund = ask_back(paid_order(family), family.payer)
    assert settle_refund(refund_no=refund.refund_no, evidence=word(refund)) is RefundOutcome.MISMATCH
    assert Discrepancy.objects.get().facts["differs"] == ["decided"]
    assert now(refund).status == "requested"


@pytest.mark.parametrize("stage", ["approved", "sent", "failed"])
def test_a_statement_settles_whatever_we_had_concluded(desk, family, zhao, stage):
    order = paid_order(family)
    refund = approved(order, family.payer, zhao)
    if stage != "approved":
        send_refund(refund_no=refund.refund_no)
    if stage == "failed":
        fail_refund(refund_no=refund.refund_no, reason="x", actor="system:test", evidence={})
    assert settle_refund(refund_no=refund.refund_no, evidence=word(refund)) is RefundOutcome.REFUNDED
    assert settle_refund(refund_no=refund.refund_no, evidence=word(refund)) is RefundOutcome.REPEATED
    assert (now(refund).status, line_of(order).status) == ("refunded", "refunded")
    assert not fail_refund(refund_no=refund.refund_no, reason="x", actor="system:test", evidence={})


def test_only_a_success_settles(desk, family, zhao):
    refund = approved(paid_order(family), family.payer, zhao)
    with pytest.raises(ValueError, match="successes only"):
        settle_refund(refund_no=refund.refund_no, evidence=word(refund, state=RefundState.PROCESSING))
    assert refused(settle_refund, refund_no="0" * 26, evidence=word(refund)) == "unknown_refund"


# By rule, and by two members of staff.


def paid_twice(family):
    order = paid_order(family)
    world.say_paid(order, "42000-the-second-time")
    return order, Discrepancy.objects.get(kind="duplicate")


def test_a_second_payment_goes_back_by_rule(desk, family):
    desk.state = "SUCCESS"
    order, held = paid_twice(family)
    assert refund_held_money() == 1
    assert refund_held_money() == 0
    refund = Refund.objects.get()
    assert (refund.status, refund.rule, refund.amount_fen) == ("approved", "duplicate", 150_000)
    assert refund.requested_actor == "system:duplicate"
    assert refresh_pending_refunds() == 1
    held.refresh_from_db()
    assert (now(refund).status, held.status) == ("refunded", "settled")
    assert set(Declaration.objects.values_list("status", flat=True)) == {"paid"}
    assert desk.refunds[refund.refund_no]["trade"] == "42000-the-second-time", "the second trade, not the first"
    assert Receipt.objects.count() == 2
    assert order.status == "paid"


def late_and_taken(family):
    """G7: released, paid through another order, and then the first order's money comes."""
    first = world.hand_over(world.open_order(family.payer, world.line_for(family.father)))
    assert expire_order(order_id=first.pk, actor="system:test", evidence={"closed": True})
    guards_look()
    second = world.open_order(family.payer, world.line_for(family.father))
    world.say_paid(world.hand_over(second))
    world.say_paid(first)
    return Discrepancy.objects.get(kind="late_taken")


def test_late_money_of_a_period_paid_meanwhile_goes_back_by_rule(desk, family):
    """G7: the first record is untouched."""
    desk.state = "SUCCESS"
    held = late_and_taken(family)
    refund_held_money()
    refresh_pending_refunds()
    held.refresh_from_db()
    assert held.status == "settled"
    assert sorted(Declaration.objects.values_list("status", flat=True)) == ["paid", "released"]
    assert Refund.objects.get().reason == "late_taken"
    assert PeriodClaim.objects.count() == 1


def test_money_that_somebody_took_in_hand_is_left_to_him(desk, family, zhao):
    _, held = paid_twice(family)
    world.advance(Discrepancy, [held.pk], "take", actor=zhao.actor)
    assert refund_held_money() == 0
    assert refused(refund_by_rule, discrepancy_id=held.pk, rule="duplicate") == "finished"
    given = {"discrepancy_id": held.pk, "reason": Refund.Reason.DUPLICATE, "note": "", "actor": zhao.actor}
    assert refused(request_refund_of_held, requested_by=family.payer, **given) == "not_staff"
    refund = request_refund_of_held(requested_by=zhao, **given)
    assert refused(request_refund_of_held, requested_by=zhao, **given) == "in_refund"
    qian = make_staff(world.QIAN_JIN)
    approve_refund(refund_no=refund.refund_no, approved_by=qian, actor=qian.actor)
    desk.state = "SUCCESS"
    send_refund(refund_no=refund.refund_no)
    held.refresh_from_db()
    assert held.status == "resolved"


def test_money_of_another_amount_goes_back_when_two_members_of_staff_say_so(desk, family, zhao):
    order = world.hand_over(world.open_order(family.payer, world.line_for(family.father)))
    order.amount_fen += 1
    result = world.Result(
        world.TradeState.PAID, order.order_no, order.merchant_id, order.amount_fen, "CNY", "42000-odd", clock.now()
    )
    world.confirm_payment(order_no=order.order_no, payment=world.Payment(result, order.gateway, "query"))
    held = Discrepancy.objects.get()
    assert held.kind == "amount"
    assert refund_held_money() == 0
    assert refused(refund_by_rule, discrepancy_id=held.pk, rule="amount") == "not_by_rule"
    refund = request_refund_of_held(
        discrepancy_id=held.pk, reason=Refund.Reason.UNKNOWN_MONEY, note="", actor=zhao.actor, requested_by=zhao
    )
    qian = make_staff(world.QIAN_JIN)
    approve_refund(refund_no=refund.refund_no, approved_by=qian, actor=qian.actor)
    desk.state = "SUCCESS"
    assert send_refund(refund_no=refund.refund_no).status == "refunded"
    held.refresh_from_db()
    assert (held.status, refund.amount_fen) == ("settled", 100_001)


def test_a_case_that_holds_no_money_is_not_refunded(desk, family, zhao):
    desk.faults = ["NOT_ENOUGH"]
    refund = approved(paid_order(family), family.payer, zhao)
    send_refund(refund_no=refund.refund_no)
    given = {"discrepancy_id": Discrepancy.objects.get().pk, "reason": Refund.Reason.UNKNOWN_MONEY, "note": "",
             "actor": zhao.actor, "requested_by": zhao}  # fmt: skip
    assert refused(request_refund_of_held, **given) == "not_held"
