"""R30: answers by words, the hotline, and the agencies and halls nearby."""

import re
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from payments import words
from portal.accounts.access import is_resident, payer_of
from portal.pages.standing import standing_of
from registration.models import Agency


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what to do."""

    question: str
    lines: tuple[str, ...]


def answers() -> list[Answer]:
    """The questions that people ask most, and what is true of this portal."""
    return [
        Answer(_("查不到参保信息"), (
            _("先核对姓名和证件号，要和参保登记的一样。"),
            _("刚登记的，数据一般半天内到，最长约3天。"),
            _("没登记的，养老找人社部门，医疗找医保部门。"))),
        Answer(_("提示已经有申报记录"), (
            _("可能别人已经帮你缴过。"),
            _("也可能有一笔还在核对。到“为什么不能缴费”可以看到哪天有结果。"))),
        Answer(_("付了钱，页面没有显示成功"), (
            _("不要重复支付。我们会一直向支付机构核对。"),
            _("结果会发短信。登录后在记录里也能看到。"))),
        Answer(_("改过名字，缴不了"), (
            _("登记的名字改过来以后才能缴。"),
            _("有的地方打12366由税务确认，有的地方要到经办机构改。"))),
        Answer(_("在两个地方参保"), (
            _("只能在一个地方缴。缴之前要选好。"),
            _("请尽快到迁出地注销。"))),
        Answer(_("想换缴费档次"), (
            _("大多数地方，缴过以后当年不能改。"),
            _("可以补差额的地方，首页会写明。"))),
        Answer(_("给家人、邻居缴"), (
            _("先得到本人同意，再添加缴费人。"),
            _("一次可以给几个人缴。"))),
        Answer(_("收不到验证码"), (
            _("第一次用的，要先实名。"),
            _("60秒后可以再发一次，一天最多5次。从第二次起，先答一道题。"),
            _("看不清短信的，点“语音验证码”，电话里读给你听。"))),
    ]  # fmt: skip


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Search is by plain words over questions and answers."""
    asked = request.GET.get("q", "").strip()[:40]
    found = [answer for answer in answers() if not asked or _fits(answer, asked)]
    context = {
        "asked": asked,
        "found": found or answers(),
        "nothing": bool(asked) and not found,
        "prompts": words.other_prompts(),
        "agencies": _agencies(request),
    }
    return render(request, "pages/help.html", context)


def _fits(answer: Answer, asked: str) -> bool:
    text = " ".join((answer.question, *answer.lines)).lower()
    return any(piece in text for piece in _pieces(asked.lower()))


def _pieces(asked: str) -> list[str]:
    """All of it; any two characters of Chinese, which has no blanks; any English word that says something."""
    pairs = [asked[at : at + 2] for at in range(len(asked) - 1)]
    return [asked, *(pair for pair in pairs if not pair.isascii()), *re.findall(r"[a-z]{4,}", asked)]


def _agencies(request: HttpRequest) -> list[Agency]:
    """Those of the places where the family is registered; all for a visitor."""
    rows = Agency.objects.select_related("region").order_by("region__code", "kind")
    if not is_resident(request):
        return list(rows)
    facts = standing_of(payer_of(request)).facts.values()
    mine = {row.agency for each in facts for row in each.registrations}
    return list(rows.filter(pk__in=mine)) if mine else list(rows)
