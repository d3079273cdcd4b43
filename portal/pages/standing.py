"""Where a payer's family stands now: who is on the list, what each can pay, and how each is shown.

Loaded once for a page by the few queries of `payments/facts.py`; everything else here is reading.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.http import Http404
from django.utils.translation import gettext as _

from core.identity import mask_name
from core.models import User
from core.statements import Prepared, columns, load
from payments.drafts import Choice
from payments.facts import family_facts, judge
from payments.models import Declaration
from payments.policies.terms import PolicyTerms
from payments.pricing import TOP_UP, Asked, Assessment, Blocker, Facts, Payable, RegistrationFact
from payments.words import figures, names
from registration.models import FamilyMember


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """A member as a page may show him: never more than the masks (SCREENS 2.0)."""

    member_id: int
    name: str
    relation: str
    is_self: bool
    number_tail: str
    number_head: str

    @property
    def label(self) -> str:
        """王*国（父母）."""
        return _("%(name)s（%(relation)s）") % {"name": self.name, "relation": self.relation}

    @property
    def number_end(self) -> str:
        """The last two characters, for numbers of others."""
        return self.number_tail[-2:]


def shown(member: FamilyMember) -> ShownPerson:
    """Mask one member."""
    return ShownPerson(
        member_id=member.pk,
        name=mask_name(member.name),
        relation=str(FamilyMember.Relation(member.relation).label),
        is_self=member.relation == FamilyMember.Relation.SELF,
        number_tail=member.number_tail,
        number_head=member.number_head,
    )


@dataclass(frozen=True)
class Standing:
    """A payer's members, himself first, with all that is known of them."""

    payer: User
    members: Sequence[FamilyMember]

    @cached_property
    def facts(self) -> dict[int, Facts]:
        return family_facts(self.members, payer=self.payer)

    @cached_property
    def people(self) -> dict[int, ShownPerson]:
        return {member.pk: shown(member) for member in self.members}

    @cached_property
    def _judged(self) -> dict[tuple[int, Asked], Assessment]:
        return {}

    def assessment(self, member_id: int, asked: Asked | None = None) -> Assessment:
        """What one member can pay and what not; without `asked` what concerns this day."""
        key = (member_id, asked or Asked())
        if key not in self._judged:
            self._judged[key] = judge(self.facts[member_id], key[1])
        return self._judged[key]

    def member(self, member_id: int) -> FamilyMember:
        """One of this payer's members; 404 for anybody else's."""
        found = next((member for member in self.members if member.pk == member_id), None)
        if found is None:
            raise Http404
        return found

    def payables(self, choice: Choice) -> list[Payable]:
        """What can be paid for a choice: nothing, one, or one in each of two places (RG-3)."""
        self.member(choice.member_id)
        found = self.assessment(choice.member_id, Asked(choice.insurance_type, choice.coverage_year))
        return [payable for payable in found.payables if payable.part == choice.part]

    def blocker(self, choice: Choice) -> Blocker | None:
        """Why a choice cannot be paid: the cause to show first."""
        found = self.assessment(choice.member_id, Asked(choice.insurance_type, choice.coverage_year))
        mine = [blocker for blocker in found.blockers if blocker.part in (choice.part, "base")]
        return mine[0] if mine else found.headline

    def registration(self, member_id: int, registration_id: int) -> RegistrationFact:
        """One registration of a member."""
        return next(row for row in self.facts[member_id].registrations if row.registration_id == registration_id)

    def everything_payable(self) -> Iterator[tuple[Choice, list[Payable]]]:
        """Every choice that can be paid now, with its places, person by person."""
        for member in self.members:
            by_choice: dict[Choice, list[Payable]] = {}
            for payable in self.assessment(member.pk).payables:
                by_choice.setdefault(choice_of(member.pk, payable), []).append(payable)
            yield from by_choice.items()


_MEMBERS = Prepared(f"""
SELECT {columns(FamilyMember)} FROM registration_familymember
WHERE payer_id = %s AND removed_at IS NULL ORDER BY id""")


def standing_of(payer: User) -> Standing:
    """The family of an account."""
    rows = load(FamilyMember, _MEMBERS, [payer.pk])
    return Standing(payer, sorted(rows, key=lambda member: member.relation != FamilyMember.Relation.SELF))


def choice_of(member_id: int, payable: Payable) -> Choice:
    """The choice that a payable answers."""
    return Choice(member_id, payable.insurance_type, payable.coverage_year, payable.part)


def year_label(coverage_year: int, terms: PolicyTerms | None) -> str:
    """2026年度, or the months where the year does not begin in January (PO-14)."""
    if terms is None or terms.coverage_start_month == 1:
        return _("%(year)d年度") % {"year": coverage_year}
    first, last = terms.coverage(coverage_year)
    return _("%(first_year)d年%(first_month)s到%(last_year)d年%(last_month)s") % {
        "first_year": first.year,
        "first_month": figures.month(first.month),
        "last_year": last.year,
        "last_month": figures.month(last.month),
    }


def what_label(insurance_type: str, coverage_year: int, part: str, terms: PolicyTerms | None) -> str:
    """居民养老 2026年度."""
    parts = [names.insurance_type(insurance_type), year_label(coverage_year, terms)]
    return " ".join([*parts, _("提高档次")] if part == TOP_UP else parts)


def month_of_year(coverage_year: int, start_month: int, month: int) -> str:
    """7月: the n-th month of a coverage year; with its year where the coverage year spans two (PO-14)."""
    if start_month == 1:
        return figures.month(month)
    start = start_month - 1 + month - 1
    return _("%(year)d年%(month)s") % {"year": coverage_year + start // 12, "month": figures.month(start % 12 + 1)}


def declared_label(row: Declaration, terms: PolicyTerms) -> str:
    """灵活就业养老 2022年度 1月—5月: what a declaration is for, by the terms under which it was made."""
    what = what_label(row.insurance_type_id, row.coverage_year, row.part, terms)
    if row.first_month is None or row.last_month is None:
        return what
    year, start = row.coverage_year, terms.coverage_start_month
    first, last = month_of_year(year, start, row.first_month), month_of_year(year, start, row.last_month)
    return f"{what} {first}" if first == last else f"{what} {first}—{last}"
