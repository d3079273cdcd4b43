"""The carriers and the wallet log-in: who may ask, what they answer, what breaks."""

import hashlib
import hmac
import json
import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.sandbox.process import CARRIER_TOKEN

WANG_FANG = {
    "name": "王芳",
    "document_type": "201",
    "document_no": "37100319850315000X",
    "phone": "13800000001",
}


def check_digit(first_17: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(d) * w for d, w in zip(first_17, weights, strict=True)) % 11]


@pytest.fixture
def portal(sandbox):
    """The portal's side of the carriers: signs what it sends."""

    def call(method, target, content=None, *, token=CARRIER_TOKEN, seconds_ago=0):
        body = json.dumps(content, ensure_ascii=False).encode() if content is not None else b""
        timestamp = str(int(time.time()) - seconds_ago)
        text = f"{timestamp}\n{method}\n{target}\n".encode() + body
        headers = {
            "X-Carrier-Timestamp": timestamp,
            "X-Carrier-Signature": hmac.new(token.encode(), text, hashlib.sha256).hexdigest(),
        }
        return sandbox.client.request(method, sandbox.url + target, content=body, headers=headers)

    return call


@pytest.fixture
def number():
    """A phone number of this test's own."""
    return "139" + str(time.time_ns())[-11:-3]


def texts(portal, number):
    return [row["text"] for row in portal("GET", f"/sms/messages?phone={number}").json()["messages"]]


def test_message_appears_on_the_phone_newest_first(sandbox, portal, number):
    for text in ("验证码111111", "验证码222222"):
        assert portal("POST", "/sms/messages", {"phone": number, "text": text}).status_code == 201
    assert texts(portal, number) == ["验证码222222", "验证码111111"]
    page = httpx.get(f"{sandbox.url}/phone?phone={number}", trust_env=False).text
    assert page.index("验证码222222") < page.index("验证码111111")


def test_same_message_number_is_sent_once(portal, number):
    content = {"phone": number, "text": "验证码333333", "message_no": f"M{number}"}
    assert portal("POST", "/sms/messages", content).status_code == 201
    assert portal("POST", "/sms/messages", content).status_code == 200
    assert portal("POST", "/sms/messages", content | {"text": "别的"}).status_code == 409
    assert texts(portal, number) == ["验证码333333"]


@pytest.mark.parametrize("door", ["/sms/messages", "/voice/calls"])
@pytest.mark.parametrize("wrong", [{"token": "stranger"}, {"seconds_ago": 600}])
def test_unsigned_or_old_request_is_refused(portal, number, wrong, door):
    answer = portal("POST", door, {"phone": number, "text": "x"}, **wrong)
    assert (answer.status_code, answer.json()["code"]) == (401, "BAD_SIGNATURE")


def test_messages_are_refused_lost_delayed_or_too_many(sandbox, portal, number):
    sandbox.rule(gateway="carrier", point="sms", fault="refuse", phone=number, times=1)
    assert portal("POST", "/sms/messages", {"phone": number, "text": "一"}).status_code == 422
    sandbox.rule(point="sms", fault="lose", phone=number, times=1)
    assert portal("POST", "/sms/messages", {"phone": number, "text": "二"}).status_code == 201
    sandbox.rule(point="sms", fault="delay", phone=number, times=1, params={"seconds": 3600})
    assert portal("POST", "/sms/messages", {"phone": number, "text": "三"}).status_code == 201
    sandbox.rule(point="sms", fault="too_many", phone=number, times=1)
    answer = portal("POST", "/sms/messages", {"phone": number, "text": "四"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert texts(portal, number) == []
    assert portal("POST", "/sms/messages", {"phone": number, "text": "五"}).status_code == 201
    assert texts(portal, number) == ["五"]


def calls(portal, number):
    return [row["text"] for row in portal("GET", f"/voice/calls?phone={number}").json()["calls"]]


def test_the_phone_shows_what_a_call_read_aloud(sandbox, portal, number):
    words = "验证码：4，0，9，1，2，3。"
    assert portal("POST", "/voice/calls", {"phone": number, "text": words}).status_code == 201
    assert calls(portal, number) == [words]
    assert texts(portal, number) == []
    portal("POST", "/sms/messages", {"phone": number, "text": "验证码444444"})
    page = httpx.get(f"{sandbox.url}/phone?phone={number}", trust_env=False).text
    assert f"打给 {number} 的电话" in page
    assert page.index("验证码444444") < page.index(words)


def test_same_call_number_rings_once(portal, number):
    content = {"phone": number, "text": "验证码：1，2，3", "call_no": f"C{number}"}
    assert portal("POST", "/voice/calls", content).status_code == 201
    assert portal("POST", "/voice/calls", content).json() == {"call_no": f"C{number}"}
    assert portal("POST", "/voice/calls", content | {"text": "别的"}).status_code == 409
    assert portal("POST", "/voice/calls", content | {"phone": "12"}).status_code == 422
    assert portal("DELETE", "/voice/calls").status_code == 405
    assert calls(portal, number) == ["验证码：1，2，3"]


def test_calls_are_refused_not_taken_late_or_too_many(sandbox, portal, number):
    sandbox.rule(gateway="carrier", point="voice", fault="refuse", phone=number, times=1)
    assert portal("POST", "/voice/calls", {"phone": number, "text": "一"}).json()["message"] == "该号码不能接听电话"
    sandbox.rule(point="voice", fault="lose", phone=number, times=1)
    assert portal("POST", "/voice/calls", {"phone": number, "text": "二"}).status_code == 201
    sandbox.rule(point="voice", fault="delay", phone=number, times=1, params={"seconds": 3600})
    assert portal("POST", "/voice/calls", {"phone": number, "text": "三"}).status_code == 201
    sandbox.rule(point="voice", fault="too_many", phone=number, times=1)
    assert portal("POST", "/voice/calls", {"phone": number, "text": "四"}).status_code == 429
    assert calls(portal, number) == []
    sandbox.rule(point="sms", fault="refuse", phone=number, times=1)
    assert portal("POST", "/voice/calls", {"phone": number, "text": "五"}).status_code == 201
    assert calls(portal, number) == ["五"]


def test_carriers_keep_no_names_in_the_log(sandbox, portal, number):
    for door, point in (("/sms/messages", "sms"), ("/voice/calls", "voice")):
        portal("POST", door, {"phone": number, "text": "王芳的验证码"})
        [event] = sandbox.events(point=point)[-1:]
        assert "王芳" not in json.dumps(event, ensure_ascii=False)
        assert number not in json.dumps(event)


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, "match"),
        ({"phone": "13900000000"}, "mismatch"),
        ({"document_no": "371003198808080001"}, "unknown"),
        ({"document_no": "H12345678"}, "match"),
    ],
)
def test_strangers_are_judged_by_their_number(portal, changes, result):
    number = "37100319880808000"
    content = {"name": "赵丽", "document_type": "201", "document_no": number + check_digit(number)}
    content |= {"phone": "13900000011"} | changes
    assert portal("POST", "/realname/verify", content).json() == {"result": result}


