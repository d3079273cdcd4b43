"""Money that goes back, as merchants asked for it."""

from django.db import models
from django.db.models import Q

from sandbox.models.trades import Payment


class Refund(models.Model):
    """One refund of one payment. What it will come to is settled when it is asked for: runs can be repeated."""

    PROCESSING, SUCCESS, ABNORMAL, CLOSED = "PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED"
    ENDS = (SUCCESS, ABNORMAL, CLOSED)

    gateway = models.CharField(max_length=10)
    merchant = models.CharField(max_length=32)
    payment = models.ForeignKey(Payment, models.CASCADE, related_name="refunds")
    refund_no = models.CharField(max_length=64, db_index=True)  # the merchant's: out_refund_no, out_request_no
    refund_id = models.CharField(max_length=32, unique=True)  # the gateway's
    amount_fen = models.BigIntegerField()
    reason = models.CharField(max_length=256, blank=True)
    notify_url = models.CharField(max_length=256, blank=True)
    status = models.CharField(max_length=10, default=PROCESSING)
    ends_as = models.CharField(max_length=10, default=SUCCESS)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)  # when it ends; none: not before a tester ends it
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "refund_no"], name="one_refund_per_number"),
            # WeChat's numbers are unique in all of a merchant, Alipay's in one trade.
            models.UniqueConstraint(
                fields=["merchant", "refund_no"], condition=Q(gateway="wechat"), name="one_wechat_refund_per_number"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(status="PROCESSING"), name="refund_waiting")]
