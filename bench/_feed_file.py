"""A feed of any size for the benchmarks: one person and one registration a line, the same at every run."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from core.identity import check_character
from registration.feed_format import Header, write_feed

AGENCY = "hr-371000"
PLACES = ("371002", "371003", "371082", "371083")
FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂"
_SINCE = date(1930, 1, 1)
_DAYS = 27_000


def write_file(path: Path, *, lines: int, number: str, made_at: datetime, version: int = 1) -> None:
    """A full list. With a version above 1 each hundredth line says something else, in that version."""
    header = Header(AGENCY, number, "full", ("371000",), made_at)
    with path.open("wb") as file:
        file.writelines(write_feed(header, _records(lines, version)))


def _records(lines: int, version: int) -> Iterator[dict[str, Any]]:
    for position in range(lines):
        chance = int.from_bytes(hashlib.blake2b(position.to_bytes(8), digest_size=8).digest())
        born = _SINCE + timedelta(days=position % _DAYS)
        first_17 = f"37{position // _DAYS:04d}{born:%Y%m%d}000"
        name = FAMILY[chance % 20] + GIVEN[chance // 20 % 24] + (GIVEN[chance // 480 % 24] if chance % 3 else "")
        changed = version > 1 and position % 100 == 0
        yield {
            "person_no": f"{position:010d}",
            "insurance_type": "resident_pension",
            "region": PLACES[chance // 11520 % 4],
            "group": "adult",
            "name": name,
            "document_type": "201",
            "document_no": first_17 + check_character(first_17),
            "version": version if changed else 1,
            "registering_body": f"第{version}人社所" if changed else "龙山街道人社所",
            "registered_on": "2019-03-01",
        }
