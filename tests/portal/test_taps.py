"""How often somebody has to tap until the wallet opens (SCREENS 2.1), on a phone, counted on the real pages.

A tap is a link, a button or a tick; what is typed or picked from a list is counted apart.
"""

import pytest

from core import clock
from registration.family import ensure_self
from tests import world
from tests.outside import forget_limits
from tests.portal.visiting import PHONE, Page, Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("outside")]


@pytest.fixture
def family(transactional_db: None) -> world.Family:
    return world.make_family()


def open_wallet(visitor: Visitor, page: Page) -> None:
    """The last tap: the link that leaves for the cashier."""
    assert page.path.endswith("/pay/"), page.text
    assert page.link("打开微信支付")
    visitor.taps += 1


def leave_alone(family: world.Family) -> None:
    for member in (family.father, family.husband, family.son):
        member.removed_at = clock.now()
        member.save()


def test_a_first_visit_with_one_relative_takes_nine_taps(settings, outside) -> None:
    """Nine taps and three fields: name, number, relation."""
    forget_limits(settings.REDIS_URL, "add-member")
    world.make_ground()
    world.make_policy(world.PENSION)
    world.make_registration(world.WANG_FATHER, world.PENSION)
    payer = world.make_payer()
    ensure_self(payer=payer)
    visitor = Visitor(payer, PHONE)
    fields = {"name": world.WANG_FATHER.name, "number": world.WANG_FATHER.number, "relation": "parent"}
    page = visitor.follow(visitor.open("/"), "增加一位")
    visitor.taps += 1  # the consent
    page = visitor.press(page, "保存", consented="on", **fields)
    assert page.path == "/"
    page = visitor.press(page, "缴费：王*国")
    page = visitor.press(page, "信息正确")
    page = visitor.choose_and_press(page, "下一步", tier=100_000)
    page = visitor.press(page, "确认并去支付1,000.00元")
    open_wallet(visitor, page)
    assert visitor.taps <= 9


def test_a_returning_payer_for_himself_takes_four_taps(family, outside) -> None:
    """去缴费, 按去年档次, 确认并去支付, the wallet."""
    leave_alone(family)
    world.pay_last_year(family.payer, [(family.herself, world.PENSION, 100_000)])
    world.say_paid(
        world.hand_over(world.open_order(family.payer, world.line_for(family.herself, world.MEDICAL, 24_000)))
    )
    visitor = Visitor(family.payer, PHONE)
    page = visitor.follow(visitor.open("/"), "去缴费")
    page = visitor.press(page, "按去年档次1,000元缴")
    page = visitor.press(page, "确认并去支付1,000.00元")
    open_wallet(visitor, page)
    assert visitor.taps <= 4


def test_a_family_of_four_as_last_year_takes_four_taps(family, outside) -> None:
    """去缴费, 一键沿用去年, 确认并去支付, the wallet."""
    world.pay_last_year(
        family.payer,
        [
            (family.herself, world.PENSION, 100_000),
            (family.father, world.PENSION, 50_000),
            (family.husband, world.MEDICAL, 24_000),
            (family.son, world.MEDICAL, 24_000),
        ],
    )
    visitor = Visitor(family.payer, PHONE)
    page = visitor.follow(visitor.open("/"), "去缴费")
    page = visitor.press(page, "一键沿用去年")
    page = visitor.press(page, "确认并去支付1,980.00元")
    open_wallet(visitor, page)
    assert visitor.taps <= 4
