"""A channel day for the reconciliation benchmarks and for the test beside its oracle: orders, receipts, and a bill.

Half a percent of all lines is of each anomaly. Everything is made by SQL from running numbers, so that any size is
quick to make and every row is known.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django.db import connection

from core import clock

CHANNEL, MERCHANT = "wechat_pay", "1900000001"
ANOMALIES = {
    1: "late: an order that waits, no receipt",
    2: "late: an order that was closed, no receipt",
    3: "unknown: neither order nor receipt",
    4: "missing: a receipt, no line",
    5: "amount: a fen more than the receipt",
    6: "duplicate: a second trade beside the first",
    7: "repeated: the same line twice",
    8: "other_day: the receipt is of the day before",
    9: "wrong_party: the trade under another order number",
    10: "reversal: of a receipt in the books",
    11: "reversal: of a payment that nobody has heard of",
    12: "refund: nobody asked for it",
}
EVERY = 200  # one line in so many is of each

_SETTING = """
INSERT INTO payments_channel (code, name, kind, region_prefixes, document_types)
VALUES ('portal', '本网站', 'portal', '[]', '[]') ON CONFLICT DO NOTHING;
INSERT INTO payments_payeeaccount (code, name, name_en, merchants)
VALUES ('tax-bench', '税务局', '', '{"wechat_pay": "1900000001"}')
ON CONFLICT DO NOTHING;
INSERT INTO reconciliation_statementagreement
    (channel, format, bill, since, due_time, due_on_working_days, grace_hours, is_fetched)
VALUES ('wechat_pay', 'wechat_pay', 'ALL', '2020-01-01', '10:00', false, 2, false) ON CONFLICT DO NOTHING;"""

# n: running number of the day; k: which anomaly it is, 0 for none
_NUMBERS = """
CREATE UNLOGGED TABLE bench_number AS
SELECT n, (n %% %(every)s)::int AS k, upper(left(md5(%(day)s || 'o' || n), 26)) AS order_no,
    '42000' || left(translate(md5(%(day)s || 't' || n), 'abcdef', '012345'), 23) AS trade_no,
    (ARRAY[30000, 38000, 40000, 50000, 80000, 100000, 150000, 200000, 300000, 500000])[1 + n %% 10]::bigint
        * (1 + n / 7 %% 4) AS amount_fen,  -- tiers, for one to four people
    %(opens)s::timestamptz + (n * 86000.0 / %(lines)s) * interval '1 second' AS at
FROM generate_series(1, %(lines)s) AS n"""

_ORDERS = """
INSERT INTO payments_paymentorder (order_no, checkout_no, payer_id, channel_id, payee_id, amount_fen, line_count,
    status, gateway, method, merchant_id, gateway_trade_no, created_at, started_at, expires_at, next_check_at, checks,
    failure, closed_at, paid_at)
SELECT order_no, order_no, NULL, 'portal', 'tax-bench', amount_fen, 1,
    CASE k WHEN 1 THEN 'awaiting' WHEN 11 THEN 'awaiting' WHEN 2 THEN 'expired' ELSE 'paid' END, 'wechat_pay', 'qr',
    %(merchant)s, CASE WHEN k IN (1, 2, 11) THEN '' ELSE trade_no END, at, at, at + interval '30 minutes',
    CASE WHEN k IN (1, 11) THEN at END, 0, '', CASE WHEN k = 2 THEN at END, CASE WHEN k NOT IN (1, 2, 11) THEN at END
FROM bench_number WHERE k <> 3 ORDER BY n"""

_RECEIPTS = """
INSERT INTO payments_receipt (gateway, merchant_id, gateway_trade_no, order_id, amount_fen, paid_at, channel_day,
    source, recorded_at)
SELECT 'wechat_pay', %(merchant)s, b.trade_no, o.id, b.amount_fen, b.at,
    CASE WHEN k = 8 THEN %(day)s::date - 1 ELSE %(day)s::date END, 'notification', b.at
FROM bench_number b JOIN payments_paymentorder o ON o.order_no = b.order_no WHERE k NOT IN (1, 2, 3, 11) ORDER BY b.n"""

# What the bill says: number, kind, order, trade, amount, time, number of the way back
_SAID = """
SELECT n, 'SUCCESS', CASE WHEN k = 9 THEN 'X' || left(order_no, 25) ELSE order_no END, trade_no,
    amount_fen + CASE WHEN k = 5 THEN 1 ELSE 0 END, at, '' FROM bench_number WHERE k <> 4
