"""R28: who may see whose records (HOUSE 5, `view`): only whom the person himself has let, by his own code."""

import time
from datetime import timedelta

import pytest

from core import clock
from core.models import AuditEntry, User
from payments.records import visible_people
from portal.accounts import codes
from portal.models import OneTimeCode
from registration.models import ViewGrant
from tests.outside import eventually, forget_limits
from tests.portal.phones import PHONE, another, answered, code_on, give_phone, texts
from tests.portal.visiting import Page, Visitor
from tests.sandbox.process import Sandbox
from tests.world import (
    LI_QIANG,
    LIU_JIANJUN,
    PENSION,
    WANG_FANG,
    Family,
    hand_over,
    line_for,
    make_family,
    make_member,
    make_payer,
    open_order,
    say_paid,
)


@pytest.fixture
def family(db: None) -> Family:
    return make_family()


@pytest.fixture
def his_phone() -> str:
    """A phone of this test's own: what others sent does not lie on it."""
    return "139" + str(time.time_ns())[-11:-3]


@pytest.fixture
def husband(family: Family, his_phone: str) -> User:
    """刘建军 has an account of his own, and has paid for himself."""
    account = make_payer(LIU_JIANJUN, his_phone)
    himself = make_member(account, LIU_JIANJUN)
    say_paid(hand_over(open_order(account, line_for(himself, PENSION))))
    return account


def ask(visitor: Visitor, family: Family) -> Page:
    page = visitor.open(f"/me/{family.husband.pk}/view/")
    return answered(visitor, visitor.press(page, "给本人发验证码"))


def the_code(carriers: Sandbox, phone: str) -> str:
    """What 刘建军 reads on his phone; it is handed over beside the request."""
    eventually(lambda: texts(carriers, phone))
    return code_on(carriers, phone)


def test_a_wifes_list_shows_nothing_of_what_her_husband_paid(family, husband) -> None:
    """Being on a list lets pay, not look."""
    page = Visitor(family.payer).open("/records/")
    assert "刘*军" not in page.text


def test_his_own_code_opens_his_records_for_ninety_days(carriers, family, husband, his_phone) -> None:
    visitor = Visitor(family.payer)
    page = ask(visitor, family)
    assert f"/me/{family.husband.pk}/view/code/" == page.path
    code = the_code(carriers, his_phone)
    [text] = texts(carriers, his_phone)
    assert "王*想看你的缴费记录" in text
    assert len(text) <= 140
    page = visitor.press(page, "验证", code=code)
    assert page.path == "/records/"
    assert "刘*军" in page.text
    grant = ViewGrant.objects.get()
    assert (grant.ends_at - grant.granted_at, grant.viewer) == (timedelta(days=90), family.payer)
    assert AuditEntry.objects.filter(action="grant_view", actor=husband.actor).count() == 1
    ViewGrant.objects.update(ends_at=clock.now())
    assert "刘*军" not in visitor.open("/records/").text


def test_a_wrong_code_opens_nothing(carriers, family, husband, his_phone) -> None:
    visitor = Visitor(family.payer)
    page = ask(visitor, family)
    wrong = another(the_code(carriers, his_phone))
    for _ in range(codes.TRIES):
        page = visitor.press(page, "验证", code=wrong)
        assert "验证码不对" in page.text
    page = visitor.press(page, "验证", code=code_on(carriers, his_phone))
    assert "验证码已过期" in page.text
    assert not ViewGrant.objects.exists()


def test_a_code_to_look_logs_nobody_in(carriers, family, husband, his_phone) -> None:
    """Read out to another person, it must not open the account itself, nor the other way round."""
    visitor = Visitor(family.payer)
    ask(visitor, family)
    code = the_code(carriers, his_phone)
    for key in (codes.login_key(his_phone), codes.view_key(husband.pk, family.husband.number_index)):
        with pytest.raises(codes.Refused, match="code_over"):
            codes.check_code(key=key, code=code)


def test_who_has_no_account_is_asked_for_in_the_same_words(
    carriers, time_stands_still, family, husband, his_phone
) -> None:
    """X5: whether a person uses this portal is nobody's business."""
    visitor = Visitor(family.payer)
    there = ask(visitor, family)
    the_code(carriers, his_phone)
    page = visitor.open(f"/me/{family.father.pk}/view/")
    nobody = answered(visitor, visitor.press(page, "给本人发验证码"))
    assert nobody.text.replace("王*国", "刘*军") == there.text
    assert OneTimeCode.objects.count() == 2
    assert "验证码不对" in visitor.press(nobody, "验证", code="123456").text


