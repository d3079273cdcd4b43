"""All that `assess` needs to know, for a whole family by two or three queries (HOUSE 2.12).

People are found by what the payer typed: number and name together, as the agency holds them (ID-3).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.utils.translation import get_language

from core import clock
from core.models import User
from core.statements import Prepared
from core.working_days import is_working_day
from payments.models import Channel
from payments.orders import REFERENCE_S, Waiting, clears_by
from payments.policies.in_force import policies_in_force, terms_of
from payments.policies.terms import Renewal, lookup_chain
from payments.pricing import (
    Asked,
    Assessment,
    ChannelFact,
    DeclarationFact,
    Facts,
    FeedFact,
    Identity,
    PolicyFact,
    RefundFact,
    RegistrationFact,
    assess,
)
from payments.refund_dates import dates_from
from payments.states import LIVE, NOT_THROUGH
from registration.local_names import local_name, local_name_sql
from registration.models import FamilyMember, FeedFreshness, InsuredPerson, Registration

YEARS_BACK = 1  # a year that began last July, or last year's tier
YEARS_AHEAD = 1  # medical insurance is collected the autumn before


@dataclass(frozen=True, slots=True)
class Family:
    """Facts by member id, and the person behind each registration."""

    facts: dict[int, Facts]
    person_of: dict[int, int]


def family_facts(members: Sequence[FamilyMember], *, payer: User, channel: str = "portal") -> dict[int, Facts]:
    """Facts by member id. What another person has paid is in them only as far as `assess` needs it."""
    return load_family(members, payer=payer, channel=channel).facts


def load_family(members: Sequence[FamilyMember], *, payer: User, channel: str = "portal") -> Family:
    """Two queries whatever the size of the family, a third where a document does not tell when somebody was born.

    Reference data are kept for a moment.
    """
    held = _registrations(members)
    people = {person for rows in held.values() for _, person in rows}
    declarations = _declarations(people, payer.pk)
    family_places = _places(row for rows in held.values() for row, _ in rows)
    births = _births({person for member in members if not member.birth_on for _, person in held[member.pk]})
    facts = {
        member.pk: _facts(
            held[member.pk],
            declarations,
            document_type=member.document_type,
            birth_on=member.birth_on or next((births[p] for _, p in held[member.pk] if p in births), None),
            channel=channel,
            viewer_is_owner=member.relation == FamilyMember.Relation.SELF,
            feed_places=_places(row for row, _ in held[member.pk]) or family_places,
        )
        for member in members
    }
    return Family(facts, {row.registration_id: person for rows in held.values() for row, person in rows})


def _births(people: set[int]) -> dict[int, date]:
    """What agencies say of those whose document does not tell the birth date: newborns, holders of a passport."""
    if not people:
        return {}
    rows = InsuredPerson.objects.filter(pk__in=people, birth_on__isnull=False).values_list("pk", "birth_on")
    return {person: born for person, born in rows if born is not None}


def person_facts(person: InsuredPerson) -> Facts:
    """The same about one person as staff see him: all his registrations, whatever was typed."""
    rows = _read_registrations("r.person_id = %s", [person.pk])
    held = [(fact, owner) for fact, owner, *_ in rows]
    first = rows[0][4] if rows else ""
    return _facts(
        held, _declarations({person.pk}, None), document_type=first, birth_on=person.birth_on, channel="portal",
        viewer_is_owner=True, feed_places=_places(row for row, _ in held),
    )  # fmt: skip


def judge(facts: Facts, asked: Asked | None = None) -> Assessment:
    """What this person can pay now and what not, by the business calendar and the table of working days."""
    return assess(facts, clock.business_now(), asked, is_working_day)


def matching_registrations(member: FamilyMember) -> list[Registration]:
    """Registrations that this member's number and name match together."""
    found = [fact.registration_id for fact, _ in _registrations([member])[member.pk]]
    return list(Registration.objects.filter(pk__in=found).order_by("pk"))


Held = list[tuple[RegistrationFact, int]]
Declared = tuple[DeclarationFact, RefundFact | None]
"""A declaration, paid until its refund has succeeded, and that refund as long as it is under way (PA-7)."""


