"""Running a channel day again, and signing it off: by two people where something differed (S08)."""

from dataclasses import asdict
from datetime import timedelta

from django.db import transaction

from core import clock
from core.models import User
from core.nudge import nudge
from core.refusals import Refused
from reconciliation.channel_days import DayFigures, day_figures
from reconciliation.models import SignOff, Statement
from reconciliation.second_person import decide, refuse_same, waiting_step
from reconciliation.statements import read_again
from reconciliation.states import TO_WORK
from reconciliation.working import LARGE_BYTES, reconcile_statement

FETCH_GAP = timedelta(seconds=30)


def run_again(*, statement_id: int, staff: User) -> Statement:
    """Go on with a day now instead of at the next sweep: fetch it, or read, match and remedy it.

    A file that was refused is read once more, as the day's next version, which is what comes back. Raises Refused:
    `not_there` (nobody can fetch it; it has to be handed in), `not_due` (with at), `superseded` (a later file
    has come), `closed` (its figures are worked out whenever they are looked at).
    """
    statement = Statement.objects.select_related("agreement").get(pk=statement_id)
    if statement.status == "awaited":
        return _fetch(statement)
    if statement.status == "unreadable":
        statement = read_again(statement_id=statement.pk, actor=staff.actor)
    if statement.status not in TO_WORK:
        raise Refused(statement.status)
    if statement.size_bytes >= LARGE_BYTES and statement.status != "matched":
        nudge("reconciliation.tasks.reconcile_statement", statement.pk)
        return statement
    return reconcile_statement(statement_id=statement.pk, actor=staff.actor)


def _fetch(statement: Statement) -> Statement:
    if not statement.agreement.is_fetched:
        raise Refused("not_there")
    if clock.now() < statement.due_at:
        raise Refused("not_due", at=statement.due_at)
    Statement.objects.filter(pk=statement.pk, status="awaited").update(next_try_at=clock.now() + FETCH_GAP)
    nudge("reconciliation.tasks.fetch_statement", statement.pk)
    return statement


def sign_off(*, statement_id: int, note: str, staff: User) -> SignOff:
    """The first signature under a closed day; the only one where everything agreed.

    Raises Refused: `not_closed`, `superseded`, `undone` (with count: cases that are not over), `signed`.
    """
    with transaction.atomic():
        statement = Statement.objects.select_for_update().get(pk=statement_id)
        figures = _ready(statement)
        if SignOff.objects.filter(statement=statement).exclude(outcome="dropped").exists():
            raise Refused("signed")
        made = SignOff(
            statement=statement, note=note.strip()[:500], asked_by=staff, needs_second=figures.differs,
            figures=_plain(figures),
        )  # fmt: skip
        if not made.needs_second:
            made.outcome, made.decided_at = SignOff.Outcome.DONE, clock.now()
        made.save(force_insert=True)
        return made


def confirm_sign_off(*, sign_off_id: int, staff: User) -> SignOff:
    """The second signature. Raises Refused: `decided`, `same_person`, and as `sign_off`."""
    with transaction.atomic():
        row = waiting_step(SignOff, sign_off_id)
        refuse_same(row, staff)
        figures = _plain(_ready(Statement.objects.select_for_update().get(pk=row.statement_id)))
        if figures != row.figures:
            raise Refused("changed")
        return decide(row, staff, SignOff.Outcome.DONE)


def drop_sign_off(*, sign_off_id: int, staff: User) -> SignOff:
    """The first signature is taken back, or the second is refused. Raises Refused: `decided`."""
    with transaction.atomic():
        return decide(waiting_step(SignOff, sign_off_id), staff, SignOff.Outcome.DROPPED)


def _ready(statement: Statement) -> DayFigures:
    if statement.superseded_by_id is not None:
        raise Refused("superseded")
    if statement.status != "closed":
        raise Refused("not_closed")
    figures = day_figures(statement)
    if figures.undone:
        raise Refused("undone", count=figures.undone)
    return figures


def _plain(figures: DayFigures) -> dict[str, object]:
    return {"ours": asdict(figures.ours), "theirs": asdict(figures.theirs)}
