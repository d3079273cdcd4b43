"""Who may see whose records (HOUSE 5, `view`): given by the insured person's own code, for ninety days.

To be asked for it, a person needs an account of his own and a registration that both his number and his
name match (ID-3). Whether he has them is told to nobody.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from core import audit, clock
from core.identity import fold_name
from core.models import User
from core.sealed import SealBroken, unseal
from registration.models import FamilyMember, Registration, ViewGrant

LIFE = timedelta(days=90)


def account_of(member: FamilyMember) -> User | None:
    """The account of the person himself, by number and name together."""
    found = User.objects.filter(number_index=bytes(member.number_index), is_staff=False, is_active=True).first()
    return found if found and found.real_named_by and fold_name(found.name) == member.name_folded else None


def phone_of(user: User | None) -> str:
    """Where a code for this account goes; '' where there is no phone."""
    if user is None or user.phone_index is None:
        return ""
    try:
        return unseal(user.phone_sealed, field="core_user.phone_sealed", index=bytes(user.phone_index))
    except SealBroken:
        return ""


def people_named(number_index: bytes, name_folded: str) -> list[int]:
    """The persons whom agencies know by this number and name."""
    rows = Registration.objects.filter(number_index=number_index, name_folded=name_folded)
    return sorted(set(rows.values_list("person_id", flat=True)))


@transaction.atomic
def grant_view(*, viewer: User, member: FamilyMember) -> int:
    """Let the viewer see what was paid for this member, from now on for ninety days; returns for how many persons.

    The caller has checked the person's own code.
    """
    moment = clock.now()
    owner = account_of(member)
    people = people_named(bytes(member.number_index), member.name_folded) if owner else []
    for person in people:
        values = {"granted_at": moment, "ends_at": moment + LIFE}
        ViewGrant.objects.update_or_create(viewer=viewer, person_id=person, defaults=values)
        audit.record(
            actor=owner.actor if owner else "", action="grant_view", subject_kind="person", subject_id=str(person),
            detail={"viewer": viewer.pk},
        )  # fmt: skip
    return len(people)


def seen_members(*, viewer: User, members: Sequence[FamilyMember]) -> dict[int, ViewGrant]:
    """The grants that the viewer has, by member."""
    grants = {row.person_id: row for row in ViewGrant.objects.filter(viewer=viewer, ends_at__gt=clock.now())}
    rows = Registration.objects.filter(person_id__in=grants).values_list("number_index", "name_folded", "person_id")
    by_key = {(bytes(index), name): grants[person] for index, name, person in rows}
    keyed = ((member.pk, by_key.get((bytes(member.number_index), member.name_folded))) for member in members)
    return {member_id: grant for member_id, grant in keyed if grant}


def viewers_of(owner: User) -> list[ViewGrant]:
    """Who may see the records of this account's own person."""
    if owner.number_index is None:
        return []
    people = people_named(bytes(owner.number_index), fold_name(owner.name))
    rows = ViewGrant.objects.filter(person_id__in=people, ends_at__gt=clock.now()).exclude(viewer=owner)
    return list(rows.select_related("viewer").order_by("pk"))


def revoke_view(*, owner: User, grant_id: int) -> bool:
    """Take the permission back; only the person himself can."""
    for grant in viewers_of(owner):
        if grant.pk == grant_id:
            ViewGrant.objects.filter(pk=grant.pk).update(ends_at=clock.now())
            audit.record(
                actor=owner.actor, action="revoke_view", subject_kind="person", subject_id=str(grant.person_id),
                detail={"viewer": grant.viewer_id},
            )  # fmt: skip
            return True
    return False


def give_up_view(*, viewer: User, member: FamilyMember) -> None:
    """A viewer who strikes a person off his list sees nothing of him any more."""
    people = people_named(bytes(member.number_index), member.name_folded)
    ViewGrant.objects.filter(viewer=viewer, person_id__in=people).update(ends_at=clock.now())
