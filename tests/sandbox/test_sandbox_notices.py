"""Notices that fail to come, come twice or say something wrong, and the vendors' timetables."""

import time

import pytest

from tests.sandbox.process import (
    MCHID,
    as_json,
    form_of,
    new_no,
    order_by_wechat,
    page_pay,
    paid,
    press,
    state_of,
    trade_of,
    wait_until,
)

# Notices


def test_notice_never_comes_unless_sent_by_hand(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault="never")
    assert state_of(wechat, order_no) == "SUCCESS"
    time.sleep(0.6)
    assert merchant.received == []
    [answer] = sandbox.control("POST", "notices", json={"order_no": order_no})["answers"]
    assert (answer["status"], answer["accepted"]) == (200, True)
    [(headers, body, _)] = merchant.received
    assert wechat.callback(headers, body)["resource"]["out_trade_no"] == order_no


def test_late_notice_waits_for_the_vendors_clock(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault="late", params={"seconds": 72000})
    time.sleep(0.6)
    assert merchant.received == []
    sandbox.dial(speed=1_000_000)
    merchant.wait_for(1)


def test_notice_comes_twice_with_the_same_id(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault="twice", params={"apart_seconds": 1})
    (_, first, began), (_, second, ended) = merchant.wait_for(2)
    assert first == second
    assert 0.7 < ended - began < 2.5


def test_two_links_deliver_at_the_same_moment(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault="never")
    merchant.answers = [lambda: (time.sleep(0.3), (200, b""))[1]]
    sandbox.control("POST", "notices", json={"order_no": order_no, "times": 2})
    (_, first, began), (_, second, ended) = merchant.received
    assert first == second
    assert ended - began < 0.3


def test_notice_comes_before_the_answer_to_the_order(sandbox, wechat, merchant):
    order_no = new_no()
    sandbox.rule(point="create", fault="pay_first", order_no=order_no)
    assert order_by_wechat(wechat, order_no)[0] == 200
    assert len(merchant.received) == 1


@pytest.mark.parametrize(
    ("fault", "field", "right"),
    [
        ("wrong_amount", lambda content: content["amount"]["total"], 40000),
        ("wrong_currency", lambda content: content["amount"]["currency"], "CNY"),
        ("wrong_merchant", lambda content: content["mchid"], MCHID),
        ("wrong_app", lambda content: content["appid"], "wx0000000000000001"),
        ("other_order", lambda content: content["out_trade_no"], None),
    ],
)
def test_wrong_notice_is_well_signed(sandbox, wechat, merchant, fault, field, right):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault=fault)
    [(headers, body, _)] = merchant.wait_for(1)
    content = wechat.callback(headers, body)["resource"]
    assert field(content) != (right or order_no)
    assert state_of(wechat, order_no) == "SUCCESS"


def test_badly_signed_notice_is_followed_by_a_good_one(sandbox, wechat, merchant):
    order_no = new_no()
    merchant.answers = [(401, b""), (200, b"")]
    sandbox.dial(speed=1000)
    paid(sandbox, wechat, order_no, fault="forged", params={"tries": 1})
    (headers, body, _), (headers_2, body_2, _) = merchant.wait_for(2)
    assert wechat.callback(headers, body) is None
    assert wechat.callback(headers_2, body_2)["resource"]["out_trade_no"] == order_no


def test_old_notice_carries_an_old_time(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault="stale", params={"seconds": 600})
    [(headers, _, _)] = merchant.wait_for(1)
    assert time.time() - int(headers["Wechatpay-Timestamp"]) >= 600


def test_replayed_body_with_a_new_id_does_not_verify_and_a_new_notice_does(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no)
    [(_, first, _)] = merchant.wait_for(1)
    sandbox.control("POST", "notices", json={"order_no": order_no, "replay": True})
    sandbox.control("POST", "notices", json={"order_no": order_no, "new_id": True})
    _, (headers, body, _), (headers_2, body_2, _) = merchant.wait_for(3)
    assert as_json(body)["id"] != as_json(first)["id"]
    assert as_json(body)["resource"] == as_json(first)["resource"]
    assert wechat.callback(headers, body) is None
    assert wechat.callback(headers_2, body_2)["resource"]["out_trade_no"] == order_no


