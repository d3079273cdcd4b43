from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.identity import (
    Document,
    DocumentType,
    Gravity,
    Problem,
    Sex,
    age_years,
    check_character,
    fold_name,
    is_name,
    mask_name,
    mask_number_for_others,
    mask_number_for_owner,
    mask_phone,
    match_number,
    normalise_name,
    normalise_number,
    parse,
    problem_text,
)

TODAY = date(2026, 11, 21)
ID = DocumentType.RESIDENT_ID
FOREIGN = DocumentType.FOREIGN_PERMANENT_RESIDENT_ID


def with_check(first_17: str) -> str:
    return first_17 + check_character(first_17)


# The table of "Identity documents, worked out", row by row.


@pytest.mark.parametrize(
    ("first_17", "birth_on", "province"),
    [
        ("37100219600101001", date(1960, 1, 1), "37"),  # 威海 环翠, a code younger than the person
        ("37108119850101001", date(1985, 1, 1), "37"),  # 文登市, a code that was retired
        ("37120219900101001", date(1990, 1, 1), "37"),  # 莱芜, retired
        ("21070219880101001", date(1988, 1, 1), "21"),
        ("14021319990101001", date(1999, 1, 1), "14"),  # 平城区, a code of 2018
        ("37100220261105001", date(2026, 11, 5), "37"),  # born this month
        ("81000019900101001", date(1990, 1, 1), "81"),
        ("82000019900101001", date(1990, 1, 1), "82"),
        ("83000019900101001", date(1990, 1, 1), "83"),
    ],
)
def test_valid_numbers_are_read_whatever_became_of_their_division(first_17, birth_on, province):
    document = parse(ID, with_check(first_17), TODAY)
    assert (document.birth_on, document.province, document.checksum_ok) == (birth_on, province, True)
    assert document.problems == ()


def test_birth_in_2030_is_refused():
    document = parse(ID, with_check("37100220300101001"), TODAY)
    assert document.problems == (Problem.BIRTH_FUTURE,)
    assert document.refusals == (Problem.BIRTH_FUTURE,)


def test_birth_today_is_not_in_the_future():
    assert parse(ID, with_check("37100220261121001"), TODAY).problems == ()
    assert parse(ID, with_check("37100220261122001"), TODAY).refusals == (Problem.BIRTH_FUTURE,)


@pytest.mark.parametrize("birth", ["19601301", "19610229", "19600100", "00000101"])
def test_impossible_birth_dates_are_refused(birth):
    document = parse(ID, with_check(f"371002{birth}001"), TODAY)
    assert document.refusals == (Problem.BIRTH_IMPOSSIBLE,)
    assert document.birth_on is None


def test_foreign_resident_card_of_2023_is_read():
    document = parse(FOREIGN, "932682198501010017", TODAY)
    assert document == Document(FOREIGN, "932682198501010017", date(1985, 1, 1), Sex.MALE, "32", True, ())


def test_older_foreign_resident_card_stays_valid():
    assert parse(FOREIGN, "KAZ110090123105", TODAY).problems == ()
    assert parse(FOREIGN, "kaz 1100 901231 05", TODAY).number == "KAZ110090123105"


@pytest.mark.parametrize(
    "number",
    [
        *(f"11010519491231002{cross}" for cross in "xⅩⅹ×ХхΧ"),
        "１１０１０５１９４９１２３１００２ｘ",
        "11010519491231002X  ",
        "110105\u300019491231\u3000002X",
        "110105-19491231-002X",
        "110105–19491231–002X",
        "\u200b110105194912\u200d31002X\ufeff",
    ],
)
def test_ways_of_typing_the_same_number_are_folded(number):
    """ID-1"""
    document = parse(ID, number, TODAY)
    assert document.number == "11010519491231002X"
    assert document.checksum_ok is True


def test_number_of_fifteen_digits_is_kept_and_gives_a_candidate():
    document = parse(ID, "371002600101001", TODAY)
    assert document.number == "371002600101001"
    assert (document.birth_on, document.sex, document.checksum_ok) == (date(1960, 1, 1), Sex.MALE, None)
    assert document.problems == ()
    assert match_number(document) == "371002196001010011"


def test_centenarian_sequences_belong_to_the_century_before():
    document = parse(ID, "371002991231996", TODAY)
    assert document.birth_on == date(1899, 12, 31)
    assert document.questions == (Problem.AGE_OVER_120,)
    assert match_number(document)[6:14] == "18991231"


