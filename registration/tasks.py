"""Background work on feeds. A large file takes longer than an ordinary task may."""

from celery import shared_task

from core import heartbeats
from registration import feeds


@shared_task(time_limit=3600)
def apply_feed(batch_id: int) -> None:
    """Apply one batch that has just been received."""
    feeds.apply_feed(batch_id)


@shared_task
def apply_waiting_feeds() -> None:
    """The guarantee behind the nudge: whatever was received and is not applied is taken up again."""
    feeds.apply_waiting()
    heartbeats.beat("registration.tasks.apply_waiting_feeds")
