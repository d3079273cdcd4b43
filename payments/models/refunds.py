"""退费: money that goes back the way it came (HOUSE 2.9)."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core import clock, ids
from core.transitions import Stateful
from payments import states


class Refund(Stateful):
    """What one receipt gives back of one declaration, or of the money that one discrepancy holds, whole.

    People ask and other people approve; a rule does both, as `system:<rule>`. The number is the same on every try.
    """

    TABLE = states.REFUND

    class Reason(models.TextChoices):
        WRONG_PLACE = "wrong_place", _("缴错地方")  # PA-6
        DUPLICATE = "duplicate", _("重复缴费")
        LATE_TAKEN = "late_taken", _("晚到的款，期间已被缴")
        NOT_ELIGIBLE = "not_eligible", _("不该由本人缴")
        OWN_REQUEST = "own_request", _("本人申请")
        UNKNOWN_MONEY = "unknown_money", _("对不上的款")
        RETURNED = "returned", _("钱已另行退回")

    refund_no = models.CharField(max_length=26, unique=True, default=ids.public_no)
    receipt = models.ForeignKey("payments.Receipt", models.PROTECT, related_name="refunds")
    declaration = models.ForeignKey("payments.Declaration", models.PROTECT, null=True, related_name="refunds")
    discrepancy = models.ForeignKey("payments.Discrepancy", models.PROTECT, null=True, related_name="refunds")
    amount_fen = models.BigIntegerField(_("金额"))
    reason = models.CharField(_("原因"), max_length=20, choices=Reason)
    note = models.CharField(_("说明"), max_length=200, blank=True)
    status = models.CharField(_("状态"), max_length=20, choices=states.REFUND.choices, default="requested")
    rule = models.CharField(max_length=20, blank=True)  # the rule that decided; empty where people did
    requested_actor = models.CharField(max_length=80)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    gateway = models.CharField(max_length=20)
    merchant_id = models.CharField(max_length=32)
    gateway_refund_no = models.CharField(max_length=64, blank=True)
    tries = models.SmallIntegerField(default=0)  # how often the gateway was told to give it back
    sent_at = models.DateTimeField(null=True)  # when it was last handed to the gateway after an approval
    settled_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)  # when the sweep sends it or asks about it next
    checks = models.SmallIntegerField(default=0)
    failure = models.CharField(max_length=60, blank=True)  # the gateway's reason as a code, or why it was rejected
    is_outside = models.BooleanField(default=False)  # given back in another way than by the gateway

    class Meta:
        verbose_name = _("退费")
        verbose_name_plural = _("退费")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(states.REFUND.states)), name="refund_status"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="refund_amount"),
            models.CheckConstraint(
                condition=Q(declaration__isnull=False, discrepancy__isnull=True)
                | Q(declaration__isnull=True, discrepancy__isnull=False),
                name="refund_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="refund_second_person",
            ),
            models.CheckConstraint(
                condition=Q(requested_by__isnull=False) | ~Q(rule=""), name="refund_asked_for_by_somebody"
            ),
            models.CheckConstraint(
                condition=Q(status__in=states.UNDECIDED) | Q(approved_by__isnull=False) | ~Q(rule=""),
                name="refund_decided_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["declaration"], name="refund_of_declaration_once", condition=~Q(status="rejected")
            ),
            models.UniqueConstraint(
                fields=["discrepancy"], name="refund_of_discrepancy_once", condition=~Q(status="rejected")
            ),
        ]
        indexes = [
            models.Index(fields=["next_check_at"], name="refund_to_check", condition=Q(next_check_at__isnull=False)),
            models.Index(fields=["receipt"], name="refund_receipt"),
        ]
