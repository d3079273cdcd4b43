"""Alipay's refusals: business and gateway errors."""


class Refused(Exception):
    """A business or gateway error: code, msg, sub_code, sub_msg."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.content = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


def business(sub_code: str, sub_msg: str) -> Refused:
    return Refused("40004", "Business Failed", sub_code, sub_msg)


def invalid(sub_code: str, sub_msg: str) -> Refused:
    return Refused("40002", "Invalid Arguments", sub_code, sub_msg)


NOT_EXIST = business("ACQ.TRADE_NOT_EXIST", "交易不存在")
