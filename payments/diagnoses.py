"""Asking why something cannot be paid, and finding the question again by its code (R11, SCREENS 2.4)."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.db import transaction

from core import clock, ids
from core.models import User
from core.working_days import add_working_days
from payments.facts import family_facts, judge
from payments.models import Diagnosis
from payments.pricing import Asked, Assessment, Facts
from registration.models import FamilyMember

KEPT_FOR = timedelta(days=30)
CODE_DIGITS = 6
REPLY_WORKING_DAYS = 2
UNEXPLAINED = "C20"


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with what holds at this moment."""

    diagnosis: Diagnosis
    facts: Facts
    assessment: Assessment


def diagnose(
    *,
    payer: User,
    member: FamilyMember,
    insurance_type: str,
    coverage_year: int,
    stated_registered_on: date | None = None,
) -> Answer:
    """Ask, and keep the question under its code; the same question keeps its code while it is kept."""
    found = _question(payer, member, insurance_type, coverage_year)
    if stated_registered_on is not None:
        found.stated_registered_on = stated_registered_on
    answer = answer_of(found)
    keep_causes(found, [blocker.code for blocker in answer.assessment.blockers])
    return answer


def keep_causes(found: Diagnosis, causes: list[str]) -> None:
    """Note what was answered; what nothing explains becomes a case that promises a reply by a day (C20)."""
    found.causes = causes
    found.asked_at = clock.now()
    found.expires_at = found.asked_at + KEPT_FOR
    if UNEXPLAINED not in found.causes:
        found.reply_by_on = None
    elif found.reply_by_on is None:
        found.reply_by_on = add_working_days(clock.today(), REPLY_WORKING_DAYS)[0]
    found.save()


def answer_of(diagnosis: Diagnosis) -> Answer:
    """What holds now, as its payer may see it."""
    member = diagnosis.member
    facts = family_facts([member], payer=diagnosis.payer)[member.pk]
    facts = replace(facts, stated_registered_on=diagnosis.stated_registered_on)
    assessment = judge(facts, Asked(diagnosis.insurance_type_id, diagnosis.coverage_year))
    return Answer(diagnosis, facts, assessment)


def find_diagnosis(code: str) -> Diagnosis | None:
    """The question of a code, for staff who are told it; None once it has run out."""
    rows = Diagnosis.objects.select_related("payer", "member", "insurance_type")
    return rows.filter(code=code, expires_at__gt=clock.now()).first()


@transaction.atomic
def _question(payer: User, member: FamilyMember, insurance_type: str, coverage_year: int) -> Diagnosis:
    found = Diagnosis.objects.filter(
        payer=payer, member=member, insurance_type=insurance_type, coverage_year=coverage_year
    ).first()
    if found is not None:
        return found
    return Diagnosis.objects.get_or_create(
        payer=payer,
        member=member,
        insurance_type_id=insurance_type,
        coverage_year=coverage_year,
        defaults={"code": _free_code(), "expires_at": clock.now() + KEPT_FOR},
    )[0]


def _free_code() -> str:
    """Six digits that no kept question has; those of questions that have run out are used again."""
    while True:
        code = ids.digits(CODE_DIGITS)
        holder = Diagnosis.objects.filter(code=code).first()
        if holder is None:
            return code
        if holder.expires_at <= clock.now():
            holder.delete()
            return code
