"""From an order to its result, against the real sandbox: nothing is said without a gateway's word (R17–R21)."""

from datetime import timedelta

import httpx
import pytest

from core import clock, limiter
from payments.checkout import open_checkout
from payments.gateways import availability
from payments.models import Declaration, Discrepancy, PaymentOrder
from payments.order_checks import expire_overdue_orders
from payments.orders import expire_order, start_payment
from payments.refunds import refund_by_rule
from tests import world
from tests.outside import age, eventually, status_of
from tests.portal.visiting import PHONE, Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("books_hold")]

IN_WECHAT = PHONE + " MicroMessenger/8.0.49"
IN_ALIPAY = PHONE + " AlipayClient/10.5"


@pytest.fixture
def family(transactional_db: None) -> world.Family:
    return world.make_family()


@pytest.fixture
def visitor(family: world.Family) -> Visitor:
    return Visitor(family.payer)


def new_order(family: world.Family) -> PaymentOrder:
    return world.open_order(
        family.payer, world.line_for(family.herself), world.line_for(family.father, tier_fen=50_000)
    )


def method_page(visitor: Visitor, order: PaymentOrder):
    return visitor.open(f"/orders/{order.order_no}/")


# --- which wallets --------------------------------------------------------------------------------------------------


def test_a_desktop_scans_and_a_phone_opens_the_wallet(family, outside) -> None:
    """R17, R18."""
    order = new_order(family)
    page = method_page(Visitor(family.payer), order)
    assert "用手机微信扫码" in page.text
    phone = Visitor(family.payer, PHONE)
    page = phone.press(method_page(phone, order), "去支付1,500.00元", gateway="wechat_pay")
    assert page.path.endswith("/pay/")
    assert page.link("打开微信支付").startswith(outside.url)
    order.refresh_from_db()
    assert (order.status, order.method) == ("awaiting", "h5")


def test_a_code_to_scan_is_drawn_with_its_words(family, visitor, outside) -> None:
    order = new_order(family)
    page = visitor.press(method_page(visitor, order), "去支付", gateway="wechat_pay")
    assert "<svg" in page.html
    assert "data:image" not in page.html
    assert 'aria-label="付款二维码' in page.html
    assert "weixin://" in page.text
    assert "打开手机微信，点“扫一扫”" in page.text


def test_inside_wechat_a_guide_leads_to_a_browser(family) -> None:
    order = new_order(family)
    page = method_page(Visitor(family.payer, IN_WECHAT), order)
    assert "在浏览器打开" in page.text
    assert not page.has_button("去支付")
    assert "没有扣款" in page.text


def test_inside_alipay_only_alipay_is_offered(family, outside) -> None:
    order = new_order(family)
    visitor = Visitor(family.payer, IN_ALIPAY)
    page = method_page(visitor, order)
    assert "微信支付" not in page.text
    page = visitor.press(page, "去支付", gateway="alipay")
    assert page.link("打开支付宝")


def test_choosing_no_wallet_is_answered(family, visitor) -> None:
    page = visitor.press(method_page(visitor, new_order(family)), "去支付", gateway="")
    assert "请选择怎么付。" in page.text


def test_a_wallet_that_is_silent_cannot_be_chosen_and_says_until_when(family, visitor) -> None:
    for _ in range(availability.SILENCES):
        availability.note_silence("wechat_pay")
    page = method_page(visitor, new_order(family))
    availability.note_answer("wechat_pay")
    assert "暂时没有应答，约" in page.text
    assert 'value="wechat_pay"' not in page.html
    assert 'value="alipay"' in page.html


def test_the_wallet_used_last_is_not_asked_for_again(family, visitor, outside) -> None:
    """Four taps (SCREENS 2.1)."""
    world.say_paid(world.hand_over(world.open_order(family.payer, world.line_for(family.son, world.MEDICAL, 24_000))))
    year = clock.today().year
    page = visitor.open(f"/pay/{world.PENSION}/{year}/base/people/")
    page = visitor.press(visitor.press(page, "下一步", p=family.herself.pk), "信息正确")
    page = visitor.press(visitor.press(page, "下一步", tier=100_000), "确认并去支付")
    assert page.path.endswith("/pay/")
    assert "用微信付 1,000.00元" in page.text


def scan(order: PaymentOrder) -> None:
    """A buyer scans Alipay's code: only now is there a trade that can be closed."""
    with httpx.Client(trust_env=False, follow_redirects=True) as buyer:
        buyer.post(str(buyer.get(order.hand_over["url"]).url))


# --- waiting ----------------------------------------------------------------------------------------------------------


