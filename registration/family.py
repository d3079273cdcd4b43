"""The people whom an account pays for: what the payer typed, and his tick (HOUSE 5, ID-2, R08).

Adding a person looks nothing up. Whether number and name fit a registration is found out at use, and
one answer serves for every way in which they do not (ID-3).
"""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from core import clock, limiter
from core.identity import Document, DocumentType, fold_name, is_name, normalise_name, parse
from core.models import User
from core.refusals import Refused
from core.sealed import blind_index, seal, unseal
from registration.models import FamilyMember

MOST_MEMBERS = 20
ADDED_A_DAY = 30  # X5: an account is no tool to try numbers with
_SEALED = "registration_familymember.number_sealed"


def family_of(payer: User) -> QuerySet[FamilyMember]:
    """Everybody on a payer's list, himself first."""
    return FamilyMember.objects.filter(payer=payer, removed_at__isnull=True).order_by("pk")


def ensure_self(*, payer: User) -> FamilyMember:
    """Put the account's own person on its list, by the real name that he has proved; once."""
    found = FamilyMember.objects.filter(
        payer=payer, relation=FamilyMember.Relation.SELF, removed_at__isnull=True
    ).first()
    if found:
        return found
    number = unseal(payer.number_sealed, field="core_user.number_sealed", index=bytes(payer.number_index or b""))
    document = parse(DocumentType(payer.document_type), number, clock.today())
    return _store(payer, FamilyMember.Relation.SELF, document, payer.name, acts_as_agent=False)


def add_member(
    *,
    payer: User,
    relation: str,
    document_type: str,
    number: str,
    name: str,
    consented: bool,
    acts_as_agent: bool = False,
) -> FamilyMember:
    """Add one person to a payer's list.

    `acts_as_agent`: the entry by which a holder of another document pays for himself (ID-2). Raises
    Refused: `no_consent`, `bad_name`, `bad_number` (document), `already_added`, `too_many`, `too_often`.
    """
    if not consented:
        raise Refused("no_consent")
    clean_name = normalise_name(name)
    if not is_name(clean_name):
        raise Refused("bad_name")
    document = parse(DocumentType(document_type), number, clock.today())
    if document.refusals:
        raise Refused("bad_number", document=document)
    if family_of(payer).count() >= MOST_MEMBERS:
        raise Refused("too_many", most=MOST_MEMBERS)
    if not limiter.take(f"add-member:{payer.pk}", limit=ADDED_A_DAY, period=timedelta(days=1)).allowed:
        raise Refused("too_often")
    return _store(payer, FamilyMember.Relation(relation), document, clean_name, acts_as_agent=acts_as_agent)


def _store(
    payer: User, relation: FamilyMember.Relation, document: Document, name: str, *, acts_as_agent: bool
) -> FamilyMember:
    index = blind_index("number", document.number)
    try:
        with transaction.atomic():
            return FamilyMember.objects.create(
                payer=payer,
                relation=relation,
                name=name,
                name_folded=fold_name(name),
                document_type=document.type,
                number_index=index,
                number_sealed=seal(document.number, field=_SEALED, index=index),
                number_tail=document.number[-4:],
                number_head=document.number[:1],
                birth_on=document.birth_on,
                acts_as_agent=acts_as_agent,
                consented_at=clock.now(),
            )
    except IntegrityError as clash:
        raise Refused("already_added") from clash


def remove_member(*, payer: User, member_id: int) -> bool:
    """Take a person off the list; what was paid for him stays. The account's own person stays too."""
    rows = family_of(payer).filter(pk=member_id).exclude(relation=FamilyMember.Relation.SELF)
    return bool(rows.update(removed_at=clock.now()))


def change_relation(*, payer: User, member_id: int, relation: str) -> bool:
    """Name the relation anew."""
    rows = family_of(payer).filter(pk=member_id).exclude(relation=FamilyMember.Relation.SELF)
    return bool(rows.update(relation=FamilyMember.Relation(relation)))
