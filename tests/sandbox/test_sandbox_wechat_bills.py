"""WeChat Pay's trade bills in the sandbox, fetched with a merchants' SDK that knows nothing of us."""

import gzip
import hashlib
import json
from datetime import datetime, timedelta, timezone

import pytest

from tests.sandbox.process import (
    APPID,
    MCHID,
    new_no,
    order_by_wechat,
    plant,
    refund_by_wechat,
    signed_get,
)

CHINA = timezone(timedelta(hours=8))


def paid_on(sandbox, wechat, day, at="09:30:00", amount_fen=40000, **values):
    order_no = new_no()
    order_by_wechat(wechat, order_no, amount_fen=amount_fen, **values)
    sandbox.pay(order_no, paid_at=f"{day}T{at}")
    return order_no


def refunded_on(sandbox, wechat, order_no, day, fen, at="15:00:00"):
    refund_no = new_no()
    sandbox.dial(refund_apart_seconds=0)
    assert refund_by_wechat(wechat, order_no, refund_no, fen)[0] == 200
    sandbox.control("POST", "refunds", json={"refund_no": refund_no, "ended_at": f"{day}T{at}"})
    return refund_no


def bill(wechat, day, kind="ALL", tar_type="GZIP"):
    """The bytes of the bill before compression, and the hash that was told before."""
    code, message = wechat.trade_bill(str(day), bill_type=kind, tar_type=tar_type)
    assert code == 200, message
    answer = json.loads(message)
    assert answer["hash_type"] == "SHA1"
    code, content = wechat.download_bill(answer["download_url"])
    assert code == 200, content
    return gzip.decompress(content) if tar_type == "GZIP" else content, answer["hash_value"]


def read(content):
    """(rows of data as dicts, sums as a dict)"""
    text = content.decode("utf-8-sig")
    header, *rows, sums_header, sums, last = text.split("\r\n")
    assert last == ""
    assert not header.startswith("`")
    names = header.split(",")
    found = [dict(zip(names, row.removeprefix("`").split(",`"), strict=True)) for row in rows]
    return found, dict(zip(sums_header.split(","), sums.removeprefix("`").split(",`"), strict=True))


def refused(wechat, day, kind="ALL"):
    code, message = wechat.trade_bill(str(day), bill_type=kind)
    return code, json.loads(message)["code"]


def orders(content):
    return [row["商户订单号"] for row in read(content)[0]]


# What happened


def test_bill_says_payments_and_refunds_of_the_day_and_their_sums(sandbox, wechat, day):
    first = paid_on(sandbox, wechat, day, description="居民医保费,2027", attach="X1")
    second = paid_on(sandbox, wechat, day, at="23:59:59", amount_fen=101)
    refund_no = refunded_on(sandbox, wechat, first, day, 15000)
    content, told = bill(wechat, day)
    assert hashlib.sha1(content).hexdigest() == told
    assert content.startswith(b"\xef\xbb\xbf")
    rows, sums = read(content)
    assert [(row["商户订单号"], row["交易状态"]) for row in rows] == [
        (first, "SUCCESS"),
        (first, "REFUND"),
        (second, "SUCCESS"),
    ]
    paid, back, _ = rows
    assert len(paid) == 27
    assert (paid["交易时间"], paid["商户号"], paid["公众账号ID"]) == (f"{day} 09:30:00", MCHID, APPID)
    assert (paid["应结订单金额"], paid["订单金额"], paid["手续费"], paid["费率"]) == (
        "400.00",
        "400.00",
        "2.40000",
        "0.60%",
    )
    assert (paid["微信退款单号"], paid["退款金额"], paid["商户数据包"]) == ("0", "0.00", "X1")
    assert (back["商户退款单号"], back["退款金额"], back["申请退款金额"]) == (refund_no, "150.00", "150.00")
    assert (back["退款类型"], back["退款状态"], back["应结订单金额"]) == ("ORIGINAL", "SUCCESS", "0.00")
    assert back["手续费"] == "-0.90000"
    assert (sums["总交易单数"], sums["订单总金额"], sums["退款总金额"]) == ("3", "401.01", "150.00")


