"""The gateways by code, made once per process from `settings.GATEWAYS`."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.conf import settings

from payments.gateways.alipay.client import Alipay
from payments.gateways.alipay.client import Config as AlipayConfig
from payments.gateways.base import Gateway
from payments.gateways.wechat_pay.client import Config as WechatPayConfig
from payments.gateways.wechat_pay.client import WechatPay

_MAKERS: dict[str, Callable[[Mapping[str, Any]], Gateway]] = {
    WechatPay.code: lambda values: WechatPay(WechatPayConfig.from_settings(values)),
    Alipay.code: lambda values: Alipay(AlipayConfig.from_settings(values)),
}


@cache
def gateway(code: str) -> Gateway:
    """The gateway of this code; raises KeyError for one that is not configured. After a change of the settings, in
    tests, `gateway.cache_clear()`."""
    return _MAKERS[code](settings.GATEWAYS[code])


def all_codes() -> tuple[str, ...]:
    """The codes of the configured gateways, in the order of the settings."""
    return tuple(code for code in settings.GATEWAYS if code in _MAKERS)
