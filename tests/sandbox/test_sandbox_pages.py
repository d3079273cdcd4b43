"""What people press: cashiers, the phone, the page of controls."""

import time

import pytest
from wechatpayv3 import WeChatPayType

from tests.sandbox.process import (
    CONTROL_TOKEN,
    form_of,
    new_no,
    order_by_wechat,
    page_pay,
    press,
    refund_by_wechat,
    refund_state,
    state_of,
    trade_of,
    wait_until,
)

SCENE = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}


@pytest.fixture
def h5(sandbox, wechat, merchant):
    """Orders by H5; the address of the cashier as the portal would hand it over."""

    def make(order_no, **values):
        code, answer = order_by_wechat(wechat, order_no, pay_type=WeChatPayType.H5, scene_info=SCENE, **values)
        assert code == 200, answer
        return f"{answer['h5_url']}&redirect_url=http%3A%2F%2Flocalhost%3A{merchant.port}%2Fback"

    return make


def test_cancel_leads_to_the_same_address_as_success_and_is_no_evidence(person, wechat, merchant, h5):
    order_no = new_no()
    shown = person.get(h5(order_no))
    back = f"http://localhost:{merchant.port}/back"
    person.follow_redirects = False
    assert press(person, shown, "cancel", back=back).headers["Location"] == back
    assert state_of(wechat, order_no) == "NOTPAY"
    assert f'href="{back}"' in press(person, shown, "pay", back=back).text


def test_closed_window_and_short_balance_move_no_money(sandbox, person, wechat, h5):
    order_no = new_no()
    shown = person.get(h5(order_no))
    assert 'data-testid="window-closed"' in press(person, shown, "close_window").text
    assert "余额不足" in press(person, shown, "balance_short").text
    assert state_of(wechat, order_no) == "NOTPAY"
    assert trade_of(sandbox, order_no)["failed_at"]


def test_buyer_pays_the_wrong_sum(person, wechat, merchant, h5):
    order_no = new_no()
    press(person, person.get(h5(order_no)), "pay_wrong_amount", amount_fen="39999")
    [(headers, body, _)] = merchant.wait_for(1)
    assert wechat.callback(headers, body)["resource"]["amount"]["total"] == 39999


def test_buyer_pays_twice_at_the_cashier(sandbox, person, merchant, h5):
    order_no = new_no()
    press(person, person.get(h5(order_no)), "pay_twice")
    merchant.wait_for(2)
    assert len(trade_of(sandbox, order_no)["payments"]) == 2


def test_buyer_pays_thirty_seconds_later(sandbox, person, wechat, merchant, h5):
    sandbox.dial(speed=60)
    order_no = new_no()
    assert 'data-testid="told"' in press(person, person.get(h5(order_no)), "pay_later").text
    assert state_of(wechat, order_no) == "NOTPAY"
    merchant.wait_for(1)


def test_buyer_pays_once_the_order_is_closed(sandbox, person, wechat, merchant, h5):
    sandbox.dial(close_after_seconds=0)
    order_no = new_no()
    press(person, person.get(h5(order_no)), "pay_after_close")
    assert wechat.close(order_no)[0] == 204
    merchant.wait_for(1)
    assert state_of(wechat, order_no) == "SUCCESS"


def test_closed_order_is_not_paid_at_the_cashier(sandbox, person, wechat, h5):
    sandbox.dial(close_after_seconds=0)
    order_no = new_no()
    address = h5(order_no)
    shown = person.get(address)
    wechat.close(order_no)
    assert press(person, shown, "pay").status_code == 409
    assert "商家已关闭" in person.get(address).text


def test_h5_cashier_leads_only_to_registered_places(person, h5):
    address = h5(new_no()).split("&redirect_url=")[0]
    assert "未配置的参数" in person.get(f"{address}&redirect_url=https%3A%2F%2Fevil.example%2F").text


def test_missing_referer_is_refused_when_asked_to(sandbox, person, h5):
    address = h5(new_no())
    assert "Referrer-Policy" in person.get(address).text
    sandbox.dial(h5_referer_required=True)
    assert person.get(address).status_code == 400
    assert person.get(address, headers={"Referer": "http://localhost:8000/pay"}).status_code == 200


def test_broken_cashier_is_broken_for_people_too(sandbox, person, h5):
    order_no = new_no()
    address = h5(order_no)
    sandbox.rule(point="cashier", fault="server_error", order_no=order_no)
    assert person.get(address).status_code == 500


def test_phone_reads_the_code_that_the_portal_shows(sandbox, person, wechat, merchant):
    order_no = new_no()
    code = order_by_wechat(wechat, order_no)[1]["code_url"]
    assert f'data-order="{order_no}"' in person.get("/phone/scan").text
    shown = person.get("/phone/scan", params={"code": code})
    assert order_no in shown.text
    assert 'data-testid="paid"' in press(person, shown, "pay").text
    merchant.wait_for(1)
    assert f'data-order="{order_no}"' not in person.get("/phone/scan").text


