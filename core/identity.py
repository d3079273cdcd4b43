"""Identity documents and names: forgiven on input, parsed without a table of places, masked for display.

A document is judged by its own number only: pattern, date, check character (GB 11643). The place in it never rejects
it, because numbers keep the division that issued them, also after that division is gone. Rules ID-1, ID-2.
"""

import re
import unicodedata
from datetime import date
from enum import StrEnum
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

AGE_ASKED_YEARS = 120
NAME_CHARACTERS_MIN = 2
NAME_CHARACTERS_MAX = 50


class DocumentType(StrEnum):
    """Codes of the tax system for the documents of natural persons."""

    RESIDENT_ID = "201"
    OFFICER_CARD = "202"
    ARMED_POLICE_CARD = "203"
    SOLDIER_CARD = "204"
    FOREIGN_PASSPORT = "208"
    HK_MACAO_TRAVEL_PERMIT = "210"
    TAIWAN_TRAVEL_PERMIT = "213"
    HK_PERMANENT_ID = "219"
    TAIWAN_ID = "220"
    MACAO_PERMANENT_ID = "221"
    CHINESE_PASSPORT = "227"
    FOREIGN_PERMANENT_RESIDENT_ID = "233"
    HK_MACAO_RESIDENCE_PERMIT = "237"
    TAIWAN_RESIDENCE_PERMIT = "238"
    BIRTH_CERTIFICATE = "291"
    OTHER = "299"

    @property
    def label(self) -> "StrPromise":
        """The Chinese name of the document."""
        return _LABELS[self]


_LABELS: "dict[DocumentType, StrPromise]" = {
    DocumentType.RESIDENT_ID: gettext_lazy("居民身份证"),
    DocumentType.OFFICER_CARD: gettext_lazy("军官证"),
    DocumentType.ARMED_POLICE_CARD: gettext_lazy("武警警官证"),
    DocumentType.SOLDIER_CARD: gettext_lazy("士兵证"),
    DocumentType.FOREIGN_PASSPORT: gettext_lazy("外国护照"),
    DocumentType.HK_MACAO_TRAVEL_PERMIT: gettext_lazy("港澳居民来往内地通行证"),
    DocumentType.TAIWAN_TRAVEL_PERMIT: gettext_lazy("台湾居民来往大陆通行证"),
    DocumentType.HK_PERMANENT_ID: gettext_lazy("香港永久性居民身份证"),
    DocumentType.TAIWAN_ID: gettext_lazy("台湾身份证"),
    DocumentType.MACAO_PERMANENT_ID: gettext_lazy("澳门永久性居民身份证"),
    DocumentType.CHINESE_PASSPORT: gettext_lazy("中国护照"),
    DocumentType.FOREIGN_PERMANENT_RESIDENT_ID: gettext_lazy("外国人永久居留身份证"),
    DocumentType.HK_MACAO_RESIDENCE_PERMIT: gettext_lazy("港澳居民居住证"),
    DocumentType.TAIWAN_RESIDENCE_PERMIT: gettext_lazy("台湾居民居住证"),
    DocumentType.BIRTH_CERTIFICATE: gettext_lazy("出生医学证明"),
    DocumentType.OTHER: gettext_lazy("其他个人证件"),
}


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


class Problem(StrEnum):
    """What is odd about a number. `gravity` says whether it refuses the input, asks the person, or only hints."""

    EMPTY = "empty"
    LENGTH = "length"
    CHARACTERS = "characters"
    BIRTH_IMPOSSIBLE = "birth_impossible"
    BIRTH_FUTURE = "birth_future"
    CHECKSUM = "checksum"
    AGE_OVER_120 = "age_over_120"
    PATTERN_UNUSUAL = "pattern_unusual"
    PROVINCE_UNKNOWN = "province_unknown"

    @property
    def gravity(self) -> "Gravity":
        if self in _ASKED:
            return Gravity.ASKS
        return Gravity.HINTS if self is Problem.PROVINCE_UNKNOWN else Gravity.REFUSES


class Gravity(StrEnum):
    REFUSES = "refuses"
    ASKS = "asks"
    HINTS = "hints"


# A few people are held by the agency under a wrong number and find themselves only by typing it (ID-2).
_ASKED = frozenset({Problem.CHECKSUM, Problem.AGE_OVER_120, Problem.PATTERN_UNUSUAL})


