"""为什么不能缴费: one cause, one thing to do, and what was looked at (R11)."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from core import clock
from payments import words
from payments.diagnoses import Answer, answer_of, diagnose
from payments.drafts import Choice
from payments.models import Declaration, Diagnosis
from payments.pricing import BASE, Blocker, CheckState
from payments.words import BlockerWords, CheckWords, figures, names
from portal.accounts.access import payer_of, resident_required
from portal.pages.standing import ShownPerson, Standing, shown, standing_of, what_label
from portal.pages.steps import people_url, why_url
from registration.models import InsuranceType

STATED_DAYS = 90  # a registration older than this has long arrived, or never will


@dataclass
class Question:
    """One line of the entrance: what to ask about."""

    label: str
    tag: str
    tag_kind: str
    url: str


@dataclass
class PersonQuestions:
    """A member with what can be asked about him."""

    person: ShownPerson
    questions: list[Question]


@require_GET
@resident_required
def entrance(request: HttpRequest) -> HttpResponse:
    """Everybody on the list with every contribution of the place, blocked ones first."""
    standing = standing_of(payer_of(request))
    people = [
        PersonQuestions(standing.people[member.pk], _questions(standing, member.pk)) for member in standing.members
    ]
    return render(request, "pages/why_entrance.html", {"people": people, "prompts": words.other_prompts()})


def _questions(standing: Standing, member_id: int) -> list[Question]:
    found = standing.assessment(member_id)
    asked: dict[tuple[str, int], Question] = {}
    for blocker in found.blockers:
        if blocker.insurance_type and blocker.coverage_year is not None:
            kind = {"C8": "done", "C9": "half"}.get(blocker.code, "stop")
            _ask_about(asked, member_id, blocker.insurance_type, blocker.coverage_year,
                       words.blocker_words(blocker).headline, kind)  # fmt: skip
    for payable in found.payables:
        _ask_about(asked, member_id, payable.insurance_type, payable.coverage_year, _("可缴"), "")
    known = {insurance_type for insurance_type, _year in asked}
    for insurance_type in names.INSURANCE_TYPES:
        if insurance_type not in known and insurance_type.startswith("resident"):
            _ask_about(asked, member_id, insurance_type, clock.today().year, _("没有查到"), "none")
    return list(asked.values())


def _ask_about(
    asked: dict[tuple[str, int], Question], member_id: int, insurance_type: str, year: int, tag: str, kind: str
) -> None:
    url = reverse("pages:why_ask", args=[member_id, insurance_type, year])
    label = what_label(insurance_type, year, BASE, None)
    asked.setdefault((insurance_type, year), Question(label, tag, kind, url))


@require_http_methods(["GET", "POST"])
@resident_required
def ask(request: HttpRequest, member_id: int, insurance_type: str, coverage_year: int) -> HttpResponse:
    """Run the checks and keep the question under its code. A post states the day of registration (RG-2)."""
    payer = payer_of(request)
    member = standing_of(payer).member(member_id)
    if not InsuranceType.objects.filter(pk=insurance_type).exists() or not 2000 <= coverage_year <= 2100:
        raise Http404
    stated = _stated(request.POST.get("registered_on", "")) if request.method == "POST" else None
    answer = diagnose(
        payer=payer, member=member, insurance_type=insurance_type, coverage_year=coverage_year,
        stated_registered_on=stated,
    )  # fmt: skip
    if request.method == "POST":
        return redirect("pages:why_case", answer.diagnosis.code)
    return _page(request, answer)


def _stated(text: str) -> date | None:
    """A day of the recent past; anything else is not taken."""
    try:
        on = date.fromisoformat(text)
    except ValueError:
        return None
    return on if clock.today() - timedelta(days=STATED_DAYS) <= on <= clock.today() else None


@require_GET
@resident_required
def case(request: HttpRequest, code: str) -> HttpResponse:
    """The page of a code, for the payer who asked; staff see it in the console."""
    rows = Diagnosis.objects.select_related("payer", "member", "insurance_type")
    found = rows.filter(code=code, payer=payer_of(request), expires_at__gt=clock.now()).first()
    if found is None:
        raise Http404
    return _page(request, answer_of(found))


# --- the page --------------------------------------------------------------------------------------------------------


@dataclass
class Action:
    """The one thing to do: a link, or a form that is posted."""

    label: str
    url: str
    is_post: bool = False


def _page(request: HttpRequest, answer: Answer) -> HttpResponse:
    asked, assessment = answer.diagnosis, answer.assessment
    choice = Choice(asked.member_id, asked.insurance_type_id, asked.coverage_year)
    headline = assessment.headline
    said = words.blocker_words(headline) if headline else None
    context = {
        "person": shown(asked.member),
        "what": what_label(asked.insurance_type_id, asked.coverage_year, BASE, None),
        "said": said,
        "when": _pieces(said.when) if said else [],
        "others": _others(assessment.blockers),
        "action": _action(headline, said, choice) if headline and said else None,
        "cancel_no": _cancellable(headline),
        "checks": [_check(words.check_words(check)) for check in assessment.checks],
        "ask_url": why_url(choice),
        "code": f"{asked.code[:2]} {asked.code[2:4]} {asked.code[4:]}",
        "prompts": words.other_prompts(),
        "asks_registered_on": headline is not None and headline.code in ("C3", "C4", "C5"),
        "stated_on": asked.stated_registered_on.isoformat() if asked.stated_registered_on else "",
        "earliest": (clock.today() - timedelta(days=STATED_DAYS)).isoformat(),
        "today": clock.today().isoformat(),
        "reply_by": figures.full_date(asked.reply_by_on) if asked.reply_by_on and headline else "",
        "pay_url": people_url(choice) if assessment.payables else "",
        "after": _after(headline),
    }
    return render(request, "pages/why.html", context)


def _pieces(when: str) -> list[str]:
    """Date and time apart, so that a line breaks between them and not inside the weekday."""
    date_part, bracket, time_part = when.partition("）")
    return [piece for piece in (date_part + bracket, time_part) if piece]


def _check(check: CheckWords) -> tuple[CheckWords, str]:
    """A line of 我们核对了这些 with the shape of its tag."""
    tags = {CheckState.DONE: "done", CheckState.ACTION: "stop", CheckState.UNKNOWN: "half"}
    return check, tags[check.kind]


def _others(blockers: tuple[Blocker, ...]) -> list[BlockerWords]:
    """Causes beside the headline, each once."""
    found = {blocker.code: words.blocker_words(blocker) for blocker in blockers[1:]}
    if blockers:
        found.pop(blockers[0].code, None)
    return list(found.values())


def _action(blocker: Blocker, said: BlockerWords, choice: Choice) -> Action | None:
    """Where the button leads. What cannot be done here yet (reminders) has none: the page says when."""
    order_no = str(blocker.evidence.get("order_no") or "")
    if said.action_code == "resume" and order_no:
        if blocker.evidence.get("status") == "declared":
            return Action(said.action, reverse("pages:method", args=[order_no]))
        return Action(said.action, reverse("pages:order_refresh", args=[order_no]), is_post=True)
    if said.action_code == "record" and order_no:
        row = Declaration.objects.filter(
            order__order_no=order_no, insurance_type_id=choice.insurance_type, coverage_year=choice.coverage_year
        ).first()
        return Action(said.action, reverse("pages:record", args=[row.declaration_no])) if row else None
    if said.action_code == "pay_needed":
        return Action(said.action, reverse("pages:start"))
    if said.action_code == "retype":
        return Action(said.action, reverse("pages:me"))
    if said.action_code == "refund":
        return _ask_back(blocker)
    if said.action_code == "refund_progress":
        return Action(said.action, reverse("pages:refund", args=[blocker.evidence["refund_no"]]))
    if said.action_code == "call":
        return Action(_("打电话问12366"), "tel:12366")
    return None


def _ask_back(blocker: Blocker) -> Action | None:
    """PA-6: the form for the money that went to the wrong place, with this reason filled in."""
    row = Declaration.objects.filter(pk=blocker.evidence.get("declaration_id", 0)).first()
    if row is None:
        return None
    url = reverse("pages:refund_ask", args=[row.declaration_no])
    return Action(_("申请退费"), f"{url}?reason=wrong_place")


def _cancellable(blocker: Blocker | None) -> str:
    """The order number where the payer himself may give an unresolved payment up (C9)."""
    if blocker is None or blocker.code != "C9" or not blocker.evidence.get("own"):
        return ""
    return str(blocker.evidence.get("order_no") or "")


def _after(blocker: Blocker | None) -> list[tuple[str, str]]:
    """到时会怎样, for an attempt whose result is not known (PA-3, PA-4)."""
    if blocker is None or blocker.code != "C9" or blocker.evidence.get("status") == "declared":
        return []
    return [
        (_("查到已付款"), _("这笔变成“已缴”，不用再缴。")),
        (_("查到没付款"), _("这笔会取消，你可以马上重新缴。没有扣款。")),
        (_("到时还没有结果"), _("我们会自动转给工作人员。你不用打电话。")),
    ]