def start(order: PaymentOrder, gateway: str = "wechat_pay", method: str = "qr") -> PaymentOrder:
    return start_payment(
        order_no=order.order_no, gateway=gateway, method=method, payer_ip="127.0.0.1", actor=order.payer.actor
    )


def test_coming_back_unpaid_says_that_we_are_asking_and_never_failed(family, visitor, outside) -> None:
    """U3: the address of the return proves nothing."""
    order = start(new_order(family))
    page = visitor.open(f"/hooks/return/{order.order_no}/?trade_status=TRADE_SUCCESS")
    assert page.path == f"/orders/{order.order_no}/"
    assert "正在向微信核对结果" in page.text
    assert "不要重复支付" in page.text
    assert "失败" not in page.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page.html
    assert "<section data-back hidden>" in page.html
    page = visitor.press(page, "查结果")
    assert "微信还没有收到付款" in page.text
    assert "<section data-back>" in page.html
    page = visitor.follow(page, "返回去支付")
    assert page.path.endswith("/pay/")


def test_asking_finds_a_payment_of_which_no_notice_came(family, visitor, outside) -> None:
    outside.rule(point="notice", fault="never")
    order = start(new_order(family))
    outside.pay(order.order_no)
    page = visitor.press(visitor.open(f"/orders/{order.order_no}/"), "查结果")
    assert "1,500.00元已缴" in page.text
    assert Declaration.objects.filter(order=order, status="paid").count() == 2


def test_the_waiting_page_polls_and_hears_of_the_result(family, visitor, outside) -> None:
    outside.rule(point="notice", fault="never")
    order = start(new_order(family))
    url = f"/orders/{order.order_no}/status/"
    assert visitor.client.get(url).json()["waits"] is True
    outside.pay(order.order_no)
    assert visitor.client.get(url).json()["waits"] is True  # asked less than three seconds ago
    age(order, seconds=1)
    limiter._client.flushdb()
    assert visitor.client.get(url).json() == {"waits": False, "line": "有结果了。", "back": False}


def test_a_gateway_that_cannot_be_reached_is_said_and_the_order_is_kept(family, visitor, outside) -> None:
    order = start(new_order(family))
    outside.rule(point="query", fault="server_error")
    page = visitor.press(visitor.open(f"/orders/{order.order_no}/"), "查结果")
    assert "暂时联系不上微信，我们会继续查。你的缴费单已保存。" in page.text
    assert status_of(order) == "awaiting"


def test_money_of_another_amount_is_said_to_have_come_and_nobody_is_led_to_pay_again(family, visitor, outside) -> None:
    """G10: it is held, and two members of staff give it back."""
    order = start(new_order(family), "alipay", "page")
    scan(order)
    outside.pay(order.order_no, amount_fen=100)
    eventually(lambda: Discrepancy.objects.filter(order=order, amount_fen=100).exists())
    page = visitor.press(visitor.open(f"/orders/{order.order_no}/"), "查结果")
    assert "收到1.00元，和要缴的不同。" in page.text
    assert "还没有收到付款" not in page.text
    assert "data-back hidden" in page.html
    assert "等支付宝答复以后" not in page.text
    assert visitor.client.get(f"/orders/{order.order_no}/status/").json()["back"] is False


def test_an_order_of_another_payer_is_not_found(family, outside) -> None:
    order = start(new_order(family))
    stranger = Visitor(world.make_payer(world.LI_QIANG, "13900000000"))
    for page in ("", "method/", "pay/", "status/"):
        assert stranger.open(f"/orders/{order.order_no}/{page}").status == 404
    for action in ("refresh", "cancel", "again"):
        stranger.client.handler.enforce_csrf_checks = False
        assert stranger.client.post(f"/orders/{order.order_no}/{action}/").status_code == 404
    assert status_of(order) == "awaiting"


# --- giving up, unpaid ------------------------------------------------------------------------------------------------


def test_wechat_cannot_be_given_up_in_its_first_five_minutes_and_the_minute_is_named(family, visitor, outside) -> None:
    order = start(new_order(family))
    page = visitor.press(visitor.open(f"/orders/{order.order_no}/"), "没付过款，取消这笔")
    assert "微信要求提交满5分钟才能取消。" in page.text
    at = (order.started_at + timedelta(minutes=5)).astimezone(clock.SHANGHAI)
    assert f"{at.hour}:{at.minute:02d}以后可以取消" in page.text
    assert status_of(order) == "awaiting"


def test_giving_up_an_alipay_order_leads_to_not_charged_and_to_paying_again(family, visitor, outside) -> None:
    order = start(new_order(family), "alipay", "page")
    scan(order)
    page = visitor.press(visitor.open(f"/orders/{order.order_no}/"), "没付过款，取消这笔")
    assert "这笔没有扣款" in page.text
    assert "你取消了这笔缴费。" in page.text
    page = visitor.press(page, "重新支付")
    assert page.path == "/pay/check/"
    page = visitor.press(page, "确认并去支付1,500.00元")
    assert PaymentOrder.objects.count() == 2
    assert page.path != f"/orders/{order.order_no}/method/"


