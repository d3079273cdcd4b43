"""Statements written as the channels write them: the tests' own hand, which knows nothing of the parsers."""

import gzip
import hashlib
import io
import struct
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.money import plain_yuan
from reconciliation.formats.base import Expected, Fault, LineKind, ParsedStatement, StatementError, StatementLine

DAY = date(2026, 1, 2)
NOON = datetime(2026, 1, 2, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
WECHAT_MERCHANT = "1900000109"
ALIPAY_MERCHANT = "2088000000000109"
UNIONPAY_MERCHANT = "777000000000109"
BANK_MERCHANT = "SB371003"
BANK = "nsh-wendeng"  # 农商行


@dataclass(frozen=True)
class Row:
    """A movement to be written. Amounts in fen."""

    kind: str = "payment"
    order_no: str = "01J0000000000000000000000A"
    trade_no: str = "4200000000202601020000000001"
    amount: int = 38_000
    at: datetime = NOON
    refund_no: str = ""
    gateway_refund_no: str = ""
    fee: int = 0  # thousandths of a fen, as the merchant pays them
    text: str = "居民医疗 2026"


def payment(number: int = 1, amount: int = 38_000, **changes: Any) -> Row:
    order_no, trade_no = f"01J{number:023d}", f"42000000002026010200{number:08d}"
    return replace(Row(order_no=order_no, trade_no=trade_no, amount=amount), **changes)


def refund(number: int = 1, amount: int = 38_000, **changes: Any) -> Row:
    given = {"refund_no": f"R{number:025d}", "gateway_refund_no": f"50300000002026010200{number:08d}"} | changes
    return payment(number, amount, kind="refund", **given)


def reversal(number: int = 1, amount: int = 38_000, **changes: Any) -> Row:
    return replace(refund(number, amount, **changes), kind="reversal")


def expected(merchant: str, **changes: Any) -> Expected:
    return Expected(**{"day": DAY, "merchant": merchant, **changes})


def read(parse: Any, content: bytes, said: Expected) -> tuple[list[StatementLine], Any]:
    """All lines and the totals."""
    statement: ParsedStatement = parse(io.BytesIO(content), said)
    lines = list(statement)
    assert statement.totals is not None
    return lines, statement.totals


def refused(parse: Any, content: bytes, said: Expected) -> tuple[Fault, int]:
    """Why a file is refused, and at which line."""
    statement = parse(io.BytesIO(content), said)
    try:
        for _ in statement:
            pass
    except StatementError as error:
        assert statement.totals is None
        return error.code, error.line
    raise AssertionError("the file was taken")


def as_row(line: StatementLine) -> tuple[str, str, str, int, datetime, str]:
    return line.kind.value, line.order_no, line.gateway_trade_no, line.amount_fen, line.paid_at, line.refund_no


def said_of(row: Row) -> tuple[str, str, str, int, datetime, str]:
    return row.kind, row.order_no, row.trade_no, row.amount, row.at, row.refund_no


def five_decimals(millifen: int) -> str:
    whole, rest = divmod(abs(millifen), 100_000)
    return f"{'-' if millifen < 0 else ''}{whole}.{rest:05d}"


# --- WeChat Pay ------------------------------------------------------------------------------------------------------

_WECHAT_FRONT = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,"
    "货币种类,应结订单金额,代金券金额"
)
_WECHAT_BACK = "商品名称,商户数据包,手续费,费率,订单金额"
_WECHAT_REFUND = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
WECHAT_COLUMNS = {
    "all": f"{_WECHAT_FRONT},{_WECHAT_REFUND},{_WECHAT_BACK},申请退款金额,费率备注",
    "success": f"{_WECHAT_FRONT},{_WECHAT_BACK},费率备注",
    "refund": f"{_WECHAT_FRONT},退款申请时间,退款成功时间,{_WECHAT_REFUND},{_WECHAT_BACK},申请退款金额,费率备注",
}
WECHAT_TOTALS = (
    "总交易单数",
    "应结订单总金额",
    "退款总金额",
    "充值券退款总金额",
    "手续费总金额",
    "订单总金额",
    "申请退款总金额",
)
WECHAT_STATES = {"payment": "SUCCESS", "refund": "REFUND", "reversal": "REVOKED"}