def test_bill_of_successes_and_bill_of_refunds_have_columns_of_their_own(sandbox, wechat, day):
    order_no = paid_on(sandbox, wechat, day)
    refund_no = refunded_on(sandbox, wechat, order_no, day, 40000)
    [row], sums = read(bill(wechat, day, "SUCCESS")[0])
    assert (len(row), row["交易状态"], sums["总交易单数"]) == (20, "SUCCESS", "1")
    assert "退款总金额" not in sums
    [row], sums = read(bill(wechat, day, "REFUND")[0])
    assert (len(row), row["商户退款单号"], row["退款成功时间"]) == (29, refund_no, f"{day} 15:00:00")
    assert (sums["订单总金额"], sums["退款总金额"]) == ("0.00", "400.00")


def test_refund_stands_on_the_day_of_its_success_and_only_then(sandbox, wechat, day):
    order_no = paid_on(sandbox, wechat, day)
    waiting = new_no()
    sandbox.dial(refund_apart_seconds=0)
    refund_by_wechat(wechat, order_no, waiting, 100)
    assert len(read(bill(wechat, day)[0])[0]) == 1
    refunded_on(sandbox, wechat, order_no, day, 200)
    assert [row["退款金额"] for row in read(bill(wechat, day, "REFUND")[0])[0]] == ["2.00"]


def test_days_are_cut_at_midnight_in_beijing(sandbox, wechat, two_days):
    before, after = two_days
    last = paid_on(sandbox, wechat, before, at="23:59:59")
    first = paid_on(sandbox, wechat, after, at="00:00:00")
    assert orders(bill(wechat, before)[0]) == [last]
    assert orders(bill(wechat, after)[0]) == [first]


def test_bill_is_given_without_compression_too_and_is_the_same_each_time(sandbox, wechat, day):
    paid_on(sandbox, wechat, day)
    plain, told = bill(wechat, day, tar_type="")
    assert (plain, told) == bill(wechat, day)
    assert (plain, told) == bill(wechat, day)


def test_lines_of_the_world_are_what_the_bill_says(sandbox, wechat, day):
    order_no = paid_on(sandbox, wechat, day)
    params = {"gateway": "wechat", "merchant": MCHID, "day": str(day)}
    [line] = sandbox.control("GET", "statements/lines", params=params)["lines"]
    assert (line["order_no"], line["amount_fen"], line["fee_fen"]) == (order_no, 40000, 240)


# When it is there


def test_there_is_no_bill_of_a_day_without_payments_nor_of_today_nor_of_long_ago(sandbox, wechat, day):
    today = datetime.now(CHINA).date()
    assert refused(wechat, day) == (400, "NO_STATEMENT_EXIST")
    for other in (today, today + timedelta(days=1), today - timedelta(days=100)):
        assert refused(wechat, other) == (400, "INVALID_REQUEST")
    assert refused(wechat, "2026-1-1")[1] == "PARAM_ERROR"
    assert refused(wechat, day, "OTHER")[1] == "PARAM_ERROR"


def test_bill_of_yesterday_is_being_made_until_the_hour(sandbox, wechat):
    yesterday = datetime.now(CHINA).date() - timedelta(days=1)
    order_no = paid_on(sandbox, wechat, yesterday)
    sandbox.dial(statement_ready_hour=24)
    assert refused(wechat, yesterday) == (400, "STATEMENT_CREATING")
    sandbox.dial(statement_ready_hour=0)
    assert order_no in orders(bill(wechat, yesterday)[0])


def test_dial_gives_the_bill_of_today(sandbox, wechat):
    today = datetime.now(CHINA).date()
    order_no = new_no()
    order_by_wechat(wechat, order_no)
    sandbox.pay(order_no)
    sandbox.dial(statements_at_once=True)
    assert order_no in orders(bill(wechat, today)[0])


# The link


def test_link_dies_and_is_the_askers_alone(sandbox, wechat, day):
    paid_on(sandbox, wechat, day)
    address = json.loads(wechat.trade_bill(str(day))[1])["download_url"]
    target = address.removeprefix(f"{sandbox.url}/wechat")
    assert sandbox.client.get(address).status_code == 401
    assert signed_get(sandbox, target).status_code == 200
    assert "Wechatpay-Signature" not in signed_get(sandbox, target).headers
    sandbox.dial(statement_link_seconds=0)
    answer = signed_get(sandbox, target)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert signed_get(sandbox, target.replace("token=", "token=9")).status_code == 400


