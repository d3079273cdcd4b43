"""Alipay's bills: an archive of two GBK tables between lines that begin with #, its names in GBK too."""

import hashlib
import io
import zipfile
from datetime import date, timedelta

from sandbox.statements.lines import Line, Sheet, Text, yuan

TRADE = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
TRADE_SUMS = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
ACCOUNT = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注,"
    "业务描述,业务基础订单号"
)
ACCOUNT_SUMS = "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）"
OPENING_FEN = 100_000_000  # what lay in the account in the morning
BUYER = "*演示(dem***@example.com)"
NAMES = {"trade": "业务明细", "signcustomer": "账务明细"}


class GbkInfo(zipfile.ZipInfo):
    """An entry whose name is GBK without the flag that would say UTF-8, as old archivers write it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def account_no(merchant: str) -> str:
    return f"{merchant}0156"


def _made_on(day: date) -> tuple[int, ...]:
    made = day + timedelta(days=1)
    return (made.year, made.month, made.day, 6, 12, 0)


def _head(sheet: Sheet, title: str, table: str) -> list[str]:
    ends = sheet.day + timedelta(days=1)
    return [
        f"#支付宝{title}查询",
        f"#账号：[{account_no(sheet.merchant)}]",
        f"#起始日期：[{sheet.day:%Y年%m月%d日} 00:00:00]   终止日期：[{ends:%Y年%m月%d日} 00:00:00]",
        "#" + "-" * 41 + f"{title}列表" + "-" * 40,
        table,
    ]


def _foot(sheet: Sheet, title: str, *sums: str, dashes: tuple[int, int] = (41, 36)) -> list[str]:
    made = "{}年{:02d}月{:02d}日 {:02d}:{:02d}:{:02d}".format(*_made_on(sheet.day))
    return ["#" + "-" * dashes[0] + f"{title}列表结束" + "-" * dashes[1], *sums, f"#导出时间：[{made}]"]


def _row(texts: list[str]) -> str:
    return ",".join(value.replace(",", "，").replace("\n", " ") for value in texts)


def _marked(text: str) -> str:
    """Texts end with a tab, so that spreadsheets leave long numbers alone."""
    return f"{text}\t"


def _trade_row(line: Line) -> str:
    amount = yuan(line.amount_fen if line.is_payment else -line.amount_fen)
    texts = [line.transaction_no, line.order_no, "交易" if line.is_payment else "退款", line.description]
    texts += [f"{line.begun_at:%Y-%m-%d %H:%M:%S}", f"{line.at:%Y-%m-%d %H:%M:%S}", "", "", "", "", BUYER]
    sums = [amount, amount, "0.00", "0.00", "0.00", "0.00", "0.00"]
    tail = [_marked(""), "0.00", "0.00", _marked(line.refund_no), yuan(-line.fee_fen), "0.00", _marked("")]
    return _row([*map(_marked, texts), *sums, *tail])


def _trade(sheet: Sheet) -> tuple[Text, Text]:
    paid = [line for line in sheet.lines if line.is_payment]
    count, back_count = len(paid) + sheet.count_by, len(sheet.lines) - len(paid)
    total, back, fees = sheet.paid_fen(), sheet.back_fen(), sheet.fee_fen()
    sums = [
        f"#交易合计：{count}笔，商家实收共{yuan(total)}元，商家优惠共0.00元",
        f"#退款合计：{back_count}笔，商家实收退款共{yuan(-back)}元，商家优惠退款共0.00元",
    ]
    detail = Text(
        head=_head(sheet, "业务明细", TRADE),
        data=[_trade_row(line) for line in sheet.lines],
        tail=_foot(sheet, "业务明细", *sums),
    )
    net = [str(count), str(back_count), yuan(total - back), yuan(total - back), "0.00", "0.00", "0.00"]
    net += [yuan(-fees), "0.00", yuan(total - back - fees)]
    summary = Text(
        head=_head(sheet, "业务汇总", TRADE_SUMS),
        data=[_row([_marked(""), _marked(""), *net])],
        tail=[_row(["合计\t", _marked(""), *net]), *_foot(sheet, "业务汇总", dashes=(40, 37))],
    )
    return detail, summary


def _movements(sheet: Sheet) -> list[tuple[Line, str, int]]:
    """(line, what kind of business, by how much the account changed): fees are movements of their own."""
    found = []
    for line in sheet.lines:
        kind, sign = ("交易付款", 1) if line.is_payment else ("交易退款", -1)
        found.append((line, kind, sign * line.amount_fen))
        if line.fee_fen:
            found.append((line, "收费" if line.fee_fen > 0 else "退费", -line.fee_fen))
    return found


def _account(sheet: Sheet) -> tuple[Text, Text]:
    rows, balance, sums = [], OPENING_FEN, {}
    for line, kind, change in _movements(sheet):
        balance += change
        material = f"{kind}/{line.transaction_no}/{line.refund_id}/{len(rows)}"
        number = int.from_bytes(hashlib.sha256(material.encode()).digest()[:8], "big") % 10**15
        texts = [f"{number:015d}", line.transaction_no, line.order_no, line.description, f"{line.at:%Y-%m-%d %H:%M:%S}"]
        sides = [yuan(max(change, 0)), yuan(min(change, 0)), yuan(balance)]
        ends = ["支付宝", kind, line.refund_no, kind, line.transaction_no]
        rows.append(_row([*map(_marked, [*texts, BUYER]), *sides, *map(_marked, ends)]))
        into = sums.setdefault(kind, [0, 0, 0, 0])
        into[0 if change >= 0 else 2] += 1
        into[1 if change >= 0 else 3] += change
    whole = [sum(values[place] for values in sums.values()) for place in range(4)]
    whole[0] += sheet.count_by
    whole[1] += sheet.fen_by
    detail = Text(
        head=_head(sheet, "账务明细", ACCOUNT),
        data=rows,
        tail=_foot(
            sheet,
            "账务明细",
            f"#支出合计：{whole[2]}笔，共{yuan(whole[3])}元",
            f"#收入合计：{whole[0]}笔，共{yuan(whole[1])}元",
        ),
    )

    def row(name: str, values: list[int]) -> str:
        sides = [str(values[0]), yuan(values[1]), str(values[2]), yuan(values[3]), yuan(values[1] + values[3])]
        return _row([_marked(name), *sides])

    summary = Text(
        head=_head(sheet, "账务汇总", ACCOUNT_SUMS),
        data=[row(name, values) for name, values in sums.items()],
        tail=[row("合计", whole), *_foot(sheet, "账务汇总", dashes=(40, 37))],
    )
    return detail, summary


def write(sheet: Sheet, kind: str, *, keep: float = 1) -> bytes:
    """The archive. ``keep`` cuts the detail inside it."""
    detail, summary = _trade(sheet) if kind == "trade" else _account(sheet)
    text = detail.encoded("gbk", stranger="utf-8" if sheet.mixed else "")
    stem = f"{account_no(sheet.merchant)}_{sheet.day:%Y%m%d}_{NAMES[kind]}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            (f"{stem}.csv", text[: int(len(text) * keep)]),
            (f"{stem}(汇总).csv", summary.encoded("gbk")),
        ):
            made = GbkInfo(name, _made_on(sheet.day))  # type: ignore[arg-type]
            made.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(made, content)
    return packed.getvalue()