def wechat_cells(row: Row) -> dict[str, str]:
    back = row.kind != "payment"
    paid, given = plain_yuan(0 if back else row.amount), plain_yuan(row.amount if back else 0)
    at = f"{row.at:%Y-%m-%d %H:%M:%S}"
    return {
        "交易时间": at, "公众账号ID": "wx0000000000000109", "商户号": WECHAT_MERCHANT, "特约商户号": "0", "设备号": "",
        "微信订单号": row.trade_no, "商户订单号": row.order_no, "用户标识": "oMASKED0000000000000000000x",
        "交易类型": "NATIVE", "交易状态": WECHAT_STATES[row.kind], "付款银行": "OTHERS", "货币种类": "CNY",
        "应结订单金额": paid, "代金券金额": "0.00", "微信退款单号": row.gateway_refund_no or "0",
        "商户退款单号": row.refund_no or "0", "退款金额": given, "充值券退款金额": "0.00",
        "退款类型": "ORIGINAL" if back else "", "退款状态": "SUCCESS" if back else "", "商品名称": row.text,
        "商户数据包": "", "手续费": five_decimals(row.fee), "费率": "0.60%", "订单金额": paid, "申请退款金额": given,
        "费率备注": "", "退款申请时间": at, "退款成功时间": at,
    }  # fmt: skip


def wechat_bill(
    rows: Iterable[Row], *, variant: str = "all", columns: Sequence[str] = (), end: str = "\r\n", bom: bool = False,
    totals: dict[str, str] | None = None, changes: dict[str, str] | None = None,
) -> bytes:  # fmt: skip
    """A bill as text. `changes` overwrite cells of every row, `totals` what the last line says."""
    names = list(columns) or WECHAT_COLUMNS[variant].split(",")
    lines, sums, count, fees = [",".join(names)], dict.fromkeys(WECHAT_TOTALS, 0), 0, 0
    for row in rows:
        cells = wechat_cells(row) | (changes or {})
        if variant == "refund":
            cells["交易时间"] = "2025-12-30 09:00:00"
        lines.append(",".join("`" + cells.get(name, "x,y") for name in names))
        count, fees = count + 1, fees + row.fee
        paid, given = (row.amount, 0) if row.kind == "payment" else (0, row.amount)
        for name in ("应结订单总金额", "订单总金额"):
            sums[name] += paid
        for name in ("退款总金额", "申请退款总金额"):
            sums[name] += given
    said = {name: plain_yuan(value) for name, value in sums.items()}
    said |= {"总交易单数": str(count), "手续费总金额": five_decimals(fees)} | (totals or {})
    kept = [name for name in said if variant != "success" or "退款" not in name]
    lines += [",".join(kept), ",".join("`" + said[name] for name in kept)]
    return ("\ufeff" if bom else "").encode() + "".join(line + end for line in lines).encode()


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


# --- Alipay ----------------------------------------------------------------------------------------------------------

_ALIPAY_COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_ALIPAY_ACCOUNT_COLUMNS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)
_ALIPAY_SUMMARY_COLUMNS = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
ALIPAY_COLUMNS = _ALIPAY_COLUMNS.split(",")
ALIPAY_ACCOUNT_COLUMNS = _ALIPAY_ACCOUNT_COLUMNS.split(",")
ALIPAY_SUMMARY_COLUMNS = _ALIPAY_SUMMARY_COLUMNS.split(",")
ALIPAY_WORDS = {"refund": "退款", "payment": "交易"}
RULE = "-" * 40


def alipay_front(title: str, listed: str, day: date = DAY, account: str = ALIPAY_MERCHANT + "0156") -> list[str]:
    begin, end = f"{day:%Y年%m月%d日} 00:00:00", f"{day + timedelta(days=1):%Y年%m月%d日} 00:00:00"
    return [title, f"#账号：[{account}]", f"#起始日期：[{begin}]   终止日期：[{end}]", f"#{RULE}{listed}{RULE}"]


