"""Those of the demonstration who have a story: at least one for each cause that a page explains.

All dates are counted from the day of the first start, so that the stories hold on any business date.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from core.identity import DocumentType
from payments.demo.people import (
    Enrolment,
    Someone,
    foreign_resident_number,
    old_number,
    resident_number,
    wrong_number,
)

PENSION, MEDICAL = "resident_pension", "resident_medical"
SUPPLEMENTARY = "supplementary_pension"
FLEXIBLE_PENSION, FLEXIBLE_MEDICAL = "flexible_pension", "flexible_medical"
WENDENG, HUANCUI, RONGCHENG, RUSHAN = "371003", "371002", "371082", "371083"
LICHENG, LAIWU = "370112", "370116"
GUTA, LINGHE = "210702", "210703"
PINGCHENG, YUNGANG = "140213", "140214"

LATE_AGENCY = "medical-210700"
"""Its last file came three days ago (RG-2); nobody of it knows 孙晓梅 yet."""


def agency(region: str, insurance_type: str) -> str:
    """The bureau that registers a type in a place."""
    kind = "medical" if insurance_type.endswith("medical") else "hr"
    return f"{kind}-{region if region == WENDENG else region[:4] + '00'}"


def enrolled(region: str, insurance_type: str, group: str = "adult", **changes: Any) -> Enrolment:
    """One line of the bureau in charge."""
    return Enrolment(agency(region, insurance_type), insurance_type, region, group, changes)


def both(region: str, group: str = "adult", **changes: Any) -> tuple[Enrolment, ...]:
    """Pension and medical."""
    return enrolled(region, PENSION, group, **changes), enrolled(region, MEDICAL, group, **changes)


def cast(first_day: date) -> list[Someone]:
    """Everybody with a story; phones are given in their order."""
    people = [*_family(), *_shandong(first_day), *_liaoning(), *_shanxi(first_day), *_documents(first_day)]
    return [
        Someone(
            name=someone.name, document_no=someone.document_no, enrolments=someone.enrolments,
            document_type=someone.document_type, phone=f"138{position:08d}", story=someone.story,
            birth_on=someone.birth_on,
        )
        for position, someone in enumerate(people, 1)
    ]  # fmt: skip


def _family() -> Iterator[Someone]:
    yield Someone("王芳", resident_number(WENDENG, date(1985, 3, 15)), both(WENDENG),
                  story="文登。给自己、丈夫、父亲和儿子一起缴养老和医疗")  # fmt: skip
    yield Someone("刘建军", resident_number(WENDENG, date(1983, 9, 20)), both(WENDENG), story="王芳的丈夫")
    yield Someone("王建国", resident_number("371081", date(1968, 3, 1)), both(WENDENG),
                  story="王芳的父亲，旧区划的证号")  # fmt: skip
    yield Someone("刘小宇", resident_number(WENDENG, date(2016, 6, 7)), (enrolled(WENDENG, MEDICAL, "minor"),),
                  story="王芳的儿子，只有医疗")  # fmt: skip


def _shandong(first_day: date) -> Iterator[Someone]:
    last_year = first_day.year - 1
    born_last_year = date(last_year, 9, 9)
    yield Someone("李强", resident_number(HUANCUI, date(1979, 8, 2)), both(HUANCUI), story="环翠。和王芳没有关系的人")
    yield Someone("陈静", resident_number(RONGCHENG, date(1990, 5, 18)),
                  (enrolled(RONGCHENG, MEDICAL), enrolled(WENDENG, MEDICAL)),
                  story="C10。在荣成和文登两个地方有医疗参保")  # fmt: skip
    yield Someone("于桂英", resident_number("371022", date(1950, 2, 3)), both(WENDENG),
                  story="C7。已满60岁，养老不用再缴，医疗照缴")  # fmt: skip
    yield Someone("宋丽", resident_number(WENDENG, date(1988, 11, 30)),
                  (enrolled(WENDENG, PENSION, "severe_disability"), enrolled(WENDENG, MEDICAL)),
                  story="C7。重度残疾，养老由政府代缴")  # fmt: skip
    yield Someone("高翔", resident_number(HUANCUI, date(2006, 4, 21)),
                  (enrolled(HUANCUI, PENSION, "student"), enrolled(HUANCUI, MEDICAL, "student")),
                  story="C7。在校学生，先不参加居民养老")  # fmt: skip
    yield Someone("王志钢", resident_number(RUSHAN, date(1975, 7, 7)), both(RUSHAN, name="王志刚"),
                  story="C3。机构登记成了“王志刚”，填“王志刚”能查到")  # fmt: skip
    yield Someone("杨柳", resident_number(WENDENG, date(1993, 10, 10)), both(WENDENG, name="杨小柳"),
                  story="C3。改过名，机构还是“杨小柳”。赵敏核实后就能缴")  # fmt: skip
    old = old_number(HUANCUI, date(1969, 12, 12))
    yield Someone("张桂兰", resident_number(HUANCUI, date(1969, 12, 12)), both(HUANCUI, document_no=old),
                  story=f"C3。机构登记的是15位号 {old}，填15位号能查到")  # fmt: skip
    right = resident_number(RUSHAN, date(1982, 6, 6))
    yield Someone("冯海", right, both(RUSHAN, document_no=wrong_number(right)),
                  story=f"C3。机构把证号最后一位登错了：{wrong_number(right)}，填错号能查到")  # fmt: skip
    yield Someone("赵磊", resident_number(WENDENG, date(1992, 1, 9)), both(WENDENG), story="新生儿赵小满的父亲")
    yield Someone("赵小满", f"Z{born_last_year:%y%m%d}000",
                  (enrolled(WENDENG, MEDICAL, "newborn", birth_on=born_last_year),),
                  document_type=DocumentType.BIRTH_CERTIFICATE.value, birth_on=born_last_year,
                  story="C7。去年出生，要先从新生儿变更成儿童（RG-5）")  # fmt: skip
    yield Someone("周丽", resident_number(LICHENG, date(1987, 2, 27)),
                  (enrolled(LICHENG, PENSION),
                   enrolled(LICHENG, MEDICAL, coverage_year=last_year, registering_body="港沟街道办事处")),
                  story="C6。济南历城，今年要由街道重新登记医疗")  # fmt: skip
    yield Someone("吕明", resident_number("371202", date(1984, 8, 15)),
                  (enrolled(LAIWU, MEDICAL, renewal="everyone", coverage_year=last_year),),
                  story="C6。济南莱芜，今年要本人重新登记医疗")  # fmt: skip


def _liaoning() -> Iterator[Someone]:
    yield Someone("郭强", resident_number(GUTA, date(1986, 5, 5)),
                  (enrolled(GUTA, FLEXIBLE_PENSION, "flexible"),),
                  story="锦州。灵活就业养老，可以只缴前几个月")  # fmt: skip
    yield Someone("孙晓梅", resident_number(LINGHE, date(1991, 3, 8)),
                  (enrolled(LINGHE, FLEXIBLE_PENSION, "flexible"),),
                  story="C5。前天刚在锦州医保局登记，数据还没到")  # fmt: skip
    yield Someone("何平", resident_number(GUTA, date(1970, 10, 1)),
                  (enrolled(GUTA, MEDICAL, "low_income_edge"),),
                  story="锦州。低保边缘家庭，医疗少缴")  # fmt: skip


def _shanxi(first_day: date) -> Iterator[Someone]:
    yield Someone("韩梅", resident_number(PINGCHENG, date(1989, 4, 4)),
                  (enrolled(PINGCHENG, PENSION), enrolled(PINGCHENG, SUPPLEMENTARY)),
                  story="C12。大同。补充养老要先缴当年的基本养老")  # fmt: skip
    yield Someone("任伟", resident_number("140202", date(1981, 12, 25)),
                  (*both(YUNGANG), enrolled(YUNGANG, SUPPLEMENTARY)),
                  story="大同。养老每月1日到25日缴（PO-5）")  # fmt: skip
    yield Someone("许诺", resident_number(PINGCHENG, date(1995, 6, 16)),
                  (*both(PINGCHENG, ended_on=first_day - timedelta(days=30)),),
                  story="C4。大同的登记上个月终止了")  # fmt: skip


def _documents(first_day: date) -> Iterator[Someone]:
    yield Someone("赵龘", resident_number(WENDENG, date(1994, 2, 2)), both(WENDENG), story="名字里有生僻字")
    yield Someone("陈𠮷", resident_number(WENDENG, date(1996, 9, 1)), both(WENDENG),
                  story="名字里有很生僻的字（扩展B区）")  # fmt: skip
    yield Someone("阿依古丽·买买提", resident_number("653101", date(1990, 7, 20)), both(HUANCUI),
                  story="名字里有间隔点，点怎么打都能查到")  # fmt: skip
    yield Someone("黄家豪", resident_number("810000", date(1988, 1, 18)), both(HUANCUI),
                  document_type=DocumentType.HK_MACAO_RESIDENCE_PERMIT.value, story="港澳居民居住证")  # fmt: skip
    yield Someone("林雅婷", resident_number("830000", date(1997, 3, 28)), both(HUANCUI),
                  document_type=DocumentType.TAIWAN_RESIDENCE_PERMIT.value, story="台湾居民居住证")  # fmt: skip
    yield Someone("SMITH JOHN", foreign_resident_number("37", "840", date(1980, 10, 31)), both(HUANCUI),
                  document_type=DocumentType.FOREIGN_PERMANENT_RESIDENT_ID.value,
                  story="外国人永久居留身份证")  # fmt: skip
    yield Someone("KIM MINSU", "M00000000",
                  (enrolled(HUANCUI, MEDICAL, birth_on=first_day.replace(year=first_day.year - 35, day=1)),),
                  document_type=DocumentType.FOREIGN_PASSPORT.value,
                  story="外国护照，由自己当经办人缴（ID-2）")  # fmt: skip
