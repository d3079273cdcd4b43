"""Declarations, the claims that make them exclusive, and the basket before them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import clock, ids
from core.transitions import Stateful
from payments import states


class Declaration(Stateful):
    """申报记录: this person, this type, this period is being paid or has been paid (PA-2).

    The price is frozen here: later changes of policy or tier do not touch it.
    """

    TABLE = states.DECLARATION

    declaration_no = models.CharField(max_length=26, unique=True, default=ids.public_no)
    person = models.ForeignKey("registration.InsuredPerson", models.PROTECT, related_name="declarations")
    registration = models.ForeignKey("registration.Registration", models.PROTECT)
    insurance_type = models.ForeignKey("registration.InsuranceType", models.PROTECT)
    region = models.ForeignKey("registration.Region", models.PROTECT)
    group = models.ForeignKey("registration.PopulationGroup", models.PROTECT)
    policy = models.ForeignKey("payments.CollectionPolicy", models.PROTECT)
    order = models.ForeignKey("payments.PaymentOrder", models.PROTECT, related_name="declarations")
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="declarations")
    channel = models.ForeignKey("payments.Channel", models.PROTECT)
    coverage_year = models.SmallIntegerField()
    first_month = models.SmallIntegerField(null=True)  # months of the coverage year, for monthly types
    last_month = models.SmallIntegerField(null=True)
    part = models.CharField(max_length=40, default="base")  # base, topup, or an assessment's number
    tier_fen = models.BigIntegerField()  # the tier chosen; for monthly types the month's fee
    amount_fen = models.BigIntegerField()
    subsidy_fen = models.BigIntegerField(null=True)  # None: the policy does not state it
    status = models.CharField(max_length=20, choices=states.DECLARATION.choices, default="declared")
    declared_at = models.DateTimeField(default=clock.now)
    paid_at = models.DateTimeField(null=True)
    record_on = models.DateField(null=True)  # AF-1: shown as a confirmed record from here on
    printable_on = models.DateField(null=True)  # AF-3: certificate from here on
    credit_on = models.DateField(null=True)  # AF-4
    dates_estimated = models.BooleanField(default=False)  # the official calendar was missing

    class Meta:
        verbose_name = _("申报记录")
        verbose_name_plural = _("申报记录")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=list(states.DECLARATION.states)), name="declaration_status"
            ),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="declaration_amount"),
            models.CheckConstraint(
                condition=models.Q(first_month__isnull=True, last_month__isnull=True)
                | models.Q(first_month__gte=1, last_month__lte=12, first_month__lte=models.F("last_month")),
                name="declaration_months",
            ),
        ]
        indexes = [
            models.Index(fields=["person", "insurance_type", "coverage_year"], name="declaration_person"),
            models.Index(fields=["order"], name="declaration_order"),
            models.Index(fields=["payer", "-declared_at"], name="declaration_payer"),
        ]


class PeriodClaim(models.Model):
    """Exists exactly while its declaration is live: the unique index is what forbids paying twice.

    `period` is the coverage year (2026) of an annual type and the month (202601) of a monthly one.
    Place is not in the key (A3).
    """

    person = models.ForeignKey("registration.InsuredPerson", models.PROTECT)
    insurance_type = models.ForeignKey("registration.InsuranceType", models.PROTECT)
    period = models.IntegerField()
    part = models.CharField(max_length=40)
    declaration = models.ForeignKey(Declaration, models.PROTECT, related_name="claims")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "insurance_type", "period", "part"], name="period_claim_once")
        ]
        indexes = [models.Index(fields=["declaration"], name="period_claim_declaration")]


class Draft(models.Model):
    """A payer's basket and form state, kept on the server so that nothing is lost (ID-6)."""

    payer = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="draft")
    content = models.JSONField(default=dict)  # payments/drafts.py reads it
    updated_at = models.DateTimeField(default=clock.now)
