"""Money that came late, twice or to the wrong place: told through doors only (HOUSE 2.4, PA-6, PA-7)."""

from dataclasses import replace

import pytest

from tests.flows.telling import Story
from tests.flows.worlds import moved_to_huancui, wendeng
from tests.outside import eventually
from tests.world import LI_QIANG, MEDICAL, PENSION, QIAN_JIN, WANG_FANG, WANG_FATHER, ZHAO_MIN

pytestmark = pytest.mark.django_db(transaction=True)
BROTHER = replace(LI_QIANG, name="王强")


def test_what_was_paid_in_the_wrong_place_goes_back_and_is_paid_in_the_right_one(story: Story) -> None:
    """PA-6, PA-7: asked by the payer, decided by two, free the moment the money is back."""
    wendeng((WANG_FATHER, PENSION))
    moved_to_huancui(WANG_FATHER, PENSION)
    story.outside.dial(refund_seconds=0)
    payer = story.resident(WANG_FANG, (WANG_FATHER, "parent"))
    zhao, qian = story.clerk(ZHAO_MIN), story.clerk(QIAN_JIN, "复核员")
    story.pays(payer, PENSION, tier_fen=100_000, place="文登区")
    assert "退费审核中" in payer.asks_back("居民养老", "wrong_place").text
    page = zhao.refund()
    assert "等初审" in page.text
    zhao.press(page, "初审：可以退", note="环翠区登记已核实")
    qian.press(qian.refund(), "同意退款", seen="on")
    assert "退款还没结束" in payer.why(PENSION, WANG_FATHER)
    story.sweep()
    eventually(lambda: "已退费" in payer.record("居民养老").text)
    story.sweep()
    assert "1,000.00元已原路退回，现在可以重新缴" in story.messages_to(payer)
    story.pays(payer, PENSION, tier_fen=100_000, place="环翠区")
    story.mornings(1)
    assert "两边一致，可以签收" in zhao.channel_day(story.day(0)).text


def test_of_two_who_pay_for_one_person_the_second_gets_his_money_back_by_rule(story: Story) -> None:
    """G7, C8, PA-3: two relatives, two wallets; the first money keeps the period, the late one goes home."""
    wendeng((WANG_FATHER, MEDICAL))
    story.outside.dial(refund_seconds=0)
    daughter = story.resident(WANG_FANG, (WANG_FATHER, "parent"))
    son = story.resident(BROTHER, (WANG_FATHER, "parent"))
    late = daughter.order(MEDICAL)
    assert "有人提交过" in son.why(MEDICAL, WANG_FATHER)
    story.later(minutes=41)
    story.sweep()
    assert "没有扣款，可以重新缴" in story.messages_to(daughter)
    first = story.pays(son, MEDICAL, gateway="alipay")
    story.outside.pay(late, forced=True)  # she stood at the password page all the while
    eventually(lambda: "240.00元多付了" in daughter.says(late))
    assert "已有缴费记录" in daughter.why(MEDICAL, WANG_FATHER)
    story.sweep()
    eventually(lambda: "已退费" in daughter.record("居民医疗").text)
    story.sweep()
    assert "240.00元已原路退回" in story.messages_to(daughter)
    assert "已缴费" in son.says(first)
    assert "退回" not in story.messages_to(son)
    story.mornings(1)
    zhao = story.clerk(ZHAO_MIN)
    for channel in ("微信支付", "支付宝"):
        assert "两边一致，可以签收" in zhao.channel_day(story.day(0), channel).text


def test_money_that_comes_after_the_release_pays_the_free_period(story: Story) -> None:
    """G6, G17: told "no money was taken", then it was: nothing is lost, and the payer is told at once."""
    wendeng((WANG_FANG, MEDICAL))
    payer = story.resident(WANG_FANG)
    order_no = payer.order(MEDICAL)
    story.later(minutes=41)
    story.sweep()
    assert "这笔没有扣款" in payer.says(order_no)
    story.outside.rule(point="notice", fault="never")
    story.outside.pay(order_no, forced=True)
    story.later(minutes=31)  # a closed order is asked about once more
    story.sweep()
    assert "已缴费" in payer.says(order_no)
    assert "240.00元已缴成功" in story.messages_to(payer)
    assert "今年已经缴过了" in payer.why(MEDICAL)
    story.mornings(1)
    assert "两边一致，可以签收" in story.clerk(ZHAO_MIN).channel_day(story.day(0)).text


def test_a_reversal_is_looked_into_by_people_and_un_pays_nothing(story: Story) -> None:
    """B11: the channel takes back what the books hold; until somebody knows why, the record stands."""
    wendeng((WANG_FANG, MEDICAL))
    payer = story.resident(WANG_FANG)
    order_no = story.pays(payer, MEDICAL)
    story.outside.control("POST", "statements", json={"what": "reversal", "order_no": order_no})
    story.mornings(1)
    zhao, qian = story.clerk(ZHAO_MIN), story.clerk(QIAN_JIN, "复核员")
    assert "还不能签收：1件没有着落" in zhao.channel_day(story.day(0)).text
    [case] = zhao.cases("reversed")
    page = zhao.press(zhao.open(case), "我来处理")
    page = zhao.press(page, "写明经过，办结", reason="微信来函：测试冲正，钱未退")
    assert "已缴费" in payer.says(order_no)
    zhao.press(zhao.channel_day(story.day(0)), "签收240.00元，交第二人")
    page = qian.press(qian.channel_day(story.day(0)), "第二人签收240.00元")
    assert f"{ZHAO_MIN}，{QIAN_JIN}" in page.text
