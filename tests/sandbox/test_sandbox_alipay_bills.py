"""Alipay's bills in the sandbox, asked for with a merchants' SDK that knows nothing of us."""

import io
import zipfile
from datetime import datetime, timedelta, timezone

import pytest

from tests.sandbox.process import SELLER_ID, new_no, page_pay, plant

CHINA = timezone(timedelta(hours=8))
METHOD = "alipay.data.dataservice.bill.downloadurl.query"


def paid_on(sandbox, alipay, person, day, at="09:30:00"):
    order_no = new_no()
    person.get(page_pay(alipay, order_no))
    sandbox.pay(order_no, paid_at=f"{day}T{at}")
    return order_no


def refunded_on(sandbox, alipay, order_no, day, yuan, at="15:00:00"):
    request_no = new_no()
    assert alipay.api_alipay_trade_refund(yuan, out_trade_no=order_no, out_request_no=request_no)["code"] == "10000"
    sandbox.control("POST", "refunds", json={"refund_no": request_no, "ended_at": f"{day}T{at}"})
    return request_no


def asked(alipay, day, kind="trade"):
    return alipay.server_api(METHOD, {"bill_type": kind, "bill_date": str(day)})


def archive(sandbox, alipay, day, kind="trade"):
    answer = asked(alipay, day, kind)
    assert answer["code"] == "10000", answer
    got = sandbox.client.get(answer["bill_download_url"])
    assert got.status_code == 200
    return got.content