class Document(NamedTuple):
    """One identity document as typed, put right (ID-1) and read. Nothing here is looked up anywhere."""

    type: DocumentType
    number: str
    """Normalised, never lengthened: a 15-digit number stays one."""
    birth_on: date | None = None
    sex: Sex | None = None
    province: str | None = None
    """First two digits of the place of issue, unchecked."""
    checksum_ok: bool | None = None
    """None where the kind of number has no check character."""
    problems: tuple[Problem, ...] = ()

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """Problems with which the number cannot be right under any register."""
        return tuple(p for p in self.problems if p.gravity is Gravity.REFUSES)

    @property
    def questions(self) -> tuple[Problem, ...]:
        """Problems that the person is asked about once; the same number typed again is accepted."""
        return tuple(p for p in self.problems if p.gravity is Gravity.ASKS)


_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Pd"})
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf"})
_CROSSES = str.maketrans(dict.fromkeys("×ХΧ✕✖╳", "X") | {"−": "", "_": ""})
_DIGITS_15_OR_18 = (15, 18)
_RESIDENT_LIKE = frozenset(
    {DocumentType.RESIDENT_ID, DocumentType.HK_MACAO_RESIDENCE_PERMIT, DocumentType.TAIWAN_RESIDENCE_PERMIT}
)
_PROVINCES = frozenset(
    str(number)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83), (91, 91))
    for number in range(first, last + 1)
)
_EIGHTEEN = re.compile(r"[0-9]{17}[0-9X]")
_FIFTEEN = re.compile(r"[0-9]{15}")
_OLD_FOREIGN_RESIDENT = re.compile(r"[A-Z]{3}[0-9]{12}")
_ALLOWED = re.compile(r"[0-9A-Z]{1,40}")
_WRITTEN = re.compile(r"[\w()./]{1,40}")  # 军字第…号 and the like: letters of any script
# Patterns of these documents are known by use only, so that another shape is asked about and never refused.
_USUAL = {
    DocumentType.FOREIGN_PASSPORT: re.compile(r"[0-9A-Z]{5,17}"),
    DocumentType.HK_MACAO_TRAVEL_PERMIT: re.compile(r"[HM](?:[0-9]{8}|[0-9]{10})"),
    DocumentType.TAIWAN_TRAVEL_PERMIT: re.compile(r"[0-9]{8}"),
    DocumentType.CHINESE_PASSPORT: re.compile(r"[A-Z][0-9A-Z][0-9]{7}"),
    DocumentType.BIRTH_CERTIFICATE: re.compile(r"[A-Z][0-9]{9}"),
}
_WITH_WORDS = frozenset(
    {
        DocumentType.OFFICER_CARD,
        DocumentType.ARMED_POLICE_CARD,
        DocumentType.SOLDIER_CARD,
        DocumentType.HK_PERMANENT_ID,
        DocumentType.MACAO_PERMANENT_ID,
        DocumentType.OTHER,
    }
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_WEIGHTS_OF_ZEROS = sum(_WEIGHTS) * ord("0")
_CHECK_CHARACTERS = "10X98765432"
# Sequences 996 to 999 of 15-digit numbers were kept for people born in the century before.
_CENTENARIAN_SEQUENCES = frozenset({"996", "997", "998", "999"})


def normalise_number(text: str) -> str:
    """Put a typed number right (ID-1): width, blanks, zero-width marks, hyphens, case, and what stands in for X."""
    if text.isascii() and text.isalnum():
        return text.upper()
    upper = _without(_DROPPED_CATEGORIES, text).upper().translate(_CROSSES)
    return _without(_DROPPED_CATEGORIES, upper)


def _without(categories: frozenset[str], text: str) -> str:
    """NFKC without these categories. A mark left alone may join its new neighbour, so composed again at the end."""
    kept = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in categories)
    return unicodedata.normalize("NFKC", "".join(kept))


def check_character(first_17: str) -> str:
    """The check character of an 18-character number (MOD 11-2 of GB 11643). Takes seventeen ASCII digits."""
    if len(first_17) != len(_WEIGHTS):
        raise ValueError("seventeen digits are expected")
    total = sum(map(mul, _WEIGHTS, first_17.encode())) - _WEIGHTS_OF_ZEROS  # a feed asks this a million times
    return _CHECK_CHARACTERS[total % 11]


