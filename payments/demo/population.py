"""A few thousand more invented people, the same on every machine: so that searching and reading are not too easy."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TypeVar

from payments.demo.cast import (
    FLEXIBLE_MEDICAL,
    FLEXIBLE_PENSION,
    MEDICAL,
    PENSION,
    SUPPLEMENTARY,
    enrolled,
)
from payments.demo.people import Enrolment, Someone, resident_number

SIZE = 3_000
FAMILY_NAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN_NAMES = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉萍红鹏飞建国春梅海燕志远晓雪文博子涵雨轩欣怡浩宇思远"
RARE_NAMES = ("喆", "翀", "昇", "堃", "淼淼", "犇", "璟", "彧", "㛃", "䶮", "𬱖", "𠮷")
DOTTED_NAMES = ("买买提·吐尔逊", "古丽娜·阿不都", "扎西·次仁", "巴特尔·苏和")
AREAS = {
    "371002": ("371002", "371000"), "371003": ("371081", "371022"), "371082": ("371082", "371020"),
    "371083": ("371083", "371021"), "370112": ("370112", "370121"), "370114": ("370181", "370123"),
    "370116": ("371202", "371201"), "210702": ("210702", "210700"), "210703": ("210703", "210711"),
    "210781": ("210781", "210721"), "140213": ("140202", "140211"), "140214": ("140203", "140214"),
    "140221": ("140221", "142122"),
}  # fmt: skip
TOWNS = ("城关街道", "开发区", "河东镇", "南山镇", "滨海街道", "柳林镇", "西湖街道")
_OLDEST = 36_500 - 7_300  # 80 years, in days
_STEP = 7_919  # prime to the span, so that no birth date comes twice in a round

T = TypeVar("T")


def population(first_day: date, *, size: int = SIZE) -> Iterator[Someone]:
    """Invented people without a story, all born before `first_day`."""
    places = list(AREAS)
    for position in range(size):
        region = places[_chance(position, "place") % len(places)]
        born = first_day - timedelta(days=30 + position * _STEP % _OLDEST)
        number = resident_number(_one(AREAS[region], position, "area"), born)
        age = (first_day - born).days // 365
        yield Someone(_name(position), number, tuple(_enrolments(region, age, position)))


def _name(position: int) -> str:
    if position % 250 == 0:
        return _one(DOTTED_NAMES, position, "dotted")
    family = _one(FAMILY_NAMES, position, "family")
    if position % 60 == 0:
        return family + _one(RARE_NAMES, position, "rare")
    first = _one(GIVEN_NAMES, position, "given")
    return family + first + (_one(GIVEN_NAMES, position, "second") if _chance(position, "two") % 3 else "")


def _enrolments(region: str, age: int, position: int) -> Iterator[Enrolment]:
    body = {"registering_body": _one(TOWNS, position, "town")}
    if age < 18:
        yield enrolled(region, MEDICAL, "minor", **body)
        return
    if region.startswith("2107"):
        if age < 60:
            yield enrolled(region, FLEXIBLE_PENSION, "flexible", **body)
        yield enrolled(region, *((FLEXIBLE_MEDICAL, "flexible") if position % 4 == 0 else (MEDICAL, "adult")), **body)
        return
    yield enrolled(region, PENSION, **body)
    yield enrolled(region, MEDICAL, **body)
    if region.startswith("1402") and position % 2:
        yield enrolled(region, SUPPLEMENTARY, **body)


def _one(choices: Sequence[T], position: int, about: str) -> T:
    return choices[_chance(position, about) % len(choices)]


def _chance(position: int, about: str) -> int:
    """A number that looks like chance and is always the same."""
    return int.from_bytes(hashlib.blake2b(f"{about} {position}".encode(), digest_size=6).digest())
