"""Which wallets can open on the payer's device (SCREENS 1.5, R17)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.models import User
from payments import gateways
from payments.gateways import availability
from payments.gateways.base import Method
from payments.models import PaymentOrder
from payments.words import figures


class Device(StrEnum):
    """What the page is read on. The wallets' own browsers are kinds of their own: there others cannot open."""

    DESKTOP = "desktop"
    PHONE = "phone"
    WECHAT = "wechat"
    ALIPAY = "alipay"


METHODS: dict[Device, dict[str, Method]] = {
    Device.DESKTOP: {"wechat_pay": Method.QR, "alipay": Method.PAGE, "unionpay": Method.PAGE},
    Device.PHONE: {"wechat_pay": Method.H5, "alipay": Method.WAP, "unionpay": Method.WAP},
    Device.WECHAT: {},  # H5 pay is refused inside WeChat, and the others cannot open there
    Device.ALIPAY: {"alipay": Method.WAP},
}


@dataclass(frozen=True)
class Offer:
    """One wallet as R17 offers it. `back_at` is set while it does not answer."""

    gateway: str
    method: Method
    label: str
    hint: str
    back_at: str = ""


def device_of(request: HttpRequest) -> Device:
    """Read from the browser's own name. A wrong guess costs a choice, never money."""
    agent = request.headers.get("User-Agent", "")
    if "MicroMessenger" in agent:
        return Device.WECHAT
    if "AlipayClient" in agent:
        return Device.ALIPAY
    if any(word in agent for word in ("Mobi", "Android", "iPhone", "iPad", "HarmonyOS")):
        return Device.PHONE
    return Device.DESKTOP


def gateway_name(code: str) -> str:
    """微信, 支付宝 or 银联, as sentences name whom we ask."""
    return {"wechat_pay": _("微信"), "alipay": _("支付宝"), "unionpay": _("银联")}.get(code, _("支付机构"))


def gateway_label(code: str) -> str:
    """微信支付, 支付宝 or 银联, as a way to pay."""
    return {"wechat_pay": _("微信支付"), "alipay": _("支付宝"), "unionpay": _("银联")}.get(code, code)


def _hint(device: Device, code: str) -> str:
    if code == "unionpay":  # said before it is chosen: it closes no order (`Gateway.can_close`)
        return _("云闪付、银联卡。选了以后约40分钟不能换方式")
    if device is not Device.DESKTOP:
        return _("会打开%(wallet)s，付完回到这里") % {"wallet": gateway_name(code)}
    if code == "wechat_pay":
        return _("用手机微信扫码")
    return _("打开支付宝的页面，登录或扫码付")


def offers(request: HttpRequest, merchants: Iterable[str]) -> list[Offer]:
    """The wallets that can open here and that the payee has a merchant number at."""
    device, known = device_of(request), set(merchants)
    found = []
    for code in gateways.all_codes():
        method = METHODS[device].get(code)
        if method is None or code not in known:
            continue
        back_at = availability.back_at(code)
        found.append(
            Offer(code, method, gateway_label(code), _hint(device, code), figures.moment(back_at) if back_at else "")
        )
    return found


def usual_gateway(payer: User, found: Iterable[Offer]) -> str:
    """Which of the wallets offered is ticked at first: the one that paid last, else the first that answers.

    None costs a fee, and until the button is pressed each can be exchanged for another: a tick saved is nothing
    taken away (SCREENS 2.1).
    """
    open_now = [offer.gateway for offer in found if not offer.back_at]
    if len(open_now) < 2:
        return "".join(open_now)
    last = PaymentOrder.objects.filter(payer=payer, status="paid").order_by("-created_at").first()
    return last.gateway if last is not None and last.gateway in open_now else open_now[0]