def alipay_business(rows: Sequence[Row], *, columns: Sequence[str] = (), **front: Any) -> str:
    lines = alipay_front("#支付宝业务明细查询", "业务明细列表", **front)
    names = list(columns) or ALIPAY_COLUMNS
    lines.append(",".join(names))
    for row in rows:
        amount = plain_yuan(-row.amount if row.kind == "refund" else row.amount)
        at = f"{row.at:%Y-%m-%d %H:%M:%S}"
        cells = dict.fromkeys(names, "0.00") | {
            "支付宝交易号": row.trade_no + "\t", "商户订单号": row.order_no + "\t",
            "业务类型": ALIPAY_WORDS.get(row.kind, row.kind) + "\t", "商品名称": row.text + "\t",
            "创建时间": at, "完成时间": at, "门店编号": "\t", "门店名称": "\t", "操作员": "\t", "终端号": "\t",
            "对方账户": "*芳(139****0001)\t", "订单金额（元）": amount, "商家实收（元）": amount, "券名称": "",
            "退款批次号/请求号": row.refund_no + "\t", "服务费（元）": plain_yuan(-row.fee // 1000), "备注": "社保缴费",
        }  # fmt: skip
        lines.append(",".join(cells[name] for name in names))
    paid, given = of_kind(rows, "payment"), of_kind(rows, "refund")
    lines += [
        f"#{RULE}业务明细列表结束{RULE}",
        f"#交易合计：{len(paid)}笔，商家实收共{plain_yuan(sum(paid))}元，商家优惠共0.00元",
        f"#退款合计：{len(given)}笔，商家实收退款共{plain_yuan(-sum(given))}元，商家优惠退款共0.00元",
        "#导出时间：[2026年01月03日 08:30:00]",
    ]
    return "".join(line + "\r\n" for line in lines)


def alipay_summary(rows: Sequence[Row], **front: Any) -> str:
    paid, given = of_kind(rows, "payment"), of_kind(rows, "refund")
    net = plain_yuan(sum(paid) - sum(given))
    cells = ["合计\t", "\t", str(len(paid)), str(len(given)), net, net, *["0.00"] * 5, net]
    lines = [
        *alipay_front("#支付宝业务汇总查询", "业务汇总列表", **front),
        ",".join(ALIPAY_SUMMARY_COLUMNS), ",".join(cells),
        f"#{RULE}业务汇总列表结束{RULE}", "#导出时间：[2026年01月03日 08:30:00]",
    ]  # fmt: skip
    return "".join(line + "\r\n" for line in lines)


def alipay_account(rows: Sequence[Row], **front: Any) -> str:
    lines = alipay_front("#支付宝账务明细查询", "账务明细列表", **front)
    lines.append(",".join(ALIPAY_ACCOUNT_COLUMNS))
    for number, row in enumerate(rows):
        went = row.kind != "payment"
        word = {"payment": "交易付款", "refund": "交易退款"}.get(row.kind, "收费")
        cells = {
            "账务流水号": f"{5463244653 + number}\t", "业务流水号": row.trade_no + "\t",
            "商户订单号": row.order_no + "\t",
            "商品名称": row.text + "\t", "发生时间": f"{row.at:%Y-%m-%d %H:%M:%S}", "对方账号": "王芳 (139****0001)\t",
            "收入金额（+元）": "" if went else plain_yuan(row.amount), "账户余额（元）": "100.00", "交易渠道": "支付宝",
            "支出金额（-元）": plain_yuan(-row.amount) if went else "0.00", "业务类型": word, "备注": "",
        }  # fmt: skip
        lines.append(",".join(cells[name] for name in ALIPAY_ACCOUNT_COLUMNS))
    came = of_kind(rows, "payment")
    left = [row.amount for row in rows if row.kind != "payment"]
    lines += [
        f"#{RULE}账务明细列表结束{RULE}", f"#支出合计：{len(left)}笔，共{plain_yuan(-sum(left))}元",
        f"#收入合计：{len(came)}笔，共{plain_yuan(sum(came))}元", "#导出时间：[2026年01月03日 08:30:00]",
    ]  # fmt: skip
    return "".join(line + "\r\n" for line in lines)


def alipay_account_summary(rows: Sequence[Row], **front: Any) -> str:
    came, left = of_kind(rows, "payment"), [row.amount for row in rows if row.kind != "payment"]
    cells = ["合计\t", str(len(came)), plain_yuan(sum(came)), str(len(left)), plain_yuan(-sum(left))]
    lines = [
        *alipay_front("#支付宝账务汇总查询", "账务汇总列表", **front),
        "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）", ",".join(cells),
    ]  # fmt: skip
    return "".join(line + "\r\n" for line in lines)


def of_kind(rows: Iterable[Row], kind: str) -> list[int]:
    return [row.amount for row in rows if row.kind == kind]


def alipay_zip(details: str | bytes, summary: str | bytes | None = None, *, what: str = "业务明细") -> bytes:
    name = f"{ALIPAY_MERCHANT}0156_{DAY:%Y%m%d}_{what}"
    files = {f"{name}.csv": details} | ({f"{name}(汇总).csv": summary} if summary is not None else {})
    return zipped({key: text if isinstance(text, bytes) else text.encode("gb18030") for key, text in files.items()})


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP with names in GBK and no word about it, which Python's own writer cannot make."""
    memory = io.BytesIO()
    plain = {"" if not name else f"{number}".rjust(len(name.encode("gbk")), "n"): name
             for number, name in enumerate(files)}  # fmt: skip
    with zipfile.ZipFile(memory, "w", method) as archive:
        for stand_in, name in plain.items():
            archive.writestr(zipfile.ZipInfo(stand_in, (2026, 1, 3, 8, 30, 0)), files[name], method)
    content = memory.getvalue()
    for stand_in, name in filter(all, plain.items()):
        content = content.replace(stand_in.encode(), name.encode("gbk"))
    return content


def with_lying_size(content: bytes, size: int) -> bytes:
    """The archive's list says another uncompressed size of its first file."""
    at = content.rindex(b"PK\x01\x02") + 24
    return content[:at] + struct.pack("<I", size) + content[at + 4 :]


# --- UnionPay --------------------------------------------------------------------------------------------------------

ZM_WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 131,
)  # fmt: skip
ZME_WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135)


