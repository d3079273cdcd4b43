"""Records: what this account paid, and what anybody paid for the person himself (AF-1, AF-2)."""

from datetime import timedelta

import pytest
from django.db import connection

from core import clock
from core.transitions import advance
from payments.gateways.base import RefundResult, RefundState
from payments.models import Channel, Declaration, Discrepancy, PaymentOrder, Refund
from payments.orders import expire_order
from payments.records import own_people, visible_records
from payments.refund_settling import RefundEvidence, settle_refund
from payments.refunds import refund_by_rule
from portal.pages.records import channel_label
from registration.models import ViewGrant
from tests import world
from tests.portal.visiting import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def family(db: None) -> world.Family:
    return world.make_family()


def pay(payer, *lines):
    return world.say_paid(world.hand_over(world.open_order(payer, *lines)))


def record_page(visitor: Visitor, order, person_id: int | None = None):
    row = order.declarations.order_by("pk").first()
    return visitor.open(f"/records/{row.declaration_no}/")


@pytest.fixture
def neighbour(family):
    """李强 pays for 王芳's father."""
    stranger = world.make_payer(world.LI_QIANG, "13900000000")
    return stranger, world.make_member(stranger, world.WANG_FATHER, "neighbour")


def test_a_payer_sees_what_his_account_paid_at_once(family) -> None:
    """AF-1."""
    pay(family.payer, world.line_for(family.herself), world.line_for(family.father, world.MEDICAL, 24_000))
    page = Visitor(family.payer).open("/records/")
    assert "共2条" in page.text
    assert "王*国（父母）" in page.text
    assert "微信支付" in page.text
    assert "已缴，" in page.text


def test_a_payment_becomes_a_confirmed_record_on_its_date(family) -> None:
    """AF-1."""
    order = pay(family.payer, world.line_for(family.herself))
    row = order.declarations.get()
    with clock.at(clock.midnight(row.record_on) + timedelta(hours=12)):
        page = Visitor(family.payer).open("/records/")
    assert "已缴，" not in page.text
    assert "已缴" in page.text


def test_the_insured_person_sees_what_others_paid_for_him_without_their_names(family, neighbour) -> None:
    """AF-2, PA-3."""
    stranger, member = neighbour
    order = pay(stranger, world.line_for(member))
    father = Visitor(world.make_payer(world.WANG_FATHER, "13700000000"))
    assert "居民养老" in father.open("/records/").text
    page = record_page(father, order)
    assert "他人代缴" in page.text
    assert "李" not in page.text.replace("办理", "")
    assert order.order_no not in page.html
    assert order.order_no[-6:] not in page.text


def test_a_payer_does_not_see_what_others_paid_for_his_family(family, neighbour) -> None:
    stranger, member = neighbour
    order = pay(stranger, world.line_for(member))
    visitor = Visitor(family.payer)
    assert "没有查到缴费记录。" in visitor.open("/records/").text
    assert record_page(visitor, order).status == 404


def test_a_grant_opens_another_persons_records_until_it_ends(family, neighbour) -> None:
    """HOUSE 5: the link `view`, given by the insured person's own code."""
    stranger, member = neighbour
    order = pay(stranger, world.line_for(member))
    person = order.declarations.get().person
    grant = ViewGrant.objects.create(viewer=family.payer, person=person, ends_at=clock.now() + timedelta(days=1))
    assert record_page(Visitor(family.payer), order).status == 200
    grant.ends_at = clock.now() - timedelta(seconds=1)
    grant.save()
    assert record_page(Visitor(family.payer), order).status == 404


def test_nobody_is_himself_by_number_alone(family) -> None:
    """ID-3: name and number together."""
    family.payer.name = "王方"
    assert own_people(family.payer) == set()
    family.payer.name, family.payer.real_named_by = "王芳", ""
    assert own_people(family.payer) == set()


def test_an_attempt_that_came_to_nothing_is_no_record(family) -> None:
    world.open_order(family.payer, world.line_for(family.herself))
    assert not visible_records(family.payer).exists()


