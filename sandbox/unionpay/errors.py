"""UnionPay's refusals, by two characters."""

WORDS = {
    "02": "系统未开放或暂时关闭，请稍后再试",
    "10": "报文格式错误",
    "11": "验证签名失败",
    "12": "重复交易",
    "13": "报文交易要素缺失",
    "31": "商户状态不正确",
    "33": "交易金额超限",
    "34": "查无此交易",
    "35": "原交易状态不正确，请确认原交易状态",
    "37": "已超过最大查询次数或操作过于频繁",
    "64": "余额不足",
    "98": "文件不存在",
}


class Refused(Exception):
    """Why the request was not taken."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = f"{WORDS[code]}[{detail or code}]"