def test_each_merchant_has_a_bill_of_his_own_and_no_others(sandbox, wechat, new_wechat, day):
    """B6."""
    other = new_wechat(sandbox, mchid="1900000002")
    mine, his = paid_on(sandbox, wechat, day), paid_on(sandbox, other, day)
    assert (orders(bill(wechat, day)[0]), orders(bill(other, day)[0])) == ([mine], [his])
    code, message = wechat.download_bill(json.loads(other.trade_bill(str(day))[1])["download_url"])
    assert (code, json.loads(message)["code"]) == (403, "NO_AUTH")


def test_faults_strike_the_asking_and_the_fetching_by_the_day(sandbox, wechat, day):
    paid_on(sandbox, wechat, day)
    sandbox.rule(gateway="wechat", point="bill", fault="creating", order_no=str(day), times=1)
    assert refused(wechat, day) == (400, "STATEMENT_CREATING")
    sandbox.rule(gateway="wechat", point="bill", fault="too_many", order_no=str(day), times=1)
    assert refused(wechat, day) == (429, "FREQUENCY_LIMITED")
    sandbox.rule(gateway="wechat", point="download", fault="server_error", order_no=str(day), times=1)
    address = json.loads(wechat.trade_bill(str(day))[1])["download_url"]
    assert [wechat.download_bill(address)[0] for _ in range(2)] == [500, 200]


# Planted differences


def test_dropped_changed_doubled_and_unknown_lines(sandbox, wechat, day):
    """B8, B9, B10: the sums at the end follow the lines, as a gateway's own would."""
    gone, more, twice = (paid_on(sandbox, wechat, day, at=f"0{hour}:00:00") for hour in (1, 2, 3))
    plant(sandbox, "drop", order_no=gone)
    plant(sandbox, "amount", order_no=more, by_fen=-1)
    plant(sandbox, "duplicate", order_no=twice)
    plant(sandbox, "unknown", gateway="wechat", day=str(day), order_no="NOBODYS0001", amount_fen=777)
    rows, sums = read(bill(wechat, day)[0])
    assert [(row["商户订单号"], row["订单金额"]) for row in rows] == [
        (more, "399.99"),
        (twice, "400.00"),
        (twice, "400.00"),
        ("NOBODYS0001", "7.77"),
    ]
    assert (sums["总交易单数"], sums["订单总金额"]) == ("4", "1207.76")


def test_refund_line_is_meant_by_its_own_number(sandbox, wechat, day):
    order_no = paid_on(sandbox, wechat, day)
    refund_no = refunded_on(sandbox, wechat, order_no, day, 40000)
    plant(sandbox, "drop", refund_no=refund_no)
    assert [row["交易状态"] for row in read(bill(wechat, day)[0])[0]] == ["SUCCESS"]


def test_line_moves_to_the_next_day_for_another_cut_off(sandbox, wechat, two_days):
    before, after = two_days
    late = paid_on(sandbox, wechat, before, at="23:59:58")
    stays = paid_on(sandbox, wechat, before)
    plant(sandbox, "next_day", order_no=late)
    assert orders(bill(wechat, before)[0]) == [stays]
    [row], _ = read(bill(wechat, after)[0])
    assert (row["商户订单号"], row["交易时间"]) == (late, f"{after} 00:00:05")


def test_reversal_stands_beside_the_payment(sandbox, wechat, day):
    """B11: 冲正."""
    order_no = paid_on(sandbox, wechat, day)
    plant(sandbox, "reversal", order_no=order_no)
    rows, sums = read(bill(wechat, day)[0])
    assert [(row["商户订单号"], row["交易状态"]) for row in rows] == [(order_no, "SUCCESS"), (order_no, "REVOKED")]
    assert (rows[1]["退款金额"], sums["退款总金额"]) == ("400.00", "400.00")