# Checksum and age ask; they do not refuse (ID-2).


def test_wrong_check_character_is_a_question_and_no_refusal():
    document = parse(ID, "371002196001010012", TODAY)
    assert document.questions == (Problem.CHECKSUM,)
    assert document.refusals == ()
    assert match_number(document) == "371002196001010012"


def test_age_over_120_is_a_question():
    assert parse(ID, with_check("37100219051122001"), TODAY).problems == (), "one day short of 121"
    assert parse(ID, with_check("37100219051121001"), TODAY).questions == (Problem.AGE_OVER_120,)


def test_birthday_of_29_february_is_kept_on_1_march():
    assert age_years(date(2008, 2, 29), date(2026, 2, 28)) == 17
    assert age_years(date(2008, 2, 29), date(2026, 3, 1)) == 18


def test_unknown_province_is_only_a_hint():
    document = parse(ID, with_check("99100219600101001"), TODAY)
    assert document.problems == (Problem.PROVINCE_UNKNOWN,)
    assert document.refusals == document.questions == ()


def test_seventeenth_digit_tells_the_sex():
    assert parse(ID, with_check("37100219600101001"), TODAY).sex is Sex.MALE
    assert parse(ID, with_check("37100219600101002"), TODAY).sex is Sex.FEMALE


# What is said.


def test_missing_digit_is_told_with_the_count():
    document = parse(ID, "37100219600101001", TODAY)
    assert document.refusals == (Problem.LENGTH,)
    assert problem_text(document, Problem.LENGTH) == "证件号应为18位。你填了17位。"


def test_wrong_check_character_is_told_plainly():
    document = parse(ID, "371002196001010012", TODAY)
    assert problem_text(document, Problem.CHECKSUM) == "证件号最后一位不对，请再看一遍。"


@pytest.mark.parametrize("problem", list(Problem))
def test_every_problem_has_words_that_repeat_no_number(problem):
    text = problem_text(Document(ID, "371002196001010012"), problem)
    assert text.endswith("。")
    assert "3710" not in text
    assert "！" not in text


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_every_document_type_has_a_label_and_answers_emptiness(document_type):
    assert str(document_type.label)
    assert parse(document_type, " \u3000\u200b", TODAY).problems == (Problem.EMPTY,)


# Documents known by pattern only.


@pytest.mark.parametrize(
    ("document_type", "number"),
    [
        (DocumentType.HK_MACAO_TRAVEL_PERMIT, "H12345678"),
        (DocumentType.HK_MACAO_TRAVEL_PERMIT, "m1234567801"),
        (DocumentType.TAIWAN_TRAVEL_PERMIT, "12345678"),
        (DocumentType.CHINESE_PASSPORT, "E12345678"),
        (DocumentType.CHINESE_PASSPORT, "EA1234567"),
        (DocumentType.FOREIGN_PASSPORT, "N0012345"),
        (DocumentType.BIRTH_CERTIFICATE, "P370123456"),
        (DocumentType.OFFICER_CARD, "军字第1234567号"),
        (DocumentType.HK_PERMANENT_ID, "A123456(3)"),
        (DocumentType.OTHER, "某1"),
    ],
)
def test_usual_numbers_of_other_documents_pass(document_type, number):
    assert parse(document_type, number, TODAY).problems == ()


@pytest.mark.parametrize(
    ("document_type", "number"),
    [
        (DocumentType.HK_MACAO_TRAVEL_PERMIT, "A12345678"),
        (DocumentType.TAIWAN_TRAVEL_PERMIT, "1234567"),
        (DocumentType.CHINESE_PASSPORT, "123456789"),
        (DocumentType.BIRTH_CERTIFICATE, "370123456"),
    ],
)
def test_unusual_numbers_of_other_documents_are_asked_about(document_type, number):
    assert parse(document_type, number, TODAY).problems == (Problem.PATTERN_UNUSUAL,)


@pytest.mark.parametrize("number", ["E1234567'", "E12<34567", "E٣2345678", "护照12345"])
def test_strange_characters_are_refused(number):
    assert parse(DocumentType.CHINESE_PASSPORT, number, TODAY).refusals == (Problem.CHARACTERS,)


def test_letters_inside_a_resident_number_are_refused():
    assert parse(ID, "3710021960O1010011", TODAY).refusals == (Problem.CHARACTERS,)
    assert parse(ID, "37100219600101٠011", TODAY).refusals == (Problem.CHARACTERS,)