def parse(document_type: DocumentType, text: str, today: date) -> Document:
    """Read a number of this type. Never raises: what is wrong stands in `problems`, gravest first."""
    number = normalise_number(text)
    if not number:
        return Document(document_type, number, problems=(Problem.EMPTY,))
    if document_type in _RESIDENT_LIKE:
        return _parse_resident(document_type, number, today)
    if document_type is DocumentType.FOREIGN_PERMANENT_RESIDENT_ID:
        return _parse_foreign_resident(number, today)
    return _parse_by_pattern(document_type, number)


def match_number(document: Document) -> str:
    """The number under which a registration may be looked up besides the number as typed.

    For a 15-digit number the 18 digits derived from it: a candidate, never a replacement. Else the number itself.
    """
    if document.type in _RESIDENT_LIKE and _FIFTEEN.fullmatch(document.number):
        first_17 = document.number[:6] + _century(document.number) + document.number[6:]
        return first_17 + check_character(first_17)
    return document.number


def _century(fifteen: str) -> str:
    return "18" if fifteen[12:] in _CENTENARIAN_SEQUENCES else "19"


def _parse_resident(document_type: DocumentType, number: str, today: date) -> Document:
    shape = _shape_problem(number)
    if shape is not None:
        return Document(document_type, number, problems=(shape,))
    if len(number) == 15:
        birth = _century(number) + number[6:12]
        return _dated(document_type, number, birth, number[14], number[:2], None, today)
    checksum_ok = check_character(number[:17]) == number[17]
    return _dated(document_type, number, number[6:14], number[16], number[:2], checksum_ok, today)


def _parse_foreign_resident(number: str, today: date) -> Document:
    """The card of 2023 has 18 characters and begins with 9; the older one, 3 letters and 12 digits, stays valid."""
    document_type = DocumentType.FOREIGN_PERMANENT_RESIDENT_ID
    if _OLD_FOREIGN_RESIDENT.fullmatch(number):
        return Document(document_type, number, province=number[3:5], problems=_province_problems(number[3:5]))
    shape = _shape_problem(number) or (Problem.LENGTH if len(number) != 18 else None)
    if shape is not None:
        return Document(document_type, number, problems=(shape,))
    checksum_ok = check_character(number[:17]) == number[17]
    return _dated(document_type, number, number[6:14], number[16], number[1:3], checksum_ok, today)


def _shape_problem(number: str) -> Problem | None:
    if len(number) not in _DIGITS_15_OR_18:
        return Problem.LENGTH
    if not (_EIGHTEEN if len(number) == 18 else _FIFTEEN).fullmatch(number):
        return Problem.CHARACTERS
    return None


def _dated(
    document_type: DocumentType,
    number: str,
    birth: str,
    sex_digit: str,
    province: str,
    checksum_ok: bool | None,
    today: date,
) -> Document:
    """Judge the birth date (yyyymmdd) and collect the problems, gravest first."""
    problems: list[Problem] = []
    birth_on = _date_or_none(birth)
    if birth_on is None:
        problems.append(Problem.BIRTH_IMPOSSIBLE)
    elif birth_on > today:
        problems.append(Problem.BIRTH_FUTURE)
    if checksum_ok is False:
        problems.append(Problem.CHECKSUM)
    if birth_on is not None and age_years(birth_on, today) > AGE_ASKED_YEARS:
        problems.append(Problem.AGE_OVER_120)
    problems.extend(_province_problems(province))
    sex = Sex.MALE if int(sex_digit) % 2 else Sex.FEMALE
    return Document(document_type, number, birth_on, sex, province, checksum_ok, tuple(problems))


def _date_or_none(yyyymmdd: str) -> date | None:
    """Takes eight ASCII digits."""
    try:
        return date.fromisoformat(yyyymmdd)
    except ValueError:
        return None


def _province_problems(province: str) -> tuple[Problem, ...]:
    return () if province in _PROVINCES else (Problem.PROVINCE_UNKNOWN,)


