"""The gateways' statements: what testers planted into them, and the files that were given out."""

from django.db import models


class Difference(models.Model):
    """Something wrong in the statement of one day. Empty fields match every merchant and every kind of statement."""

    gateway = models.CharField(max_length=10)
    merchant = models.CharField(max_length=32, blank=True)
    day = models.DateField(db_index=True)
    kind = models.CharField(max_length=20, blank=True)  # ALL, SUCCESS, REFUND, trade, signcustomer
    what = models.CharField(max_length=20)
    params = models.JSONField(default=dict)
    times = models.IntegerField(null=True)  # in how many more answers; none: in all
    created_at = models.DateTimeField(auto_now_add=True)


class StatementFile(models.Model):
    """A version of a statement, as merchants were told of it. Links name the row, so each gives its own version."""

    gateway = models.CharField(max_length=10)
    merchant = models.CharField(max_length=32)
    day = models.DateField()
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    content = models.BinaryField()  # WeChat: the text before compression; Alipay: the archive
    told_hash = models.CharField(max_length=64)  # SHA-1 as the answer says it, right or wrong
    keep = models.FloatField(default=1)  # so much of what is sent gets through
    first_asked_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["gateway", "merchant", "day", "kind"], name="statement_files")]
