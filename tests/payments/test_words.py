"""What people read: exactly the words of SCREENS where it gives them, short and calm everywhere."""

import re
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

import pytest

import payments.words
from payments.delays import AfterPayment
from payments.policies.terms import Delays, Owner
from payments.pricing import Blocker, Identity, NotOffered, RefundFact, When, price
from payments.states import DECLARATION, ORDER, REFUND
from payments.words import (
    bare_date,
    blocker_words,
    check_words,
    declaration_words,
    full_date,
    moment,
    money,
    next_steps,
    not_offered_words,
    order_words,
    other_prompts,
    price_changed_words,
    refund_words,
    short_date,
    tier,
    tier_change_words,
    until_words,
    waiting_words,
    warning_words,
)
from payments.words.causes import BlockerWords
from tests.payments.cases import (
    FLEXIBLE,
    GUTA,
    LAIWU,
    MEDICAL,
    PENSION,
    PINGCHENG,
    SUPPLEMENTARY,
    declared,
    feed,
    judge,
    on_day,
    only,
    person,
    registered,
)

TODAY = date(2026, 11, 21)


def said(found: object) -> BlockerWords:
    return blocker_words(found.headline, TODAY)


# ---- figures --------------------------------------------------------------------------------------------------------


def test_dates_money_and_moments_are_written_as_the_pages_promise() -> None:
    assert full_date(date(2026, 11, 24)) == "2026年11月24日（周二）"
    assert short_date(date(2026, 11, 24), TODAY) == "11月24日（周二）"
    assert short_date(date(2027, 1, 4), TODAY) == "2027年1月4日（周一）"
    assert bare_date(date(2026, 3, 31), TODAY) == "3月31日"
    assert moment(datetime.fromisoformat("2026-11-23T06:05:00+00:00"), TODAY) == "11月23日（周一）14:05"
    assert (money(100_000), tier(100_000), tier(73_560)) == ("1,000.00元", "1,000元", "735.60元")


# ---- causes ---------------------------------------------------------------------------------------------------------


def test_c9_says_when_what_and_until_when() -> None:
    """PA-3; the sample of SCREENS 2.4."""
    attempt = declared("in_payment", own=True, declared_at=datetime.fromisoformat("2026-11-21T14:05:00+08:00"))
    attempt = replace(attempt, clears_by=datetime.fromisoformat("2026-11-23T14:05:00+08:00"))
    words = said(judge(person(registered(), declarations=(attempt,))))
    assert words.headline == "有一笔缴费正在核对"
    assert words.body == (
        "11月21日（周六）14:05通过本网站提交过1,000.00元，还没收到付款结果。",
        "最迟11月23日（周一）14:05核对完。",
        "请不要重复缴费。",
    )
    assert (words.action, words.action_code, words.when) == ("查一下结果", "resume", "11月23日（周一）14:05")


def test_c9_an_order_that_was_never_started_can_be_gone_on_with() -> None:
    words = said(judge(person(registered(), declarations=(declared("declared", own=True),))))
    assert (words.headline, words.action) == ("有一笔缴费还没支付", "继续支付")


def test_c5_names_the_day_stated_the_feed_and_the_day_to_come_back() -> None:
    """RG-2; the mock-up of R11."""
    facts = person(
        identity=Identity(matched=False),
        feeds=(feed("medical", "2026-11-20T18:00:00+08:00"),),
        stated_registered_on=TODAY,
    )
    words = said(judge(facts, insurance_type=MEDICAL, year=2027))
    assert words.headline == "登记信息还在路上"
    assert words.body[:2] == ("你说11月21日登记过。", "文登区医保局的信息更新到11月20日（周五）18:00。")
    assert words.when == "11月24日（周二）"
    assert words.short == "登记信息还在路上，11月24日（周二）再来"
    assert words.action == "信息到了提醒我"


def test_c3_never_says_which_of_the_two_is_wrong_nor_whether_the_number_exists() -> None:
    """ID-3, ID-4, RG-8."""
    words = said(judge(person(identity=Identity(matched=False))))
    assert words.headline == "姓名或证件号和登记的不一样"
    assert "没有参保登记同时符合这个姓名和证件号。" in words.body
    assert "改过名的，打12366。登记错的，由经办机构改。" in words.body
    assert words.when == "更正后的第二天"


def test_c8_says_who_may_have_paid_and_to_a_stranger_nothing() -> None:
    """PA-3."""
    words = said(judge(person(registered(), declarations=(declared(),))))
    assert words.headline == "今年已经缴过了"
    assert words.body[0] == "11月20日（周五）14:05通过本网站缴了1,000.00元。"
    stranger = said(judge(person(registered(), declarations=(declared(),), viewer_is_owner=False)))
    assert stranger.body == ("已有缴费记录，详情请本人登录或拨打12366。",)
    medical = said(judge(person(registered(MEDICAL), declarations=(declared("paid", MEDICAL, 2027),))))
    assert medical.headline == "2027年度已经缴过了"


