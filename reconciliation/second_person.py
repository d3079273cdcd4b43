"""What all steps of two people have in common: each is decided once, and granted by somebody else than who asked."""

from typing import TypeVar

from core import clock
from core.models import User
from core.refusals import Refused
from reconciliation.models import SecondPersonStep

Step = TypeVar("Step", bound=SecondPersonStep)


def waiting_step(model: type[Step], step_id: int) -> Step:
    """A step that nobody has decided, locked until the end of the transaction. Raises Refused: `decided`."""
    step = model._default_manager.select_for_update().get(pk=step_id)
    if step.outcome:
        raise Refused("decided", outcome=step.outcome)
    return step


def refuse_same(step: SecondPersonStep, staff: User) -> None:
    """Who has asked never grants it. Raises Refused: `same_person`."""
    if step.asked_by_id == staff.pk:
        raise Refused("same_person")


def decide(step: Step, staff: User, outcome: SecondPersonStep.Outcome) -> Step:
    """Write down who has decided what."""
    step.decided_by, step.decided_at, step.outcome = staff, clock.now(), outcome
    step.save(update_fields=["decided_by", "decided_at", "outcome"])
    return step
