"""The list of people whom an account pays for: ID-1, ID-2, ID-3, R08."""

import pytest

from core import clock
from core.identity import DocumentType
from core.refusals import Refused
from core.sealed import unseal
from registration import family
from registration.models import FamilyMember
from tests.outside import forget_limits
from tests.world import LI_QIANG, LIU_XIAOYU, WANG_FANG, make_payer, number


@pytest.fixture
def fang(db: None, settings):
    forget_limits(settings.REDIS_URL, "add-member")
    return make_payer(WANG_FANG)


def add(payer, **changes) -> FamilyMember:
    said = {
        "relation": "child", "document_type": "201", "number": LIU_XIAOYU.number, "name": LIU_XIAOYU.name,
        "consented": True,
    }  # fmt: skip
    return family.add_member(payer=payer, **(said | changes))


def refusal(payer, **changes) -> str:
    with pytest.raises(Refused) as refused:
        add(payer, **changes)
    return refused.value.code


def test_a_person_is_kept_sealed_with_what_may_be_shown(fang) -> None:
    son = add(fang)
    assert (son.name, son.number_tail, son.number_head) == ("刘小宇", LIU_XIAOYU.number[-4:], "3")
    assert LIU_XIAOYU.number not in son.number_sealed
    opened = unseal(son.number_sealed, field="registration_familymember.number_sealed", index=LIU_XIAOYU.index)
    assert opened == LIU_XIAOYU.number
    assert son.birth_on.isoformat() == "2016-06-07"


def test_blanks_and_widths_make_no_second_person(fang) -> None:
    """ID-1"""
    add(fang)
    spaced = f" {LIU_XIAOYU.number[:6]} {LIU_XIAOYU.number[6:].lower()}\u3000"
    assert refusal(fang, number=spaced, name=" 刘小宇\u200b") == "already_added"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consented": False}, "no_consent"),
        ({"name": "刘"}, "bad_name"),
        ({"number": LIU_XIAOYU.number[:17]}, "bad_number"),
        ({"number": number("20990101", "019")}, "bad_number"),
    ],
)
def test_what_cannot_be_is_refused(fang, changes, code: str) -> None:
    assert refusal(fang, **changes) == code
    assert not FamilyMember.objects.exists()


def test_a_number_with_a_wrong_check_character_can_be_added(fang) -> None:
    """ID-2: the agency may hold it so; the page asks once before it comes to this."""
    right = LIU_XIAOYU.number
    wrong = right[:17] + ("1" if right[17] != "1" else "2")
    assert add(fang, number=wrong).number_tail == wrong[-4:]


def test_a_fifteen_digit_number_can_be_added(fang) -> None:
    """ID-2"""
    assert add(fang, number="371002691212000", name="张桂兰", relation="parent").birth_on.isoformat() == "1969-12-12"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DocumentType.FOREIGN_PASSPORT, "M00000000"),
        (DocumentType.HK_MACAO_TRAVEL_PERMIT, "H12345678"),
        (DocumentType.FOREIGN_PERMANENT_RESIDENT_ID, "937840198010310009"),
        (DocumentType.BIRTH_CERTIFICATE, "Z250909000"),
        (DocumentType.OTHER, "军字第1234号"),
    ],
)
def test_all_kinds_of_documents_are_taken(fang, kind: DocumentType, text: str) -> None:
    """ID-2"""
    assert add(fang, document_type=kind.value, number=text, name="KIM MINSU").document_type == kind.value


def test_the_agents_entry_is_kept(fang) -> None:
    """ID-2: 我是经办人"""
    assert add(fang, document_type="208", number="M00000000", name="KIM MINSU", acts_as_agent=True).acts_as_agent


def test_twenty_people_are_the_most(fang, monkeypatch) -> None:
    monkeypatch.setattr(family, "MOST_MEMBERS", 2)
    family.ensure_self(payer=fang)
    add(fang)
    assert refusal(fang, number=LI_QIANG.number, name=LI_QIANG.name) == "too_many"


def test_an_account_is_no_tool_to_try_numbers_with(fang, monkeypatch) -> None:
    """X5: and adding tells nothing of whether a number exists."""
    monkeypatch.setattr(family, "ADDED_A_DAY", 1)
    son = add(fang)
    assert refusal(fang, number=LI_QIANG.number, name=LI_QIANG.name) == "too_often"
    assert family.remove_member(payer=fang, member_id=son.pk)
    assert refusal(fang) == "too_often"  # taking people off gives no new tries


def test_the_account_itself_is_on_its_list_once_and_stays(fang) -> None:
    """ID-5: by the real name that was proved."""
    herself = family.ensure_self(payer=fang)
    assert family.ensure_self(payer=fang) == herself
    assert (herself.name, herself.relation) == ("王芳", "self")
    assert not family.remove_member(payer=fang, member_id=herself.pk)
    assert not family.change_relation(payer=fang, member_id=herself.pk, relation="other")


def test_a_person_taken_off_can_come_back(fang) -> None:
    son = add(fang)
    assert family.remove_member(payer=fang, member_id=son.pk)
    assert not family.remove_member(payer=fang, member_id=son.pk)
    son.refresh_from_db()
    assert son.removed_at is not None
    assert son.removed_at <= clock.now()
    assert add(fang).pk != son.pk
    assert family.family_of(fang).count() == 1


def test_lists_of_others_cannot_be_touched(fang) -> None:
    """X6"""
    son = add(fang)
    stranger = make_payer(LI_QIANG, "13900006715")
    assert not family.remove_member(payer=stranger, member_id=son.pk)
    assert not family.change_relation(payer=stranger, member_id=son.pk, relation="other")
    assert list(family.family_of(stranger)) == []


def test_two_accounts_may_hold_the_same_person(fang) -> None:
    add(fang)
    assert add(make_payer(LI_QIANG, "13900006715"), relation="relative").pk


def test_relations_are_changed(fang) -> None:
    son = add(fang)
    assert family.change_relation(payer=fang, member_id=son.pk, relation="relative")
    son.refresh_from_db()
    assert son.relation == "relative"
