"""What testers turn and what the sandbox remembers having seen."""

from django.db import models


class Rule(models.Model):
    """A misbehaviour, with what it applies to. Empty fields match everything."""

    gateway = models.CharField(max_length=10, blank=True)
    point = models.CharField(max_length=20, blank=True)
    fault = models.CharField(max_length=30)
    order_no = models.CharField(max_length=64, blank=True)
    order_suffix = models.CharField(max_length=32, blank=True)
    amount_fen = models.BigIntegerField(null=True)
    phone = models.CharField(max_length=20, blank=True)
    probability = models.FloatField(default=1.0)
    times = models.IntegerField(null=True)  # how often it may still strike; none: without end
    struck = models.IntegerField(default=0)
    params = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)


class Dial(models.Model):
    name = models.CharField(max_length=40, primary_key=True)
    value = models.JSONField()


class Event(models.Model):
    """A request received or a notice sent, with its answer. The tests' witness."""

    at = models.DateTimeField()
    kind = models.CharField(max_length=20)  # request, notice, payment, refund
    gateway = models.CharField(max_length=10, blank=True)
    point = models.CharField(max_length=20, blank=True)
    order_no = models.CharField(max_length=64, blank=True, db_index=True)
    status = models.IntegerField(null=True)  # of HTTP; 0: the connection was dropped
    detail = models.JSONField(default=dict)
