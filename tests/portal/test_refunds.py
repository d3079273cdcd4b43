"""R26 and R27: asking for money back and watching it go, without JavaScript (PA-6, PA-7)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection

from core import clock
from core.models import User
from payments.gateways.base import RefundResult, RefundState
from payments.models import Declaration, PaymentOrder, PeriodClaim, Refund
from payments.policies.terms import OnlineRefund
from payments.refund_checks import _begin_sending
from payments.refund_dates import dates_of
from payments.refund_settling import RefundEvidence, fail_refund, settle_refund
from payments.refunds import approve_refund, reject_refund, request_refund
from payments.words import figures
from portal.messages.payer_messages import write_payer_messages
from portal.models import Message
from portal.pages.refund_steps import progress_of
from registration.models import Registration
from tests import world
from tests.portal.visiting import Page, Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def family(db: None) -> world.Family:
    return world.make_family()


@pytest.fixture
def visitor(family: world.Family) -> Visitor:
    return Visitor(family.payer)


def pay(payer: User, *lines) -> PaymentOrder:
    return world.say_paid(world.hand_over(world.open_order(payer, *lines)))


@pytest.fixture
def order(family: world.Family) -> PaymentOrder:
    """王芳 has paid for herself and for her father in one order."""
    return pay(family.payer, world.line_for(family.herself), world.line_for(family.father, tier_fen=50_000))


def row_of(order: PaymentOrder, amount_fen: int = 50_000) -> Declaration:
    return Declaration.objects.get(order=order, amount_fen=amount_fen)


def record(visitor: Visitor, order: PaymentOrder, amount_fen: int = 50_000) -> Page:
    return visitor.open(f"/records/{row_of(order, amount_fen).declaration_no}/")


def asked(visitor: Visitor, order: PaymentOrder, **changes: object) -> Page:
    """The check page, with the form filled in as told."""
    page = visitor.follow(record(visitor, order), "申请退费")
    return visitor.press(page, "下一步", **({"reason": "wrong_place", "used": "no"} | changes))


def send(visitor: Visitor, order: PaymentOrder, **changes: object) -> Refund:
    visitor.press(asked(visitor, order, **changes), "提交退费申请")
    return Refund.objects.order_by("-pk")[0]


def clerk(name: str = "qianjin") -> User:
    return User.objects.create_user(name, "x", is_staff=True, name=name)


def approve(refund: Refund) -> Refund:
    staff = clerk()
    return approve_refund(refund_no=refund.refund_no, approved_by=staff, actor=staff.actor)


def give_back(refund: Refund) -> Refund:
    """The gateway says that the money is back. What the database checks at a commit is checked first: it was paid."""
    connection.check_constraints()
    result = RefundResult(
        RefundState.SUCCESS, refund_no=refund.refund_no, gateway_refund_no=f"R{refund.pk}",
        trade_no=refund.receipt.gateway_trade_no, merchant_id=refund.merchant_id, amount_fen=refund.amount_fen,
        refunded_at=clock.now(),
    )  # fmt: skip
    settle_refund(refund_no=refund.refund_no, evidence=RefundEvidence(result, refund.gateway, "query"))
    refund.refresh_from_db()
    return refund


def current_step(page: Page) -> str:
    return page.html.split('aria-current="step"><b>')[1].split("</b>")[0]


def test_a_payer_asks_for_one_line_of_a_family_order_and_is_told_what_follows(visitor, order) -> None:
    """PA-6, PA-7, U6, WCAG 3.3.4: form, check page, progress."""
    page = asked(visitor, order, note="  选错  了 ")
    assert page.path.endswith("/refund/check/")
    for told in ("500.00元", "原路退回", "已经开的缴费证明作废", "马上就能到参保的地方缴", "选错 了", "两个人审核"):
        assert told in page.text
    assert "1,000.00元" not in page.text
    assert not Refund.objects.exists()
    page = visitor.press(page, "提交退费申请")
    refund = Refund.objects.get()
    assert page.path == f"/refunds/{refund.refund_no}/"
    assert (refund.declaration, refund.reason, refund.note) == (row_of(order), "wrong_place", "选错 了")
    assert "退费审核中" in page.text
    assert "退回以后马上可以重新缴，最迟预计" in page.text
    assert current_step(page) == "审核（两人）"
    assert page.html.count("aria-current") == 1


def test_several_lines_of_an_order_are_asked_back_at_once(visitor, order) -> None:
    numbers = list(order.declarations.values_list("declaration_no", flat=True))
    page = asked(visitor, order, line=numbers)
    assert "1,500.00元" in page.text
    page = visitor.press(page, "提交退费申请")
    assert Refund.objects.count() == 2
    assert "同一次缴费的其他退费" in page.text


def test_pressing_twice_asks_once(visitor, order) -> None:
    page = asked(visitor, order)
    first = visitor.press(page, "提交退费申请")
    second = visitor.press(page, "提交退费申请")
    assert first.path == second.path
    assert Refund.objects.count() == 1


def test_whoever_asks_again_is_led_to_the_refund_that_runs(visitor, order) -> None:
    refund = send(visitor, order)
    page = visitor.open(f"/records/{row_of(order).declaration_no}/refund/")
    assert page.path == f"/refunds/{refund.refund_no}/"
    assert "这笔已在退费中。" in page.text
    page = visitor.open(f"/records/{row_of(order, 100_000).declaration_no}/refund/")
    assert "这笔已在退费中。" in page.text  # beside the other line of the order
    assert page.path.endswith("/refund/")


def test_a_refund_that_staff_asked_for_meanwhile_is_not_asked_for_twice(visitor, order) -> None:
    page = asked(visitor, order)
    staff = clerk()
    request_refund(
        declaration_no=row_of(order).declaration_no, reason=Refund.Reason.WRONG_PLACE, note="来电", actor=staff.actor,
        requested_by=staff,
    )  # fmt: skip
    page = visitor.press(page, "提交退费申请")
    assert "这笔已在退费中。" in page.text
    assert "税务部门替你提交" in page.text
    assert Refund.objects.count() == 1


def test_what_is_missing_is_said_at_its_field(visitor, order) -> None:
    page = visitor.follow(record(visitor, order), "申请退费")
    page = visitor.press(page, "下一步", line=[])
    for told in ("请选择要退的缴费", "请选择退费的原因", "请回答有没有用过待遇"):
        assert page.text.count(told) == 2  # in the summary and at the field
    assert page.title.startswith("错误：")
    page = visitor.press(page, "下一步", line=[row_of(order).declaration_no], reason="own_request", used="no")
    assert "请写一下原因" in page.text
    assert not Refund.objects.exists()


def test_whoever_has_used_benefits_is_sent_to_a_hall(visitor, order) -> None:
    assert "已经享受待遇的，请到办税服务厅办理。" in asked(visitor, order, used="yes").text


@pytest.mark.parametrize(
    ("rule", "told"),
    [(OnlineRefund.BEFORE_BENEFITS, "已经享受待遇的"), (OnlineRefund.NEVER, "这个地方的退费")],
)
def test_a_place_may_send_payers_to_its_hall(visitor, family, rule, told) -> None:
    """PA-6: where the policy says so."""
    world.make_policy(world.PENSION, replace(world.pension_terms(), online_refund=rule), version=2)
    order = pay(family.payer, world.line_for(family.father, tier_fen=50_000))
    Declaration.objects.update(credit_on=clock.today())
    page = visitor.open(f"/records/{row_of(order).declaration_no}/refund/")
    assert told in page.text
    assert "请到办税服务厅办理" in page.text
    assert not page.has_button("下一步")


def test_nobody_asks_back_what_another_has_paid(family, order) -> None:
    """HOUSE 5: the insured person sees the record, its payer asks."""
    father = Visitor(world.make_payer(world.WANG_FATHER, "13700000000"))
    page = record(father, order)
    assert page.status == 200
    assert "申请退费" not in page.text
    assert father.open(f"/records/{row_of(order).declaration_no}/refund/").status == 404
    refund = send(Visitor(family.payer), order)
    assert father.open(f"/refunds/{refund.refund_no}/").status == 404
    page = record(father, order)
    assert "退费审核中" in page.text
    assert refund.refund_no not in page.html


def test_a_refund_is_shown_wherever_its_payer_looks(visitor, order) -> None:
    refund = send(visitor, order)
    assert "退费审核中" in visitor.open("/records/").text
    assert visitor.follow(record(visitor, order), "看退费进度").path == f"/refunds/{refund.refund_no}/"
    assert visitor.follow(visitor.open("/"), "看退费进度").path == f"/refunds/{refund.refund_no}/"


def test_the_period_can_be_paid_again_as_soon_as_the_money_is_back(visitor, family, order) -> None:
    """PA-7."""
    refund = approve(send(visitor, order))
    url = f"/refunds/{refund.refund_no}/"
    assert current_step(visitor.open(url)) == "退款中"
    assert PeriodClaim.objects.filter(declaration=row_of(order)).exists()
    give_back(refund)
    page = visitor.open(url)
    assert "已退费" in page.text
    assert "起可以重新缴。" in page.text
    assert "aria-current" not in page.html
    assert visitor.follow(page, "重新缴费").status == 200
    assert "看退费进度" not in visitor.open("/").text
    assert "已退费" in visitor.open("/records/").text
    again = pay(family.payer, world.line_for(family.father, tier_fen=50_000))
    assert again.status == "paid"


@pytest.mark.parametrize(
    ("why", "told"), [("benefits_used", "这一期的待遇已经用过。"), ("材料上的名字不同。", "材料上的名字不同。")]
)
def test_a_refusal_says_why_and_the_way_on(visitor, order, why, told) -> None:
    refund = send(visitor, order)
    reject_refund(refund_no=refund.refund_no, why=why, actor=clerk().actor)
    page = visitor.open(f"/refunds/{refund.refund_no}/")
    assert told in page.text
    assert "没有退费" in page.text
    assert "12366" in page.text
    page = visitor.follow(page, "重新申请")
    assert page.path.endswith("/refund/")
    assert page.has_button("下一步")


def test_a_refund_that_did_not_go_through_is_being_seen_to(visitor, order) -> None:
    """G19: nobody reads "failed", everybody reads who sees to it."""
    refund = approve(send(visitor, order))
    Refund.objects.filter(pk=refund.pk).update(tries=1)
    assert _begin_sending(refund, actor="system:refund")
    fail_refund(refund_no=refund.refund_no, reason="ABNORMAL", actor="system:wechat_pay", evidence={})
    page = visitor.open(f"/refunds/{refund.refund_no}/")
    assert "正在处理" in page.text
    assert "由税务部门处理，电话12366" in page.text
    assert "失败" not in page.text
    assert "ABNORMAL" not in page.html
    assert current_step(page) == "退款中"


def told() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


def test_what_takes_longer_names_no_day_that_has_passed(visitor, order) -> None:
    """R27: a review that is late, then a wallet that is."""
    refund = send(visitor, order)
    said = told_after(refund, dates_of(refund).review_by)
    assert "要经两个人审核" in said
    said = told_after(refund, dates_of(refund).back_by)
    assert "退回以后马上可以重新缴。" in said
    refund = approve(refund)
    said = told_after(refund, dates_of(refund).back_by)
    assert "正在按原路退回" in said
    assert "最迟" not in said


def told_after(refund: Refund, day: date) -> str:
    """What R27 says on the day after, which is not that day."""
    with clock.at(clock.midnight(day + timedelta(days=1))):
        told = progress_of(refund, {})
    said = " ".join([told.again, *(f"{step.when} {step.remark}" for step in told.steps)])
    assert figures.short_date(day) not in said
    return said


def test_each_step_that_matters_is_told_once(visitor, family, order) -> None:
    """SCREENS 2.5, PA-7: asked for, held up, back."""
    write_payer_messages()
    Message.objects.all().delete()
    refund = approve(send(visitor, order))
    assert _begin_sending(refund, actor="system:refund")
    fail_refund(refund_no=refund.refund_no, reason="ABNORMAL", actor="system:wechat_pay", evidence={})
    give_back(refund)
    for _ in range(2):
        write_payer_messages()
    texts = [text for text in told() if "参考号" + refund.refund_no[-6:] in text]
    assert len(texts) == 3
    assert "退费申请已收到，两人审核后原路退回，最迟" in texts[0]
    assert "还没退成，税务部门正在处理" in texts[1]
    assert "500.00元已原路退回，现在可以重新缴" in texts[2]
    assert all(text.startswith("【社保缴费】王*国") and len(text) <= 90 for text in texts)
    assert set(Message.objects.values_list("recipient", flat=True)) == {family.payer.pk}


def test_nobody_is_told_to_pay_again_when_the_time_for_it_is_over(visitor, order) -> None:
    """PO-4: the money comes back after the last day."""
    refund = approve(send(visitor, order))
    assert _begin_sending(refund, actor="system:refund")
    with clock.at(clock.now() + timedelta(days=120)):
        give_back(refund)
        write_payer_messages()
    assert "500.00元已原路退回。" in told()[-1]


def test_a_refusal_is_told_with_its_reason(visitor, order) -> None:
    refund = send(visitor, order)
    reject_refund(refund_no=refund.refund_no, why="benefits_used", actor=clerk().actor)
    write_payer_messages()
    assert "没有退费：这一期的待遇已经用过。" in told()[-1]


def test_refund_pages_are_read_in_english(visitor, order) -> None:
    refund = send(visitor, order)
    visitor.client.cookies["lang"] = "en"
    page = visitor.open(f"/refunds/{refund.refund_no}/")
    assert "Refund under review" in page.text


def test_paid_in_the_wrong_place_leads_to_the_refund_with_its_reason(visitor, family) -> None:
    """C11, PA-6: refund there, then the way here opens."""
    order = pay(family.payer, world.line_for(family.father, tier_fen=50_000))
    Registration.objects.filter(person=row_of(order).person, insurance_type=world.PENSION).update(
        ended_on=clock.today() - timedelta(days=1)
    )
    world.make_policy(world.PENSION, place=world.OTHER_PLACE)
    world.make_payee("tax-371002", "环翠区税务局", place=world.OTHER_PLACE)
    world.make_registration(world.WANG_FATHER, world.PENSION, place=world.OTHER_PLACE)
    year = clock.today().year
    why = f"/why/{family.father.pk}/{world.PENSION}/{year}/"
    page = visitor.open(why)
    assert "缴到了另一个地方" in page.text
    assert "退回以后，文登区的申报记录同时删除，马上就能在环翠区缴" in page.text
    page = visitor.follow(page, "申请退费")
    assert 'value="wrong_place" checked' in page.html
    page = visitor.press(visitor.press(page, "下一步", used="no"), "提交退费申请")
    refund = Refund.objects.get()
    page = visitor.open(why)
    assert "退款还没结束" in page.text
    assert visitor.follow(page, "看退费进度").path == f"/refunds/{refund.refund_no}/"
    give_back(approve(refund))
    assert "现在可以缴" in visitor.open(why).text
