"""UnionPay's file of a day: an archive of ZM (transactions) and, where there were any, ZME (errors), in GBK."""

import io
import zipfile
from datetime import timedelta

from sandbox.statements.lines import ERROR, REFUND, REVERSAL, Line, Sheet

WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip
ERROR_WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135)
OFFICE = "社会保险费"  # 二级商户简称: the one field with Chinese in it
AGENT, SENDER = "00010000", "00010344"


def _cells(widths: tuple[int, ...], values: dict[int, str], *, encoding: str = "gbk") -> bytes:
    """One line: each field by its number, filled up with blanks, one blank between them. Widths count bytes."""
    cells = [values.get(number, "").encode(encoding) for number in range(1, len(widths) + 1)]
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True), 1):
        if len(cell) > width:
            raise ValueError(f"field {number} has {len(cell)} bytes, there is room for {width}")
    return b" ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + b"\r\n"


def _signed(fen: int) -> str:
    return f"{'D' if fen < 0 else 'C'}{abs(fen):012d}"


def _transaction(line: Line, merchant: str, *, settled_by: int = 0, encoding: str = "gbk") -> bytes:
    code, kind = {REFUND: ("S30", "04"), REVERSAL: ("S30", "99")}.get(line.kind, ("S22", "01"))
    net = (line.amount_fen if line.is_payment else -line.amount_fen) - line.fee_fen + settled_by
    back = line.kind == REFUND
    number = line.refund_id if back else line.transaction_no
    values = {
        1: code, 2: AGENT, 3: SENDER, 4: number[-6:], 5: f"{line.begun_at:%m%d%H%M%S}", 6: line.payer,
        7: f"{line.amount_fen:012d}", 8: "9311", 9: "08" if line.product == "B2C_PHONE" else "07", 10: number,
        12: line.refund_no if back else line.order_no, 13: "01", 16: _signed(-line.fee_fen), 17: _signed(net),
        18: "0001", 20: kind, 21: "00" if back else "01", 22: "000201", 23: "01", 26: "0",
        27: line.transaction_no if back else "", 28: merchant, 31: OFFICE, 32: _signed(0), 33: _signed(net),
        36: _signed(0), 37: _signed(0), 40: "0", 41: line.order_no if back else "",
    }  # fmt: skip
    return _cells(WIDTHS, values, encoding=encoding)


def _error(line: Line) -> bytes:
    values = {
        1: "E35", 2: AGENT, 3: SENDER, 4: line.transaction_no[-6:], 5: f"{line.begun_at:%m%d%H%M%S}", 6: line.payer,
        7: f"{line.amount_fen:012d}", 8: "9311", 9: "07", 15: _signed(0), 16: _signed(-line.amount_fen),
    }  # fmt: skip
    return _cells(ERROR_WIDTHS, values)


def write(sheet: Sheet, *, keep: float = 1) -> bytes:
    """The archive. ``keep`` cuts the transactions inside it; no line holds totals, so a wrong one is a line's own."""
    moved = [line for line in sheet.lines if line.kind != ERROR]
    odd = len(moved) // 2 if sheet.mixed else -1
    rows = [
        _transaction(
            line,
            sheet.merchant,
            settled_by=0 if place else sheet.fen_by,
            encoding="utf-8" if place == odd else "gbk",
        )
        for place, line in enumerate(moved)
    ]
    text = b"".join(rows)
    files = {"ZM": text[: int(len(text) * keep)]}
    errors = b"".join(_error(line) for line in sheet.lines if line.kind == ERROR)
    if errors:
        files["ZME"] = errors
    made = sheet.day + timedelta(days=1)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for kind, content in files.items():
            name = f"INN{sheet.day:%y%m%d}88{kind}_{sheet.merchant}"
            info = zipfile.ZipInfo(name, (made.year, made.month, made.day, 2, 30, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return packed.getvalue()
