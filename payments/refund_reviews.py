"""初审 and 复审: two members of staff look at what a payer asks back, one at what a colleague asks back (S06, I17).

The first look is an entry of the audit log, which is append-only; the second is the approval itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core import audit
from core.models import AuditEntry, User
from core.refusals import Refused, given_reason
from payments.models import Refund
from payments.refunds import approve_refund, locked_refund

ACTION = "review_refund"
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Review:
    """The first person's opinion."""

    actor: str
    name: str
    note: str
    at: datetime


def first_review(refund: Refund) -> Review | None:
    """Who has looked first, or None."""
    rows = AuditEntry.objects.filter(action=ACTION, subject_kind="refund", subject_id=refund.refund_no)
    found = rows.order_by("pk").first()
    return Review(found.actor, str(found.detail.get("name", "")), found.reason, found.at) if found else None


def reviewed_first(refund_nos: Iterable[str]) -> set[str]:
    """Those of these refunds that a first person has looked at."""
    rows = AuditEntry.objects.filter(action=ACTION, subject_kind="refund", subject_id__in=list(refund_nos))
    return set(rows.values_list("subject_id", flat=True))


def needs_review(refund: Refund) -> bool:
    """A member of staff who asks is the first person himself; where a payer asks, two others look."""
    return refund.requested_by is not None and not refund.requested_by.is_staff


@transaction.atomic
def review_refund(*, refund_no: str, note: str, staff: User) -> Review:
    """The first person looks at the evidence and says that it may go back.

    Raises Refused: `unknown_refund`, `finished`, `not_staff`, `no_review_needed`, `reviewed`, `no_note`.
    """
    refund = locked_refund(refund_no)
    if not staff.is_staff:
        raise Refused("not_staff")
    if refund.status != "requested":
        raise Refused("finished", status=refund.status)
    if not needs_review(refund):
        raise Refused("no_review_needed")
    if first_review(refund) is not None:
        raise Refused("reviewed")
    note = given_reason(note, longest=LONGEST, code="no_note")
    entry = audit.record(
        actor=staff.actor, action=ACTION, subject_kind="refund", subject_id=refund_no, reason=note,
        detail={"name": staff.name, "amount_fen": refund.amount_fen},
    )  # fmt: skip
    return Review(entry.actor, staff.name, note, entry.at)


@transaction.atomic
def approve_reviewed(*, refund_no: str, staff: User) -> Refund:
    """The second person agrees.

    Raises Refused: `not_reviewed`, `same_person`, and what `approve_refund` raises.
    """
    refund = locked_refund(refund_no)
    review = first_review(refund)
    if needs_review(refund) and review is None:
        raise Refused("not_reviewed")
    if review is not None and review.actor == staff.actor:
        raise Refused("same_person")
    return approve_refund(refund_no=refund_no, approved_by=staff, actor=staff.actor)
