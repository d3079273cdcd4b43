"""Bills of a day: asked for by a signed request, downloaded whole, compared with what was stated."""

import gzip
import hashlib
import io
import json
from datetime import date
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from payments.gateways.alipay import bills as alipay_bills
from payments.gateways.alipay.client import Alipay
from payments.gateways.alipay.client import Config as AlipayConfig
from payments.gateways.base import GatewayRefused, GatewayUnreachable
from payments.gateways.wechat_pay import bills as wechat_bills
from payments.gateways.wechat_pay.client import Config as WechatConfig
from payments.gateways.wechat_pay.client import WechatPay
from tests.payments.gateways.alipay_world import APP_ID as ALIPAY_APP_ID
from tests.payments.gateways.alipay_world import SELLER_ID, node
from tests.payments.gateways.conftest import private_pem, public_pem
from tests.payments.gateways.wechat_world import APIV3_KEY, APP_ID, MERCHANT, SERIAL, signed

DAY = date(2026, 11, 20)
TEXT = ("交易时间,商户号\r\n" + "`2026-11-20 10:00:00,`1900000001\r\n" * 20_000).encode()
PACKED = gzip.compress(TEXT, mtime=0)
SHA1 = hashlib.sha1(TEXT).hexdigest()


def write_keys(keys, folder) -> tuple[str, str]:
    (folder / "own.pem").write_bytes(private_pem(keys.merchant))
    (folder / "platform.pem").write_bytes(public_pem(keys.platform))
    return str(folder / "own.pem"), str(folder / "platform.pem")


@pytest.fixture
def wechat(vendor, keys, tmp_path) -> WechatPay:
    own, platform = write_keys(keys, tmp_path)
    values = {
        "base_url": vendor.url + "/wechat", "app_id": APP_ID, "merchant_id": MERCHANT, "merchant_serial": "DEMO01",
        "merchant_key_file": own, "apiv3_key": APIV3_KEY.decode(), "timeout_s": 2.0,
        "platform_public_keys": {f"{SERIAL:X}": platform}, "platform_public_keys_dir": "",
    }  # fmt: skip
    return WechatPay(WechatConfig.from_settings(values))


@pytest.fixture
def alipay(vendor, keys, tmp_path) -> Alipay:
    own, platform = write_keys(keys, tmp_path)
    values = {
        "gateway_url": vendor.url + "/alipay/gateway.do", "app_id": ALIPAY_APP_ID, "seller_id": SELLER_ID,
        "app_key_file": own, "platform_public_key_file": platform, "timeout_s": 2.0,
    }  # fmt: skip
    return Alipay(AlipayConfig.from_settings(values))


def wechat_says(vendor, keys, status: int = 200, file: bytes = PACKED, file_status: int = 200, **changes: Any) -> None:
    def answer(asked):
        if "/v3/billdownload/file" in asked.target:
            return file_status, {}, file
        said = {
            "hash_type": "SHA1", "hash_value": SHA1,
            "download_url": f"{vendor.url}/wechat/v3/billdownload/file?token=abc",
        } | changes  # fmt: skip
        body = json.dumps(said).encode()
        return status, signed(keys.platform, body), body

    vendor.answer = answer


def fetch_wechat(wechat) -> tuple[Any, bytes]:
    into = io.BytesIO()
    return wechat_bills.fetch_bill(wechat, merchant=MERCHANT, day=DAY, kind="ALL", into=into), into.getvalue()


def test_a_bill_of_wechat_pay_is_kept_as_it_came(vendor, keys, wechat) -> None:
    wechat_says(vendor, keys)
    bill, content = fetch_wechat(wechat)
    assert (content, bill.sha1, bill.is_empty) == (PACKED, SHA1, False)
    asked, download = vendor.asked
    assert parse_qs(urlsplit(asked.target).query) == {
        "bill_date": ["2026-11-20"], "bill_type": ["ALL"], "tar_type": ["GZIP"],
    }  # fmt: skip
    assert download.target == "/wechat/v3/billdownload/file?token=abc"
    assert download.headers["authorization"].startswith("WECHATPAY2-SHA256-RSA2048 mchid=")


def test_a_bill_that_is_not_packed_is_taken_too(vendor, keys, wechat) -> None:
    wechat_says(vendor, keys, file=TEXT)
    assert fetch_wechat(wechat)[1] == TEXT


@pytest.mark.parametrize(
    "changes",
    [
        {"file": gzip.compress(TEXT + b" ")},
        {"file": PACKED[:-100]},
        {"file": b""},
        {"file_status": 404},
        {"hash_type": "MD5"},
        {"download_url": None},
    ],
)
def test_a_bill_that_is_not_the_one_that_was_stated_counts_for_nothing(vendor, keys, wechat, changes) -> None:
    """B6: cut off or changed on its way; it is fetched again."""
    wechat_says(vendor, keys, **changes)
    with pytest.raises(GatewayUnreachable):
        fetch_wechat(wechat)


