"""The gateways by code, made once per process from `settings.GATEWAYS`."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.conf import settings

from payments.gateways.alipay.client import Alipay
from payments.gateways.alipay.client import Config as AlipayConfig
from payments.gateways.base import Gateway, RefundDesk
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


def refund_desk(code: str) -> RefundDesk | None:
    """The gateway of this code as one that gives money back; None where it does not, or is not configured."""
    found = gateway(code) if code in all_codes() else None
    return found if isinstance(found, RefundDesk) else None


def desk_codes() -> tuple[str, ...]:
    """The codes of the configured gateways that give money back."""
    return tuple(code for code in all_codes() if refund_desk(code) is not None)