UNION ALL SELECT n, 'SUCCESS', order_no, '43' || right(trade_no, 26), amount_fen, at, '' FROM bench_number WHERE k = 6
UNION ALL SELECT n, 'SUCCESS', order_no, trade_no, amount_fen, at, '' FROM bench_number WHERE k = 7
UNION ALL SELECT n, 'REVOKED', order_no, trade_no, amount_fen, at, 'V' || trade_no FROM bench_number WHERE k IN (10, 11)
UNION ALL SELECT n, 'REFUND', order_no, trade_no, amount_fen, at, 'R' || trade_no FROM bench_number WHERE k = 12
ORDER BY 1, 2 DESC, 7"""

_GUARDED = ("payments_paymentorder", "payments_receipt")

NAMES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
COLUMNS = NAMES.count(",") + 1
_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def empty_tables() -> None:
    """Nothing of any day; only what every day needs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE payments_paymentorder, payments_receipt, reconciliation_statement, "
            "reconciliation_statemententry, reconciliation_finding, core_transition CASCADE"
        )
        cursor.execute(_SETTING)


def fill_day(day: date, lines: int, path: Path) -> int:
    """Orders and receipts of a day, and its bill as a file; how many lines that has.

    Guards of the money tables rest meanwhile: declarations and allocations take no part in matching.
    """
    facts = {
        "day": day.isoformat(), "lines": lines, "every": EVERY, "merchant": MERCHANT,
        "opens": datetime.combine(day, time(0, 5), clock.SHANGHAI),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_number")
        cursor.execute("".join(f"ALTER TABLE {table} DISABLE TRIGGER USER;" for table in _GUARDED))
        for sql in (_NUMBERS, _ORDERS, _RECEIPTS):
            cursor.execute(sql, facts)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("".join(f"ALTER TABLE {table} ENABLE TRIGGER USER;" for table in _GUARDED))
        cursor.execute("ANALYZE payments_paymentorder; ANALYZE payments_receipt")
    return _write(path)


def _write(path: Path) -> int:
    count = paid = given = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(NAMES + "\r\n")
        for state, order_no, trade_no, amount, at, back_no in _said():
            back = state != "SUCCESS"
            count, paid, given = count + 1, paid + (0 if back else amount), given + (amount if back else 0)
            yuan = f"{amount // 100}.{amount % 100:02d}"
            came, went = ("0.00", yuan) if back else (yuan, "0.00")
            file.write(
                f"`{at},`wx0000000000000001,`{MERCHANT},`0,`,`{trade_no},`{order_no},`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,"
                f"`NATIVE,`{state},`OTHERS,`CNY,`{came},`0.00,`{back_no or 0},`{back_no or 0},`{went},`0.00,"
                f"`{'ORIGINAL' if back else ''},`{'SUCCESS' if back else ''},`社会保险费 1笔,`,`0.00000,`0.60%,`{came},"
                f"`{went},`\r\n"
            )
        paid_yuan, given_yuan = (f"{fen // 100}.{fen % 100:02d}" for fen in (paid, given))
        file.write(f"{_TOTALS}\r\n`{count},`{paid_yuan},`{given_yuan},`0.00,`0.00000,`{paid_yuan},`{given_yuan}\r\n")
    return count


def _said() -> Iterator[tuple[str, str, str, int, str, str]]:
    with connection.connection.cursor(name="bench_said", withhold=True) as cursor:
        cursor.itersize = 20_000
        cursor.execute(f"SELECT s.* FROM ({_SAID}) AS s(n, state, order_no, trade_no, amount, at, back_no)")
        for _, state, order_no, trade_no, amount, at, back_no in cursor:
            local = (at.replace(tzinfo=None) if at.utcoffset() is None else at.astimezone(clock.SHANGHAI))
            yield state, order_no, trade_no, amount, f"{local:%Y-%m-%d %H:%M:%S}", back_no


def day_number(number: int) -> date:
    """Channel days for runs over several of them, all of them over."""
    return date(2026, 3, 1) + timedelta(days=number)
