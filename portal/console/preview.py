"""What a resident would read under one version of a policy: the real function on an invented person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from core import clock
from core.working_days import is_working_day
from payments import words
from payments.models import CollectionPolicy
from payments.policies.terms import PolicyTerms
from payments.pricing import Asked as Question
from payments.pricing import Facts, Identity, PolicyFact, RegistrationFact, assess


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom and for which day the page is drawn."""

    group: str
    on: date
    birth_on: date

    @classmethod
    def from_query(cls, query: Mapping[str, str], terms: PolicyTerms) -> "Asked":
        """What was chosen; today, the first group and somebody of forty otherwise."""
        known = [group.code for group in terms.groups] or ["adult"]
        group = query.get("group", "")
        return cls(group if group in known else known[0], _day(query.get("on"), clock.today()),
                   _day(query.get("born"), date(clock.today().year - 40, 1, 1)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """The lines of the page: amounts, what is said before paying, and why not."""

    tiers: tuple[str, ...]
    lines: tuple[str, ...]
    blocked: tuple[str, ...]


def _day(text: str | None, otherwise: date) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return otherwise


def preview(row: CollectionPolicy, terms: PolicyTerms, asked: Asked) -> Seen:
    """Judge an invented person of a group, registered in this place, on a day."""
    facts = Facts(
        identity=Identity(matched=True),
        registrations=(
            RegistrationFact(
                registration_id=1, insurance_type=row.insurance_type_id, region=row.region_id, group=asked.group,
                region_name=str(row.region), registered_on=date(2015, 1, 1),
            ),
        ),
        policies=(PolicyFact(row.pk, row.region_id, row.insurance_type_id, row.coverage_year, terms),),
        birth_on=asked.birth_on,
        viewer_is_owner=True,
    )  # fmt: skip
    at = datetime.combine(asked.on, time(10), tzinfo=clock.SHANGHAI)
    found = assess(facts, at, Question(row.insurance_type_id, row.coverage_year), is_working_day)
    tiers = tuple(words.money(tier.amount_fen) for payable in found.payables for tier in payable.tiers)
    lines = [
        line
        for payable in found.payables
        for line in (words.until_words(payable, asked.on), *words.warning_words(payable, asked.on).values())
    ]
    blocked = [words.blocker_words(blocker, asked.on) for blocker in found.blockers]
    return Seen(tiers, tuple(lines), tuple(f"{each.headline} {''.join(each.body)}" for each in blocked))
