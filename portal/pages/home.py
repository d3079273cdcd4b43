"""R01: who in the family still owes what, and until when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from core import clock
from payments import words
from payments.pricing import Blocker, DeclarationFact, Payable
from payments.words import names
from portal.accounts.access import is_resident, payer_of
from portal.pages.standing import ShownPerson, Standing, choice_of, standing_of, what_label, year_label

STALE_DAYS = 1  # RG-2: said when an agency's data are older than this


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a person's card."""

    what: str
    word: str
    tag: str
    detail: str
    url: str = ""
    url_word: str = ""
    choice: str = ""  # what 缴费 beside the line asks for


@dataclass
class Card:
    """One person with everything that concerns him today."""

    person: ShownPerson
    rows: list[Row] = field(default_factory=list)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page, for a visitor and for a resident."""
    if not is_resident(request):
        return render(request, "pages/welcome.html")
    standing = standing_of(payer_of(request))
    cards = [Card(standing.people[member.pk], list(_rows(standing, member.pk))) for member in standing.members]
    owing = [row for card in cards for row in card.rows if row.tag == ""]
    context = {
        "cards": cards,
        "owing": len(owing),
        "people_owing": sum(any(row.tag == "" for row in card.rows) for card in cards),
        "first_deadline": _first_deadline(standing),
        "stale": _stale(standing),
        "greeting": _greeting(),
    }
    return render(request, "pages/home.html", context)


def _greeting() -> str:
    hour = clock.business_now().hour
    if hour < 6:
        return _("夜深了")
    if hour < 12:
        return _("上午好")
    return _("下午好") if hour < 18 else _("晚上好")


def _rows(standing: Standing, member_id: int) -> Iterator[Row]:
    """What can be paid, what is being checked, what is paid, what cannot be paid: in this order."""
    found = standing.assessment(member_id)
    shown: set[tuple[str, int | None]] = set()
    for payable in found.payables:
        key = (payable.insurance_type, payable.coverage_year)
        if key not in shown:
            shown.add(key)
            yield _owed(member_id, payable)
    records = {(each.insurance_type, each.coverage_year): each for each in standing.facts[member_id].declarations}
    for blocker in found.blockers:
        place = (blocker.insurance_type, blocker.coverage_year)
        if place in shown:
            continue
        shown.add(place)
        yield _blocked(standing, member_id, blocker, records.get((blocker.insurance_type, blocker.coverage_year or 0)))


def _owed(member_id: int, payable: Payable) -> Row:
    what = what_label(payable.insurance_type, payable.coverage_year, payable.part, payable.terms)
    word = _("可补差额") if payable.part != "base" else _("待缴")
    tag = "" if payable.part == "base" else "none"
    return Row(what, word, tag, words.until_words(payable), choice=choice_of(member_id, payable).key)


def _blocked(standing: Standing, member_id: int, blocker: Blocker, record: DeclarationFact | None) -> Row:
    said = words.blocker_words(blocker)
    what = names.insurance_type(blocker.insurance_type) if blocker.insurance_type else _("参保登记")
    if blocker.coverage_year:
        what += " " + year_label(blocker.coverage_year, None)
    url = reverse("pages:why")
    if blocker.insurance_type and blocker.coverage_year:
        url = reverse("pages:why_ask", args=[member_id, blocker.insurance_type, blocker.coverage_year])
    if blocker.code == "C8":
        return Row(what, _("已缴"), "done", said.body[0] if said.body else "", url, _("看记录"))
    if blocker.code == "C9" and blocker.evidence.get("status") == "declared" and blocker.evidence.get("own"):
        return Row(what, _("待支付"), "", said.body[0] if said.body else said.short, url, _("去支付"))
    if blocker.code == "C9":
        return Row(what, _("确认中"), "half", said.body[-1] if said.body else said.short, url, _("看进展"))
    if blocker.code == "C14":
        if refund_no := blocker.evidence.get("refund_no"):
            url = reverse("pages:refund", args=[refund_no])
        word = _("看退费进度") if refund_no else _("看原因")
        return Row(what, _("退费中"), "half", said.short, url, word)
    if blocker.code == "C7" and blocker.when == "never":
        return Row(what, _("不用缴"), "none", said.short)
    return Row(what, _("不能缴"), "stop", said.short, url, _("看原因"))


def _first_deadline(standing: Standing) -> str:
    """The next day by which something should be paid."""
    days = [
        _should_be_paid_by(payable)
        for _choice, payables in standing.everything_payable()
        for payable in payables
        if payable.part == "base"
    ]
    return words.short_date(min(days)) if days else ""


def _should_be_paid_by(payable: Payable) -> date:
    """The end of the concentrated window where missing it costs benefits (PO-4), else the last day."""
    to = payable.concentrated_to
    return to if to and payable.terms.waiting and to >= clock.today() else payable.last_on


def _stale(standing: Standing) -> list[str]:
    """RG-2: which data are how old, where they are older than a day."""
    said: dict[str, None] = {}
    for facts in standing.facts.values():
        for feed in facts.feeds:
            at = feed.last_received_at
            if at is not None and (clock.now() - at).days >= STALE_DAYS:
                day = {"agency": feed.agency_name, "day": words.short_date(clock.business_date(at))}
                said[_("%(agency)s的参保信息更新到%(day)s。之后登记的人，可能还查不到。") % day] = None
    return list(said)