def test_known_people_are_judged_by_what_is_known(sandbox, portal):
    path = sandbox.home / "data" / "people.json"
    person = {"name": "王芳", "document_type": "201", "document_no": "371003198503150009", "phone": "13800000001"}
    path.write_text(json.dumps([person]))
    try:
        assert portal("POST", "/realname/verify", person).json() == {"result": "match"}
        assert portal("POST", "/realname/verify", person | {"name": "王方"}).json() == {"result": "mismatch"}
        assert portal("POST", "/realname/verify", person | {"phone": "13800000002"}).json() == {"result": "mismatch"}
    finally:
        path.unlink()


def test_real_name_check_breaks_and_answers_as_told(sandbox, portal):
    content = WANG_FANG | {"phone": "13900000012"}
    sandbox.rule(point="realname", fault="server_error", times=1, phone="13900000012")
    assert portal("POST", "/realname/verify", content).status_code == 500
    sandbox.rule(point="realname", fault="unavailable", times=1, phone="13900000012")
    assert portal("POST", "/realname/verify", content).json() == {"result": "unavailable"}
    sandbox.rule(point="realname", fault="hang", times=1, phone="13900000012", params={"seconds": 0.5})
    started = time.monotonic()
    portal("POST", "/realname/verify", content)
    assert time.monotonic() - started > 0.5


def authorize(sandbox, person):
    """Choose a wallet user; returns what the browser brings back."""
    query = "client_id=portal&redirect_uri=http%3A%2F%2Flocalhost%3A8000%2Fback&state=s1&wallet=wechat"
    with httpx.Client(trust_env=False) as browser:
        shown = browser.get(f"{sandbox.url}/wallet/authorize?{query}")
        assert "王芳" in shown.text
        answer = browser.post(f"{sandbox.url}/wallet/authorize?{query}", data={"person": person})
    assert answer.headers["Location"].startswith("http://localhost:8000/back?")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def test_wallet_user_is_told_once_for_his_code(sandbox, portal):
    brought = authorize(sandbox, "0")
    assert brought["state"] == "s1"
    content = {"code": brought["code"], "client_id": "portal", "redirect_uri": "http://localhost:8000/back"}
    answer = portal("POST", "/wallet/token", content).json()
    assert (answer["name"], answer["real_named"], answer["document_type"]) == ("王芳", True, "201")
    assert portal("POST", "/wallet/token", content).json()["code"] == "INVALID_CODE"


def test_wallet_user_without_real_name_comes_without_one(sandbox, portal):
    brought = authorize(sandbox, "2")
    answer = portal("POST", "/wallet/token", {"code": brought["code"], "client_id": "portal"}).json()
    assert answer == {"openid": answer["openid"], "real_named": False}


def test_wallet_sends_nobody_to_unregistered_places(sandbox):
    query = "client_id=portal&redirect_uri=https%3A%2F%2Fevil.example%2F&state=s&wallet=alipay"
    assert httpx.get(f"{sandbox.url}/wallet/authorize?{query}", trust_env=False).status_code == 400
