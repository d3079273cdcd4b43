"""WeChat Pay's trade bill: every value behind a backtick, header lines without, two lines of sums at the end."""

from sandbox.statements.lines import PAY, REVERSAL, Line, Sheet, Text, yuan

FIRST = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
)
FIRST += "应结订单金额,代金券金额"
REFUND_COLUMNS = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
GOODS = "商品名称,商户数据包,手续费,费率,订单金额"
HEADERS = {
    "ALL": f"{FIRST},{REFUND_COLUMNS},{GOODS},申请退款金额,费率备注",
    "SUCCESS": f"{FIRST},{GOODS},费率备注",
    "REFUND": f"{FIRST},退款申请时间,退款成功时间,{REFUND_COLUMNS},{GOODS},申请退款金额,费率备注",
}
SUMS = {
    "ALL": "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
    "SUCCESS": "总交易单数,应结订单总金额,手续费总金额,订单总金额",
}
SUMS["REFUND"] = SUMS["ALL"]
STATES = {PAY: "SUCCESS", REVERSAL: "REVOKED"}


def belongs(line: Line, kind: str) -> bool:
    return kind == "ALL" or line.is_payment == (kind == "SUCCESS")


def _row(values: list[str]) -> str:
    """The format has no quoting: a comma in a name would be one more column, a line end one more row."""
    return ",".join("`" + " ".join(value.replace(",", "，").split("\n")) for value in values)


def _values(sheet: Sheet, line: Line, kind: str) -> list[str]:
    moment = f"{line.at:%Y-%m-%d %H:%M:%S}"
    paid = yuan(line.amount_fen if line.is_payment else 0)
    back = yuan(0 if line.is_payment else line.amount_fen)
    first = [moment, line.appid, sheet.merchant, "0", "", line.transaction_no, line.order_no, line.payer, line.product]
    first += [STATES.get(line.kind, "REFUND"), "OTHERS", line.currency, paid, "0.00"]
    if line.is_payment:
        refund = ["0", "0", "0.00", "0.00", "", ""]
    else:
        refund = [line.refund_id or "0", line.refund_no or "0", back, "0.00", "ORIGINAL", "SUCCESS"]
    goods = [line.description, line.attach, yuan(line.fee_fen, 5), sheet.fee_percent, paid]
    if kind == "SUCCESS":
        return [*first, *goods, ""]
    times = [f"{line.begun_at:%Y-%m-%d %H:%M:%S}", moment] if kind == "REFUND" else []
    return [*first, *times, *refund, *goods, back, ""]


def write(sheet: Sheet, kind: str) -> bytes:
    """The bill of that type, as it is hashed: before any compression."""
    count, fees = str(len(sheet.lines) + sheet.count_by), yuan(sheet.fee_fen(), 5)
    paid, back = yuan(sheet.paid_fen()), yuan(sheet.back_fen())
    sums = [count, paid, fees, paid] if kind == "SUCCESS" else [count, paid, back, "0.00", fees, paid, back]
    text = Text(
        head=[HEADERS[kind]],
        data=[_row(_values(sheet, line, kind)) for line in sheet.lines],
        tail=[SUMS[kind], _row(sums)],
    )
    mark = b"\xef\xbb\xbf" if sheet.bom else b""
    return mark + text.encoded("utf-8", stranger="gb18030" if sheet.mixed else "")
