"""What insurance types, groups, owners and channels are called."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from payments.policies.terms import Owner

INSURANCE_TYPES: dict[str, Promise] = {
    "resident_pension": _("居民养老"),
    "resident_medical": _("居民医疗"),
    "supplementary_pension": _("补充养老"),
    "flexible_pension": _("灵活就业养老"),
    "flexible_medical": _("灵活就业医疗"),
}

GROUPS: dict[str, Promise] = {
    "adult": _("成年居民"),
    "minor": _("儿童、中小学生"),
    "student": _("在校学生"),
    "university": _("大学生"),
    "newborn": _("新生儿"),
    "severe_disability": _("一、二级重度残疾人"),
    "destitute": _("特困人员、孤儿"),
    "low_income": _("低保对象"),
    "low_income_edge": _("低保边缘家庭成员"),
    "hardship": _("其他困难人员"),
    "back_to_poverty": _("返贫致贫人口"),
    "easily_back_to_poverty": _("易返贫致贫人口"),
    "stable_lifted": _("稳定脱贫人口"),
    "preferential": _("优抚对象"),
    "monitored": _("监测对象"),
    "flexible": _("灵活就业人员"),
}

OWNERS: dict[Owner, Promise] = {
    Owner.TAX: _("税务部门，电话12366"),
    Owner.HR: _("人社部门，电话12333"),
    Owner.MEDICAL: _("医保部门，电话12393"),
    Owner.AGENCY: _("人社部门或医保部门"),
    Owner.COLLECTIVE: _("原来给你登记的村居、学校或社区"),
    Owner.PAYER: _("你自己"),
    Owner.SYSTEM: _("不用你做什么"),
}


def insurance_type(code: str) -> str:
    """The everyday name of an insurance type; the code itself where it is none of ours."""
    return str(INSURANCE_TYPES.get(code, code))


def group(code: str) -> str:
    """The name of a population group."""
    return str(GROUPS.get(code, code))


def owner(who: Owner) -> str:
    """Who mends something, as one line."""
    return str(OWNERS[who])


def agency_of(insurance_type_code: str) -> str:
    """The kind of agency that keeps a type, where no name is at hand."""
    return str(_("医保部门") if insurance_type_code.endswith("medical") else _("人社部门"))
