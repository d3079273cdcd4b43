"""为什么不能缴费: every cause in words, with who mends it and when to come back (PA-3, ID-3, RG-2 … PO-13).

C10 is a choice on this channel (test_pay_pages), C14 comes with refunds (test_refunds), C17 to C19 belong to the doors.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta

import pytest

from core import clock
from payments.diagnoses import find_diagnosis, keep_causes
from payments.models import Channel, Diagnosis
from payments.policies.terms import Collector, CollectorKind, GroupTerms, Tier, Window
from registration.models import FeedFreshness, Registration
from tests import world
from tests.portal.visiting import Page, Visitor

pytestmark = pytest.mark.django_db

YEAR = clock.today().year


@pytest.fixture
def family(db: None) -> world.Family:
    return world.make_family()


@pytest.fixture
def visitor(family: world.Family) -> Visitor:
    return Visitor(family.payer)


def why(visitor: Visitor, member, insurance_type: str = world.PENSION, year: int = YEAR) -> Page:
    page = visitor.open(f"/why/{member.pk}/{insurance_type}/{year}/")
    assert page.status == 200
    return page


def new_terms(change: Callable, insurance_type: str = world.PENSION) -> None:
    standard = world.medical_terms() if insurance_type == world.MEDICAL else world.pension_terms()
    world.make_policy(insurance_type, change(standard), version=2)


def closed_hours(terms):
    noon = clock.business_now().time() < time(12)
    hours = (
        {"opens_at": time(23, 58), "closes_at": time(23, 59)}
        if noon
        else {"opens_at": time(0, 1), "closes_at": time(0, 2)}
    )
    return replace(terms, window=replace(terms.window, **hours))


def not_open_yet(terms):
    on = clock.today() + timedelta(days=20)
    return replace(terms, window=Window(opens_on=on, deadline=on + timedelta(days=30)))


def over(terms):
    on = clock.today() - timedelta(days=20)
    return replace(terms, window=Window(opens_on=on, concentrated_to=on, deadline=on + timedelta(days=1)))


def by_the_agency(terms):
    return replace(terms, collector=Collector(CollectorKind.AGENCY, name="文登区医保局", phone="12393"))


def special_only(terms):
    return replace(terms, groups=(GroupTerms("adult", (Tier(100_000),), special_only=True),))


def nothing_to_pay(terms):
    return replace(terms, groups=(GroupTerms("adult", nothing_to_pay=True, reason="government_pays"),))


def basic_first(terms):
    return replace(terms, prerequisite=world.MEDICAL)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (closed_hours, "C1", "现在不在缴费时间"),
        (not_open_yet, "C2", "本地区还没开始缴"),
        (over, "C2", "已过缴费期"),
        (nothing_to_pay, "C7", "你的人员类别不用自己缴"),
        (basic_first, "C12", "先缴当年基本养老"),
        (special_only, "C13", "这笔要先核定金额"),
        (by_the_agency, "C22", "这项费不在税务缴"),
    ],
)
def test_what_the_policy_says_is_said(family, visitor, change, code, words) -> None:
    """PO-0, PO-1, PO-5, PO-7: C1, C2, C7, C12, C13, C22."""
    new_terms(change)
    page = why(visitor, family.herself)
    assert words in page.title
    assert Diagnosis.objects.get().causes[0] == code
    assert "谁来处理" in page.text


def test_number_and_name_that_match_nothing_get_one_joint_answer(family, visitor) -> None:
    """C3, ID-3: the same words whether the number is unknown or the name is another."""
    unknown = world.make_member(family.payer, world.Somebody("周明", world.number("19900101", "011")), "neighbour")
    wrong_name = world.make_member(family.payer, replace(world.LI_QIANG, name="李墙"), "neighbour")
    world.make_registration(world.LI_QIANG)
    first, second = (why(visitor, member) for member in (unknown, wrong_name))
    assert "姓名或证件号和登记的不一样" in first.text
    said = [page.text.split("居民养老")[1].split("诊断码")[0] for page in (first, second)]
    code = [page.text.split("打电话时报这个码")[1][:8] for page in (first, second)]
    assert said[0].replace(code[0], "") == said[1].replace(code[1], "")
    assert "李强" not in second.html


def test_no_registration_leads_to_the_agency(family, visitor) -> None:
    """C4."""
    page = why(visitor, family.son)
    assert "还没有参保登记" in page.text
    assert "人社部门" in page.text
    assert "登记3天后" in page.text


def test_a_registration_of_yesterday_may_still_be_on_its_way(family, visitor) -> None:
    """C5, RG-2: the day that the payer states, and how far the agency's data has come."""
    FeedFreshness.objects.update(last_received_at=clock.now() - timedelta(days=4))
    clock.forget_everything_kept()
    yesterday = clock.today() - timedelta(days=1)
    page = visitor.press(why(visitor, family.son), "按这个日期再查", registered_on=yesterday.isoformat())
    assert page.path.startswith("/why/")
    assert "登记信息还在路上" in page.text
    back_on = yesterday + timedelta(days=3)
    assert f"{back_on.month}月{back_on.day}日" in page.text