def _facts(
    held: Held, declared: dict[int, list[Declared]], *, document_type: str, birth_on: date | None,
    channel: str, viewer_is_owner: bool, feed_places: tuple[str, ...],
) -> Facts:  # fmt: skip
    mine = [each for person in sorted({p for _, p in held}) for each in declared.get(person, ())]
    return Facts(
        identity=Identity(matched=bool(held), document_type=document_type),
        registrations=tuple(row for row, _ in held),
        policies=_policies(_places(row for row, _ in held)),
        feeds=_feeds(feed_places, get_language()) if feed_places else (),
        declarations=tuple(declaration for declaration, _ in mine),
        refunds=tuple(refund for _, refund in mine if refund is not None),
        birth_on=birth_on,
        channel=_channel(channel),
        viewer_is_owner=viewer_is_owner,
    )


_REGISTRATIONS = """
SELECT r.id, r.insurance_type_id, r.region_id, r.group_id, {region}, {grp}, r.agency_id, {agency},
       agency.kind, agency.phone, agency.address, r.coverage_year, r.renewal, r.registering_body, r.registered_on,
       r.ended_on, r.person_id, r.number_index, r.name_folded, r.document_type
FROM registration_registration r
JOIN registration_region region ON region.code = r.region_id
JOIN registration_populationgroup grp ON grp.code = r.group_id
JOIN registration_agency agency ON agency.code = r.agency_id
WHERE {condition} ORDER BY r.id"""


def _read_registrations(
    condition: str, parameters: list[Any]
) -> list[tuple[RegistrationFact, int, bytes, str, str]]:
    """(fact, person, number index, folded name, document type) of each registration."""
    with connection.cursor() as cursor:
        local = {table: local_name_sql(table) for table in ("region", "grp", "agency")}
        cursor.execute(Prepared(_REGISTRATIONS.format(condition=condition, **local)), parameters)
        return [
            (
                RegistrationFact(
                    registration_id=row[0], insurance_type=row[1], region=row[2], group=row[3], region_name=row[4],
                    group_name=row[5], agency=row[6], agency_name=row[7], agency_kind=row[8], agency_phone=row[9],
                    agency_address=row[10], coverage_year=row[11], renewal=Renewal(row[12]), registering_body=row[13],
                    registered_on=row[14], ended_on=row[15],
                ),
                row[16], bytes(row[17]), row[18], row[19],
            )
            for row in cursor.fetchall()
        ]  # fmt: skip


def _registrations(members: Sequence[FamilyMember]) -> dict[int, Held]:
    """One query for all; number and name must fit together, and nothing tells which of them did not."""
    found: dict[tuple[bytes, str], Held] = {}
    numbers = [bytes(member.number_index) for member in members]
    for fact, person, number, name, _ in _read_registrations("r.number_index = ANY(%s)", [numbers]):
        found.setdefault((number, name), []).append((fact, person))
    return {m.pk: found.get((bytes(m.number_index), m.name_folded), []) for m in members}


def _places(registrations: Iterable[RegistrationFact]) -> tuple[str, ...]:
    """The places of these registrations and the places above them."""
    return tuple(sorted({code for row in registrations for code in lookup_chain(row.region)}))


def _policies(places: tuple[str, ...]) -> tuple[PolicyFact, ...]:
    """The policies that concern these places; the most specific place wins inside `assess`."""
    return _policies_of(places, clock.today()) if places else ()


@clock.kept_for(REFERENCE_S)
def _policies_of(places: tuple[str, ...], today: date) -> tuple[PolicyFact, ...]:
    rows = policies_in_force(places, today, today.year - YEARS_BACK, today.year + YEARS_AHEAD)
    terms = terms_of(row[0] for row in rows)
    return tuple(PolicyFact(key, region, kind, year, terms[key]) for key, region, kind, year in rows)


