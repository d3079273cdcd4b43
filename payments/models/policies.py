"""Collection policies: what is collected in a place, for a type and a year (PO-0 …)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import clock
from core.transitions import Stateful
from payments import states


class CollectionPolicy(Stateful):
    """One version of one policy. A published row is never edited: an amendment is a new version.

    In force on a date is the published version with the highest number whose `effective_on` has come.
    """

    TABLE = states.POLICY

    region = models.ForeignKey("registration.Region", models.PROTECT, verbose_name=_("参保地"))
    insurance_type = models.ForeignKey("registration.InsuranceType", models.PROTECT, verbose_name=_("险种"))
    coverage_year = models.SmallIntegerField(_("缴费年度"))
    version = models.SmallIntegerField(_("版本"), default=1)
    status = models.CharField(_("状态"), max_length=20, choices=states.POLICY.choices, default="draft")
    effective_on = models.DateField(_("生效日期"))
    terms = models.JSONField(_("内容"))  # payments/policies/terms.py reads it
    is_demo = models.BooleanField(_("演示"), default=False)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="drafted_policies"
    )
    drafted_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="published_policies"
    )
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("征收政策")
        verbose_name_plural = _("征收政策")
        constraints = [
            models.UniqueConstraint(
                fields=["region", "insurance_type", "coverage_year", "version"], name="policy_version_once"
            ),
            models.CheckConstraint(condition=models.Q(status__in=list(states.POLICY.states)), name="policy_status"),
            models.CheckConstraint(
                condition=models.Q(published_by__isnull=True) | ~models.Q(published_by=models.F("drafted_by")),
                name="policy_second_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.region_id} {self.insurance_type_id} {self.coverage_year} v{self.version}"
