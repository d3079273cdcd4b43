"""What stands on the sandbox's phone, and wallet log-ins under way."""

from django.db import models


class Message(models.Model):
    """A short message, or a call and what it read aloud. On the phone from ``arrives_at`` on, unless it was lost."""

    phone = models.CharField(max_length=20, db_index=True)
    text = models.CharField(max_length=1000)
    spoken = models.BooleanField(default=False)
    message_no = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField()
    arrives_at = models.DateTimeField(db_index=True)
    lost = models.BooleanField(default=False)


class LoginCode(models.Model):
    """An authorisation code of the wallet log-in: good once, for five minutes."""

    code = models.CharField(max_length=64, unique=True)
    wallet = models.CharField(max_length=10)
    client_id = models.CharField(max_length=64)
    redirect_uri = models.CharField(max_length=512)
    person = models.JSONField()
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
