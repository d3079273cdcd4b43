"""The outside world of the payment tests: a real sandbox process, a real server that hears its notices."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from django.conf import LazySettings
from django.db import connection

from core import clock
from payments import gateways
from payments.gateways import availability
from payments.models import PaymentOrder
from reconciliation.books import check_books
from tests.ports import free_port
from tests.sandbox.process import APIV3_KEY, APP_ID, APPID, CARRIER_TOKEN, MCHID, SELLER_ID, Sandbox

PATIENCE_S = 15.0
"""Longer than in earnest: on a busy machine a slow answer is no silence. Who tests silence has less."""


@pytest.fixture(scope="session")
def running_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(home=tmp_path_factory.mktemp("outside"), port=free_port())
    sandbox.prepare()
    (sandbox.home / "wechat_merchant_key.pem").write_text(sandbox.wechat_key)
    (sandbox.home / "alipay_app_key.pem").write_text(sandbox.alipay_key)
    (sandbox.home / "unionpay_merchant_key.pem").write_text(sandbox.unionpay_key)
    sandbox.start()
    yield sandbox
    sandbox.end()


def gateway_settings(sandbox: Sandbox) -> dict[str, dict[str, object]]:
    """The portal's configuration of the gateways, pointing at this sandbox."""
    home: Path = sandbox.home
    return {
        "wechat_pay": {
            "base_url": f"{sandbox.url}/wechat",
            "app_id": APPID,
            "merchant_id": MCHID,
            "merchant_serial": "DEMO0000000000000001",
            "merchant_key_file": str(home / "wechat_merchant_key.pem"),
            "apiv3_key": APIV3_KEY,
            "platform_public_keys_dir": str(home / "exchange"),
            "timeout_s": PATIENCE_S,
        },
        "alipay": {
            "gateway_url": f"{sandbox.url}/alipay/gateway.do",
            "app_id": APP_ID,
            "seller_id": SELLER_ID,
            "app_key_file": str(home / "alipay_app_key.pem"),
            "platform_public_key_file": str(home / "exchange" / "alipay_platform.pub.pem"),
            "timeout_s": PATIENCE_S,
        },
        "unionpay": {
            "base_url": f"{sandbox.url}/unionpay",
            "cert_id": "68759663125",
            "merchant_key_file": str(home / "unionpay_merchant_key.pem"),
            "root_certificate_file": str(home / "exchange" / "unionpay_root.crt.pem"),
            "middle_certificate_file": str(home / "exchange" / "unionpay_middle.crt.pem"),
            "timeout_s": PATIENCE_S,
        },
    }


def carrier_settings(sandbox: Sandbox, settings: LazySettings) -> None:
    """Point the portal at this sandbox's carriers and wallets, and forget what was counted before."""
    settings.SMS_URL = f"{sandbox.url}/sms/messages"
    settings.VOICE_URL = f"{sandbox.url}/voice/calls"
    settings.REAL_NAME_URL = f"{sandbox.url}/realname/verify"
    settings.WALLET_URL = f"{sandbox.url}/wallet"
    settings.CARRIER_TOKEN = CARRIER_TOKEN
    forget_limits(settings.REDIS_URL)


def forget_limits(redis_url: str, pattern: str = "") -> None:
    """As if nobody had tried anything yet."""
    with redis.Redis.from_url(redis_url) as broker:
        for key in broker.scan_iter(f"limit:{pattern}*"):
            broker.delete(key)


def is_running(sandbox: Sandbox) -> bool:
    return sandbox.process is not None and sandbox.process.poll() is None


def ready(sandbox: Sandbox) -> Sandbox:
    """The sandbox as at the start: it knows of nothing, and has nothing more to tell."""
    if not is_running(sandbox):
        sandbox.start()  # the test before killed it
    (sandbox.home / "data" / "people.json").unlink(missing_ok=True)
    sandbox.control("POST", "clear", json={"everything": True})
    return sandbox


def fall_silent(sandbox: Sandbox) -> None:
    """Wait until nothing that came from outside is worked on: it would meet the emptying of the database."""
    if is_running(sandbox):
        sandbox.control("POST", "clear", json={"everything": True})
    busy = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
          AND backend_type = 'client backend'"""
    with connection.cursor() as cursor:
        eventually(lambda: cursor.execute(busy) or cursor.fetchone() == (0,))


@pytest.fixture
def carriers(running_outside: Sandbox, settings: LazySettings, db: None) -> Sandbox:
    """The sandbox's carriers and wallets, without a server that hears of payments."""
    carrier_settings(running_outside, settings)
    return ready(running_outside)


@pytest.fixture
def outside(running_outside: Sandbox, settings, live_server) -> Iterator[Sandbox]:
    """The sandbox with every control as at the start; its notices arrive at this test's own server."""
    ready(running_outside)
    carrier_settings(running_outside, settings)
    settings.GATEWAYS = gateway_settings(running_outside)
    settings.BASE_URL = live_server.url
    gateways.gateway.cache_clear()
    availability._silences.clear()
    availability._back_at.clear()
    yield running_outside
    fall_silent(running_outside)
    gateways.gateway.cache_clear()


@pytest.fixture
def books_hold() -> Iterator[None]:
    """After the test every fen lies where the books say."""
    yield
    assert check_books() == []


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something that another process brings about."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def later(**span: float) -> datetime:
    """The instant that lies so far ahead."""
    return clock.now() + timedelta(**span)


def age(order: PaymentOrder, **span: float) -> None:
    """Make an order so much older: the sandbox lives in real time, so the clock is not moved against it."""
    past = timedelta(**span)
    order.refresh_from_db()
    PaymentOrder.objects.filter(pk=order.pk).update(
        created_at=order.created_at - past,
        started_at=order.started_at and order.started_at - past,
        expires_at=order.expires_at - past,
        next_check_at=order.next_check_at and order.next_check_at - past,
        unreachable_since=order.unreachable_since and order.unreachable_since - past,
    )


def status_of(order: PaymentOrder) -> str:
    return PaymentOrder.objects.values_list("status", flat=True).get(pk=order.pk)
