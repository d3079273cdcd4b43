"""Records of payments, and who may see them (AF-1, AF-2).

A payer sees what his account paid. The insured person, and whom he has let (`ViewGrant`), sees what
anybody paid for him. Nobody else sees anything.
"""

from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet

from core import clock
from core.identity import fold_name
from core.models import User
from payments.models import Declaration, Discrepancy
from payments.states import UNDER_WORK
from registration.models import Registration, ViewGrant

SHOWN = ("in_payment", "paid", "refunded")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """What a list is narrowed to; None leaves it open. `paid_year` is the year of the payment."""

    person_id: int | None = None
    insurance_type: str | None = None
    paid_year: int | None = None


def own_people(viewer: User) -> set[int]:
    """The persons that this account's real name and number match: the viewer himself (ID-3)."""
    if viewer.number_index is None or not viewer.real_named_by:
        return set()
    rows = Registration.objects.filter(number_index=bytes(viewer.number_index), name_folded=fold_name(viewer.name))
    return set(rows.values_list("person_id", flat=True))


def visible_people(viewer: User) -> set[int]:
    """The viewer himself and those who have let him look, as long as they let him."""
    granted = ViewGrant.objects.filter(viewer=viewer, ends_at__gt=clock.now()).values_list("person_id", flat=True)
    return own_people(viewer) | set(granted)


def visible_records(viewer: User, narrowed: RecordFilter | None = None) -> QuerySet[Declaration]:
    """Payments made, on their way or given back, newest first; also those whose money is held."""
    held = Discrepancy.objects.filter(declaration=OuterRef("pk"), status__in=UNDER_WORK)
    mine = Q(payer=viewer) | Q(person_id__in=visible_people(viewer))
    rows = (
        Declaration.objects.filter(mine)
        .annotate(is_held=Exists(held))
        .filter(Q(status__in=SHOWN) | Q(is_held=True))
        .select_related("registration", "region", "channel", "order", "order__payee", "policy")
        .order_by("-declared_at", "-pk")
    )
    narrowed = narrowed or RecordFilter()
    if narrowed.person_id is not None:
        rows = rows.filter(person_id=narrowed.person_id)
    if narrowed.insurance_type is not None:
        rows = rows.filter(insurance_type_id=narrowed.insurance_type)
    if narrowed.paid_year is not None:
        begin, end = (clock.midnight(date(year, 1, 1)) for year in (narrowed.paid_year, narrowed.paid_year + 1))
        rows = rows.filter(declared_at__gte=begin, declared_at__lt=end)
    return rows