@pytest.mark.parametrize("text", ["", "gestern", "2099-01-01", "1999-01-01"])
def test_a_day_that_cannot_be_is_not_taken(family, visitor, text) -> None:
    visitor.press(why(visitor, family.son), "按这个日期再查", registered_on=text)
    assert Diagnosis.objects.get().stated_registered_on is None


def test_a_renewal_is_asked_of_the_collective(family, visitor) -> None:
    """C6, RG-4."""
    Registration.objects.filter(insurance_type_id=world.MEDICAL, person__name="王芳").update(
        renewal="collective", coverage_year=YEAR - 1, registering_body="米山镇中学"
    )
    page = why(visitor, family.herself, world.MEDICAL)
    assert "今年要重新登记" in page.text
    assert "米山镇中学" in page.text


def test_what_the_family_paid_is_told_with_its_record(family, visitor) -> None:
    """C8, PA-3."""
    world.say_paid(world.hand_over(world.open_order(family.payer, world.line_for(family.father))))
    page = why(visitor, family.father)
    assert "今年已经缴过了" in page.text
    assert "1,000.00元" in page.text
    assert visitor.follow(page, "看这条记录").path.startswith("/records/")


def stranger_with(who: world.Somebody):
    stranger = world.make_payer(world.LI_QIANG, "13900000000")
    return stranger, world.make_member(stranger, who, "neighbour")


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_stranger_learns_no_more_than_that_there_is_a_record(family, is_paid) -> None:
    """C8, C9: neither when nor how much nor through what."""
    order = world.hand_over(world.open_order(family.payer, world.line_for(family.father)))
    if is_paid:
        world.say_paid(order)
    stranger, member = stranger_with(world.WANG_FATHER)
    page = why(Visitor(stranger), member)
    assert ("已有缴费记录，详情请本人登录或拨打12366。" if is_paid else "有人提交过") in page.text
    assert "1,000.00元" not in page.text
    assert "微信" not in page.text
    assert "王芳" not in page.html
    assert not page.has_button("取消这笔")


def test_an_attempt_without_result_names_the_moment_and_can_be_given_up(family, visitor) -> None:
    """C9, PA-3, PA-4."""
    order = world.hand_over(world.open_order(family.payer, world.line_for(family.husband)))
    page = why(visitor, family.husband)
    assert "有一笔缴费正在核对" in page.text
    assert "请不要重复缴费。" in page.text
    assert "最迟核对完" in page.text
    assert page.has_button("查一下结果")
    assert page.has_button("没付过款，取消这笔")
    assert order.order_no in page.html


def test_an_order_not_yet_sent_to_a_wallet_is_gone_on_with(family, visitor) -> None:
    order = world.open_order(family.payer, world.line_for(family.husband))
    page = visitor.follow(why(visitor, family.husband), "继续支付")
    assert page.path == f"/orders/{order.order_no}/method/"


