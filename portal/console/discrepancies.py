"""S09, the queue: what nobody has taken stands on top, then everything by age."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core import clock
from core.models import User
from payments.discrepancies import held_by
from payments.models import Discrepancy
from payments.states import DISCREPANCY, UNDER_WORK
from portal.console.page import page
from portal.console.scope import discrepancies_for, staff_of
from reconciliation.discrepancies import without_owner_too_long
from reconciliation.models import Waiver

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the queue."""

    row: Discrepancy
    state: Any
    days: int
    is_overdue: bool
    waits: bool  # for the second person of a waiver
    held_fen: int  # of the money that it is about, what lies with it

    @property
    def reference(self) -> str:
        return reference(self.row)


def reference(row: Discrepancy) -> str:
    """YC-1119-0031: by the day on which it was opened."""
    return f"YC-{clock.business_date(row.opened_at):%m%d}-{row.pk:04d}"


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Open ones by age, narrowed to one's own, to those without an owner, to those that wait, or to a kind."""
    user = staff_of(request)
    wanted, kind = request.GET.get("show", ""), request.GET.get("kind", "")
    all_open = discrepancies_for(user).filter(status__in=UNDER_WORK).select_related("order", "owner")
    overdue = list(without_owner_too_long(all_open)[:SHOWN])
    narrowed = _narrowed(all_open, user, wanted)
    if kind in Discrepancy.Kind.values:
        narrowed = narrowed.filter(kind=kind)
    late = {row.pk for row in overdue}
    held_overdue = held_by(late)
    waiting = set(Waiver.objects.filter(outcome="").values_list("discrepancy", flat=True))
    held = held_by(narrowed.values_list("pk", flat=True))  # of all of them, shown or not
    items = [_item(row, late, waiting, held) for row in narrowed.order_by("opened_at", "pk")[:SHOWN]]
    context = {
        "overdue": [_item(row, late, waiting, held_overdue) for row in overdue],
        "items": items,
        "held": sum(held.values()),
        "left_off": max(narrowed.count() - SHOWN, 0),
        "wanted": wanted,
        "kind": kind,
        "kinds": Discrepancy.Kind.choices,
        "shows": _shows(all_open, user),
    }
    return page(request, "discrepancies", _("差错"), **context)


def _shows(rows: Any, user: User) -> list[tuple[str, str, int]]:
    names = {"": _("全部"), "mine": _("我的"), "free": _("没人接手"), "second": _("等第二人")}
    return [(code, name, _narrowed(rows, user, code).count()) for code, name in names.items()]


def _narrowed(rows: Any, user: User, wanted: str) -> Any:
    if wanted == "mine":
        return rows.filter(owner=user)
    if wanted == "free":
        return rows.filter(owner__isnull=True)
    if wanted == "second":
        return rows.filter(pk__in=Waiver.objects.filter(outcome="").exclude(asked_by=user).values("discrepancy"))
    return rows


def _item(row: Discrepancy, late: set[int], waiting: set[int], held: dict[int, int]) -> Item:
    days = (clock.today() - clock.business_date(row.opened_at)).days
    state = DISCREPANCY.states[row.status]
    return Item(row, state, days, row.pk in late, row.pk in waiting, held.get(row.pk, 0))


def next_after(user: User, row: Discrepancy) -> Discrepancy | None:
    """The next one that is the user's or nobody's, by age."""
    rows = discrepancies_for(user).filter(status__in=UNDER_WORK).exclude(pk=row.pk).order_by("opened_at", "pk")
    mine = [each for each in rows[:SHOWN] if each.owner_id in (None, user.pk)]
    after = [each for each in mine if (each.opened_at, each.pk) > (row.opened_at, row.pk)]
    return next(iter([*after, *mine]), None)