def _parse_by_pattern(document_type: DocumentType, number: str) -> Document:
    if not (_WRITTEN if document_type in _WITH_WORDS else _ALLOWED).fullmatch(number):
        return Document(document_type, number, problems=(Problem.CHARACTERS,))
    usual = _USUAL.get(document_type)
    if usual is not None and not usual.fullmatch(number):
        return Document(document_type, number, problems=(Problem.PATTERN_UNUSUAL,))
    return Document(document_type, number)


def age_years(birth_on: date, on: date) -> int:
    """Whole years of life on a day; a birthday on 29 February is kept on 1 March in other years."""
    return on.year - birth_on.year - ((on.month, on.day) < (birth_on.month, birth_on.day))


def problem_text(document: Document, problem: Problem) -> str:
    """What the person who typed the number is told, in words that repeat nothing of the number."""
    if problem is Problem.LENGTH:
        return _("证件号应为18位。你填了%(length)d位。") % {"length": len(document.number)}
    return {
        Problem.EMPTY: _("请填写证件号。"),
        Problem.CHARACTERS: _("证件号里有不该出现的字。请按证件上的号码填写。"),
        Problem.BIRTH_IMPOSSIBLE: _("证件号里的出生日期不对，请再看一遍。"),
        Problem.BIRTH_FUTURE: _("证件号里的出生日期晚于今天，请再看一遍。"),
        Problem.CHECKSUM: _("证件号最后一位不对，请再看一遍。"),
        Problem.AGE_OVER_120: _("按证件号计算，年龄超过120岁。请再看一遍。"),
        Problem.PATTERN_UNUSUAL: _("证件号和常见的写法不一样，请再看一遍。"),
        Problem.PROVINCE_UNKNOWN: _("证件号开头的地区不常见，请再看一遍。"),
    }[problem]


# Middle dots as keyboards and old registers write them; a full stop counts only between Han characters.
_DOTS = str.maketrans(dict.fromkeys("·•‧∙⋅・᛫●⸱", "·"))
_PLAIN_HAN = re.compile("[\u4e00-\u9fff]+")  # nearly every name, and nothing in it to be put right
_HAN = "[\u3400-\u9fff\U00020000-\U0003ffff]"
_STOP_BETWEEN_HAN = re.compile(f"(?<={_HAN})[.。](?={_HAN})")
_FOLDED_AWAY = re.compile(r"[\s·\ufe00-\ufe0f\U000e0100-\U000e01ef]+")  # blanks, dots, variation selectors


def normalise_name(text: str) -> str:
    """Put a typed or delivered name right without touching its characters: width, dots, outer blanks, hidden marks.

    Rare characters, those of private-use areas included, and blanks inside foreign names are kept.
    """
    if _PLAIN_HAN.fullmatch(text):
        return text
    return _STOP_BETWEEN_HAN.sub("·", _without(_HIDDEN_CATEGORIES, text).translate(_DOTS)).strip()


def fold_name(text: str) -> str:
    """The form under which two names are compared: neither blanks, dots nor case tell people apart (ID-1)."""
    if _PLAIN_HAN.fullmatch(text):
        return text
    return _without(_HIDDEN_CATEGORIES, _FOLDED_AWAY.sub("", normalise_name(text)).casefold())


def is_name(text: str) -> bool:
    """Whether a normalised name can be one: 2 to 50 characters, at least one of them a letter or private-use."""
    if not NAME_CHARACTERS_MIN <= len(text) <= NAME_CHARACTERS_MAX:
        return False
    return bool(_PLAIN_HAN.fullmatch(text)) or any(c.isalpha() or unicodedata.category(c) == "Co" for c in text)


def mask_name(name: str) -> str:
    """王小明 -> 王*明, 王芳 -> 王*: the first character, the last one of three or more, stars between."""
    if len(name) <= 2:
        return name[:1] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_number_for_owner(number: str) -> str:
    """The last four characters, to stand after 证件尾号; fewer where four would be more than half of the number."""
    return _tail(number, 4)


def mask_number_for_others(number: str) -> str:
    """3***26: the first character and the last two. Never more: birth date and check character give the rest away."""
    return "***" if len(number) < 6 else f"{number[0]}***{number[-2:]}"


def mask_phone(phone: str) -> str:
    """The last four digits, to stand after 尾号."""
    return _tail(phone, 4)


def _tail(text: str, length: int) -> str:
    shown = min(length, len(text) // 2)
    return text[len(text) - shown :]