def test_a_list_with_another_name_gets_no_code(carriers, family, husband, his_phone) -> None:
    """ID-3: number and name together, or nothing goes to anybody's phone."""
    User.objects.filter(pk=husband.pk).update(name="刘健军")
    sent = len(texts(carriers, his_phone))
    assert ask(Visitor(family.payer), family).path.endswith("/view/code/")
    assert len(texts(carriers, his_phone)) == sent


def test_a_persons_phone_is_not_flooded(carriers, family, husband, his_phone, settings) -> None:
    """X7: two a day to one phone, whoever asks; a minute between two."""
    visitor = Visitor(family.payer)
    ask(visitor, family)
    the_code(carriers, his_phone)
    assert "秒再发" in ask(visitor, family).text
    for _ in range(codes.LOOKS_A_DAY):
        forget_limits(settings.REDIS_URL, "code-pause")
        page = ask(visitor, family)
    assert "发得太多了" in page.text
    stranger = make_payer(LI_QIANG, "13900006715")
    theirs = Visitor(stranger)
    page = theirs.open(f"/me/{make_member(stranger, LIU_JIANJUN, 'relative').pk}/view/")
    assert theirs.press(page, "给本人发验证码").path.endswith("/view/code/")
    eventually(lambda: len(texts(carriers, his_phone)) == codes.LOOKS_A_DAY)


def test_looks_of_others_take_no_code_from_log_in(carriers, family, husband, his_phone, settings) -> None:
    """X8: nobody is locked out by people who want to look. X5: log-in shows nothing of them. X7: five codes in all."""
    visitor = Visitor(family.payer)
    for _ in range(codes.A_DAY_A_PHONE):
        page = ask(visitor, family)
        forget_limits(settings.REDIS_URL, "code-pause")
    assert "发得太多了" in page.text
    eventually(lambda: len(texts(carriers, his_phone)) == codes.LOOKS_A_DAY)
    for _ in range(codes.A_DAY_BY_STRANGERS):
        page = give_phone(Visitor(), his_phone)
        assert page.path == "/login/code/"
        forget_limits(settings.REDIS_URL, "code-pause")
    assert "发得太多了" in give_phone(Visitor(), his_phone).text
    assert len(texts(carriers, his_phone)) == codes.LOOKS_A_DAY + codes.A_DAY_BY_STRANGERS == 5


def test_the_person_sees_who_may_look_and_takes_it_back(carriers, family, husband, his_phone) -> None:
    visitor = Visitor(family.payer)
    page = ask(visitor, family)
    visitor.press(page, "验证", code=the_code(carriers, his_phone))
    assert "可以看记录，到" in visitor.open("/me/").text
    his = Visitor(husband)
    page = his.open("/me/")
    assert "王*，到" in page.text
    page = his.press(page, "不让看了")
    assert "已取消" in page.text
    assert ViewGrant.objects.get().person_id not in visible_people(family.payer)
    assert AuditEntry.objects.filter(action="revoke_view").count() == 1


def test_nobody_else_takes_it_back(carriers, family, husband, his_phone) -> None:
    visitor = Visitor(family.payer)
    page = ask(visitor, family)
    visitor.press(page, "验证", code=the_code(carriers, his_phone))
    grant = ViewGrant.objects.get()
    stranger = Visitor(make_payer(LI_QIANG, "13900006715"))
    token = next(v for form in stranger.open("/settings/").forms for n, v in form.fields if n == "csrfmiddlewaretoken")
    stranger.client.post(f"/me/viewers/{grant.pk}/", {"csrfmiddlewaretoken": token})
    grant.refresh_from_db()
    assert grant.ends_at > clock.now()


def test_striking_a_person_off_the_list_ends_the_look(carriers, family, husband, his_phone) -> None:
    visitor = Visitor(family.payer)
    page = ask(visitor, family)
    visitor.press(page, "验证", code=the_code(carriers, his_phone))
    visitor.press(visitor.open(f"/me/{family.husband.pk}/remove/"), "删除刘*军")
    assert "刘*军" not in visitor.open("/records/").text


def test_nobody_asks_for_himself_or_for_a_strangers_list(family) -> None:
    visitor = Visitor(family.payer)
    assert visitor.open(f"/me/{family.herself.pk}/view/").status == 404
    stranger = make_payer(LI_QIANG, "13900006715")
    assert Visitor(stranger).open(f"/me/{family.husband.pk}/view/").status == 404
    assert WANG_FANG.name not in Visitor(stranger).open("/me/").text
    assert PHONE[-4:] not in Visitor(stranger).open("/me/").text