@pytest.mark.parametrize(
    ("day", "registration", "headline", "line"),
    [
        ("2022-02-26", (PENSION, PINGCHENG), "现在不在缴费时间", "每月1日到25日可以缴。"),
        ("2022-02-10", (PENSION, LAIWU), "本地区还没开始缴", "从4月1日（周五）开始缴。"),
        ("2026-11-21", (PENSION, LAIWU), "已过缴费期", "缴费到6月30日（周二）为止。"),
        ("2026-11-21", (SUPPLEMENTARY, PINGCHENG), "先缴当年基本养老", "先缴当年的居民养老，才能缴补充养老。"),
        ("2022-02-10", (MEDICAL, GUTA), "这笔要先核定金额", "先到医保部门核定，再来缴。"),
        ("2026-11-21", (FLEXIBLE, "371003", "flexible"), "这项费不在税务缴", "由人社部门收，请到那里缴。"),
        ("2019-02-01", (PENSION, "371003", "severe_disability"), "你的人员类别不用自己缴", "由政府代缴300.00元。"),
        ("2026-11-21", (PENSION, "371003", "student"), "你的人员类别不用自己缴", "在校学生不用缴居民养老。"),
    ],
)
def test_each_cause_speaks_the_words_of_its_row(
    day: str, registration: tuple[str, ...], headline: str, line: str
) -> None:
    """PO-0, PO-3, PO-5, PO-7."""
    found = on_day(day, registered(*registration))
    words = blocker_words(found.headline, date.fromisoformat(day))
    assert (words.headline, words.body[0]) == (headline, line)


def test_c6_names_the_collective() -> None:
    """RG-4."""
    found = on_day("2026-11-21", registered(MEDICAL, LAIWU, coverage_year=2026, registering_body="凤城小学"))
    words = said(found)
    assert (words.headline, words.owner) == ("今年要重新登记", "凤城小学")


def test_c7_names_the_group_to_change_to() -> None:
    """RG-5."""
    found = on_day("2026-11-21", registered(MEDICAL, group="newborn"), birth_on=date(2026, 3, 1))
    words = said(found)
    assert (words.headline, words.body[0]) == ("要先变更身份", "要先变更为儿童、中小学生，再来缴。")
    assert words.when == "变更3天后"


def test_c14_tells_the_date_where_there_is_one_and_the_rule_where_there_is_none() -> None:
    """PA-7."""
    known = RefundFact(PENSION, 2026, "371003", expected_on=date(2026, 11, 25))
    unknown = replace(known, expected_on=None)
    when = [said(judge(person(registered(), refunds=(refund,)))).when for refund in (known, unknown)]
    assert when == ["11月25日（周三）", "退款办完以后"]


def test_c20_promises_an_answer() -> None:
    words = blocker_words(Blocker("C20", Owner.TAX, When.WORKING_DAYS, evidence={"working_days": 2}), TODAY)
    assert words.headline == "我们还没查出原因"
    assert words.when == "2个工作日内"


def test_the_prompts_of_other_channels_are_explained() -> None:
    assert [prompt for prompt, _ in other_prompts()] == [
        "已存在申报记录",
        "未查询到此人的参保险种信息",
        "不能获取到该险种的缴费档次",
    ]


def test_the_checks_are_told_by_subject_and_state() -> None:
    found = judge(person(registered(), declarations=(declared("in_payment", own=True),)))
    told = {check_words(each).subject: check_words(each).state for each in found.checks}
    assert told["姓名和证件号"] == "已核对"
    assert told["缴费记录"] == "等结果"


# ---- payables -------------------------------------------------------------------------------------------------------


def test_two_dates_are_told_in_one_sentence() -> None:
    """PO-4; R01."""
    assert until_words(only(on_day("2026-11-21", registered(MEDICAL))), TODAY) == (
        "12月31日前缴，待遇不受影响；之后到2027年8月31日还能缴，但要等一段时间才能享受待遇。"
    )
    assert until_words(only(on_day("2026-11-21", registered())), TODAY) == "12月31日（周四）截止"


def test_waiting_is_told_with_its_length_and_its_end() -> None:
    """PO-4."""
    late = only(on_day("2027-01-26", registered(MEDICAL)))
    assert late.waiting is not None
    told = waiting_words(late.waiting, date(2027, 1, 26))
    assert told == "集中缴费期已过。现在缴，要等3个月，4月26日起才能享受待遇。"
    vague = replace(late.waiting, benefits_from_on=None)
    assert waiting_words(vague) == "集中缴费期已过。现在缴，要等一段时间才能享受待遇。"


def test_every_warning_has_its_sentence() -> None:
    """RG-3, PO-9."""
    found = on_day("2027-02-01", registered(MEDICAL), registered(MEDICAL, LAIWU))
    told = warning_words(found.payables[0], date(2027, 2, 1))
    assert [str(warn) for warn in told] == ["two_places", "waiting", "demo"]
    assert all(told.values())
    provisional = only(on_day("2022-02-10", registered(FLEXIBLE, GUTA, "flexible")))
    assert list(warning_words(provisional).values()) == [
        "2022年先按2020年的工资标准收。2021年的标准公布后，差额会另外通知你。"
    ]


