"""The merchants that the sandbox's gateways know: one per payee account, any number of the pattern.

All of them share the portal's one key pair per gateway (``wechat_merchant.pub.pem``, ``alipay_app.pub.pem``,
``unionpay_merchant.pub.pem``).
"""

import re

WECHAT_MCHID = re.compile(r"1900000\d{3}")  # 1900000001, 1900000002, …
WECHAT_APPID = re.compile(r"wx[0-9a-f]{16}")  # wx0000000000000001
ALIPAY_APP_ID = re.compile(r"202100000000\d{4}")  # 2021000000000001
UNIONPAY_MER_ID = re.compile(r"89837100000\d{4}")  # 898371000000001, …


def is_wechat_merchant(mchid: str) -> bool:
    return WECHAT_MCHID.fullmatch(mchid) is not None


def is_wechat_app(appid: str) -> bool:
    return WECHAT_APPID.fullmatch(appid) is not None


def is_alipay_app(app_id: str) -> bool:
    return ALIPAY_APP_ID.fullmatch(app_id) is not None


def is_unionpay_merchant(mer_id: str) -> bool:
    return UNIONPAY_MER_ID.fullmatch(mer_id) is not None


def alipay_seller_id(app_id: str) -> str:
    """The account (PID) behind an app: 2021000000000001 collects for 2088000000000001."""
    return f"208800000000{app_id[-4:]}"
