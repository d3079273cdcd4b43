"""Statement formats by the code of their gateway, and the banks' own one (docs/bank-statement-format.md)."""

from collections.abc import Callable, Mapping
from typing import BinaryIO

from reconciliation.formats import alipay, bank, unionpay, wechat_pay
from reconciliation.formats.base import Expected, ParsedStatement

PARSERS: Mapping[str, Callable[[BinaryIO, Expected], ParsedStatement]] = {
    "wechat_pay": wechat_pay.parse,
    "alipay": alipay.parse,
    "unionpay": unionpay.parse,
    "bank": bank.parse,
}
