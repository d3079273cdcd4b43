"""What people read about feeds: why a file was refused, why a line was. Codes are English, sentences Chinese."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registration.feed_format import FeedBroken

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_BROKEN: "dict[str, StrPromise]" = {
    "empty_file": gettext_lazy("文件是空的。"),
    "header_missing": gettext_lazy("第一行不是文件头。"),
    "header_unreadable": gettext_lazy("文件头读不出来。"),
    "header_field": gettext_lazy("文件头里的 %(field)s 没有填，或填得不对。"),
    "format_version_unknown": gettext_lazy("文件格式的版本不认识。现在只收第%(known)s版。"),
    "columns_unreadable": gettext_lazy("列名不全，或有不认识的列：%(columns)s。"),
    "agency_differs": gettext_lazy("文件头里的机构是 %(agency)s，不是发送机构。"),
    "region_unknown": gettext_lazy("文件头里的区划 %(region)s 不认识。"),
    "region_not_of_agency": gettext_lazy("文件头里的区划 %(region)s 不归这个机构管。"),
    "older_than_last_full": gettext_lazy("已经收过更新的全量文件，这一份太旧。"),
    "trailer_missing": gettext_lazy("没有文件尾。文件可能没有传完。"),
    "trailer_unreadable": gettext_lazy("文件尾读不出来。"),
    "count_differs": gettext_lazy("文件尾写的是%(stated)s行，实际有%(found)s行。"),
    "encoding_unreadable": gettext_lazy("这一行的编码不对。请用 UTF-8 或 GB18030。"),
    "line_too_long": gettext_lazy("这一行太长。"),
}

REJECTS: "dict[str, StrPromise]" = {
    "unreadable_line": gettext_lazy("这一行读不出来。"),
    "unknown_field": gettext_lazy("有不认识的字段。"),
    "field_missing": gettext_lazy("缺少必填的字段。"),
    "field_not_text": gettext_lazy("字段应是文字。"),
    "field_too_long": gettext_lazy("字段太长。"),
    "control_character": gettext_lazy("字段里有不可见的控制字符。"),
    "insurance_type_unknown": gettext_lazy("险种代码不认识。"),
    "region_unknown": gettext_lazy("区划代码不认识。"),
    "region_not_covered": gettext_lazy("这个区划不在文件头写明的范围里。"),
    "group_unknown": gettext_lazy("参保身份代码不认识。"),
    "name_invalid": gettext_lazy("姓名不像姓名。"),
    "document_type_unknown": gettext_lazy("证件类型代码不认识。"),
    "document_no_invalid": gettext_lazy("证件号不对。请核对登记。"),
    "version_invalid": gettext_lazy("版本号应是大于0的整数。"),
    "coverage_year_invalid": gettext_lazy("缴费年度不对。"),
    "renewal_invalid": gettext_lazy("重新登记的写法不对。"),
    "date_invalid": gettext_lazy("日期不对，应写成 2026-11-21 的样子。"),
    "ended_before_registered": gettext_lazy("终止日期早于登记日期。"),
    "sex_invalid": gettext_lazy("性别应是 m 或 f。"),
    "older_version": gettext_lazy("已有更新的版本，这一行太旧。"),
    "same_version_differs": gettext_lazy("版本号相同，内容却不同。改动要用新的版本号。"),
    "documents_of_two_people": gettext_lazy("这个人员编号下的两个证件，属于两个不同的人。请人工核对。"),
    "person_changed": gettext_lazy("同一人员编号，证件、姓名和出生日期都变了。请核对是不是换了人。"),
}


def broken_sentence(broken: FeedBroken) -> str:
    """Why a whole file was refused, with the line."""
    sentence = str(_BROKEN[broken.code]) % broken.facts
    return _("第%(line)s行：%(sentence)s") % {"line": broken.line, "sentence": sentence} if broken.line else sentence


def reject_sentence(code: str, detail: str = "") -> str:
    """Why one line was not applied. `detail` is a field or a code, never a name or a number."""
    sentence = str(REJECTS[code])
    return _("%(sentence)s（%(detail)s）") % {"sentence": sentence, "detail": detail} if detail else sentence
