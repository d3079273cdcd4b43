"""People and days for the tests of pricing: plain facts under the shipped policies."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from payments.policies.demo_year import derive_demo_rows
from payments.policies.sources import PolicyRow, read_policies
from payments.pricing import (
    Asked,
    Assessment,
    DeclarationFact,
    Facts,
    FeedFact,
    Identity,
    Payable,
    PolicyFact,
    RegistrationFact,
    assess,
)

WENDENG, WEIHAI, LAIWU, JINAN, GUTA, PINGCHENG = "371003", "371000", "370116", "370100", "210702", "140213"
PENSION, MEDICAL, SUPPLEMENTARY = "resident_pension", "resident_medical", "supplementary_pension"
FLEXIBLE, FLEXIBLE_MEDICAL = "flexible_pension", "flexible_medical"
NOON = time(12)


@cache
def shipped() -> tuple[PolicyRow, ...]:
    return tuple(read_policies())


@cache
def policies_on(on: date, *, with_demo: bool = True) -> tuple[PolicyFact, ...]:
    """What is in force on a day, as the loader would choose it: the highest version that has come into force."""
    rows = [*shipped(), *(derive_demo_rows(shipped(), on) if with_demo else [])]
    newest: dict[tuple[str, str, int], PolicyRow] = {}
    for row in sorted(rows, key=lambda row: row.version):
        if row.effective_on <= on:
            newest[row.region, row.insurance_type, row.coverage_year] = row
    return tuple(
        PolicyFact(number, row.region, row.insurance_type, row.coverage_year, row.terms)
        for number, row in enumerate(newest.values(), 1)
    )


def registered(
    insurance_type: str = PENSION, region: str = WENDENG, group: str = "adult", **more: Any
) -> RegistrationFact:
    number = more.pop("registration_id", abs(hash((insurance_type, region))) % 10_000)
    return RegistrationFact(number, insurance_type, region, group, region_name=f"地方{region}", **more)


def declared(
    status: str = "paid",
    insurance_type: str = PENSION,
    coverage_year: int = 2026,
    region: str = WENDENG,
    tier_fen: int = 100_000,
    **more: Any,
) -> DeclarationFact:
    at = more.pop("declared_at", datetime.fromisoformat("2026-11-20T14:05:00+08:00"))
    more.setdefault("paid_at", at if status == "paid" else None)
    return DeclarationFact(
        insurance_type, coverage_year, status, region, more.pop("amount_fen", tier_fen), tier_fen, at,
        channel_name="本网站", clears_by=at + timedelta(hours=1), order_no="ORDER", **more,
    )  # fmt: skip


def feed(kind: str, last_received: str, *, full: str | None = "2026-11-01", region: str = WENDENG) -> FeedFact:
    return FeedFact(
        f"{kind}-{region}",
        kind,
        region,
        datetime.fromisoformat(last_received),
        date.fromisoformat(full) if full else None,
        agency_name={"hr": "文登区人社局", "medical": "文登区医保局"}[kind],
        agency_phone="12333",
        agency_address="示例路1号",
    )


def person(*registrations: RegistrationFact, on: date | None = None, **more: Any) -> Facts:
    """王芳, born in 1980, her own records, under the policies in force on a day."""
    more.setdefault("policies", policies_on(on or date(2026, 11, 21)))
    more.setdefault("birth_on", date(1980, 5, 1))
    more.setdefault("viewer_is_owner", True)
    more.setdefault("identity", Identity(matched=True))
    return Facts(registrations=registrations, **more)


def judge(
    facts: Facts, on: str = "2026-11-21", at: time = NOON, insurance_type: str | None = None, year: int | None = None
) -> Assessment:
    return assess(facts, datetime.combine(date.fromisoformat(on), at), Asked(insurance_type, year))


def on_day(day: str, *registrations: RegistrationFact, **more: Any) -> Assessment:
    """The answer of a day to who is so registered."""
    return judge(person(*registrations, on=date.fromisoformat(day), **more), day)


def only(found: Assessment) -> Payable:
    assert [each.code for each in found.blockers] == []
    assert len(found.payables) == 1
    return found.payables[0]


def codes(found: Assessment) -> list[str]:
    return [each.code for each in found.blockers]


def yuan_tiers(payable: Payable) -> list[float]:
    return [each.amount_fen / 100 for each in payable.tiers]


def changed(on: date, **terms: Any) -> tuple[PolicyFact, ...]:
    """The policies of a day with other terms in all of them."""
    return tuple(replace(each, terms=replace(each.terms, **terms)) for each in policies_on(on))
