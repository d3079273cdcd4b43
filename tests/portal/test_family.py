"""R08 and R28: adding people, and the account's own page."""

import pytest

from registration import family as people
from registration.models import FamilyMember
from tests.outside import forget_limits
from tests.portal.visiting import Page, Visitor
from tests.world import LI_QIANG, LIU_XIAOYU, WANG_FANG, WANG_FATHER, make_ground, make_payer


@pytest.fixture
def fang(db: None, settings) -> Visitor:
    forget_limits(settings.REDIS_URL, "add-member")
    make_ground()
    payer = make_payer(WANG_FANG)
    people.ensure_self(payer=payer)
    return Visitor(payer)


def add(visitor: Visitor, at: str = "/me/add/", **changes: object) -> Page:
    said = {
        "document_type": "201", "name": LIU_XIAOYU.name, "number": LIU_XIAOYU.number, "relation": "child",
        "consented": "on",
    }  # fmt: skip
    return visitor.press(visitor.open(at), "保存", **(said | changes))


def test_a_person_is_added_and_one_returns_to_where_one_came_from(fang) -> None:
    page = add(fang, "/me/add/?next=/me/")
    assert page.path == "/me/"
    assert "已添加刘*宇" in page.text
    assert "刘*宇" in page.text


def test_a_stranger_address_to_return_to_is_ignored(fang) -> None:
    assert add(fang, "/me/add/?next=https://evil.example/").path == "/"


def test_without_consent_nobody_is_added(fang) -> None:
    page = fang.press(fang.open("/me/add/"), "保存", name=LIU_XIAOYU.name, number=LIU_XIAOYU.number, relation="child")
    assert "要先得到本人同意" in page.text
    assert page.title.startswith("错误：")
    assert FamilyMember.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"number": LIU_XIAOYU.number[:17]}, "证件号应为18位。你填了17位。"),
        ({"number": ""}, "请填写证件号。"),
        ({"name": ""}, "请填写姓名。"),
        ({"name": "刘"}, "姓名应为2到50个字。"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_above(fang, changes, sentence: str) -> None:
    page = add(fang, **changes)
    assert page.text.count(sentence) == 2
    assert 'aria-invalid="true"' in page.html
    field = next(iter(changes))
    assert f'id="id_{field}_error"' in page.html
    assert f"id_{field}_error" in page.html.split(f'name="{field}"')[1].split(">")[0]
    assert f'href="#id_{field}"' in page.html


def test_a_doubtful_number_is_asked_about_once(fang) -> None:
    """ID-2: typed again it is taken, because the agency may hold it so."""
    right = LIU_XIAOYU.number
    wrong = right[:17] + ("1" if right[17] != "1" else "2")
    page = add(fang, number=wrong)
    assert "证件号最后一位不对，请再看一遍。" in page.text
    assert "如果登记的就是这个号码，不用改，再提交一次。" in page.text
    other = right[:17] + ("3" if right[17] != "3" else "4")
    page = fang.press(page, "保存", number=other, consented="on")
    assert "请再看一遍" in page.text  # another number is another question
    page = fang.press(page, "保存", number=wrong, consented="on")
    page = fang.press(page, "保存", number=wrong, consented="on")
    assert "已添加刘*宇" in page.text


def test_the_same_person_twice_is_said(fang) -> None:
    """ID-1: also with blanks in the number."""
    add(fang)
    page = add(fang, number=f" {LIU_XIAOYU.number[:6]} {LIU_XIAOYU.number[6:]} ")
    assert "已经添加过这位缴费人" in page.text


def test_limits_are_said_with_what_to_do(fang, monkeypatch) -> None:
    monkeypatch.setattr(people, "ADDED_A_DAY", 1)
    add(fang)
    page = add(fang, name=WANG_FATHER.name, number=WANG_FATHER.number)
    assert "请明天再添加，或拨打12366" in page.text
    monkeypatch.setattr(people, "MOST_MEMBERS", 2)
    assert "最多添加20位" in add(fang, name=WANG_FATHER.name, number=WANG_FATHER.number).text


def test_who_registered_under_another_document_pays_for_himself(fang) -> None:
    """ID-2: 我是经办人"""
    page = fang.follow(fang.open("/me/add/"), "从“我是经办人”进")
    assert "和你的关系" not in page.text
    page = fang.press(page, "保存", document_type="208", name="WANG FANG", number="M00000000", consented="on")
    assert "已添加" in page.text
    member = FamilyMember.objects.get(document_type="208")
    assert member.acts_as_agent
    assert "经办人入口" in fang.open("/me/").text


def test_the_page_shows_masks_only(fang) -> None:
    """The owner's last four, of others the first one and the last two."""
    add(fang)
    page = fang.open("/me/")
    assert f"证件尾号{WANG_FANG.number[-4:]}" in page.text
    assert LIU_XIAOYU.number[-4:] not in page.text
    assert LIU_XIAOYU.name not in page.text
    assert "尾号6712" in page.text
    assert "13800006712" not in page.html


def test_a_person_is_taken_off_on_a_page_of_its_own(fang) -> None:
    add(fang)
    son = FamilyMember.objects.get(relation="child")
    page = fang.follow(fang.open("/me/"), "删除")
    assert page.path == f"/me/{son.pk}/remove/"
    assert "缴过的记录还在" in page.text
    page = fang.press(page, "删除刘*宇")
    assert page.path == "/me/"
    assert "已删除刘*宇" in page.text
    assert fang.open(f"/me/{son.pk}/remove/").path == "/me/"


def test_relations_are_changed_in_place(fang) -> None:
    add(fang)
    page = fang.press(fang.open("/me/"), "保存关系", relation="relative")
    assert "关系已改" in page.text
    assert FamilyMember.objects.get(number_index=LIU_XIAOYU.index).relation == "relative"
    fang.press(fang.open("/me/"), "保存关系", relation="self")
    assert FamilyMember.objects.get(number_index=LIU_XIAOYU.index).relation == "relative"


def test_lists_of_others_cannot_be_reached(fang) -> None:
    """X6"""
    add(fang)
    son = FamilyMember.objects.get(relation="child")
    stranger = Visitor(make_payer(LI_QIANG, "13900006715"))
    page = stranger.open(f"/me/{son.pk}/remove/")
    assert page.path == "/me/"
    assert "刘*宇" not in page.text
