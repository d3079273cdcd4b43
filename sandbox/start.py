"""What must happen once before the first request: keys, and the courier with everything that it carries."""

from sandbox import courier, dials, events, payments, refunds, secret_keys
from sandbox.alipay.notices import AlipayCarrier
from sandbox.unionpay import certificates
from sandbox.unionpay.notices import UnionPayCarrier
from sandbox.wechat.notices import WechatCarrier


def start() -> None:
    dials.apply()
    secret_keys.prepare()
    certificates.prepare()
    courier.GATEWAYS.update(wechat=WechatCarrier(), alipay=AlipayCarrier(), unionpay=UnionPayCarrier())
    courier.CHORES.extend([payments.make_due_payments, refunds.end_due_refunds, events.write])
    courier.start()
