"""From 去缴费 to the check page, as a visitor without JavaScript walks it (PA-1, PO-1 … PO-9, RG-3, ID-6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core import clock
from payments.drafts import read_basket
from payments.models import PaymentOrder
from payments.policies.terms import Waiting, Window
from tests import world
from tests.portal.visiting import Visitor, amounts

pytestmark = pytest.mark.django_db

YEAR = clock.today().year


@pytest.fixture
def family(db: None) -> world.Family:
    return world.make_family()


@pytest.fixture
def visitor(family: world.Family) -> Visitor:
    return Visitor(family.payer)


def people_page(visitor: Visitor, insurance_type: str = world.PENSION):
    return visitor.open(f"/pay/{insurance_type}/{YEAR}/base/people/")


def tier_page(visitor: Visitor, member, insurance_type: str = world.PENSION):
    return visitor.open(f"/pay/{insurance_type}/{YEAR}/base/{member.pk}/tier/")


def pay_same_as_last_year(family: world.Family) -> None:
    world.pay_last_year(
        family.payer,
        [
            (family.herself, world.PENSION, 100_000),
            (family.herself, world.MEDICAL, 24_000),
            (family.father, world.PENSION, 50_000),
            (family.husband, world.MEDICAL, 24_000),
            (family.son, world.MEDICAL, 24_000),
        ],
    )


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_a_first_payment_for_two_people_goes_from_type_to_check(family, visitor) -> None:
    """R06, R07, R09, R12, R15, R16."""
    page = visitor.open("/pay/")
    assert page.path == "/pay/types/"
    page = visitor.press(page, "下一步", what=f"{world.PENSION}:{YEAR}:base")
    assert "给谁缴居民养老" in page.text
    page = visitor.press(page, "下一步", p=[family.herself.pk, family.father.pk])
    assert page.path == "/pay/registration/"
    assert "米山镇人社所" in page.text
    page = visitor.press(page, "信息正确")
    assert "王*（本人）" in page.text
    page = visitor.press(page, "下一步", tier=100_000)
    assert "王*国（父母）" in page.text
    page = visitor.press(page, "下一步", tier=50_000)
    assert page.path == "/pay/basket/"
    page = visitor.follow(page, "去核对")
    assert "1,500.00元" in page.text
    assert page.has_button("确认并去支付1,500.00元")


def test_one_contribution_for_all_as_last_year(family, visitor) -> None:
    pay_same_as_last_year(family)
    page = visitor.press(people_page(visitor, world.MEDICAL), "全部沿用去年")
    assert page.has_button("确认并去支付720.00元")


def test_what_was_confirmed_once_is_not_asked_again(family, visitor) -> None:
    page = visitor.press(people_page(visitor), "下一步", p=family.herself.pk)
    visitor.press(page, "信息正确")
    page = visitor.press(people_page(visitor), "下一步", p=family.herself.pk)
    assert page.path.endswith("/tier/")


def test_leaving_in_the_middle_loses_nothing(family, visitor) -> None:
    """ID-6: another browser, the same basket."""
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=[family.herself.pk, family.son.pk])
    visitor.press(page, "信息正确")
    page = Visitor(family.payer).open("/pay/")
    assert page.path == "/pay/basket/"
    assert "480.00元" in page.text


# --- each page's own -------------------------------------------------------------------------------------------------


def test_every_step_has_its_own_title(family, visitor) -> None:
    titles = [visitor.open("/pay/types/").title, people_page(visitor).title, tier_page(visitor, family.herself).title]
    for number, title in enumerate(titles, start=1):
        assert title.startswith(f"步骤 {number}/4 ")
        assert "居民社保缴费" in title


def test_choosing_nothing_is_answered_in_words(family, visitor) -> None:
    page = visitor.press(visitor.open("/pay/types/"), "下一步")
    assert "请选择要缴的险种。" in page.text
    assert page.title.startswith("错误：")
    page = visitor.press(people_page(visitor), "下一步", p=[])
    assert "请至少选择一位缴费人。" in page.text
    page = visitor.press(tier_page(visitor, family.herself), "下一步")
    assert "请选择一个档次。" in page.text


def test_people_are_shown_by_masks_alone(family, visitor) -> None:
    page = people_page(visitor)
    assert world.WANG_FANG.number[-4:] in page.text
    assert f"{world.WANG_FATHER.number[0]}***{world.WANG_FATHER.number[-2:]}" in page.text
    for somebody in (world.WANG_FATHER, world.LIU_JIANJUN, world.LIU_XIAOYU):
        assert somebody.name not in page.html
        assert somebody.number[6:14] not in page.html
        assert somebody.number[-4:] not in page.text


def test_a_person_who_has_paid_cannot_be_ticked_and_the_page_says_when(family, visitor) -> None:
    world.say_paid(world.hand_over(world.open_order(family.payer, world.line_for(family.father))))
    page = people_page(visitor)
    assert "已缴" in page.text
    assert f'value="{family.father.pk}"' not in page.html
    page = visitor.press(page, "下一步", p=[family.father.pk])
    assert "请至少选择一位缴费人。" in page.text


def test_the_amount_of_a_fixed_contribution_is_summed_before_javascript(family, visitor) -> None:
    page = people_page(visitor, world.MEDICAL)
    assert amounts(page.text)[0] == "240.00元"


def test_nothing_open_says_when_the_next_opens(db) -> None:
    world.make_ground()
    opens_on = clock.today() + timedelta(days=40)
    world.make_policy(
        world.PENSION, world.pension_terms(Window(opens_on=opens_on, deadline=opens_on + timedelta(days=9)))
    )
    payer = world.make_payer()
    world.make_member(payer, world.WANG_FANG)
    world.make_registration(world.WANG_FANG)
    page = Visitor(payer).open("/pay/")
    assert "现在没有可缴的险种。" in page.text
    assert f"{opens_on.month}月{opens_on.day}日" in page.text


def test_somebody_elses_member_is_not_found(family) -> None:
    stranger = world.make_payer(world.LI_QIANG, "13900000000")
    page = tier_page(Visitor(stranger), family.herself)
    assert page.status == 404
    page = people_page(Visitor(stranger))
    assert "王*" not in page.text


# --- tiers ------------------------------------------------------------------------------------------------------------


def test_no_tier_is_chosen_for_the_payer(family, visitor) -> None:
    page = tier_page(visitor, family.herself)
    assert " checked" not in page.html
    assert "缴费后今年不能改档次。" in page.text


def test_a_tier_of_another_group_is_no_row_but_an_explanation(family, visitor) -> None:
    """PO-2: 300 yuan for the severely disabled only."""
    page = tier_page(visitor, family.herself)
    assert 'value="30000"' not in page.html
    assert "谁能缴300元档" in page.text
    page = visitor.press(page, "下一步", tier=30_000)
    assert "这个档次现在不能选，请重新选。" in page.text
    assert read_basket(family.payer).lines == ()


def test_the_estimate_of_each_tier_stands_beside_it_and_in_a_table(family, visitor) -> None:
    """PO-12, Wendeng 2019."""
    page = tier_page(visitor, family.herself)
    for figure in ("190.43", "246.55", "354.46", "678.20"):
        assert page.text.count(figure) >= 3  # beside the tier, in the chart, in the table
    assert 'role="img"' in page.html
    assert "style=" not in page.html


def test_the_estimate_by_own_years_says_its_formula(family, visitor) -> None:
    page = visitor.follow(tier_page(visitor, family.herself), "按我的年数估算")
    page = visitor.press(page, "算一算", paid=5, planned=15, tier=100_000)
    assert "295.40元" in page.text
    assert "21,600.00元 ÷ 139 = 155.40元" in page.text
    page = visitor.press(page, "算一算", paid=5, planned=60, tier=100_000)
    assert "年数填0到50。" in page.text
    page = visitor.press(page, "算一算", paid="五", planned=1)
    assert "年数填0到50。" in page.text


def test_a_place_without_constants_says_so(family, visitor) -> None:
    page = visitor.open(f"/pay/{world.MEDICAL}/{YEAR}/base/{family.herself.pk}/estimate/")
    assert "本地还没有公布计算标准，暂不能估算。" in page.text


def test_last_years_tier_is_among_the_first(family, visitor) -> None:
    world.pay_last_year(family.payer, [(family.herself, world.PENSION, 500_000)])
    page = tier_page(visitor, family.herself)
    before_more = page.html.split('class="more"')[0]
    assert 'value="500000"' in before_more
    assert "去年的档次" in before_more
    page = visitor.press(page, "按去年档次5,000元缴")
    assert "5,000.00元" in page.text


# --- months, two places, waiting -----------------------------------------------------------------------------------


@pytest.fixture
def flexible(family) -> world.Family:
    world.make_policy(world.FLEXIBLE)
    world.make_registration(world.LIU_JIANJUN, world.FLEXIBLE)
    return family


def test_months_run_on_from_the_first_unpaid_one(flexible, visitor) -> None:
    """PO-6."""
    husband = flexible.husband
    wish = world.line_for(husband, world.FLEXIBLE, 90_080, first_month=1, last_month=5)
    world.say_paid(world.hand_over(world.open_order(flexible.payer, wish)))
    page = visitor.open(f"/pay/{world.FLEXIBLE}/{YEAR}/base/{husband.pk}/months/")
    if page.path.endswith("/tier/"):
        page = visitor.press(page, "下一步", tier=90_080)
    assert "6月第一个没缴的月份" in page.text
    assert "1月已缴" in page.text
    page = visitor.press(page, "下一步", end=8)
    assert page.path == "/pay/check/"
    assert "6月—8月，每月900.80元" in page.text
    assert page.has_button("2,702.40元")


def test_months_cannot_leap(flexible, visitor) -> None:
    url = f"/pay/{world.FLEXIBLE}/{YEAR}/base/{flexible.husband.pk}/months/?tier=90080"
    page = visitor.press(visitor.open(url), "下一步", end=13)
    assert "月份要连着缴，不能跳月。" in page.text
    assert read_basket(flexible.payer).lines == ()


def test_two_places_are_warned_of_and_neither_is_chosen(family, visitor) -> None:
    """RG-3."""
    world.make_policy(world.PENSION, place=world.OTHER_PLACE)
    world.make_payee("tax-371002", "环翠区税务局", place=world.OTHER_PLACE)
    other = world.make_registration(world.WANG_FANG, world.PENSION, place=world.OTHER_PLACE)
    page = visitor.press(people_page(visitor), "下一步", p=family.herself.pk)
    assert page.path.endswith("/place/")
    assert "只能在一个地方缴。选错了要先退费再重缴。" in page.text
    assert page.html.index("只能在一个地方缴") < page.html.index('name="registration"')
    assert " checked" not in page.html
    page = visitor.press(page, "选这里缴费", registration=other.pk)
    assert "请勾选确认。" in page.text
    page = visitor.press(page, "选这里缴费", registration=other.pk, sure="yes")
    assert page.path.endswith("/tier/")
    page = visitor.press(page, "下一步", tier=50_000)
    assert "环翠区税务局" in page.text
    assert "文登区" not in page.text.split("核对一下")[1].split("合计")[0]


def test_a_late_payment_warns_of_waiting_before_the_money(family, visitor) -> None:
    """PO-4."""
    today = clock.today()
    window = Window(today - timedelta(days=90), today - timedelta(days=5), today + timedelta(days=60))
    terms = replace(world.medical_terms(window), waiting=Waiting(fixed_days=60))
    world.make_policy(world.MEDICAL, terms, version=2)
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=family.herself.pk)
    page = visitor.press(page, "信息正确")
    assert page.path == "/pay/check/"
    assert "集中缴费期已过。" in page.text
    assert "60天" in page.text


# --- the basket and its check -----------------------------------------------------------------------------------------


def put_two_in(family, visitor):
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=[family.herself.pk, family.father.pk])
    return visitor.press(page, "信息正确")


def test_a_line_is_removed_and_brought_back(family, visitor) -> None:
    page = put_two_in(family, visitor)
    assert page.path == "/pay/basket/"
    page = visitor.press(page, "移除")
    assert "240.00元" in page.text
    assert "480.00元" not in page.text
    page = visitor.press(page, "撤销")
    assert "480.00元" in page.text


def test_a_line_paid_elsewhere_is_told_in_its_place_and_the_others_can_be_paid(family, visitor) -> None:
    """R15, U5."""
    put_two_in(family, visitor)
    stranger = world.make_payer(world.LI_QIANG, "13900000000")
    neighbour = world.make_member(stranger, world.WANG_FATHER, "neighbour")
    wish = world.line_for(neighbour, world.MEDICAL, 24_000)
    world.say_paid(world.hand_over(world.open_order(stranger, wish)))
    page = visitor.open("/pay/check/")
    assert page.path == "/pay/basket/"
    assert "已经缴过了" in page.text
    assert "李强" not in page.html
    page = visitor.press(page, "只缴能缴的")
    assert page.has_button("确认并去支付240.00元")


def test_a_changed_price_is_shown_and_confirmed_anew(family, visitor) -> None:
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=family.herself.pk)
    page = visitor.press(page, "信息正确")
    world.make_policy(world.MEDICAL, world.medical_terms(amount_fen=30_000), version=2)
    page = visitor.press(page, "确认并去支付")
    assert "金额有变化：240.00元 → 300.00元，请再确认。" in page.text
    assert not PaymentOrder.objects.exists()
    page = visitor.press(page, "确认并去支付300.00元")
    assert PaymentOrder.objects.get().amount_fen == 30_000


def test_confirming_twice_opens_one_order(family, visitor) -> None:
    """U1: double click, back button, a second window."""
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=family.herself.pk)
    check = visitor.press(page, "信息正确")
    second_window = visitor.open("/pay/check/")
    first = visitor.press(check, "确认并去支付")
    again = visitor.press(check, "确认并去支付")
    third = visitor.press(second_window, "确认并去支付")
    assert PaymentOrder.objects.count() == 1
    assert first.path == again.path == third.path


def test_a_basket_changed_in_another_window_is_shown_again(family, visitor) -> None:
    old = visitor.press(put_two_in(family, visitor), "移除")
    check = visitor.follow(old, "去核对")
    visitor.press(visitor.open("/pay/basket/"), "撤销")
    page = visitor.press(check, "确认并去支付")
    assert page.path == "/pay/check/"
    assert "清单在另一个页面改过。没有提交，没有扣款。" in page.text
    assert not PaymentOrder.objects.exists()


def test_a_forged_amount_is_refused(family, visitor) -> None:
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=family.herself.pk)
    page = visitor.press(visitor.press(page, "信息正确"), "确认并去支付", amount="1")
    assert "金额有变化" in page.text
    assert not PaymentOrder.objects.exists()


def test_two_payees_are_told_before_paying(family, visitor) -> None:
    """HOUSE 2.11."""
    world.make_payee("medical-fund", "医保专户", types=[world.MEDICAL])
    page = visitor.press(people_page(visitor, world.MEDICAL), "下一步", p=family.herself.pk)
    visitor.press(page, "信息正确")
    page = visitor.press(tier_page(visitor, family.herself), "下一步", tier=100_000)
    page = visitor.follow(page, "去核对")
    assert "将分2次支付。" in page.text
    page = visitor.press(page, "确认并去支付", gateway="")
    assert PaymentOrder.objects.count() == 2
    assert "第1次支付，共2次" in page.text


def test_what_cannot_be_undone_is_said_before_the_money(family, visitor) -> None:
    """PO-8."""
    page = visitor.press(people_page(visitor), "下一步", p=family.herself.pk)
    page = visitor.press(visitor.press(page, "信息正确"), "下一步", tier=100_000)
    assert "缴费后今年不能改档次。退费要另外申请。" in page.text
    assert "证件尾号" + world.WANG_FANG.number[-4:] in page.text
    assert "1,000元档，政府另补贴80元" in page.text


def test_an_empty_basket_has_a_way_on(family, visitor) -> None:
    page = visitor.open("/pay/check/")
    assert page.path == "/pay/basket/"
    assert "清单是空的。" in page.text
    assert visitor.follow(page, "去缴费").path == "/pay/types/"


def test_pages_are_small(family, visitor) -> None:
    """SCREENS 2.1: 25 KB on a first visit, style and script included; compressed they are a third of it."""
    import gzip

    for url in ("/pay/types/", f"/pay/{world.PENSION}/{YEAR}/base/{family.herself.pk}/tier/"):
        assert len(gzip.compress(visitor.open(url).html.encode())) < 6_000
