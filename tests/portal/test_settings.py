"""Production refuses to start without its secrets, with a moved calendar, or without TLS; each in one sentence."""

import base64
import os
import subprocess
import sys

import pytest

from tests.house.source import ROOT

KEY = base64.b64encode(b"k" * 32).decode()
WHOLE = {
    "PORTAL_ENV": "production",
    "PORTAL_BASE_URL": "https://portal.example",
    "ALLOWED_HOSTS": "portal.example",
    "DATABASE_URL": "postgres://portal@127.0.0.1:1/portal",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SMS_URL": "https://sms.example",
    "VOICE_URL": "https://voice.example",
    "REAL_NAME_URL": "https://carrier.example",
    "WALLET_URL": "https://wallet.example",
    "WECHAT_PAY_URL": "https://wechat.example",
    "WECHAT_PAY_APP_ID": "wx",
    "WECHAT_PAY_MERCHANT_ID": "1",
    "WECHAT_PAY_MERCHANT_SERIAL": "1",
    "ALIPAY_URL": "https://alipay.example",
    "ALIPAY_APP_ID": "1",
    "ALIPAY_SELLER_ID": "1",
    "UNIONPAY_URL": "https://unionpay.example",
    "UNIONPAY_CERT_ID": "1",
    "UNIONPAY_MERCHANT_KEY_FILE": "/run/secrets/unionpay.pem",
    "UNIONPAY_ROOT_FILE": "/run/secrets/root.cer",
    "UNIONPAY_MIDDLE_FILE": "/run/secrets/middle.cer",
    "DJANGO_SECRET_KEY": "s" * 60,
    "SEALING_KEY": KEY,
    "INDEX_KEY": KEY,
    "WECHAT_APIV3_KEY": "a" * 32,
    "CARRIER_TOKEN": "t" * 40,
}


def start(tmp_path, code: str = "import portal.settings", **values: str | None) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in (WHOLE | values).items() if value is not None}
    environment = {"PATH": os.environ["PATH"], "PORTAL_DATA": str(tmp_path), **given}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_with_everything_given_production_starts(tmp_path) -> None:
    done = start(tmp_path)
    assert done.returncode == 0, done.stderr


def test_unionpays_files_are_asked_for_at_the_host_that_is_named(tmp_path) -> None:
    """It has one of its own for them: asked for at the other, no statement would ever come."""
    told = "from portal.settings import GATEWAYS; print(GATEWAYS['unionpay']['file_url'])"
    done = start(tmp_path, told, UNIONPAY_FILE_URL="https://files.example/")
    assert done.stdout.strip() == "https://files.example/", done.stderr


def test_everything_that_is_missing_is_named_at_once(tmp_path) -> None:
    nothing: dict[str, str | None] = dict.fromkeys(WHOLE)
    done = start(tmp_path, **nothing | {"PORTAL_ENV": "production"})
    assert done.returncode != 0
    assert set(WHOLE) - {"PORTAL_ENV"} <= set(done.stderr.splitlines()[-1].replace(",", "").split())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"PORTAL_CLOCK_OFFSET_DAYS": "3"}, "real time"),
        ({"PORTAL_BASE_URL": "http://portal.example"}, "https"),
        ({"SEALING_KEY": base64.b64encode(b"short").decode()}, "32 bytes"),
        ({"PORTAL_ENV": "staging"}, "demo, test or production"),
    ],
)
def test_what_production_may_not_be_is_refused(tmp_path, values: dict[str, str], said: str) -> None:
    done = start(tmp_path, **values)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
