"""All that `assess` needs to know, for a whole family by a handful of queries (HOUSE 2.12).

People are found by what the payer typed: number and name together, as the agency holds them (ID-3).
"""

from collections.abc import Sequence
from datetime import date

from django.db.models import Q, QuerySet

from core import clock
from core.models import User
from core.working_days import is_working_day
from payments.models import Channel, Declaration
from payments.orders import clears_by
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
    RegistrationFact,
    assess,
)
from payments.states import LIVE
from registration.models import FamilyMember, FeedFreshness, InsuredPerson, Registration

YEARS_BACK = 1  # a year that began last July, or last year's tier
YEARS_AHEAD = 1  # medical insurance is collected the autumn before


def family_facts(
    members: Sequence[FamilyMember], *, payer: User, channel: str = "portal"
) -> dict[int, Facts]:
    """Facts by member id. What another person has paid is in them only as far as `assess` needs it."""
    today = clock.today()
    held = _registrations(members)
    registrations = [row for rows in held.values() for row in rows]
    declarations = _declarations({row.person_id for row in registrations}, today, payer)
    policies = _policies({row.region_id for row in registrations}, today)
    feeds = _feeds(registrations)
    channel_fact = _channel(channel)
    return {
        member.pk: Facts(
            identity=Identity(matched=bool(held[member.pk]), document_type=member.document_type),
            registrations=tuple(_registration(row) for row in held[member.pk]),
            policies=_for_places(policies, {row.region_id for row in held[member.pk]}),
            feeds=tuple(feed for key, feed in feeds if key in {row.agency_id for row in held[member.pk]}),
            declarations=tuple(
                fact for row in {row.person_id for row in held[member.pk]} for fact in declarations.get(row, ())
            ),
            birth_on=member.birth_on,
            channel=channel_fact,
            viewer_is_owner=member.relation == FamilyMember.Relation.SELF,
        )
        for member in members
    }


def judge(facts: Facts, asked: Asked | None = None) -> Assessment:
    """What this person can pay now and what not, by the business calendar and the table of working days."""
    return assess(facts, clock.business_now(), asked, is_working_day)


def registration_facts(person: InsuredPerson) -> Facts:
    """The same about one person as staff see him: all his registrations, whatever was typed."""
    rows = list(_with_names(Registration.objects.filter(person=person)))
    today = clock.today()
    return Facts(
        identity=Identity(matched=bool(rows), document_type=rows[0].document_type if rows else ""),
        registrations=tuple(_registration(row) for row in rows),
        policies=_for_places(_policies({row.region_id for row in rows}, today), {row.region_id for row in rows}),
        feeds=tuple(feed for _, feed in _feeds(rows)),
        declarations=tuple(_declarations({person.pk}, today, None).get(person.pk, ())),
        birth_on=person.birth_on,
        channel=_channel("portal"),
        viewer_is_owner=True,
    )


def matching_registrations(member: FamilyMember) -> list[Registration]:
    """Registrations that this member's number and name match together."""
    return _registrations([member])[member.pk]


def _registrations(members: Sequence[FamilyMember]) -> dict[int, list[Registration]]:
    """One query for all; number and name must fit together, and nothing tells which of them did not."""
    rows = _with_names(Registration.objects.filter(number_index__in=[bytes(m.number_index) for m in members]))
    found: dict[tuple[bytes, str], list[Registration]] = {}
    for row in rows:
        found.setdefault((bytes(row.number_index), row.name_folded), []).append(row)
    return {m.pk: found.get((bytes(m.number_index), m.name_folded), []) for m in members}


def _with_names(rows: QuerySet[Registration]) -> QuerySet[Registration]:
    return rows.select_related("region", "group", "agency").order_by("pk")


def _registration(row: Registration) -> RegistrationFact:
    return RegistrationFact(
        registration_id=row.pk,
        insurance_type=row.insurance_type_id,
        region=row.region_id,
        group=row.group_id,
        region_name=row.region.name,
        group_name=row.group.name,
        agency=row.agency_id,
        agency_name=row.agency.name,
        agency_kind=row.agency.kind,
        agency_phone=row.agency.phone,
        agency_address=row.agency.address,
        coverage_year=row.coverage_year,
        renewal=Renewal(row.renewal),
        registering_body=row.registering_body,
        registered_on=row.registered_on,
        ended_on=row.ended_on,
    )


def _policies(regions: set[str], today: date) -> list[tuple[int, str, str, int]]:
    places = {code for region in regions for code in lookup_chain(region)}
    return policies_in_force(places, today, today.year - YEARS_BACK, today.year + YEARS_AHEAD) if places else []


def _for_places(rows: list[tuple[int, str, str, int]], regions: set[str]) -> tuple[PolicyFact, ...]:
    """The policies that concern these places; the most specific place wins inside `assess`."""
    places = {code for region in regions for code in lookup_chain(region)}
    wanted = [row for row in rows if row[1] in places]
    terms = terms_of(row[0] for row in wanted)
    return tuple(PolicyFact(key, region, kind, year, terms[key]) for key, region, kind, year in wanted)


def _declarations(people: set[int], today: date, payer: User | None) -> dict[int, list[DeclarationFact]]:
    rows = (
        Declaration.objects.filter(
            Q(status__in=LIVE), person_id__in=people, coverage_year__gte=today.year - YEARS_BACK
        )
        .select_related("order", "channel", "region")
        .order_by("declared_at")
    )
    found: dict[int, list[DeclarationFact]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(_declaration(row, payer))
    return found


def _declaration(row: Declaration, payer: User | None) -> DeclarationFact:
    return DeclarationFact(
        insurance_type=row.insurance_type_id,
        coverage_year=row.coverage_year,
        status=row.status,
        region=row.region_id,
        amount_fen=row.amount_fen,
        tier_fen=row.tier_fen,
        declared_at=row.declared_at,
        first_month=row.first_month,
        last_month=row.last_month,
        part=row.part,
        declaration_id=row.pk,
        paid_at=row.paid_at,
        channel_name=row.channel.name,
        clears_by=clears_by(row.order),
        own=payer is not None and row.payer_id == payer.pk,
        order_no=row.order.order_no,
        region_name=row.region.name,
    )


def _feeds(registrations: Sequence[Registration]) -> list[tuple[str, FeedFact]]:
    agencies = {row.agency_id for row in registrations}
    rows = FeedFreshness.objects.filter(agency_id__in=agencies).select_related("agency") if agencies else []
    return [
        (
            row.agency_id,
            FeedFact(
                agency=row.agency_id,
                kind=row.agency.kind,
                region=row.region_id,
                last_received_at=row.last_received_at,
                last_full_on=clock.business_date(row.last_full_at) if row.last_full_at else None,
                agency_name=row.agency.name,
                agency_phone=row.agency.phone,
                agency_address=row.agency.address,
            ),
        )
        for row in rows
    ]


def _channel(code: str) -> ChannelFact:
    row = Channel.objects.get(pk=code)
    return ChannelFact(
        code=row.code,
        name=row.name,
        kind=row.kind,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        region_prefixes=tuple(row.region_prefixes),
        document_types=tuple(row.document_types),
    )
