"""Money that really moved, where it was put, and money that nobody can explain yet."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import clock
from core.transitions import Stateful
from payments import states


class Receipt(models.Model):
    """One real movement of money to us, gross (HOUSE 2.10). Append-only."""

    gateway = models.CharField(max_length=20)
    merchant_id = models.CharField(max_length=32)
    gateway_trade_no = models.CharField(max_length=64)
    order = models.ForeignKey("payments.PaymentOrder", models.PROTECT, null=True, related_name="receipts")
    amount_fen = models.BigIntegerField()
    paid_at = models.DateTimeField()
    channel_day = models.DateField()  # the gateway's own day, by which statements are cut
    source = models.CharField(max_length=20)  # notification, query, bank, statement
    recorded_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("收款")
        verbose_name_plural = _("收款")
        constraints = [
            models.UniqueConstraint(fields=["gateway", "gateway_trade_no"], name="receipt_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="receipt_amount"),
        ]
        indexes = [
            models.Index(fields=["order"], name="receipt_order"),
            models.Index(fields=["gateway", "channel_day"], name="receipt_channel_day"),
        ]


class Allocation(models.Model):
    """Where a receipt's money was put. Signed, append-only; a receipt's rows sum to its amount."""

    class Target(models.TextChoices):
        DECLARATION = "declaration", _("申报记录")
        DISCREPANCY = "discrepancy", _("差错")
        REFUND = "refund", _("退费")

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="allocations")
    target_kind = models.CharField(max_length=12, choices=Target)
    target_id = models.BigIntegerField()
    amount_fen = models.BigIntegerField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            models.Index(fields=["receipt"], name="allocation_receipt"),
            models.Index(fields=["target_kind", "target_id"], name="allocation_target"),
        ]


class Discrepancy(Stateful):
    """差错: money or a statement line that the records do not explain; also a case with an owner."""

    TABLE = states.DISCREPANCY

    class Kind(models.TextChoices):
        DUPLICATE = "duplicate", _("重复缴费")
        LATE_TAKEN = "late_taken", _("晚到的款，期间已被缴")
        AMOUNT = "amount", _("金额不同")
        WRONG_PARTY = "wrong_party", _("商户或订单不符")
        UNKNOWN_ORDER = "unknown_order", _("没有这笔订单")
        STUCK = "stuck", _("超时未有结果")
        UNPROCESSED = "unprocessed", _("通知未能处理")
        REFUND_FAILED = "refund_failed", _("退费未成")
        MISSING = "missing", _("对账单上没有这笔")
        REVERSED = "reversed", _("渠道冲正")
        REFUND = "refund", _("退费与对账单不符")
        STATEMENT = "statement", _("对账单缺失或有误")

    kind = models.CharField(_("类别"), max_length=20, choices=Kind)
    status = models.CharField(_("状态"), max_length=20, choices=states.DISCREPANCY.choices, default="open")
    amount_fen = models.BigIntegerField(_("金额"), default=0)
    key = models.CharField(max_length=120)  # what it is about, so that it is open once
    order = models.ForeignKey("payments.PaymentOrder", models.PROTECT, null=True, related_name="discrepancies")
    declaration = models.ForeignKey("payments.Declaration", models.PROTECT, null=True, related_name="+")
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, related_name="discrepancies")
    facts = models.JSONField(default=dict)
    opened_at = models.DateTimeField(default=clock.now)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("差错")
        verbose_name_plural = _("差错")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(states.DISCREPANCY.states)), name="discrepancy_status"),
            models.UniqueConstraint(
                fields=["key"], name="discrepancy_open_once", condition=Q(status__in=states.UNDER_WORK)
            ),
        ]
        indexes = [
            models.Index(fields=["kind"], name="discrepancy_open", condition=Q(status="open")),
            models.Index(fields=["key"], name="discrepancy_key", opclasses=["varchar_pattern_ops"]),
        ]
