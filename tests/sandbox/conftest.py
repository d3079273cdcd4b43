"""One sandbox for all tests of this folder, and a merchant's ear for notices."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from alipay import AliPay
from alipay.utils import AliPayConfig
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.ports import free_port
from tests.sandbox.process import APIV3_KEY, APP_ID, APPID, MCHID, Merchant, Sandbox

CHINA = timezone(timedelta(hours=8))


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory) -> Iterator[Sandbox]:
    sandbox = Sandbox(home=tmp_path_factory.mktemp("sandbox"), port=free_port())
    sandbox.prepare()
    sandbox.start()
    yield sandbox
    sandbox.end()


@pytest.fixture
def sandbox(running_sandbox) -> Sandbox:
    """The running one, with every control as at the start."""
    running_sandbox.control("POST", "clear", json={})
    return running_sandbox


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    heard = Merchant(port=0)

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = heard.answers[min(len(heard.received), len(heard.answers) - 1)]
            heard.received.append((dict(self.headers), body, time.monotonic()))
            status, text = answer() if callable(answer) else answer
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it had no patience
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def do_GET(self):
            text = b"<title>back</title>back"
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    heard.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def new_wechat(merchant, tmp_path_factory):
    """Makes SDK clients, pointed at a sandbox, with the certificate that stands in its exchange."""

    def make(at, mchid=MCHID):
        home = tmp_path_factory.mktemp("certificates")
        for path in (at.home / "exchange").glob("wechat_platform_*.crt.pem"):
            (home / path.name).write_text(path.read_text())
        made = WeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid=mchid,
            private_key=at.wechat_key,
            cert_serial_no="444F4864EA9B34415D0A0A0A0A0A0A0A0A0A0A0A",
            apiv3_key=APIV3_KEY,
            appid=APPID,
            notify_url=merchant.url,
            cert_dir=str(home),
            timeout=10,
        )
        made._core._gate_way = f"{at.url}/wechat"
        return made

    return make


@pytest.fixture
def wechat(sandbox, new_wechat):
    return new_wechat(sandbox)


@pytest.fixture
def alipay(sandbox, merchant):
    made = AliPay(
        appid=APP_ID,
        app_notify_url=merchant.url,
        app_private_key_string=sandbox.alipay_key,
        alipay_public_key_string=(sandbox.home / "exchange" / "alipay_platform.pub.pem").read_text(),
        config=AliPayConfig(timeout=10),
    )
    made._gateway = f"{sandbox.url}/alipay/gateway.do"
    return made


@pytest.fixture
def person(sandbox):
    """A browser that follows redirects as browsers do."""
    with httpx.Client(trust_env=False, follow_redirects=True, base_url=sandbox.url) as browser:
        yield browser


_days_gone_by = itertools.count(2)


@pytest.fixture
def day(sandbox):
    """A day gone by that no other test pays on, so that its statement is this test's alone."""
    return datetime.now(CHINA).date() - timedelta(days=next(_days_gone_by))


@pytest.fixture
def two_days(sandbox):
    """Such a day and the next one."""
    today, newer, older = datetime.now(CHINA).date(), next(_days_gone_by), next(_days_gone_by)
    return today - timedelta(days=older), today - timedelta(days=newer)