def test_late_bill_is_being_made_until_its_time(sandbox, wechat, day):
    """B5."""
    order_no = paid_on(sandbox, wechat, day)
    late = plant(sandbox, "late", order_no=order_no, seconds=3600)
    assert refused(wechat, day) == (400, "STATEMENT_CREATING")
    sandbox.control("DELETE", "statements", params={"day": str(day)})
    plant(sandbox, "late", gateway="wechat", day=late["day"], until="2026-01-01T00:00:00")
    assert orders(bill(wechat, day)[0]) == [order_no]


def test_truncated_bill_ends_in_the_middle(sandbox, wechat, day):
    """B6: cut before the hash was made, after it, or on the way."""
    order_no = paid_on(sandbox, wechat, day)
    whole, right = bill(wechat, day)
    plant(sandbox, "truncated", order_no=order_no, times=1, keep=0.5)
    cut, told = bill(wechat, day)
    assert (whole.startswith(cut), told) == (True, right)
    plant(sandbox, "truncated", order_no=order_no, times=1, keep=0.5, hash="cut")
    cut, told = bill(wechat, day)
    assert hashlib.sha1(cut).hexdigest() == told != right
    plant(sandbox, "truncated", order_no=order_no, times=1, of="stream")
    with pytest.raises(EOFError):
        bill(wechat, day)
    assert bill(wechat, day) == (whole, right)


def test_wrong_hash_and_wrong_totals(sandbox, wechat, day):
    """B6."""
    order_no = paid_on(sandbox, wechat, day)
    plant(sandbox, "wrong_hash", order_no=order_no, times=1)
    content, told = bill(wechat, day)
    assert hashlib.sha1(content).hexdigest() != told
    plant(sandbox, "wrong_totals", order_no=order_no, count_by=1, by_fen=-100)
    content, told = bill(wechat, day)
    assert hashlib.sha1(content).hexdigest() == told
    rows, sums = read(content)
    assert (len(rows), sums["总交易单数"], sums["订单总金额"]) == (1, "2", "399.00")


def test_mixed_encodings_another_merchants_bill_and_another_days(sandbox, wechat, day):
    """B6."""
    order_no = paid_on(sandbox, wechat, day)
    plant(sandbox, "mixed_encoding", order_no=order_no, times=1)
    content, _ = bill(wechat, day)
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    assert "城乡居民基本医疗保险费".encode("gb18030") in content
    plant(sandbox, "other_merchant", order_no=order_no, times=1)
    [row], _ = read(bill(wechat, day)[0])
    assert row["商户号"] == "1900000999"
    plant(sandbox, "other_day", order_no=order_no, times=1)
    [row], _ = read(bill(wechat, day)[0])
    assert row["交易时间"].startswith(str(day - timedelta(days=1)))
    plant(sandbox, "no_bom", order_no=order_no, times=1)
    assert bill(wechat, day)[0].startswith("交易时间".encode())


def test_corrected_version_follows_the_wrong_one(sandbox, wechat, day):
    """B7."""
    order_no = paid_on(sandbox, wechat, day)
    plant(sandbox, "amount", order_no=order_no, by_fen=500, times=1)
    assert read(bill(wechat, day)[0])[0][0]["订单金额"] == "405.00"
    assert read(bill(wechat, day)[0])[0][0]["订单金额"] == "400.00"
    files = sandbox.control("GET", "statements", params={"day": str(day)})["files"]
    assert len(files) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"what": "no_such", "gateway": "wechat", "day": "2026-11-01"},
        {"what": "drop", "gateway": "wechat", "day": "2026-11-01"},
        {"what": "drop", "order_no": "NOBODY-PAID-THIS"},
        {"what": "reversal", "gateway": "alipay", "day": "2026-11-01", "order_no": "X"},
        {"what": "late", "gateway": "bank", "day": "2026-11-01"},
        {"what": "late", "gateway": "wechat", "day": "2026-11-01", "kind": "trade"},
        {"what": "late", "gateway": "wechat", "day": "2026-11-01", "secnds": 1},
        {"what": "wrong_hash", "gateway": "wechat", "day": "2026-11-01", "times": 0},
    ],
)
def test_difference_that_could_never_strike_is_refused(sandbox, values):
    with pytest.raises(AssertionError, match="error"):
        sandbox.control("POST", "statements", json=values)
