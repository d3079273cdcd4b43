"""UnionPay in the sandbox, judged by what the vendor describes, written down a second time for the tests."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.payments.gateways import unionpay_world as world
from tests.sandbox.process import form_of, new_no, press, trade_of, wait_until

AMOUNT = "40000"


@pytest.fixture
def till(sandbox, person, merchant):
    return Till(sandbox, person, merchant)


class Till:
    """A merchant with his key, and the buyers in front of him."""

    def __init__(self, sandbox, person, merchant):
        self.sandbox, self.person, self.merchant = sandbox, person, merchant
        self.key = serialization.load_pem_private_key(sandbox.unionpay_key.encode(), None)
        self.order_no = new_no()
        self.moment = datetime.now(UTC)
        merchant.answers = [(200, b"ok")]

    def signed(self, fields, **after):
        given = fields | {"version": "5.1.0", "signMethod": "01", "encoding": "UTF-8", "certId": "68759663125"}
        given |= {"accessType": "0", "merId": world.MERCHANT, "orderId": self.order_no}
        given |= {"txnTime": world.beijing(self.moment)}
        return given | {"signature": world.signature(self.key, given)} | after

    def order(self, after=None, **changes):
        fields = {
            "txnType": "01",
            "txnSubType": "01",
            "bizType": "000201",
            "channelType": "07",
            "txnAmt": AMOUNT,
            "currencyCode": "156",
            "payTimeout": world.beijing(self.moment + timedelta(minutes=30)),
            "backUrl": self.merchant.url,
            "frontUrl": "http://localhost:8000/return",
            "frontFailUrl": "http://localhost:8000/gave-up",
            "riskRateInfo": "{commodityName=社会保险费 2笔}",
        }
        form = self.signed(fields | changes, **(after or {}))
        return self.person.post("/unionpay/gateway/api/frontTransReq.do", data=form)

    def cashier(self, **changes):
        page = self.order(**changes)
        return self.person.post(str(page.url), data={"card": "6216261000000000018"})

    def ask(self, **after):
        form = self.signed({"txnType": "00", "txnSubType": "00", "bizType": "000000"}, **after)
        return self.person.post("/unionpay/gateway/api/queryTrans.do", data=form)

    def said(self, **after):
        """The answer to a question, verified."""
        return self.verified(fields_of(self.ask(**after).text))

    def verified(self, fields):
        exchange = self.sandbox.home / "exchange"
        root, middle = (
            x509.load_pem_x509_certificate((exchange / f"unionpay_{name}.crt.pem").read_bytes())
            for name in ("root", "middle")
        )
        leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
        leaf.verify_directly_issued_by(middle)
        middle.verify_directly_issued_by(root)
        assert "@中国银联股份有限公司@" in leaf.subject.rfc4514_string()
        world.verify(leaf.public_key(), fields)
        return fields


def fields_of(text):
    return dict(pair.split("=", 1) for pair in text.split("&"))


def hidden_of(page):
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


def test_order_is_paid_by_card_told_by_notice_and_brought_back_by_post(till):
    paid = press(till.person, till.cashier(), "pay")
    [(_, body, _)] = till.merchant.wait_for(1)
    notice = till.verified(form_of(body))
    assert (notice["respCode"], notice["txnType"]) == ("00", "01")
    assert (notice["orderId"], notice["merId"], notice["txnAmt"]) == (till.order_no, world.MERCHANT, AMOUNT)
    assert re.fullmatch(r"\d{21}", notice["queryId"])
    back = till.verified(hidden_of(paid))
    assert back["queryId"] == notice["queryId"]
    assert '<form method="post" action="http://localhost:8000/return">' in paid.text


def test_order_is_not_there_until_somebody_has_paid(till):
    assert till.said()["respCode"] == "34"
    page = till.cashier()
    assert till.said()["respCode"] == "34"
    press(till.person, page, "pay")
    answer = till.said()
    assert (answer["respCode"], answer["origRespCode"], answer["txnAmt"]) == ("00", "00", AMOUNT)


def test_order_is_named_by_its_time_as_well(till):
    press(till.person, till.cashier(), "pay")
    till.moment -= timedelta(seconds=1)
    assert till.said()["respCode"] == "34"


def test_card_without_money_is_told_as_a_failure_that_may_still_turn(till):
    page = till.cashier()
    press(till.person, page, "balance_short")
    assert till.said()["origRespCode"] == "51"
    press(till.person, page, "pay")
    assert till.said()["origRespCode"] == "00"


def test_cancelling_leads_to_the_failing_address_without_a_word(till):
    answer = till.person.post(
        f"/cashier/{trade_of_page(till)}",
        data={"action": "cancel", "back": "http://localhost:8000/gave-up"},
        follow_redirects=False,
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://localhost:8000/gave-up")


def trade_of_page(till):
    return till.cashier().text.split('action="/cashier/')[1].split('"')[0]


@pytest.mark.parametrize("card", ["", "6216261000000000019", "4111111111111111", "621626"])
def test_card_number_that_is_none_is_asked_for_again(till, card):
    page = till.person.post(str(till.order().url), data={"card": card})
    assert page.status_code == 400
    assert "卡号不对" in page.text


def test_same_form_again_is_the_same_order_and_other_words_are_refused(till):
    first = till.order()
    assert till.order().url == first.url
    assert "重复交易" in till.order(txnAmt="1").text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"txnAmt": "400.00"}, "报文格式错误"),
        ({"txnAmt": "0"}, "报文格式错误"),
        ({"currencyCode": "840"}, "报文格式错误"),
        ({"channelType": ""}, "报文格式错误"),
        ({"backUrl": ""}, "报文交易要素缺失"),
        ({"payTimeout": "20200101000000"}, "报文格式错误"),
        ({"payTimeout": "tomorrow"}, "报文交易要素缺失"),
        ({"after": {"orderId": "short"}}, "报文格式错误"),
        ({"after": {"orderId": "with-a-dash"}}, "报文格式错误"),
        ({"after": {"merId": "1900000001"}}, "商户状态不正确"),
        ({"after": {"txnAmt": "1"}}, "验证签名失败"),
        ({"after": {"signature": "x"}}, "验证签名失败"),
        ({"after": {"certId": ""}}, "报文交易要素缺失"),
        ({"after": {"version": "5.0.0"}}, "报文格式错误"),
    ],
)
def test_order_that_unionpay_would_not_take_is_refused(till, changes, word):
    page = till.order(**changes)
    assert page.status_code == 400
    assert word in page.text


def test_question_with_a_wrong_signature_is_refused_in_a_signed_answer(till):
    assert till.said(signature="AAAA")["respCode"] == "11"
    assert till.said(merId="777")["respCode"] == "31"


def test_cashier_closes_when_the_time_is_up(till):
    soon = world.beijing(till.moment + timedelta(seconds=2))
    page = till.order(payTimeout=soon)
    late = wait_until(lambda: found if "已过付款时间" in (found := till.person.get(str(page.url))).text else None)
    assert late.status_code == 409
    assert till.said()["respCode"] == "34"


def test_notice_is_sent_again_until_it_is_answered(till, sandbox):
    till.merchant.answers = [(500, b"ok"), (200, b"fail"), (200, b"ok")]
    sandbox.dial(speed=2000)
    press(till.person, till.cashier(), "pay")
    heard = till.merchant.wait_for(3)
    assert len({till.verified(form_of(body))["queryId"] for _, body, _ in heard}) == 1
    wait_until(lambda: trade_of(sandbox, till.order_no)["notices"][0]["state"] == "delivered")


def test_notices_end_after_five_tries(till, sandbox):
    till.merchant.answers = [(500, b"")]
    sandbox.dial(speed=5000)
    press(till.person, till.cashier(), "pay")
    wait_until(lambda: trade_of(sandbox, till.order_no)["notices"][0]["state"] == "given_up")
    assert len(till.merchant.received) == 5


@pytest.mark.parametrize(
    ("fault", "name", "value"),
    [
        ("wrong_amount", "txnAmt", "40001"),
        ("wrong_currency", "currencyCode", "344"),
        ("wrong_merchant", "merId", "898371000009999"),
    ],
)
def test_mix_ups_are_rightly_signed_in_notices_and_answers(till, sandbox, fault, name, value):
    for point in ("notice", "query"):
        sandbox.rule(gateway="unionpay", point=point, fault=fault, order_no=till.order_no, times=1)
    press(till.person, till.cashier(), "pay")
    [(_, body, _)] = till.merchant.wait_for(1)
    assert till.verified(form_of(body))[name] == value
    assert till.said()[name] == value
    assert till.said()[name] != value


@pytest.mark.parametrize(
    ("fault", "params", "code"),
    [
        ("user_paying", {}, "05"),
        ("user_paying", {"code": "03"}, "03"),
        ("not_paid", {}, "51"),
    ],
)
def test_intermediate_codes_of_a_paid_order(till, sandbox, fault, params, code):
    press(till.person, till.cashier(), "pay")
    sandbox.rule(gateway="unionpay", point="query", fault=fault, order_no=till.order_no, times=1, params=params)
    assert till.said()["origRespCode"] == code
    assert till.said()["origRespCode"] == "00"


def test_paid_order_may_be_said_not_to_be_there(till, sandbox):
    press(till.person, till.cashier(), "pay")
    sandbox.rule(gateway="unionpay", point="query", fault="not_found", order_no=till.order_no, times=1)
    assert till.said()["respCode"] == "34"


@pytest.mark.parametrize("fault", ["unsigned", "forged", "unknown_serial"])
def test_answers_that_are_not_unionpays_fail_to_verify(till, sandbox, fault):
    press(till.person, till.cashier(), "pay")
    sandbox.rule(gateway="unionpay", point="query", fault=fault, order_no=till.order_no, times=1)
    answer = fields_of(till.ask().text)
    with pytest.raises(world.NOT_SIGNED):
        till.verified(answer)


def test_too_many_questions_are_told_so(till, sandbox):
    sandbox.rule(gateway="unionpay", point="query", fault="too_many", order_no=till.order_no, times=1)
    assert till.said()["respCode"] == "37"


def test_server_error_is_no_answer(till, sandbox):
    sandbox.rule(gateway="unionpay", point="query", fault="server_error", order_no=till.order_no, times=1)
    assert till.ask().status_code == 500


def test_trusted_certificates_and_no_private_key_are_exchanged(sandbox):
    files = {path.name: path.read_text() for path in (sandbox.home / "exchange").glob("unionpay_*.crt.pem")}
    assert files.keys() == {"unionpay_root.crt.pem", "unionpay_middle.crt.pem"}
    assert all("PRIVATE" not in text for text in files.values())