def test_the_key_of_the_download_goes_to_no_other_host(vendor, keys, wechat) -> None:
    wechat_says(vendor, keys, download_url="https://evil.example.com/v3/billdownload/file?token=abc")
    fetch_wechat(wechat)
    assert [asked.headers["host"] for asked in vendor.asked] == [urlsplit(vendor.url).netloc] * 2


def test_that_a_day_has_no_bill_is_a_signed_word(vendor, keys, wechat) -> None:
    wechat_says(vendor, keys, status=400, code="NO_STATEMENT_EXIST", message="账单文件不存在")
    bill, content = fetch_wechat(wechat)
    assert bill.is_empty
    assert json.loads(content)["code"] == "NO_STATEMENT_EXIST"


def test_a_bill_that_is_being_made_is_asked_for_later(vendor, keys, wechat) -> None:
    wechat_says(vendor, keys, status=400, code="STATEMENT_CREATING", message="账单生成中")
    with pytest.raises(GatewayUnreachable):
        fetch_wechat(wechat)


def test_an_unsigned_address_is_not_followed(vendor, keys, wechat) -> None:
    """G3."""
    vendor.answer = lambda asked: (200, {}, b'{"hash_type":"SHA1","hash_value":"x","download_url":"/"}')
    with pytest.raises(GatewayUnreachable):
        fetch_wechat(wechat)
    assert len(vendor.asked) == 1


# --- Alipay ------------------------------------------------------------------------------------------------------


def alipay_says(vendor, keys, content: dict[str, str], file: bytes = b"PK zip", file_status: int = 200) -> None:
    def answer(asked):
        if asked.method == "GET":
            return file_status, {}, file
        return 200, {}, node(keys.platform, alipay_bills.METHOD, content)

    vendor.answer = answer


def fetch_alipay(alipay, merchant: str = SELLER_ID) -> tuple[Any, bytes]:
    into = io.BytesIO()
    return alipay_bills.fetch_bill(alipay, merchant=merchant, day=DAY, kind="trade", into=into), into.getvalue()


def test_a_bill_of_alipay_is_downloaded_from_the_signed_address(vendor, keys, alipay) -> None:
    address = f"{vendor.url}/bills?downloadFileName=20260601.zip&timestamp=1"
    alipay_says(vendor, keys, {"code": "10000", "msg": "Success", "bill_download_url": address})
    bill, content = fetch_alipay(alipay)
    assert (content, bill.is_empty, bill.file_name[-4:]) == (b"PK zip", False, ".zip")
    asked, download = vendor.asked
    params = dict(parse_qsl(asked.body.decode()))
    assert (params["method"], json.loads(params["biz_content"])) == (
        alipay_bills.METHOD, {"bill_type": "trade", "bill_date": "2026-11-20"},
    )  # fmt: skip
    assert download.target == "/bills?downloadFileName=20260601.zip&timestamp=1"
    assert "authorization" not in download.headers


def test_that_a_day_has_no_bill_at_alipay_is_a_signed_word(vendor, keys, alipay) -> None:
    said = {"code": "40004", "msg": "Business Failed", "sub_code": "isp.bill_not_exist", "sub_msg": "账单不存在"}
    alipay_says(vendor, keys, said)
    assert fetch_alipay(alipay)[0].is_empty


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"code": "40004", "msg": "x", "sub_code": "ACQ.SYSTEM_ERROR"}, GatewayUnreachable),
        ({"code": "40006", "msg": "x", "sub_code": "isv.insufficient-isv-permissions"}, GatewayRefused),
        ({"code": "10000", "msg": "Success"}, GatewayUnreachable),
        ({"code": "10000", "msg": "Success", "bill_download_url": "ftp://x/y"}, GatewayUnreachable),
    ],
)
def test_an_answer_without_a_bill_is_told_apart(vendor, keys, alipay, content, problem) -> None:
    alipay_says(vendor, keys, content)
    with pytest.raises(problem):
        fetch_alipay(alipay)


def test_a_download_that_fails_is_asked_for_later(vendor, keys, alipay) -> None:
    content = {"code": "10000", "msg": "Success", "bill_download_url": f"{vendor.url}/bills"}
    alipay_says(vendor, keys, content, file_status=403)
    with pytest.raises(GatewayUnreachable):
        fetch_alipay(alipay)


def test_a_seller_that_is_not_ours_is_not_asked_about(vendor, alipay) -> None:
    with pytest.raises(GatewayRefused):
        fetch_alipay(alipay, "2088000000000099")
    assert vendor.asked == []
