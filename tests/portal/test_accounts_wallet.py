"""Log-in by a wallet (R02, R05): a real-named one needs neither code nor password (ID-5)."""

import pytest

from core.models import User
from tests.outside import forget_limits
from tests.portal.phones import (
    PHONE,
    asked_of_wallet,
    by_wallet,
    code_on,
    first_time,
    is_in,
    know_people,
    log_in,
    texts,
)
from tests.portal.visiting import Visitor
from tests.world import LI_QIANG, WANG_FANG, Somebody, make_ground

FANG = {"name": "王芳", "document_type": "201", "document_no": WANG_FANG.number, "phone": PHONE}


@pytest.fixture(autouse=True)
def _ground(db: None) -> None:
    make_ground()


@pytest.mark.parametrize(("wallet", "proof"), [("wechat", "wechat"), ("alipay", "alipay")])
def test_a_real_named_wallet_is_enough(carriers, wallet: str, proof: str) -> None:
    """ID-5: neither code nor password."""
    know_people(carriers, FANG)
    sent = len(texts(carriers, PHONE))
    visitor = Visitor()
    page = by_wallet(visitor, WANG_FANG.number, wallet)
    assert page.path == "/"
    user = User.objects.get()
    assert (user.name, user.real_named_by) == ("王芳", proof)
    assert is_in(visitor, user)
    assert len(texts(carriers, PHONE)) == sent


def test_both_wallets_and_the_phone_lead_to_one_account(carriers) -> None:
    know_people(carriers, FANG)
    for wallet in ("wechat", "alipay"):
        by_wallet(Visitor(), WANG_FANG.number, wallet)
    first_time(Visitor(), carriers)
    assert User.objects.count() == 1


def test_a_wallet_without_a_real_name_is_told_what_to_do(carriers) -> None:
    """ID-5: WeChat needs WeChat Pay opened and real-named, or both real-name and payment fail."""
    know_people(carriers, FANG | {"real_named": False})
    visitor = Visitor()
    page = by_wallet(visitor, WANG_FANG.number)
    assert page.path == "/login/"
    assert "还没有实名或没有开通支付。可先用手机号登录，缴费时再选其他方式。" in page.text
    assert not User.objects.exists()


def test_only_what_the_wallet_did_not_say_is_asked(carriers) -> None:
    """R05: the phone alone; proved by a code."""
    know_people(carriers, FANG | {"phone": ""})
    visitor = Visitor()
    page = by_wallet(visitor, WANG_FANG.number)
    assert "补充手机号" in page.text
    assert not page.has_button("下一步")
    page = visitor.press(page, "发验证码", phone="12")
    assert "手机号应为11位" in page.text
    page = visitor.press(page, "发验证码", phone=PHONE)
    assert not is_in(visitor)
    assert visitor.press(page, "验证", code=code_on(carriers, PHONE)).path == "/"
    assert is_in(visitor, User.objects.get())


def test_the_page_for_the_phone_is_for_proved_people_only(db) -> None:
    assert Visitor().open("/login/phone/").path == "/login/"


def test_a_way_back_goes_through_the_wallet(carriers) -> None:
    know_people(carriers, FANG)
    visitor = Visitor()
    visitor.open("/me/")
    assert by_wallet(visitor, WANG_FANG.number).path == "/me/"


def test_a_code_from_somebody_elses_visit_logs_nobody_in(carriers) -> None:
    """The state belongs to the browser that asked, and is used up."""
    know_people(carriers, FANG)
    visitor = Visitor()
    asked = asked_of_wallet(visitor)
    for state in ("", "other", asked["state"][:-1]):
        page = visitor.open(f"/login/wallet/return/?code=abc&state={state}")
        assert "没有登录" in page.text
        asked = asked_of_wallet(visitor)
    assert not is_in(visitor)


def test_refusing_in_the_wallet_leads_back_to_log_in(carriers) -> None:
    visitor = Visitor()
    asked = asked_of_wallet(visitor)
    page = visitor.open(f"/login/wallet/return/?error=access_denied&state={asked['state']}")
    assert page.path == "/login/"
    assert "可以再试一次，或用手机号登录" in page.text


@pytest.mark.parametrize("fault", ["refuse", "server_error", "garbage"])
def test_a_wallet_that_is_away_leaves_the_phone(carriers, fault: str) -> None:
    know_people(carriers, FANG)
    carriers.rule(point="wallet", fault=fault, times=1)
    visitor = Visitor()
    page = by_wallet(visitor, WANG_FANG.number)
    assert "这次没有登录成功" in page.text
    assert not is_in(visitor)


def test_there_are_two_wallets(db) -> None:
    assert Visitor().open("/login/wallet/other/").status == 404


def test_who_shares_a_phone_gets_in_as_whom_the_carrier_named(carriers, settings) -> None:
    """An elder's wallet may hang on his child's phone; the code on that phone is still the child's."""
    first_time(Visitor(), carriers)
    child = User.objects.get()
    parent = Somebody("王建国", LI_QIANG.number)
    know_people(carriers, FANG | {"name": parent.name, "document_no": parent.number})
    by_wallet(Visitor(), parent.number)
    assert User.objects.filter(phone_index=bytes(child.phone_index or b"")).count() == 2
    forget_limits(settings.REDIS_URL)
    visitor = Visitor()
    log_in(visitor, carriers)
    assert is_in(visitor, child)