def test_paid_in_a_place_that_was_left_is_told(family, visitor) -> None:
    """C11, PA-6."""
    world.make_policy(world.PENSION, place=world.OTHER_PLACE)
    world.make_payee("tax-371002", "环翠区税务局", place=world.OTHER_PLACE)
    there = world.make_registration(world.WANG_FANG, world.PENSION, place=world.OTHER_PLACE)
    wish = world.line_for(family.herself, place=world.OTHER_PLACE)
    world.say_paid(world.hand_over(world.open_order(family.payer, wish)))
    there.ended_on = clock.today() - timedelta(days=1)
    there.save()
    page = why(visitor, family.herself)
    assert "缴到了另一个地方" in page.text
    assert "先在环翠区退费，再在文登区缴。" in page.text


def test_a_paid_tier_cannot_change_within_the_year(family, visitor) -> None:
    """C16, PO-8, beside the headline that the year is paid."""
    world.say_paid(world.hand_over(world.open_order(family.payer, world.line_for(family.herself))))
    page = why(visitor, family.herself)
    assert "今年不能改档次" in page.text


@pytest.mark.parametrize(
    ("values", "words"),
    [({"document_types": ["208"]}, "这个渠道暂不支持此证件"), ({"region_prefixes": ["21"]}, "这个渠道在本地还没开通")],
)
def test_a_channel_that_does_not_serve_says_which_does(family, visitor, values, words) -> None:
    """C15, C21, PO-13."""
    Channel.objects.filter(pk="portal").update(**values)
    clock.forget_everything_kept()
    assert words in why(visitor, family.herself).text


def test_what_nothing_explains_becomes_a_case_with_a_date(family, visitor) -> None:
    """C20."""
    why(visitor, family.herself)
    found = Diagnosis.objects.get()
    keep_causes(found, ["C20"])
    found.refresh_from_db()
    assert found.causes == ["C20"]
    assert found.reply_by_on is not None
    assert found.reply_by_on > clock.today()
    keep_causes(found, ["C8"])
    assert found.reply_by_on is None


def test_nothing_wrong_is_said_with_the_way_to_pay(family, visitor) -> None:
    page = why(visitor, family.herself)
    assert "现在可以缴" in page.text
    assert visitor.follow(page, "去缴费").path.endswith("/people/")


# --- the page itself --------------------------------------------------------------------------------------------------


def test_what_was_looked_at_is_listed(family, visitor) -> None:
    page = why(visitor, family.son)
    for subject in ("姓名和证件号", "参保登记", "缴费时间", "缴费记录"):
        assert subject in page.text
    assert "已存在申报记录" in page.text


def test_staff_find_the_question_by_its_six_digits(family, visitor) -> None:
    page = why(visitor, family.son)
    code = page.text.split("打电话时报这个码")[1][:8].replace(" ", "")
    found = find_diagnosis(code)
    assert found is not None
    assert found.member == family.son
    assert visitor.open(f"/why/{code}/").text.count("还没有参保登记") >= 1


def test_asking_again_keeps_the_code(family, visitor) -> None:
    why(visitor, family.son)
    why(visitor, family.son)
    assert Diagnosis.objects.count() == 1


def test_a_code_runs_out_and_is_of_no_use_to_others(family, visitor) -> None:
    why(visitor, family.son)
    code = Diagnosis.objects.get().code
    stranger, _ = stranger_with(world.WANG_FATHER)
    assert Visitor(stranger).open(f"/why/{code}/").status == 404
    with clock.at(clock.now() + timedelta(days=31)):
        assert find_diagnosis(code) is None


def test_the_entrance_lists_everybody_with_what_holds(family, visitor) -> None:
    page = visitor.open("/why/")
    assert page.text.count("居民养老") >= 4
    assert "没有查到" in page.text


@pytest.mark.parametrize(
    "path", ["/why/0/resident_pension/2026/", "/why/1/no_such_type/2026/", "/why/1/resident_pension/9999/"]
)
def test_questions_about_nothing_are_not_found(visitor, path) -> None:
    assert visitor.open(path).status == 404