# Properties.

BIRTHS = st.dates(min_value=date(1907, 1, 1), max_value=TODAY)
PLACES = st.from_regex(r"[0-9]{6}", fullmatch=True)
SEQUENCES = st.from_regex(r"[0-9]{3}", fullmatch=True)


@given(PLACES, BIRTHS, SEQUENCES)
def test_any_place_and_past_birth_is_accepted(place, birth_on, sequence):
    document = parse(ID, with_check(f"{place}{birth_on:%Y%m%d}{sequence}"), TODAY)
    assert document.refusals == document.questions == ()
    assert document.birth_on == birth_on


@given(PLACES, BIRTHS, SEQUENCES, st.integers(0, 16), st.integers(1, 9))
def test_every_single_wrong_digit_is_noticed(place, birth_on, sequence, position, step):
    number = with_check(f"{place}{birth_on:%Y%m%d}{sequence}")
    wrong = number[:position] + str((int(number[position]) + step) % 10) + number[position + 1 :]
    assert parse(ID, wrong, TODAY).checksum_ok is False


@given(PLACES, BIRTHS, SEQUENCES, st.integers(0, 15))
def test_every_swap_of_neighbours_is_noticed(place, birth_on, sequence, position):
    number = with_check(f"{place}{birth_on:%Y%m%d}{sequence}")
    swapped = number[:position] + number[position + 1] + number[position] + number[position + 2 :]
    if swapped != number:
        assert parse(ID, swapped, TODAY).checksum_ok is False


@given(st.sampled_from(list(DocumentType)), st.text())
def test_parsing_any_text_never_raises_and_is_idempotent(document_type, text):
    document = parse(document_type, text, TODAY)
    assert parse(document_type, document.number, TODAY) == document
    assert match_number(document).startswith(document.number[:6])
    for problem in document.problems:
        assert problem_text(document, problem)
        assert problem.gravity in Gravity


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise_number(normalise_number(text)) == normalise_number(text)
    assert normalise_name(normalise_name(text)) == normalise_name(text)
    assert fold_name(fold_name(text)) == fold_name(text)


# Names.


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 王芳\u3000", "王芳"),
        ("王\u200b芳", "王芳"),
        ("买买提•艾合买提", "买买提·艾合买提"),
        ("买买提.艾合买提", "买买提·艾合买提"),
        ("买买提・艾合买提", "买买提·艾合买提"),
        ("买买提．艾合买提", "买买提·艾合买提"),
        ("J. SMITH", "J. SMITH"),
        ("ＪＯＨＮ　ＳＭＩＴＨ", "JOHN SMITH"),
        ("王\U00020bb7", "王\U00020bb7"),
        ("王\ue863", "王\ue863"),
        ("李\U0002c317\U000e0101", "李\U0002c317\U000e0101"),
    ],
)
def test_names_keep_their_characters(typed, kept):
    assert normalise_name(typed) == kept
    assert is_name(kept)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("王 芳", "王芳"),
        ("买买提 艾合买提", "买买提·艾合买提"),
        ("john smith", "JOHN  SMITH"),
        ("李\U0002c317\U000e0101", "李\U0002c317"),
    ],
)
def test_names_that_differ_in_form_only_fold_together(one, other):
    assert fold_name(one) == fold_name(other)


def test_names_that_differ_in_a_character_stay_apart():
    assert fold_name("李钢") != fold_name("李刚")
    assert fold_name("王\U00020bb7") != fold_name("王吉")


@pytest.mark.parametrize("text", ["", "王", "·" * 3, "12", "王" * 51])
def test_what_cannot_be_a_name_is_told(text):
    assert not is_name(text)


# Masks.


@pytest.mark.parametrize(
    ("name", "masked"), [("王小明", "王*明"), ("王芳", "王*"), ("欧阳小明", "欧**明"), ("王", "王*"), ("", "*")]
)
def test_names_are_masked_in_the_middle(name, masked):
    assert mask_name(name) == masked


def test_owner_sees_four_and_others_three_characters():
    assert mask_number_for_owner("371002196001010026") == "0026"
    assert mask_number_for_others("371002196001010026") == "3***26"
    assert mask_phone("13800001234") == "1234"


@given(st.text(max_size=7))
def test_short_numbers_are_never_shown_whole(number):
    assert len(mask_number_for_owner(number)) <= len(number) / 2
    assert len(mask_number_for_others(number).replace("*", "")) <= 3