def tables(content):
    """Name of the entry → its lines, as a reader finds them who knows that names and texts are GBK."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(content), metadata_encoding="gbk") as packed:
        for info in packed.infolist():
            assert not info.flag_bits & 0x800
            found[info.filename] = packed.read(info).decode("gbk").split("\r\n")
    return found


def rows_of(lines):
    table = [line for line in lines if line and not line.startswith("#")]
    names = table[0].split(",")
    return [dict(zip(names, (cell.rstrip("\t") for cell in row.split(",")), strict=True)) for row in table[1:]]


def detail(sandbox, alipay, day, kind="trade"):
    found = tables(archive(sandbox, alipay, day, kind))
    return next(rows_of(lines) for name, lines in found.items() if "汇总" not in name)


def test_trade_bill_says_payments_and_refunds_and_sums_them_up(sandbox, alipay, person, day):
    order_no = paid_on(sandbox, alipay, person, day)
    request_no = refunded_on(sandbox, alipay, order_no, day, "150.00")
    found = tables(archive(sandbox, alipay, day))
    stem = f"{SELLER_ID}0156_{day:%Y%m%d}_业务明细"
    assert set(found) == {f"{stem}.csv", f"{stem}(汇总).csv"}
    lines = found[f"{stem}.csv"]
    assert lines[0] == "#支付宝业务明细查询"
    assert lines[1] == f"#账号：[{SELLER_ID}0156]"
    assert f"{day:%Y年%m月%d日} 00:00:00" in lines[2]
    assert lines[3].strip("#-") == "业务明细列表"
    paid, back = rows_of(lines)
    assert len(paid) == 25
    assert (paid["业务类型"], paid["商户订单号"], paid["订单金额（元）"]) == ("交易", order_no, "400.00")
    assert (paid["完成时间"], paid["服务费（元）"]) == (f"{day} 09:30:00", "-2.40")
    assert (back["业务类型"], back["商户订单号"], back["商家实收（元）"]) == ("退款", order_no, "-150.00")
    assert (back["退款批次号/请求号"], back["支付宝交易号"]) == (request_no, paid["支付宝交易号"])
    assert "#交易合计：1笔，商家实收共400.00元，商家优惠共0.00元" in lines
    assert "#退款合计：1笔，商家实收退款共-150.00元，商家优惠退款共0.00元" in lines
    assert lines[-2].startswith("#导出时间：[")
    summary = found[f"{stem}(汇总).csv"]
    assert summary[0] == "#支付宝业务汇总查询"
    total = rows_of(summary)[-1]
    assert (total["门店编号"], total["交易订单总笔数"], total["退款订单总笔数"]) == ("合计", "1", "1")
    assert (total["订单金额（元）"], total["实收净额（元）"]) == ("250.00", "248.50")


def test_account_bill_shows_every_movement_and_the_balance(sandbox, alipay, person, day):
    order_no = paid_on(sandbox, alipay, person, day)
    refunded_on(sandbox, alipay, order_no, day, "150.00")
    found = tables(archive(sandbox, alipay, day, "signcustomer"))
    lines = found[f"{SELLER_ID}0156_{day:%Y%m%d}_账务明细.csv"]
    assert lines[0] == "#支付宝账务明细查询"
    rows = rows_of(lines)
    assert [(row["业务类型"], row["收入金额（+元）"], row["支出金额（-元）"]) for row in rows] == [
        ("交易付款", "400.00", "0.00"),
        ("收费", "0.00", "-2.40"),
        ("交易退款", "0.00", "-150.00"),
        ("退费", "0.90", "0.00"),
    ]
    assert rows[-1]["账户余额（元）"] == "1000248.50"
    assert len({row["账务流水号"] for row in rows}) == 4
    assert "#支出合计：2笔，共-152.40元" in lines
    assert "#收入合计：2笔，共400.90元" in lines


def test_cancelled_payment_goes_back_in_the_bill(sandbox, alipay, person):
    today = datetime.now(CHINA).date()
    order_no = new_no()
    person.get(page_pay(alipay, order_no))
    sandbox.pay(order_no)
    assert alipay.api_alipay_trade_cancel(out_trade_no=order_no)["action"] == "refund"
    sandbox.dial(statements_at_once=True)
    mine = [row for row in detail(sandbox, alipay, today) if row["商户订单号"] == order_no]
    assert [(row["业务类型"], row["订单金额（元）"]) for row in mine] == [("交易", "400.00"), ("退款", "-400.00")]


def test_there_is_no_bill_of_a_day_without_payments_nor_of_today(sandbox, alipay, day):
    today = datetime.now(CHINA).date()
    assert asked(alipay, day)["sub_code"] == "isp.bill_not_exist"
    for other in (today, f"{today:%Y-%m}", "nonsense"):
        assert asked(alipay, other)["sub_code"] == "isv.invalid_arguments"
    assert asked(alipay, day, "other")["sub_code"] == "isv.invalid_arguments"


def test_link_needs_no_signature_and_dies(sandbox, alipay, person, day):
    paid_on(sandbox, alipay, person, day)
    address = asked(alipay, day)["bill_download_url"]
    assert sandbox.client.get(address).status_code == 200
    sandbox.dial(statement_link_seconds=0)
    assert sandbox.client.get(address).status_code == 403


def test_planted_differences_strike_alipays_bills_too(sandbox, alipay, person, day):
    gone, more, twice = (paid_on(sandbox, alipay, person, day, at=f"0{hour}:00:00") for hour in (1, 2, 3))
    plant(sandbox, "drop", order_no=gone)
    plant(sandbox, "amount", order_no=more, by_fen=1)
    plant(sandbox, "duplicate", order_no=twice)
    plant(sandbox, "unknown", gateway="alipay", day=str(day), order_no="NOBODYS0001", amount_fen=777)
    rows = detail(sandbox, alipay, day)
    assert [(row["商户订单号"], row["订单金额（元）"]) for row in rows] == [
        (more, "400.01"),
        (twice, "400.00"),
        (twice, "400.00"),
        ("NOBODYS0001", "7.77"),
    ]
    plant(sandbox, "wrong_totals", order_no=more, kind="trade", by_fen=100)
    lines = next(iter(tables(archive(sandbox, alipay, day)).values()))
    assert "#交易合计：4笔，商家实收共1208.78元，商家优惠共0.00元" in lines


def test_late_truncated_mixed_and_another_merchants_bill(sandbox, alipay, person, day):
    order_no = paid_on(sandbox, alipay, person, day)
    plant(sandbox, "late", order_no=order_no, seconds=600)
    assert asked(alipay, day)["sub_code"] == "isp.bill_not_exist"
    sandbox.control("DELETE", "statements", params={"day": str(day)})
    whole = archive(sandbox, alipay, day)
    plant(sandbox, "truncated", order_no=order_no, times=1, of="stream")
    with pytest.raises(zipfile.BadZipFile):
        tables(archive(sandbox, alipay, day))
    plant(sandbox, "truncated", order_no=order_no, times=1, keep=0.5)
    assert not any("业务明细列表结束" in line for line in next(iter(readable(archive(sandbox, alipay, day)))))
    plant(sandbox, "mixed_encoding", order_no=order_no, times=1)
    with pytest.raises(UnicodeDecodeError):
        tables(archive(sandbox, alipay, day))
    plant(sandbox, "other_merchant", order_no=order_no, times=1)
    assert any("20880000000009990156" in name for name in tables(archive(sandbox, alipay, day)))
    assert archive(sandbox, alipay, day) == whole


def readable(content):
    with zipfile.ZipFile(io.BytesIO(content), metadata_encoding="gbk") as packed:
        return [packed.read(info).decode("gbk", "replace").split("\r\n") for info in packed.infolist()]


def test_faults_strike_the_asking_by_the_day(sandbox, alipay, person, day):
    paid_on(sandbox, alipay, person, day)
    sandbox.rule(gateway="alipay", point="bill", fault="no_statement", order_no=str(day), times=1)
    assert asked(alipay, day)["sub_code"] == "isp.bill_not_exist"
    sandbox.rule(gateway="alipay", point="download", fault="expired", order_no=str(day), times=1)
    address = asked(alipay, day)["bill_download_url"]
    assert [sandbox.client.get(address).status_code for _ in range(2)] == [403, 200]