_DECLARATIONS = """
SELECT refund.refund_no, refund.requested_at, refund.approved_at, refund.sent_at, refund.status,
       d.person_id, d.insurance_type_id, d.coverage_year, d.status, d.region_id, d.amount_fen, d.tier_fen,
       d.declared_at, d.first_month, d.last_month, d.part, d.id, d.paid_at, channel.name, channel.kind, d.payer_id,
       o.order_no, {region}, o.status, o.created_at, o.started_at, o.expires_at, o.unreachable_since,
       o.gateway
FROM payments_declaration d
JOIN payments_paymentorder o ON o.id = d.order_id
JOIN payments_channel channel ON channel.code = d.channel_id
JOIN registration_region region ON region.code = d.region_id
LEFT JOIN payments_refund refund
    ON refund.declaration_id = d.id AND refund.status <> 'rejected' AND refund.status <> 'refunded'
WHERE d.person_id = ANY(%s) AND d.status = ANY(%s) AND d.coverage_year >= %s
ORDER BY d.declared_at, d.id"""


def _declarations(people: set[int], payer_id: int | None) -> dict[int, list[Declared]]:
    """Live declarations of these people over all places, channels and payers, by person."""
    found: dict[int, list[Declared]] = {}
    if not people:
        return found
    with connection.cursor() as cursor:
        parameters: list[Any] = [sorted(people), list(LIVE), clock.today().year - YEARS_BACK]
        cursor.execute(Prepared(_DECLARATIONS.format(region=local_name_sql("region"))), parameters)
        for found_row in cursor.fetchall():
            refund, row = found_row[:5], found_row[5:]
            fact = DeclarationFact(
                insurance_type=row[1], coverage_year=row[2], status=row[3], region=row[4], amount_fen=row[5],
                tier_fen=row[6], declared_at=row[7], first_month=row[8], last_month=row[9], part=row[10],
                declaration_id=row[11], paid_at=row[12], channel_name=Channel(name=row[13], kind=row[14]).local_name,
                own=payer_id is not None and row[15] == payer_id, order_no=row[16], region_name=row[17],
                clears_by=clears_by(Waiting(*row[18:])),
            )  # fmt: skip
            found.setdefault(row[0], []).append((fact, _refund_of(fact, refund)))
    return found


def _refund_of(declaration: DeclarationFact, row: Sequence[Any]) -> RefundFact | None:
    """What whoever is blocked by it may know; its number is for its payer alone. `row`: from number to state.

    A day that has passed is no answer: then nobody is told one.
    """
    refund_no, requested_at, approved_at, sent_at, status = row
    if refund_no is None:
        return None
    back_by = dates_from(requested_at=requested_at, begun_at=sent_at or approved_at).back_by
    is_known = status not in NOT_THROUGH and back_by >= clock.today()
    return RefundFact(
        insurance_type=declaration.insurance_type, coverage_year=declaration.coverage_year, region=declaration.region,
        declaration_id=declaration.declaration_id, part=declaration.part, requested_at=requested_at,
        expected_on=back_by if is_known else None, refund_no=refund_no if declaration.own else "",
    )  # fmt: skip


@clock.kept_for(REFERENCE_S)
def _feeds(places: tuple[str, ...], language: str | None) -> tuple[FeedFact, ...]:
    """Of the agencies of these places, named in `language`: who is not found learns how old the data are (RG-2)."""
    return tuple(
        FeedFact(
            agency=row.agency_id, kind=row.agency.kind, region=row.region_id,
            last_received_at=row.last_received_at,
            last_full_on=clock.business_date(row.last_full_at) if row.last_full_at else None,
            agency_name=local_name(row.agency), agency_phone=row.agency.phone, agency_address=row.agency.address,
        )
        for row in FeedFreshness.objects.filter(agency__region__in=places).select_related("agency")
    )  # fmt: skip


@clock.kept_for(REFERENCE_S)
def _channel(code: str) -> ChannelFact:
    row = Channel.objects.get(pk=code)
    return ChannelFact(
        code=row.code, name=row.name, kind=row.kind, opens_at=row.opens_at, closes_at=row.closes_at,
        region_prefixes=tuple(row.region_prefixes), document_types=tuple(row.document_types),
    )  # fmt: skip
