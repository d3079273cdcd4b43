"""Drafting and publishing a policy: one person drafts, another publishes; what is published stays (S07, S3)."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max

from core import clock
from core.models import User
from core.refusals import Refused
from core.transitions import advance_one, record_creation
from payments.models import CollectionPolicy
from payments.policies.reading import dump_terms, parse_terms


@transaction.atomic
def draft_policy(
    *, base: CollectionPolicy, terms: Mapping[str, Any], effective_on: date, staff: User
) -> CollectionPolicy:
    """A new version of a policy as a draft. Raises TermsInvalid (path, message)."""
    parsed = parse_terms(dict(terms))
    same = CollectionPolicy.objects.filter(
        region=base.region_id, insurance_type=base.insurance_type_id, coverage_year=base.coverage_year
    )
    last = same.aggregate(last=Max("version", default=0))["last"]
    draft = CollectionPolicy.objects.create(
        region_id=base.region_id, insurance_type_id=base.insurance_type_id, coverage_year=base.coverage_year,
        version=last + 1, effective_on=effective_on, terms=dump_terms(parsed), is_demo=parsed.demo,
        drafted_by=staff, drafted_at=clock.now(),
    )  # fmt: skip
    record_creation(CollectionPolicy, [draft.pk], status="draft", actor=staff.actor)
    return draft


@transaction.atomic
def publish_policy(*, policy_id: int, staff: User) -> CollectionPolicy:
    """The second person's step. Raises Refused: `not_a_draft`, `same_person`, `too_late` (effective in the past)."""
    draft = _locked(policy_id)
    if draft.drafted_by_id == staff.pk:
        raise Refused("same_person")
    if draft.effective_on < clock.today():
        raise Refused("too_late")
    values = {"published_by_id": staff.pk, "published_at": clock.now()}
    if not advance_one(draft, "publish", actor=staff.actor, values=values):
        raise Refused("not_a_draft")
    clock.forget_everything_kept()
    return draft


@transaction.atomic
def discard_draft(*, policy_id: int, staff: User) -> None:
    """Throw a draft away. Raises Refused `not_a_draft`."""
    if not advance_one(_locked(policy_id), "discard", actor=staff.actor):
        raise Refused("not_a_draft")


def _locked(policy_id: int) -> CollectionPolicy:
    return CollectionPolicy.objects.select_for_update().get(pk=policy_id)
