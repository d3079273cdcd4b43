"""Form pieces that several doors use: a person's document, put right and judged in words (ID-1, ID-2)."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core import clock
from core.identity import Document, DocumentType, is_name, normalise_name, normalise_number, parse, problem_text

COMMON_DOCUMENTS = (
    DocumentType.RESIDENT_ID,
    DocumentType.HK_MACAO_RESIDENCE_PERMIT,
    DocumentType.TAIWAN_RESIDENCE_PERMIT,
    DocumentType.FOREIGN_PERMANENT_RESIDENT_ID,
    DocumentType.HK_MACAO_TRAVEL_PERMIT,
    DocumentType.TAIWAN_TRAVEL_PERMIT,
    DocumentType.FOREIGN_PASSPORT,
    DocumentType.CHINESE_PASSPORT,
    DocumentType.OTHER,
)
_TYPED = {"autocomplete": "off", "spellcheck": "false"}


class DocumentForm(forms.Form):
    """A document type and a number; used wherever a person is typed in."""

    document_type = forms.ChoiceField(
        label=_("证件类型"), choices=[(kind.value, kind.label) for kind in COMMON_DOCUMENTS]
    )
    name = forms.CharField(
        label=_("姓名"), help_text=_("按证件上的字填写。"), max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "name", "spellcheck": "false"}),
        error_messages={"required": _("请填写姓名。")},
    )  # fmt: skip
    number = forms.CharField(
        label=_("证件号码"), help_text=_("身份证18位。最后一位是字母的，大小写都可以。"), max_length=60,
        widget=forms.TextInput(attrs=_TYPED | {"autocapitalize": "characters"}),
        error_messages={"required": _("请填写证件号。")},
    )  # fmt: skip
    number_seen = forms.CharField(required=False, widget=forms.HiddenInput)  # the number already asked about (ID-2)

    document: Document

    def clean_name(self) -> str:
        name = normalise_name(self.cleaned_data["name"])
        if not is_name(name):
            raise forms.ValidationError(_("姓名应为2到50个字。"))
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "number" not in cleaned or "document_type" not in cleaned:
            return cleaned
        document = parse(DocumentType(cleaned["document_type"]), cleaned["number"], clock.today())
        for problem in document.refusals:
            self.add_error("number", problem_text(document, problem))
        if not document.refusals and document.questions and not self._asked_before(document):
            self.add_error("number", problem_text(document, document.questions[0]))
            self.add_error("number", _("如果登记的就是这个号码，不用改，再提交一次。"))
        self.document = document
        cleaned["number"] = document.number
        return cleaned

    def _asked_before(self, document: Document) -> bool:
        return bool(normalise_number(str(self.data.get("number_seen", ""))) == document.number)
