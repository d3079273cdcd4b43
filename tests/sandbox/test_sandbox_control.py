"""Platform keys that change, and the door of the testers."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from wechatpayv3.utils import aes_decrypt, load_certificate

from tests.sandbox.process import (
    APIV3_KEY,
    MCHID,
    new_no,
    order_by_wechat,
    paid,
    signed_get,
    state_of,
    trade_of,
)

# Keys


def listed(sandbox):
    """Serial → certificate, as a merchant reads the list."""
    answer = signed_get(sandbox, "/v3/certificates")
    assert answer.status_code == 200
    found = {}
    for row in answer.json()["data"]:
        sealed = row["encrypt_certificate"]
        text = aes_decrypt(sealed["nonce"], sealed["ciphertext"], sealed["associated_data"], APIV3_KEY)
        found[row["serial_no"]] = load_certificate(text)
    return found


def signers(sandbox, wechat, order_no, count):
    target = f"/v3/pay/transactions/out-trade-no/{order_no}?mchid={MCHID}"
    return [signed_get(sandbox, target).headers["Wechatpay-Serial"] for _ in range(count)]


def test_platform_key_changes_while_merchants_work(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    [old] = listed(sandbox)
    assert set(signers(sandbox, wechat, order_no, 2)) == {old}
    sandbox.control("POST", "keys", json={"stage": "announce"})
    [new] = set(listed(sandbox)) - {old}
    assert set(signers(sandbox, wechat, order_no, 2)) == {old}
    sandbox.control("POST", "keys", json={"stage": "overlap"})
    assert set(signers(sandbox, wechat, order_no, 2)) == {old, new}
    assert [state_of(wechat, order_no), state_of(wechat, order_no)] == ["NOTPAY", "NOTPAY"]
    sandbox.control("POST", "keys", json={"stage": "switch"})
    assert set(signers(sandbox, wechat, order_no, 2)) == {new}
    sandbox.control("POST", "keys", json={"stage": "retire"})
    assert set(listed(sandbox)) == {new}
    assert state_of(wechat, order_no) == "NOTPAY"


def test_public_key_mode_answers_under_the_key_id(sandbox, wechat, merchant, tmp_path):
    [path] = (sandbox.home / "exchange").glob("wechat_platform_PUB_KEY_ID_*.pub.pem")
    key_id = path.name.removeprefix("wechat_platform_").removesuffix(".pub.pem")
    wechat._core._public_key_id = key_id
    wechat._core._public_key = load_public(path)
    wechat._core._certificates.clear()
    sandbox.dial(notice_signer="public_key")
    order_no = new_no()
    paid(sandbox, wechat, order_no)
    [(headers, body, _)] = merchant.wait_for(1)
    assert headers["Wechatpay-Serial"] == key_id
    assert wechat.callback(headers, body)["resource"]["out_trade_no"] == order_no
    assert state_of(wechat, order_no) == "SUCCESS"


def load_public(path):
    return load_pem_public_key(path.read_bytes())


# The door of the testers


def test_the_whole_sandbox_lives_ahead_of_real_time_until_it_is_cleared(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.dial(ahead_seconds=timedelta(days=90).total_seconds())
    sandbox.pay(order_no, forced=True)
    sandbox.control("POST", "clear", json={})
    sandbox.pay(order_no, again=True)
    first, second = (
        datetime.fromisoformat(payment["paid_at"]) - datetime.now(UTC)
        for payment in trade_of(sandbox, order_no)["payments"]
    )
    assert timedelta(days=89) < first < timedelta(days=90)
    assert abs(second) < timedelta(minutes=1)


def test_controls_need_the_token(sandbox):
    for headers in ({}, {"X-Control-Token": "guess"}):
        assert httpx.get(f"{sandbox.url}/__control/rules", headers=headers, trust_env=False).status_code == 403


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "no_such"},
        {"point": "notice", "fault": "hang"},
        {"point": "nowhere", "fault": "hang"},
        {"fault": "hang", "times": 0},
        {"fault": "hang", "order": "X"},
    ],
)
def test_rule_that_could_never_strike_is_refused(sandbox, rule):
    with pytest.raises(AssertionError, match="error"):
        sandbox.rule(**rule)


def test_events_tell_what_was_asked_and_answered(sandbox, wechat):
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    [event] = sandbox.events(order_no=order_no)
    assert (event["gateway"], event["point"], event["status"]) == ("wechat", "create", 200)
    assert json.loads(event["detail"]["body"])["out_trade_no"] == order_no
    assert "code_url" in event["detail"]["answer"]
    assert sandbox.events(order_no=order_no, since=event["id"]) == []