def test_another_method_closes_the_first_payment_before(family, visitor, outside) -> None:
    """HOUSE 2.11."""
    order = start(new_order(family), "alipay", "page")
    scan(order)
    page = visitor.press(visitor.open(f"/orders/{order.order_no}/pay/"), "换一种方式")
    assert status_of(order) == "expired"
    page = visitor.press(page, "确认并去支付")
    assert page.path.endswith("/method/")


def test_giving_up_what_was_paid_after_all_shows_it_paid(family, visitor, outside) -> None:
    outside.rule(point="notice", fault="never")
    order = start(new_order(family), "alipay", "page")
    scan(order)
    page = visitor.open(f"/orders/{order.order_no}/")
    outside.pay(order.order_no)
    page = visitor.press(page, "没付过款，取消这笔")
    assert "1,500.00元已缴" in page.text


def test_an_order_never_sent_to_a_wallet_can_be_changed_at_once(family, visitor) -> None:
    order = new_order(family)
    page = visitor.press(method_page(visitor, order), "返回修改")
    assert page.path == "/pay/check/"
    assert status_of(order) == "expired"


def test_half_an_hour_without_paying_is_said(family, visitor) -> None:
    order = new_order(family)
    age(order, minutes=31)
    expire_overdue_orders()
    page = visitor.open(f"/orders/{order.order_no}/")
    assert "这笔没有扣款" in page.text
    assert "半小时内没有去支付，缴费单已关闭。" in page.text


# --- paid -------------------------------------------------------------------------------------------------------------


def test_a_paid_order_says_what_comes_when(family, visitor) -> None:
    """AF-1, AF-3, AF-4: the dates stand on the declarations."""
    order = world.say_paid(world.hand_over(new_order(family)))
    row = Declaration.objects.filter(order=order).first()
    page = visitor.open(f"/orders/{order.order_no}/")
    assert page.title.startswith("缴费成功")
    for on in (row.record_on, row.credit_on, row.printable_on):
        assert f"{on.month}月{on.day}日" in page.text
    assert "王*（本人）1,000.00元" in page.text
    assert order.order_no[-6:] in page.text
    assert "王建国" not in page.html


def test_two_payees_are_paid_in_turn(family, visitor) -> None:
    world.make_payee("medical-fund", "医保专户", types=[world.MEDICAL])
    lines = [world.line_for(family.herself), world.line_for(family.herself, world.MEDICAL, 24_000)]
    first, second = open_checkout(payer=family.payer, lines=lines, actor=family.payer.actor)
    world.say_paid(world.hand_over(first))
    page = visitor.open(f"/orders/{first.order_no}/")
    assert "还有一笔要付" in page.text
    page = visitor.follow(page, "接着付 240.00元")
    assert page.path == f"/orders/{second.order_no}/method/"
    assert "第2次支付，共2次" in page.text


def test_money_that_came_after_the_period_was_taken_is_said_to_be_held(family, visitor) -> None:
    """HOUSE 2.4: a late success is recorded first."""
    late = world.hand_over(new_order(family))
    expire_order(order_id=late.pk, actor="system:test", evidence={"said": "closed"})
    stranger = world.make_payer(world.LI_QIANG, "13900000000")
    neighbour = world.make_member(stranger, world.WANG_FATHER, "neighbour")
    world.say_paid(world.hand_over(world.open_order(stranger, world.line_for(neighbour, tier_fen=50_000))))
    world.say_paid(late)
    assert Discrepancy.objects.filter(kind="late_taken").count() == 1
    page = visitor.open(f"/orders/{late.order_no}/")
    assert "有500.00元多付了" in page.text
    assert "没有计入，核对后退回" in page.text


def test_a_second_payment_leads_to_its_refund_for_as_long_as_the_order_is_kept(family, visitor) -> None:
    """HOUSE 2.4: it has no record of its own; its order's page is where the payer looks."""
    order = world.say_paid(world.hand_over(new_order(family)), "T-first")
    world.say_paid(order, "T-second")
    page = visitor.open(f"/orders/{order.order_no}/")
    assert "多付了" in page.text
    assert "看退费进度" not in page.text
    refund = refund_by_rule(discrepancy_id=Discrepancy.objects.get().pk, rule="duplicate")
    page = visitor.follow(visitor.open(f"/orders/{order.order_no}/"), "看退费进度")
    assert page.path == f"/refunds/{refund.refund_no}/"
    assert "多付的一笔" in page.text