def fixed(widths: Sequence[int], values: dict[int, str]) -> bytes:
    cells = [values.get(number, "").encode("gb18030") for number in range(1, len(widths) + 1)]
    assert all(len(cell) <= width for cell, width in zip(cells, widths, strict=True))
    return b" ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + b"\r\n"


def signed(fen: int) -> str:
    return f"{'D' if fen < 0 else 'C'}{abs(fen):012d}"


def zm_line(row: Row, **changes: str) -> bytes:
    """`changes` by field number, as `f7="…"`."""
    back = row.kind != "payment"
    fee = row.fee // 1000
    net = -(row.amount + fee) if back else row.amount - fee
    code, trade_type = {"payment": ("S22", "01"), "refund": ("S30", "04"), "reversal": ("S30", "31")}[row.kind]
    values = {
        1: code, 2: "00010000", 3: "00010000", 4: "000109", 5: f"{row.at:%m%d%H%M%S}", 6: "621600******0001",
        7: f"{row.amount:012d}", 8: "9311", 9: "07", 10: row.gateway_refund_no if back else row.trade_no,
        12: row.refund_no if back else row.order_no, 13: "01", 16: signed(-fee), 17: signed(net),
        18: "0001", 20: trade_type, 21: "01", 22: "000201", 23: "01", 27: row.trade_no if back else "",
        28: UNIONPAY_MERCHANT, 31: row.text, 33: signed(net), 36: signed(0), 37: signed(0),
        41: row.order_no if back else "",
    }  # fmt: skip
    return fixed(ZM_WIDTHS, values | {int(name[1:]): value for name, value in changes.items()})


def zme_line(**changes: str) -> bytes:
    values = {1: "E35", 4: "000110", 5: "1230101500", 6: "621600******0001", 7: f"{38_000:012d}", 15: signed(0),
              16: signed(-38_000)}  # fmt: skip
    return fixed(ZME_WIDTHS, values | {int(name[1:]): value for name, value in changes.items()})


def zm_name(kind: str = "ZM", day: date = DAY, merchant: str = UNIONPAY_MERCHANT) -> str:
    return f"INN{day:%y%m%d}88{kind}_{merchant}.txt"


def unionpay_zip(lines: Iterable[bytes], errors: Iterable[bytes] = (), **name: Any) -> bytes:
    files = {zm_name(**name): b"".join(lines)}
    if wrong := b"".join(errors):
        files[zm_name("ZME", **name)] = wrong
    return zipped(files)


# --- bank ------------------------------------------------------------------------------------------------------------

BANK_COLUMNS = ("kind", "order_no", "trade_no", "refund_no", "trade_refund_no", "amount", "fee", "paid_at", "place")


def bank_file(
    rows: Sequence[Row], *, encoding: str = "UTF-8", columns: Sequence[str] = BANK_COLUMNS, end: str = "\n",
    head: str = "", totals: str = "",
) -> bytes:  # fmt: skip
    lines = [head or f"statement|1|{BANK}|{BANK_MERCHANT}|{DAY}|{encoding}", "|".join(columns)]
    for row in rows:
        cells = {
            "kind": row.kind, "order_no": row.order_no, "trade_no": row.trade_no, "refund_no": row.refund_no,
            "trade_refund_no": row.gateway_refund_no, "amount": plain_yuan(row.amount), "place": row.text,
            "fee": plain_yuan(row.fee // 1000) if row.fee else "", "paid_at": f"{row.at:%Y-%m-%d %H:%M:%S}",
        }  # fmt: skip
        lines.append("|".join(cells[name] for name in columns))
    said = [str(len(rows))]
    for kind in (LineKind.PAYMENT, LineKind.REFUND, LineKind.REVERSAL):
        amounts = of_kind(rows, kind)
        said += [str(len(amounts)), plain_yuan(sum(amounts))]
    lines.append(totals or "end|" + "|".join(said))
    return "".join(line + end for line in lines).encode(encoding)