def test_notice_under_another_secret_cannot_be_opened(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no, fault="wrong_secret")
    [(headers, body, _)] = merchant.wait_for(1)
    assert not wechat.decrypt_callback(headers, body)


def test_signature_probe_looks_like_a_notice(sandbox, merchant):
    merchant.answers = [(401, b"")]
    [answer] = sandbox.control("POST", "probe", json={"notify_url": merchant.url})["answers"]
    assert answer["status"] == 401
    [(headers, body, _)] = merchant.received
    assert headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")
    assert as_json(body)["event_type"] == "TRANSACTION.SUCCESS"


def test_buyer_pays_twice_and_the_merchant_hears_of_both(sandbox, wechat, merchant):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    first = sandbox.pay(order_no)
    second = sandbox.pay(order_no, again=True)
    told = {wechat.callback(h, b)["resource"]["transaction_id"] for h, b, _ in merchant.wait_for(2)}
    assert told == {first["transaction_no"], second["transaction_no"]}
    assert as_json(wechat.query(out_trade_no=order_no)[1])["transaction_id"] == first["transaction_no"]


def test_paid_order_is_not_paid_again_by_mistake(sandbox, wechat, merchant):
    order_no = new_no()
    paid(sandbox, wechat, order_no)
    with pytest.raises(AssertionError, match="paid"):
        sandbox.pay(order_no)
    merchant.wait_for(1)


def test_alipay_notices_are_spoilt_too(sandbox, alipay, person, merchant):
    order_no = new_no()
    shown = person.post(str(person.get(page_pay(alipay, order_no)).url))
    for fault in ("wrong_amount", "wrong_merchant", "other_order"):
        sandbox.rule(gateway="alipay", point="notice", fault=fault, order_no=order_no)
    press(person, shown, "pay")
    notice = form_of(merchant.wait_for(1)[0][1])
    assert alipay.verify(notice, notice.pop("sign"))
    assert notice["total_amount"] == "400.01"
    assert notice["seller_id"] != "2088000000000001"
    assert notice["out_trade_no"] != order_no


# The vendors' timetables


def test_wechat_gives_up_after_sixteen_tries_in_a_day(sandbox, wechat, merchant):
    order_no = new_no()
    merchant.answers = [(500, b"")]
    sandbox.dial(speed=200_000)
    paid(sandbox, wechat, order_no)
    wait_until(lambda: trade_of(sandbox, order_no)["notices"][0]["state"] == "given_up", seconds=30)
    assert len(merchant.received) == 16


def test_fail_in_the_body_of_a_200_counts_as_delivered_by_wechat(sandbox, wechat, merchant):
    order_no = new_no()
    merchant.answers = [(200, b'{"code":"FAIL"}')]
    sandbox.dial(speed=200_000)
    paid(sandbox, wechat, order_no)
    wait_until(lambda: trade_of(sandbox, order_no)["notices"][0]["state"] == "delivered")
    assert len(merchant.received) == 1


def test_slow_merchant_is_told_again(sandbox, wechat, merchant):
    order_no = new_no()
    merchant.answers = [lambda: (time.sleep(0.6), (200, b""))[1], (200, b"")]
    sandbox.dial(speed=1000, notice_timeout_seconds=0.3)
    paid(sandbox, wechat, order_no)
    wait_until(lambda: trade_of(sandbox, order_no)["notices"][0]["state"] == "delivered")
    first, second = sandbox.events(order_no=order_no, kind="notice")
    assert (first["status"], first["detail"]["problem"]) == (0, "ReadTimeout")
    assert second["detail"]["accepted"]
