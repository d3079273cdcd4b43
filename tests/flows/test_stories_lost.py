"""What is lost on the way is found, and what hangs is freed by evidence: told through doors only (PA-3, PA-4)."""

import pytest

from core import working_days
from tests.flows.people import Clerk
from tests.flows.telling import Story
from tests.flows.worlds import BANK, BANK_MERCHANT, begun_at_the_counter, rural_bank, wendeng
from tests.outside import eventually
from tests.reconciliation.stating import Said, line_of, stated
from tests.world import LIU_JIANJUN, MEDICAL, QIAN_JIN, RURAL_BANK, WANG_FANG, ZHAO_MIN

pytestmark = pytest.mark.django_db(transaction=True)


def hand_in(story: Story, clerk: Clerk, number: int, *lines: Said) -> None:
    """The bank's file of a day of the story, as a rule without a line."""
    day = story.day(number)
    clerk.hands_in(stated(lines, BANK_MERCHANT, day, BANK), channel=BANK, merchant=BANK_MERCHANT, day=day)


def test_a_lost_notice_is_found_by_asking_and_the_next_day_agrees(story: Story) -> None:
    """G4: nobody has to wait for a statement, and the statement says the same to the fen."""
    wendeng((WANG_FANG, MEDICAL))
    payer = story.resident(WANG_FANG)
    story.outside.rule(point="notice", fault="never")
    order_no = payer.order(MEDICAL)
    story.outside.pay(order_no)
    assert "正在向微信核对结果" in payer.says(order_no)
    story.later(seconds=10)
    story.sweep()
    assert "已缴费" in payer.says(order_no)
    assert "240.00元已缴成功" in story.messages_to(payer)
    story.mornings(1)
    zhao = story.clerk(ZHAO_MIN)
    page = zhao.channel_day(story.day(0))
    assert "两边一致，可以签收" in page.text
    assert "已签收" in zhao.press(page, "签收240.00元").text


def test_money_of_which_nobody_tells_is_found_in_the_statement(story: Story) -> None:
    """G4, G21, B2: no notice, no answer; the bill of the next day brings it, and two people sign the day."""
    wendeng((WANG_FANG, MEDICAL), (LIU_JIANJUN, MEDICAL))
    wife = story.resident(WANG_FANG)
    husband = story.resident(LIU_JIANJUN, (WANG_FANG, "spouse"))
    order_no = wife.order(MEDICAL)
    story.falls_silent("wechat")
    story.outside.pay(order_no)
    story.later(hours=2)
    story.sweep()
    assert "暂时联系不上微信" in wife.says(order_no)
    assert "有人提交过" in husband.why(MEDICAL, WANG_FANG)
    story.mornings(1)
    assert "已缴费" in wife.says(order_no)
    assert "240.00元已缴成功" in story.messages_to(wife)
    zhao, qian = story.clerk(ZHAO_MIN), story.clerk(QIAN_JIN, "复核员")
    page = zhao.channel_day(story.day(0))
    assert "渠道收到了钱，我方没有收到通知。" in page.text
    assert "已自动记账" in page.text
    assert "交第二人" in page.text
    zhao.press(page, "签收240.00元，交第二人")
    page = qian.press(qian.channel_day(story.day(0)), "第二人签收240.00元")
    assert f"{ZHAO_MIN}，{QIAN_JIN}" in page.text


def test_what_failed_at_the_last_step_is_freed_and_paid_anew(story: Story) -> None:
    """G1, PA-4: the request to the gateway is lost. Nobody reads "failed"; within the hour it can be paid again."""
    wendeng((WANG_FANG, MEDICAL))
    payer = story.resident(WANG_FANG)
    story.outside.rule(gateway="wechat", point="create", fault="lose_request")
    order_no = payer.order(MEDICAL)
    story.speaks_again()
    assert "正在向微信核对结果" in payer.says(order_no)
    story.later(minutes=20)
    story.sweep()
    assert "未扣款" not in payer.says(order_no)
    assert "有一笔缴费正在核对" in payer.why(MEDICAL)
    story.later(minutes=21)
    story.sweep()
    page = payer.open(f"/orders/{order_no}/")
    assert "这笔没有扣款" in page.text
    assert "没有扣款，可以重新缴" in story.messages_to(payer)
    again = payer.confirm(payer.press(page, "重新支付"), "wechat_pay")
    assert again != order_no
    story.outside.pay(again)
    eventually(lambda: "已缴费" in payer.says(again))


def test_what_failed_at_a_bank_is_freed_by_its_statements_of_two_days(story: Story) -> None:
    """B1, PA-4: the bank cannot be asked; D and D+1 without a line are the evidence, and nobody had to call."""
    wendeng((WANG_FANG, MEDICAL))
    rural_bank(story.day(0))
    payer, zhao = story.resident(WANG_FANG), story.clerk(ZHAO_MIN)
    begun_at_the_counter(payer, MEDICAL, 24_000)
    assert "有一笔缴费正在核对" in payer.why(MEDICAL)
    for number in (0, 1):
        story.mornings(number + 1)
        assert "有一笔缴费正在核对" in payer.why(MEDICAL)  # the first day alone frees nothing (B9)
        hand_in(story, zhao, number)
        story.sweep()
    assert "没有扣款，可以重新缴" in story.messages_to(payer)
    assert "两边一致" in zhao.channel_day(story.day(1), RURAL_BANK).text
    story.pays(payer, MEDICAL)


def test_a_statement_that_comes_three_days_late_over_a_holiday_pays_what_it_names(story: Story, settings) -> None:
    """B2, B5, faults C4 and C5: nobody is troubled while banks rest; then it is a case, and later days go on."""
    settings.GATEWAYS = {}  # here only the bank takes money
    story.begins_on(9, 30)
    wendeng((WANG_FANG, MEDICAL))
    rural_bank(story.day(0), due_on_working_days=True)
    payer, zhao = story.resident(WANG_FANG), story.clerk(ZHAO_MIN)
    order = begun_at_the_counter(payer, MEDICAL, 24_000)
    opens = (working_days.add_working_days(story.day(0), 1)[0] - story.day(0)).days
    story.mornings(*range(1, opens + 1))
    assert not zhao.cases("statement")
    assert len(zhao.cases("stuck")) == 1  # after two days, by itself
    for number in range(1, opens):
        hand_in(story, zhao, number)
    story.on(opens, "13:30")
    story.sweep()
    assert len(zhao.cases("statement")) == 1
    assert "缺文件：到了应到时间，对账单没有来" in zhao.channel_day(story.day(0), RURAL_BANK).text
    assert "两边一致" in zhao.channel_day(story.day(1), RURAL_BANK).text
    for number in range(opens, opens + 3):
        story.mornings(number + 1)
        hand_in(story, zhao, number)
    assert "有一笔缴费正在核对" in payer.why(MEDICAL)
    hand_in(story, zhao, 0, line_of(order, at=order.started_at))
    story.sweep()
    assert "240.00元已缴成功" in story.messages_to(payer)
    assert "已缴" in payer.record("居民医疗").text
    assert not zhao.cases("statement")
    assert not zhao.cases("stuck")
