import pytest

from payments import gateways
from payments.gateways.base import Method


@pytest.fixture(autouse=True)
def _configured(settings):
    settings.GATEWAYS = {
        "wechat_pay": {
            "base_url": "http://127.0.0.1:9000/wechat",
            "app_id": "wx0000000000000001",
            "merchant_id": "1900000001",
            "merchant_serial": "DEMO0000000000000001",
            "merchant_key_file": "merchant.pem",
            "apiv3_key": "0123456789abcdef0123456789ABCDEF",
        },
        "alipay": {
            "gateway_url": "http://127.0.0.1:9000/alipay/gateway.do",
            "app_id": "2021000000000001",
            "seller_id": "2088000000000001",
            "app_key_file": "app.pem",
            "platform_public_key_file": "platform.pem",
        },
        "unionpay": {
            "base_url": "http://127.0.0.1:9000/unionpay",
            "cert_id": "68759663125",
            "merchant_key_file": "merchant.pem",
            "root_certificate_file": "root.pem",
            "middle_certificate_file": "middle.pem",
        },
        "of another release": {},
    }
    gateways.gateway.cache_clear()
    yield
    gateways.gateway.cache_clear()


def test_every_configured_gateway_can_be_had_and_is_made_once():
    assert gateways.all_codes() == ("wechat_pay", "alipay", "unionpay")
    for code in gateways.all_codes():
        gateway = gateways.gateway(code)
        assert gateways.gateway(code) is gateway
        assert gateway.code == code
        assert str(gateway.label)
        assert set(gateway.methods) <= set(Method)
        assert all("://" in origin for origin in gateway.cashier_hosts)


@pytest.mark.parametrize("code", ["paypal", "of another release", ""])
def test_unknown_gateway_is_a_key_error(code):
    with pytest.raises(KeyError):
        gateways.gateway(code)
