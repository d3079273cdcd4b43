"""Work on discrepancies: who has it in hand, what he found out, how it ended (HOUSE 3, 4.4).

Money that a discrepancy holds leaves it by a refund only (HOUSE 2.10): nothing here moves a fen.
"""

from datetime import date, timedelta

from django.db import transaction
from django.db.models import QuerySet

from core import clock
from core.models import User
from core.refusals import Refused, given_reason
from core.transitions import advance
from core.working_days import add_working_days
from payments.discrepancies import held_by
from payments.models import Discrepancy, Refund
from payments.states import AT_GATEWAY, REFUNDING, UNDER_WORK
from reconciliation.models import DiscrepancyNote, Waiver
from reconciliation.second_person import decide, refuse_same, waiting_step

OWNER_WITHIN = 2
"""Working days after which a discrepancy must have somebody who works on it."""
LONGEST = 500
ABOUT_REFUNDS = (Discrepancy.Kind.STUCK, Discrepancy.Kind.REFUND_FAILED)
"""What is not over before the refund is that its facts name."""


def take_discrepancy(*, discrepancy_id: int, staff: User) -> Discrepancy:
    """Work on it oneself. Raises Refused: `finished` (with status), `taken` (with owner)."""
    with transaction.atomic():
        row = _locked(discrepancy_id)
        if row.status == "in_hand" and row.owner_id != staff.pk:
            raise Refused("taken", owner=row.owner.name if row.owner else "")
        return _give(row, staff, actor=staff.actor)


def assign_discrepancy(*, discrepancy_id: int, owner: User, staff: User) -> Discrepancy:
    """Give it to somebody, or from one to another. Raises Refused: `finished` (with status), `not_staff`."""
    if not (owner.is_staff and owner.is_active):
        raise Refused("not_staff")
    with transaction.atomic():
        return _give(_locked(discrepancy_id), owner, actor=staff.actor)


def _give(row: Discrepancy, owner: User, *, actor: str) -> Discrepancy:
    if row.status == "open":
        advance(Discrepancy, [row.pk], "take", actor=actor, evidence={"owner": owner.username})
    Discrepancy.objects.filter(pk=row.pk).update(owner=owner)
    row.refresh_from_db()
    return row


def note_discrepancy(*, discrepancy_id: int, text: str, staff: User) -> DiscrepancyNote:
    """Write down what was found out. Raises Refused: `no_reason`, `finished` (with status)."""
    with transaction.atomic():
        row = _locked(discrepancy_id)
        return DiscrepancyNote.objects.create(discrepancy=row, written_by=staff, text=_said(text))


def resolve_discrepancy(*, discrepancy_id: int, reason: str, staff: User) -> Discrepancy:
    """It is explained, or has been put right.

    Raises Refused: `finished` (with status), `not_yours`, `no_reason`, `holds_money` (with amount_fen: its money goes
    by a refund), `still_stuck` (its order is unfinished), `refund_hangs` (so is its refund), `waiver_waits`.
    """
    with transaction.atomic():
        row = _mine(discrepancy_id, staff)
        said = _said(reason)
        _refuse_unfinished(row)
        if Waiver.objects.filter(discrepancy=row, outcome="").exists():
            raise Refused("waiver_waits")
        advance(Discrepancy, [row.pk], "resolve", actor=staff.actor, evidence={"reason": said})
        row.refresh_from_db()
        return row


def request_waiver(*, discrepancy_id: int, reason: str, staff: User) -> Waiver:
    """Ask that it be let go, though it is not explained; somebody else decides.

    Raises Refused: as `resolve_discrepancy`.
    """
    with transaction.atomic():
        row = _mine(discrepancy_id, staff)
        said = _said(reason)
        _refuse_unfinished(row)
        if Waiver.objects.filter(discrepancy=row, outcome="").exists():
            raise Refused("waiver_waits")
        return Waiver.objects.create(discrepancy=row, asked_by=staff, note=said)


def grant_waiver(*, waiver_id: int, staff: User) -> Waiver:
    """The second person lets it go.

    Raises Refused: `decided`, `same_person`, `finished`, `holds_money`, `still_stuck`, `refund_hangs`.
    """
    with transaction.atomic():
        waiver = waiting_step(Waiver, waiver_id)
        refuse_same(waiver, staff)
        row = _locked(waiver.discrepancy_id)
        _refuse_unfinished(row)
        told = {"reason": waiver.note, "waiver": waiver.pk, "asked_by": waiver.asked_by.username}
        if not advance(Discrepancy, [row.pk], "waive", actor=staff.actor, evidence=told):
            raise Refused("finished", status=row.status)
        return decide(waiver, staff, Waiver.Outcome.DONE)


def drop_waiver(*, waiver_id: int, staff: User) -> Waiver:
    """It is not let go: the second person says no, or the first one has thought better of it. Raises: `decided`."""
    with transaction.atomic():
        return decide(waiting_step(Waiver, waiver_id), staff, Waiver.Outcome.DROPPED)


def held_fen(discrepancy: Discrepancy) -> int:
    """The money that lies there, to the fen."""
    return held_by([discrepancy.pk]).get(discrepancy.pk, 0)


def owner_by(discrepancy: Discrepancy) -> date:
    """The working day until whose end somebody must have taken it."""
    return add_working_days(clock.business_date(discrepancy.opened_at), OWNER_WITHIN)[0]


def without_owner_too_long(rows: QuerySet[Discrepancy]) -> QuerySet[Discrepancy]:
    """Those of `rows` that are open for more than two working days and that nobody has in hand, oldest first."""
    day = clock.today()
    while add_working_days(day, OWNER_WITHIN)[0] >= clock.today():
        day -= timedelta(days=1)
    before = clock.midnight(day + timedelta(days=1))
    return rows.filter(status="open", owner__isnull=True, opened_at__lt=before).order_by("opened_at")


def _locked(discrepancy_id: int) -> Discrepancy:
    row = Discrepancy.objects.select_for_update(of=("self",)).get(pk=discrepancy_id)
    if row.status not in UNDER_WORK:
        raise Refused("finished", status=row.status)
    return row


def _mine(discrepancy_id: int, staff: User) -> Discrepancy:
    row = _locked(discrepancy_id)
    if row.status != "in_hand" or row.owner_id != staff.pk:
        raise Refused("not_yours")
    return row


def _said(text: str) -> str:
    return given_reason(text, longest=LONGEST)


def _refuse_unfinished(row: Discrepancy) -> None:
    if held := held_fen(row):
        raise Refused("holds_money", amount_fen=held)
    if row.kind == Discrepancy.Kind.STUCK and row.order is not None and row.order.status in AT_GATEWAY:
        raise Refused("still_stuck")
    if row.kind in ABOUT_REFUNDS and _hangs(str(row.facts.get("refund_no", ""))):
        raise Refused("refund_hangs")


def _hangs(refund_no: str) -> bool:
    return Refund.objects.filter(refund_no=refund_no, status__in=REFUNDING).exists()
