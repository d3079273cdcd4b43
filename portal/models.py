"""What the doors themselves keep: one-time codes, forms saved over a log-out, messages to people."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import clock
from core.transitions import Stateful
from portal import states


class OneTimeCode(models.Model):
    """The newest code sent to a phone (ID-5); only its keyed hash is kept."""

    phone_index = models.BinaryField(max_length=32, unique=True)
    code_hash = models.CharField(max_length=64)
    sent_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)


class KeptForm(models.Model):
    """A form that arrived after its session had ended (ID-6); given back to the same person only."""

    token = models.CharField(max_length=64, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True)
    path = models.CharField(max_length=300)
    fields_sealed = models.TextField()
    kept_at = models.DateTimeField(default=clock.now)


class Message(Stateful):
    """One short message to one person about one matter."""

    TABLE = states.MESSAGE

    transition_id = models.BigIntegerField(unique=True)  # the event that it tells of, told once
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="messages_sent")
    text = models.CharField(max_length=140)
    status = models.CharField(max_length=20, choices=states.MESSAGE.choices, default="waiting")
    made_at = models.DateTimeField(default=clock.now)
    next_try_at = models.DateTimeField(null=True)
    tries = models.SmallIntegerField(default=0)

    class Meta:
        verbose_name = _("短信")
        verbose_name_plural = _("短信")
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=list(states.MESSAGE.states)), name="message_status")
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="message_to_send", condition=models.Q(next_try_at__isnull=False)
            )
        ]
