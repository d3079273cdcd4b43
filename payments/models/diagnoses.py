"""为什么不能缴费: what was asked and answered, under a code that can be read out over a telephone (R11)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import clock


class Diagnosis(models.Model):
    """One question of one payer about one person, type and year. Staff open the same page by its code.

    The answer is worked out anew at every look; kept are the causes first given, so that staff see
    what the payer saw. A cause that nothing explains (C20) is a case: `reply_by_on` is its promise.
    """

    code = models.CharField(_("诊断码"), max_length=6, unique=True)
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="diagnoses")
    member = models.ForeignKey("registration.FamilyMember", models.CASCADE, related_name="diagnoses")
    insurance_type = models.ForeignKey("registration.InsuranceType", models.PROTECT)
    coverage_year = models.SmallIntegerField(_("缴费年度"))
    stated_registered_on = models.DateField(_("自述登记日期"), null=True)  # RG-2: what the payer says
    causes = models.JSONField(_("原因"), default=list)
    asked_at = models.DateTimeField(_("提问时间"), default=clock.now)
    expires_at = models.DateTimeField()
    reply_by_on = models.DateField(_("答复期限"), null=True)
    replied_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("诊断")
        verbose_name_plural = _("诊断")
        constraints = [
            models.UniqueConstraint(
                fields=["payer", "member", "insurance_type", "coverage_year"], name="diagnosis_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["reply_by_on"],
                name="diagnosis_to_answer",
                condition=models.Q(reply_by_on__isnull=False, replied_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.code
