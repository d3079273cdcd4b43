"""Families that are logged in and have something to pay: as many as asked for, written in a few statements."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache

from core import clock, identity
from core.models import User
from core.sealed import blind_index, seal
from payments.drafts import BasketLine, Choice
from payments.models import Draft
from registration.models import FamilyMember, InsuredPerson, PersonDocument, Registration
from tests.world import MEDICAL, PENSION, PLACE, make_agency, make_ground, make_policy

MEMBERS = 4
LINES = 2 * MEMBERS  # what one family can pay: two types for each of four
AMOUNTS = {PENSION: 100_000, MEDICAL: 24_000}
_RELATIONS = ("self", "spouse", "parent", "parent")
_TOGETHER = 2000


@dataclass(frozen=True)
class Payer:
    """An account, its members, and the registration of each member for each type."""

    user: User
    members: list[FamilyMember]
    registrations: dict[tuple[int, str], int]

    def line(self, turn: int) -> BasketLine:
        """The one thing to be paid at this turn, 0 to LINES - 1: no two turns are about the same period."""
        member, kind = self.members[turn % MEMBERS], (PENSION, MEDICAL)[turn // MEMBERS]
        return BasketLine(
            Choice(member.pk, kind, clock.today().year), self.registrations[member.pk, kind], AMOUNTS[kind],
            AMOUNTS[kind], clock.now(),
        )  # fmt: skip


def make_place() -> None:
    """The catalogue, one payee with both wallets, this year's policies for pension and medical."""
    make_ground()
    make_policy(PENSION)
    make_policy(MEDICAL)


def make_payers(count: int, *, first: int = 0) -> list[Payer]:
    """Accounts with a family of four each; `first` keeps two calls from making the same people."""
    users = User.objects.bulk_create([_user(first + number) for number in range(count)], _TOGETHER)
    people = [(user, place, _somebody(first + at, place)) for at, user in enumerate(users) for place in range(MEMBERS)]
    persons = InsuredPerson.objects.bulk_create(
        [InsuredPerson(name=name, name_folded=name, birth_on=born) for _, _, (name, _, born) in people], _TOGETHER
    )
    numbers = [number for _, _, (_, number, _) in people]
    indexes = [blind_index("number", number) for number in numbers]
    PersonDocument.objects.bulk_create(
        [
            PersonDocument(
                person=person,
                document_type="201",
                match_index=index,
                number_index=index,
                number_sealed=seal(number, field="registration_persondocument.number_sealed", index=index),
            )
            for person, number, index in zip(persons, numbers, indexes, strict=True)
        ],
        _TOGETHER,
    )
    rows = Registration.objects.bulk_create(
        [
            row
            for person, number, index in zip(persons, numbers, indexes, strict=True)
            for row in _registrations(person, number, index)
        ],
        _TOGETHER,
    )
    members = FamilyMember.objects.bulk_create(
        [_member(user, place, somebody, index) for (user, place, somebody), index in zip(people, indexes, strict=True)],
        _TOGETHER,
    )
    return [
        Payer(
            user,
            members[at * MEMBERS : (at + 1) * MEMBERS],
            {
                (members[at * MEMBERS + place].pk, kind): rows[2 * (at * MEMBERS + place) + turn].pk
                for place in range(MEMBERS)
                for turn, kind in enumerate((PENSION, MEDICAL))
            },
        )
        for at, user in enumerate(users)
    ]


def _somebody(family: int, place: int) -> tuple[str, str, date]:
    """Name, number and date of birth; all are between 20 and 50 years old."""
    position = family * MEMBERS + place
    born = date(clock.today().year - 50, 1, 1) + timedelta(days=position % 10_000)
    first_17 = f"{PLACE}{born:%Y%m%d}{position // 10_000:03d}"
    name = "王李张刘"[place] + "伟芳娜秀英敏静丽强磊"[family % 10] + "军洋勇艳杰娟涛明超兰"[family // 10 % 10]
    return name, first_17 + identity.check_character(first_17), born


def _user(number: int) -> User:
    _, document, _ = _somebody(number, 0)
    index = blind_index("number", document)
    return User(
        name=_somebody(number, 0)[0], document_type="201", number_index=index, real_named_by="carrier",
        number_sealed=seal(document, field="core_user.number_sealed", index=index), real_named_at=clock.now(),
    )  # fmt: skip


def _registrations(person: InsuredPerson, number: str, index: bytes) -> list[Registration]:
    sealed = seal(number, field="registration_registration.number_sealed", index=index)
    return [
        Registration(
            agency_id=f"{'hr' if kind == PENSION else 'medical'}-{PLACE}", agency_person_no=str(person.pk),
            insurance_type_id=kind, person=person, region_id=PLACE, group_id="adult", name=person.name,
            name_folded=person.name_folded, document_type="201", number_index=index, number_sealed=sealed,
            registering_body="米山镇人社所", registered_on=date(2019, 3, 1), version=1,
        )
        for kind in (PENSION, MEDICAL)
    ]  # fmt: skip


def _member(user: User, place: int, somebody: tuple[str, str, date], index: bytes) -> FamilyMember:
    name, number, born = somebody
    sealed = seal(number, field="registration_familymember.number_sealed", index=index)
    return FamilyMember(
        payer=user, relation=_RELATIONS[place], name=name, name_folded=name, document_type="201", number_index=index,
        number_sealed=sealed, number_tail=number[-4:], number_head=number[0], birth_on=born,
    )  # fmt: skip


# --- what each round begins with -------------------------------------------------------------------------------------


def keep_feeds_fresh() -> None:
    """The agencies' data came an hour ago, however long the benchmark runs."""
    make_agency("hr")
    make_agency("medical")


def log_in(payers: Sequence[Payer]) -> list[str]:
    """The cookies of a session for each, begun now."""
    store, moment = SessionStore(), int(clock.now().timestamp())
    rows, kept, cookies = [], {}, []
    for payer in payers:
        key = os.urandom(16).hex()
        content = {
            SESSION_KEY: str(payer.user.pk), BACKEND_SESSION_KEY: "portal.accounts.backend.Accounts",
            HASH_SESSION_KEY: payer.user.get_session_auth_hash(), "began_at": moment, "seen_at": moment,
        }  # fmt: skip
        ends_at = clock.now() + timedelta(minutes=30)
        rows.append(Session(session_key=key, session_data=store.encode(content), expire_date=ends_at))
        kept[store.cache_key_prefix + key] = content
        cookies.append(f"sid={key}; csrf={key}")
    Session.objects.bulk_create(rows, _TOGETHER)
    cache.set_many(kept, 30 * 60)
    return cookies


def fill_baskets(payers: Sequence[Payer], turn: int) -> list[str]:
    """One line for each; returns the tokens of the baskets."""
    tokens = [os.urandom(8).hex() for _ in payers]
    drafts = [
        Draft(payer=payer.user, content={"basket": _basket(payer.line(turn), token)}, updated_at=clock.now())
        for payer, token in zip(payers, tokens, strict=True)
    ]
    Draft.objects.bulk_create(
        drafts, _TOGETHER, update_conflicts=True, unique_fields=["payer"], update_fields=["content", "updated_at"]
    )
    return tokens


def _basket(line: BasketLine, token: str) -> dict[str, Any]:
    return {"lines": [asdict(line) | {"added_at": line.added_at.isoformat()}], "token": token}