def test_an_attempt_without_result_is_listed_as_being_confirmed(family) -> None:
    order = world.hand_over(world.open_order(family.payer, world.line_for(family.herself)))
    visitor = Visitor(family.payer)
    assert "确认中" in visitor.open("/records/").text
    page = record_page(visitor, order)
    assert "正在核对结果，请不要重复缴费" in page.text
    assert visitor.follow(page, "查支付结果").path == f"/orders/{order.order_no}/"


def test_money_that_came_late_and_went_back_stays_among_the_records(family, neighbour) -> None:
    """G7: the page of the order sends its payer here to see what became of it."""
    stranger, member = neighbour
    late = world.hand_over(world.open_order(family.payer, world.line_for(family.father)))
    expire_order(order_id=late.pk, actor="system:test", evidence={"said": "closed"})
    pay(stranger, world.line_for(member))
    connection.check_constraints()
    world.say_paid(late, "T-late")
    connection.check_constraints()
    refund = refund_by_rule(discrepancy_id=Discrepancy.objects.get().pk, rule="late_taken")
    visitor = Visitor(family.payer)
    assert "退费中" in visitor.open("/records/").text
    advance(Refund, [refund.pk], "send", actor="system:test")
    result = RefundResult(
        RefundState.SUCCESS, refund_no=refund.refund_no, gateway_refund_no="R1", trade_no="T-late",
        merchant_id=refund.merchant_id, amount_fen=refund.amount_fen, refunded_at=clock.now(),
    )  # fmt: skip
    settle_refund(refund_no=refund.refund_no, evidence=RefundEvidence(result, refund.gateway, "query"))
    assert "已退费" in visitor.open("/records/").text
    page = record_page(visitor, late)
    assert "已退回" in page.text
    assert visitor.follow(page, "看退费进度").path == f"/refunds/{refund.refund_no}/"


def test_lists_are_narrowed_by_links(family) -> None:
    pay(family.payer, world.line_for(family.herself), world.line_for(family.herself, world.MEDICAL, 24_000))
    pay(family.payer, world.line_for(family.father))
    visitor = Visitor(family.payer)
    page = visitor.open("/records/")
    assert "共3条" in page.text
    assert "共1条" in visitor.follow(page, "王*国").text
    assert "共1条" in visitor.follow(page, "居民医疗").text
    assert "共3条" in visitor.open("/records/?person=abc&type=x&year=99999").text


def test_a_year_is_the_year_of_the_payment(family) -> None:
    world.pay_last_year(family.payer, [(family.herself, world.PENSION, 100_000)])
    pay(family.payer, world.line_for(family.herself))
    visitor = Visitor(family.payer)
    year = clock.today().year
    page = visitor.follow(visitor.open("/records/"), f"{year - 1}年缴的")
    assert "共1条" in page.text
    assert f"居民养老 {year - 1}年度" in page.text


def test_the_way_of_a_payment_is_told_step_by_step(family) -> None:
    order = pay(family.payer, world.line_for(family.herself))
    page = record_page(Visitor(family.payer), order)
    for word in ("提交", "付款", "确认记录", "到账"):
        assert word in page.text
    assert page.html.count('aria-current="step"') == 1
    assert "1,000元档" in page.text
    assert "80.00元，由财政另记" in page.text


def test_a_counter_is_named_and_not_its_code() -> None:
    counter = Channel(code="bank_counter", name="银行柜台")
    row = Declaration(channel=counter, order=PaymentOrder(gateway=counter.code))
    assert channel_label(row) == "银行柜台"


def test_what_comes_later_is_not_offered(family) -> None:
    """Certificates are an issue of their own."""
    page = record_page(Visitor(family.payer), pay(family.payer, world.line_for(family.herself)))
    assert not [text for text, _ in page.links if "证明" in text]


def test_records_of_many_years_come_in_pages(family) -> None:
    pay(family.payer, world.line_for(family.herself))
    assert "下一页" not in Visitor(family.payer).open("/records/?page=7").text