def test_wallet_keeps_what_the_browser_left_behind(person, h5):
    order_no = new_no()
    address = h5(order_no)
    assert order_no not in person.get("/phone/wallet").text
    person.get(address)
    assert order_no in person.get("/phone/wallet").text


def test_wap_cashier_leads_to_the_quit_address_on_cancel(alipay, person, merchant):
    query = alipay.api_alipay_trade_wap_pay(
        subject="保险费", out_trade_no=new_no(), total_amount="1.00", quit_url=f"http://localhost:{merchant.port}/quit"
    )
    shown = person.get(f"{alipay._gateway}?{query}")
    assert f'value="http://localhost:{merchant.port}/quit"' in shown.text


def test_cancel_of_a_paid_alipay_trade_returns_the_money(alipay, person, merchant):
    order_no = new_no()
    press(person, person.post(str(person.get(page_pay(alipay, order_no)).url)), "pay")
    merchant.wait_for(1)
    assert alipay.api_alipay_trade_cancel(out_trade_no=order_no)["action"] == "refund"
    assert alipay.api_alipay_trade_query(out_trade_no=order_no)["trade_status"] == "TRADE_CLOSED"


def test_person_turns_the_controls_on_a_page(sandbox, person, wechat):
    assert person.get("/__control/").status_code == 200
    assert person.post("/__control/", data={"act": "turn", "name": "speed", "value": "9"}).status_code == 403
    person.post("/__control/", data={"act": "enter", "token": CONTROL_TOKEN})
    order_no = new_no()
    rule = {"act": "add_rule", "gateway": "wechat", "fault": "create/server_error", "order_no": order_no, "times": "1"}
    assert order_no in person.post("/__control/", data=rule).text
    assert order_by_wechat(wechat, order_no)[0] == 500
    person.post("/__control/", data={"act": "turn", "name": "speed", "value": "9"})
    assert sandbox.control("GET", "dials")["speed"] == 9
    assert "no dial" in person.post("/__control/", data={"act": "turn", "name": "x", "value": "9"}).text


def test_person_ends_a_refund_and_plants_a_difference_on_the_page(sandbox, person, wechat, day):
    order_no, refund_no = new_no(), new_no()
    order_by_wechat(wechat, order_no)
    sandbox.pay(order_no, paid_at=f"{day}T09:00:00")
    refund_by_wechat(wechat, order_no, refund_no, 100)
    person.post("/__control/", data={"act": "enter", "token": CONTROL_TOKEN})
    assert refund_no in person.get("/__control/").text
    person.post("/__control/", data={"act": "end_refund", "refund_no": refund_no, "status": "ABNORMAL"})
    assert refund_state(wechat, refund_no) == "ABNORMAL"
    form = {"act": "plant", "what": "amount", "order_no": order_no, "params": '{"by_fen": 7}'}
    assert order_no in person.post("/__control/", data=form).text
    [one] = sandbox.control("GET", "statements", params={"day": str(day)})["statements"]
    assert one["params"] == {"order_no": order_no, "by_fen": 7}
    person.post("/__control/", data={"act": "take_out", "id": one["id"]})
    assert sandbox.control("GET", "statements", params={"day": str(day)})["statements"] == []
    assert person.post("/__control/", data=form | {"params": "[]"}).status_code == 400


@pytest.mark.browser
def test_browser_is_sent_back_from_h5_whatever_happened(sandbox, page, merchant, h5):
    sandbox.dial(h5_return_seconds=1)
    page.goto(h5(new_no()))
    page.wait_for_url(f"http://localhost:{merchant.port}/back")


@pytest.mark.browser
def test_desktop_cashier_goes_on_when_the_phone_has_paid(sandbox, page, alipay, merchant):
    order_no = new_no()
    page.goto(page_pay(alipay, order_no, return_url=f"http://localhost:{merchant.port}/back"))
    phone = page.context.new_page()
    phone.goto(f"{sandbox.url}/phone/scan")
    phone.locator(f'[data-order="{order_no}"]').click()
    phone.locator("#pay").click()
    phone.get_by_test_id("paid").wait_for()
    page.get_by_test_id("paid").wait_for()
    assert page.locator("#done").get_attribute("href").startswith("http://localhost")
    assert form_of(merchant.wait_for(1)[0][1])["out_trade_no"] == order_no


@pytest.mark.browser
def test_late_payment_at_the_password_page_counts(sandbox, page, wechat, merchant, h5):
    sandbox.dial(expire_least_seconds=0, h5_return_seconds=0)
    order_no = new_no()
    soon = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 2))
    page.goto(h5(order_no, time_expire=soon))
    time.sleep(2.2)
    page.locator("#pay").click()
    page.get_by_test_id("paid").wait_for()
    wait_until(lambda: state_of(wechat, order_no) == "SUCCESS")
    merchant.wait_for(1)