def test_what_becomes_of_a_tier_after_paying_is_said_before() -> None:
    """PO-8."""
    assert tier_change_words(only(on_day("2026-11-21", registered())), TODAY) == "缴费后今年不能改档次。"
    jinan = only(on_day("2026-05-01", registered(PENSION, LAIWU)))
    assert tier_change_words(jinan, TODAY) == "12月31日前可以补差额提高档次。"


def test_what_comes_after_a_payment_stands_with_its_date() -> None:
    """AF-1, AF-3, AF-4; R20."""
    delays = Delays(record_days=1, certificate_days=3, credit_days=3)
    after = AfterPayment(date(2026, 11, 24), date(2026, 11, 26), date(2026, 11, 26), dates_estimated=False)
    steps = [(step.what, step.when, step.remark) for step in next_steps(after, delays, TODAY)]
    assert steps == [
        ("查记录", "11月24日（周二）起", "1个工作日后成为确认记录"),
        ("到账", "11月26日（周四）", "缴费后第3天，社保账户里能看到"),
        ("开证明", "11月26日（周四）起", "3个工作日后可开"),
    ]


def test_a_date_without_an_official_calendar_is_said_to_be_an_estimate() -> None:
    after = AfterPayment(None, date(2027, 1, 5), None, dates_estimated=True)
    [step] = next_steps(after, Delays(certificate_days=3), TODAY)
    assert step.remark == "3个工作日后可开（预计，放假安排还没公布）"


def test_a_refused_choice_is_answered_by_its_rule() -> None:
    """PO-6."""
    payable = only(on_day("2022-02-10", registered(FLEXIBLE, GUTA, "flexible")))
    with pytest.raises(NotOffered) as refused:
        price(payable, 68_500, (1, 13))
    assert not_offered_words(refused.value.code) == "月份要连着缴，不能跳月。"
    assert not_offered_words("tier_needed") == "请选择一个档次。"
    assert price_changed_words(100_000, 108_000) == "金额有变化：1,000.00元 → 1,080.00元，请再确认。"


# ---- states ---------------------------------------------------------------------------------------------------------


def test_not_charged_is_said_only_of_orders_that_have_ended_unpaid() -> None:
    """ "未扣款" stands only on states that a gateway's word has led to (SCREENS 2.5)."""
    told = {status: order_words(status, "微信") for status in ORDER.states}
    assert {status for status, words in told.items() if "扣款" in words.label + "".join(words.lines)} == {
        "failed",
        "expired",
    }
    assert told["awaiting"].lines[0] == "正在向微信核对结果。"
    assert [words.label for words in told.values()] == [
        "待支付",
        "结果确认中",
        "结果确认中",
        "已缴费",
        "未扣款",
        "未扣款",
    ]


def test_a_period_is_said_to_be_free_only_when_its_refund_is_done() -> None:
    """PA-7."""
    said = {status: "".join(refund_words(status).lines) for status in REFUND.states}
    assert {status for status, text in said.items() if "可以重新缴" in text} == {"refunded"}
    assert all("仍算已缴" in text for status, text in said.items() if status != "refunded")
    assert {status for status in REFUND.states if refund_words(status).is_final} == {"refunded", "rejected"}


def test_every_state_has_words() -> None:
    assert all(declaration_words(status).label and declaration_words(status).lines for status in DECLARATION.states)
    assert all(refund_words(status).label and refund_words(status).lines for status in REFUND.states)
    assert not order_words("awaiting").is_final
    assert order_words("expired").is_final


# ---- manners --------------------------------------------------------------------------------------------------------

SENTENCES = [
    text
    for path in sorted(Path(payments.words.__file__).parent.glob("*.py"))
    for text in re.findall(r'_\(\s*"([^"]+)"\s*\)', path.read_text(encoding="utf-8"))
]


def test_no_sentence_shouts_apologises_or_speaks_machine() -> None:
    assert len(SENTENCES) > 150
    banned = ("！", "!", "失败", "请稍后", "系统", "异常", "令牌", "报文", "500", "温馨提示", "抱歉", "您")
    assert not [text for text in SENTENCES if any(word in text for word in banned)]


def test_sentences_are_short() -> None:
    """At most 20 characters where possible (SCREENS 2.0); a clause never has more than 22."""
    clauses = [
        clause for text in SENTENCES for clause in re.split(r"[，。；：？（）、→]", re.sub(r"%\(\w+\)[sd]", "某", text))
    ]
    assert max(map(len, clauses)) <= 22


def test_hours_are_told_without_a_leading_nought() -> None:
    evidence = {"kind": "not_now", "opens_at": time(8, 30), "closes_at": time(17), "last_on": date(2026, 12, 31)}
    blocker = Blocker("C1", Owner.TAX, When.ON, come_back_on=TODAY, come_back_time=time(8, 30), evidence=evidence)
    words = blocker_words(blocker, TODAY)
    assert words.body[0] == "每天8:30到17:00可以缴。"
    assert words.when == "11月21日（周六）8:30"
