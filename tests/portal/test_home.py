"""R01: the first page tells in five seconds whether somebody in the family still owes, and until when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core import clock
from payments.policies.terms import Waiting
from payments.words import short_date
from registration.models import FeedFreshness
from tests.portal.visiting import Page, Visitor
from tests.world import (
    MEDICAL,
    PENSION,
    Family,
    hand_over,
    line_for,
    make_family,
    make_ground,
    make_payer,
    make_policy,
    open_order,
    open_window,
    pension_terms,
    say_paid,
)


@pytest.fixture
def family(db: None) -> Family:
    return make_family()


def home(family: Family) -> Page:
    return Visitor(family.payer).open("/")


def test_a_visitor_reads_what_this_is_and_logs_in(db) -> None:
    page = Visitor().open("/")
    assert page.link("登录") == "/login/"
    assert page.link("第一次使用") == "/login/first/"
    assert page.link("打12366") == "tel:12366"
    assert "我要缴费" not in page.text


def test_what_the_family_owes_is_counted(family) -> None:
    page = home(family)
    assert "家里还有7项没缴" in page.text
    assert "4个人待缴" in page.text
    assert page.text.count("待缴") == 7 + 1
    assert page.link("去缴费") == "/pay/"


def test_names_are_masked_and_no_number_is_shown(family) -> None:
    page = home(family)
    for member in family.members:
        assert member.name not in page.text
        assert member.number_tail not in page.text
    assert "王*国" in page.text


def test_the_first_day_that_matters_is_named(family) -> None:
    """PO-4: the end of the concentrated window where missing it makes benefits wait, else the last day."""
    window = open_window()
    assert window.deadline is not None
    assert f"{short_date(window.deadline)}前缴完" in home(family).text
    waits = replace(pension_terms(window), waiting=Waiting(fixed_months=3))
    make_policy(PENSION, waits, version=2)
    assert window.concentrated_to is not None
    page = home(family)
    assert f"{short_date(window.concentrated_to)}前缴完" in page.text
    assert "前缴，待遇不受影响" in page.text


def test_what_is_being_checked_and_what_is_paid_is_said(family) -> None:
    waiting = hand_over(open_order(family.payer, line_for(family.son, MEDICAL, 24_000)))
    page = home(family)
    assert page.text.count("确认中") == 1
    say_paid(waiting)
    page = home(family)
    assert page.text.count("已缴") == 1
    assert "家里还有6项没缴" in page.text
    lines = [(member, kind) for member in family.members[:3] for kind in (PENSION, MEDICAL)]
    for member, kind in lines:
        tier_fen = 100_000 if kind == PENSION else 24_000
        say_paid(hand_over(open_order(family.payer, line_for(member, kind, tier_fen))))
    assert "现在没有要缴的" in home(family).text


def test_what_cannot_be_paid_leads_to_its_cause(family) -> None:
    family.husband.name_folded = "刘健军"
    family.husband.save()
    page = home(family)
    assert page.text.count("不能缴") == 1 + page.text.count("为什么不能缴费")
    assert page.link("看原因").startswith("/why/")


def test_old_data_are_said_to_be_old(family) -> None:
    """RG-2"""
    assert "参保信息更新到" not in home(family).text
    before = clock.now() - timedelta(days=3)
    FeedFreshness.objects.filter(agency__kind="hr").update(last_received_at=before)
    clock.forget_everything_kept()
    page = home(family)
    assert f"文登区人社局的参保信息更新到{short_date(clock.business_date(before))}" in page.text
    assert "医保局的参保信息更新到" not in page.text


def test_somebody_alone_is_told_how_to_add_others(db) -> None:
    make_ground()
    page = Visitor(make_payer()).open("/")
    assert "给家人缴费的，先添加家人" in page.text
    assert page.link("增加一位") == "/me/add/"


def test_the_page_takes_few_queries_however_large_the_family(family, django_assert_max_num_queries) -> None:
    visitor = Visitor(family.payer)
    visitor.open("/")
    with django_assert_max_num_queries(9):
        visitor.open("/")
