"""The sandbox as a process of its own on a free port, and small people who talk to it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wechatpayv3.utils import build_authorization, load_private_key

ROOT = Path(__file__).resolve().parents[2]
APIV3_KEY = "0123456789abcdef0123456789ABCDEF"
CONTROL_TOKEN = "control-token-of-the-tests"
CARRIER_TOKEN = "carrier-token-of-the-tests"
MCHID, APPID = "1900000001", "wx0000000000000001"
APP_ID, SELLER_ID = "2021000000000001", "2088000000000001"


def new_key() -> tuple[str, str]:
    """(private PEM, public PEM)"""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def wait_until(condition, seconds: float = 10):
    """The first true value of the condition."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


@dataclass
class Sandbox:
    """One running sandbox, its directories, and the merchant's private keys."""

    home: Path
    port: int
    wechat_key: str = ""
    alipay_key: str = ""
    unionpay_key: str = ""
    process: subprocess.Popen | None = None
    environment: dict[str, str] = field(default_factory=dict)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        for name in ("keys", "exchange", "data"):
            (self.home / name).mkdir()
        secrets = {"wechat_apiv3_key": APIV3_KEY, "control_token": CONTROL_TOKEN, "carrier_token": CARRIER_TOKEN}
        for name, value in secrets.items():
            (self.home / "keys" / name).write_text(value)
        self.wechat_key, public = new_key()
        (self.home / "exchange" / "wechat_merchant.pub.pem").write_text(public)
        self.alipay_key, public = new_key()
        (self.home / "exchange" / "alipay_app.pub.pem").write_text(public)
        self.unionpay_key, public = new_key()
        (self.home / "exchange" / "unionpay_merchant.pub.pem").write_text(public)
        self.environment = os.environ | {
            "SANDBOX_KEYS": str(self.home / "keys"),
            "SANDBOX_EXCHANGE": str(self.home / "exchange"),
            "SANDBOX_DATA": str(self.home / "data"),
            "SANDBOX_PORT": str(self.port),
            "PORTAL_BASE_URL": "http://localhost:8000",
        }
        command = [sys.executable, "-m", "sandbox", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True)

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--no-ws"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "sandbox.wsgi:application"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self.is_alive, seconds=30)

    def is_alive(self) -> bool:
        try:
            return self.client.get(f"{self.url}/livez").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        os.killpg(self.process.pid, signal_number)
        self.process.wait(timeout=20)

    def end(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.stop()

    def control(self, method: str, path: str, **kwargs):
        headers = {"X-Control-Token": CONTROL_TOKEN}
        answer = self.client.request(method, f"{self.url}/__control/{path}", headers=headers, **kwargs)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def rule(self, **values):
        return self.control("POST", "rules", json=values)

    def dial(self, **values):
        return self.control("POST", "dials", json=values)

    def events(self, **filters):
        return self.control("GET", "events", params=filters)["events"]

    def pay(self, order_no: str, **values):
        return self.control("POST", "pay", json={"order_no": order_no, **values})


@dataclass
class Merchant:
    """A merchant's notify address. ``answers`` are given in turn, the last one for ever."""

    port: int
    answers: list = field(default_factory=lambda: [(200, b"success")])
    received: list = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/notify"

    def wait_for(self, count: int, seconds: float = 10) -> list:
        return wait_until(lambda: self.received[:count] if len(self.received) >= count else None, seconds)


def as_json(text: str) -> dict:
    return json.loads(text)


def new_no() -> str:
    """A merchant's order number that nobody has used."""
    return uuid.uuid4().hex[:26].upper()


def order_by_wechat(client, order_no, amount_fen=40000, **values):
    values = {"description": "城乡居民基本医疗保险费"} | values
    code, message = client.pay(out_trade_no=order_no, amount={"total": amount_fen}, **values)
    return code, as_json(message)


def page_pay(client, order_no, return_url="http://localhost:8000/return", **values):
    query = client.api_alipay_trade_page_pay(
        subject="城乡居民基本养老保险费",
        out_trade_no=order_no,
        total_amount="400.00",
        return_url=return_url,
        **values,
    )
    return f"{client._gateway}?{query}"


def press(person, page, action, **form):
    """What the button of that name does."""
    token = page.text.split('action="/cashier/')[1].split('"')[0]
    return person.post(f"/cashier/{token}", data={"action": action, **form})


def form_of(body):
    return dict(parse_qsl(body.decode()))


def signed_get(sandbox, target, **headers):
    """A request of the merchant, whose answer is looked at as it is."""
    authorization = build_authorization(target, "GET", MCHID, "DEMO1", load_private_key(sandbox.wechat_key))
    address = f"{sandbox.url}/wechat{target}"
    return sandbox.client.get(address, headers={"Authorization": authorization, **headers})


def state_of(client, order_no):
    code, message = client.query(out_trade_no=order_no)
    assert code == 200, message
    return as_json(message)["trade_state"]


def trade_of(sandbox, order_no):
    return sandbox.control("GET", "trades", params={"order_no": order_no})["trades"][0]


def paid(sandbox, wechat, order_no, **rule):
    """An order that is paid while a rule waits for its notice."""
    order_by_wechat(wechat, order_no)
    if rule:
        sandbox.rule(gateway="wechat", point="notice", order_no=order_no, **rule)
    sandbox.pay(order_no)


def refund_by_wechat(client, order_no, refund_no, refund_fen, total_fen=40000, **values):
    amount = {"refund": refund_fen, "total": total_fen, "currency": "CNY"}
    code, message = client.refund(out_refund_no=refund_no, amount=amount, out_trade_no=order_no, **values)
    return code, as_json(message)


def refund_state(client, refund_no):
    code, message = client.query_refund(refund_no)
    assert code == 200, message
    return as_json(message)["status"]


def told_of(merchant, kind, count=1):
    """What WeChat told the merchant under that kind of event: headers and bodies."""

    def heard():
        return [(h, b) for h, b, _ in merchant.received if as_json(b)["event_type"].startswith(kind)]

    return wait_until(lambda: heard() if len(heard()) >= count else None)


def plant(sandbox, what, **values):
    """A difference in a statement; a payment's or a refund's number says which day is meant."""
    return sandbox.control("POST", "statements", json={"what": what, **values})
