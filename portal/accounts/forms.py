"""The forms of log-in. They put input right (ID-1) and say in words what is wrong with it."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.identity import normalise_number
from portal.forms import DocumentForm


class PhoneField(forms.CharField):
    """A mobile number: blanks, dashes and +86 are forgiven."""

    def __init__(self, **values: Any) -> None:
        kind = {"inputmode": "tel", "autocomplete": "tel"}
        super().__init__(label=_("手机号"), widget=forms.TextInput(attrs=kind), **values)
        self.error_messages["required"] = _("请填写手机号。")

    def clean(self, value: Any) -> str:
        phone = normalise_number(super().clean(value)).removeprefix("+")
        phone = phone[2:] if len(phone) == 13 and phone.startswith("86") else phone
        if not re.fullmatch(r"1\d{10}", phone):
            raise forms.ValidationError(_("手机号应为11位，以1开头。"))
        return phone


class PhoneForm(forms.Form):
    """A returning resident says his phone."""

    phone = PhoneField()


class RealNameForm(DocumentForm):
    """R03."""

    phone = PhoneField(help_text=_("用本人实名的手机号。"))
    consented = forms.BooleanField(
        label=_("我同意核验以上信息，用来办理社保缴费"), error_messages={"required": _("要先同意核验，才能继续。")}
    )
    field_order = ("document_type", "name", "number", "phone", "consented")


class CodeForm(forms.Form):
    """R04."""

    code = forms.CharField(
        label=_("短信验证码"), max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
        error_messages={"required": _("请填写6位验证码。")},
    )  # fmt: skip

    def clean_code(self) -> str:
        code = normalise_number(self.cleaned_data["code"])
        if not re.fullmatch(r"\d{6}", code):
            raise forms.ValidationError(_("验证码是6位数字。"))
        return code


class QuestionForm(forms.Form):
    """What has to be answered before another code is sent; the question itself becomes the label."""

    answer = forms.CharField(
        max_length=20, help_text=_("写数字，比如12。写成十二也可以。"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": _("请先回答这道题。")},
    )  # fmt: skip

    def refuse(self, sentence: str) -> None:
        """Say what was wrong, with an empty field: the next question has another answer."""
        self.add_error("answer", sentence)
        self.data = {}
