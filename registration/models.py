"""Who is insured, where and as what; what agencies sent; who may pay for whom."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import clock
from core.transitions import Stateful
from registration import states
from registration.local_names import local_name


class Region(models.Model):
    """A place by its GB/T 2260 code (参保地)."""

    code = models.CharField(_("区划代码"), max_length=6, primary_key=True)
    name = models.CharField(_("名称"), max_length=40)
    name_en = models.CharField(max_length=60, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")

    class Meta:
        verbose_name = _("参保地")
        verbose_name_plural = _("参保地")
        ordering = ["code"]

    def __str__(self) -> str:
        return local_name(self)


class InsuranceType(models.Model):
    """险种: resident_pension, resident_medical, supplementary_pension, flexible_pension, flexible_medical."""

    class Unit(models.TextChoices):
        YEAR = "year", _("按年")
        MONTH = "month", _("按月")

    code = models.CharField(_("代码"), max_length=30, primary_key=True)
    name = models.CharField(_("名称"), max_length=40)
    name_en = models.CharField(max_length=60, blank=True)
    unit = models.CharField(_("单位"), max_length=5, choices=Unit, default=Unit.YEAR)
    order = models.SmallIntegerField(default=0)

    class Meta:
        verbose_name = _("险种")
        verbose_name_plural = _("险种")
        ordering = ["order"]

    def __str__(self) -> str:
        return local_name(self)


class PopulationGroup(models.Model):
    """参保身份: adult, minor, student, newborn, severe_disability …"""

    code = models.CharField(_("代码"), max_length=30, primary_key=True)
    name = models.CharField(_("名称"), max_length=40)
    name_en = models.CharField(max_length=60, blank=True)

    class Meta:
        verbose_name = _("参保身份")
        verbose_name_plural = _("参保身份")

    def __str__(self) -> str:
        return local_name(self)


class Agency(models.Model):
    """经办机构: an HR or medical bureau that registers people and sends feeds."""

    class Kind(models.TextChoices):
        HR = "hr", _("人社部门")
        MEDICAL = "medical", _("医保部门")

    code = models.CharField(_("代码"), max_length=20, primary_key=True)
    name = models.CharField(_("名称"), max_length=60)
    name_en = models.CharField(max_length=80, blank=True)
    kind = models.CharField(_("类别"), max_length=8, choices=Kind)
    region = models.ForeignKey(Region, models.PROTECT, verbose_name=_("区划"))
    phone = models.CharField(_("电话"), max_length=20, blank=True)
    address = models.CharField(_("地址"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("经办机构")
        verbose_name_plural = _("经办机构")

    def __str__(self) -> str:
        return local_name(self)


class InsuredPerson(models.Model):
    """参保人: one human, whatever the number of agencies that hold him.

    Period claims hang on this row, so two rows for one human would let him be paid twice: documents
    are alias rows (`PersonDocument`), and a 15-digit number shares its 18-digit form's match index.
    """

    name = models.CharField(_("姓名"), max_length=50)
    name_folded = models.CharField(max_length=50)
    birth_on = models.DateField(_("出生日期"), null=True)
    sex = models.CharField(_("性别"), max_length=1, blank=True)  # m, f or unknown
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("参保人")
        verbose_name_plural = _("参保人")
        indexes = [models.Index(fields=["name_folded", "birth_on"], name="person_name_birth")]

    def __str__(self) -> str:
        return f"参保人 {self.pk}"


class PersonDocument(models.Model):
    """A number under which an agency knows a person, found by `match_index`, which joins 15 and 18 digits."""

    person = models.ForeignKey(InsuredPerson, models.PROTECT, related_name="documents", db_constraint=False)
    document_type = models.CharField(max_length=3)
    match_index = models.BinaryField(max_length=32, unique=True)
    number_index = models.BinaryField(max_length=32)  # of the number as the agency writes it; opens the seal
    number_sealed = models.TextField()


class Registration(models.Model):
    """参保登记: one person, one insurance type, one place, as an agency says (RG-1).

    Name and number are what *that agency* holds, right or wrong: payers are matched against them
    (ID-3) by (`number_index`, `name_folded`). Nothing looks registrations up by place, group or batch, so
    a province's load pays for no such indexes; nor for foreign keys, whose checks row by row cost more than all
    the rest. `guards.py` keeps what they would: nothing that a registration names can be deleted.
    """

    class Renewal(models.TextChoices):
        """RG-4: whether last year's registration still counts."""

        NONE = "none", _("不需要")
        EVERYONE = "everyone", _("需本人重新登记")
        COLLECTIVE = "collective", _("由原集体重新登记")

    agency = models.ForeignKey(Agency, models.PROTECT, db_index=False, db_constraint=False)
    agency_person_no = models.CharField(_("人员编号"), max_length=40)
    insurance_type = models.ForeignKey(InsuranceType, models.PROTECT, db_index=False, db_constraint=False)
    person = models.ForeignKey(
        InsuredPerson, models.PROTECT, related_name="registrations", db_index=False, db_constraint=False
    )
    region = models.ForeignKey(Region, models.PROTECT, db_index=False, db_constraint=False)
    group = models.ForeignKey(PopulationGroup, models.PROTECT, db_index=False, db_constraint=False)
    name = models.CharField(max_length=50)
    name_folded = models.CharField(max_length=50)
    document_type = models.CharField(max_length=3)
    number_index = models.BinaryField(max_length=32)
    number_sealed = models.TextField()
    coverage_year = models.SmallIntegerField(null=True)  # where a registration counts for one year only
    renewal = models.CharField(max_length=10, choices=Renewal, default=Renewal.NONE)
    registering_body = models.CharField(_("登记单位"), max_length=80, blank=True)
    registered_on = models.DateField(null=True)
    ended_on = models.DateField(null=True)
    version = models.BigIntegerField()
    line_digest = models.BinaryField(max_length=16, null=True)
    batch = models.ForeignKey("FeedBatch", models.PROTECT, null=True, db_index=False, db_constraint=False)
    received_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("参保登记")
        verbose_name_plural = _("参保登记")
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "agency_person_no", "insurance_type"], name="registration_once"
            )
        ]
        indexes = [
            models.Index(fields=["number_index"], name="registration_number"),
            models.Index(fields=["person"], name="registration_person"),
        ]


class FeedBatch(Stateful):
    """One file from an agency, kept as received (HOUSE 2.3); unique (agency, number)."""

    TABLE = states.FEED_BATCH

    class Scope(models.TextChoices):
        FULL = "full", _("全量")
        DELTA = "delta", _("增量")

    agency = models.ForeignKey(Agency, models.PROTECT)
    number = models.CharField(_("批次号"), max_length=40)
    scope = models.CharField(_("范围"), max_length=5, choices=Scope, blank=True)
    status = models.CharField(_("状态"), max_length=20, choices=states.FEED_BATCH.choices, default="received")
    file_name = models.CharField(max_length=200)
    stored_path = models.CharField(max_length=300)  # below FILES_DIR
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.BigIntegerField()
    received_at = models.DateTimeField(default=clock.now)
    made_at = models.DateTimeField(null=True)  # when the agency says that it made the file
    lines = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    ended = models.IntegerField(default=0)  # registrations that a full list no longer holds
    applied_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)  # when the sweep takes it next; NULL: done or unreadable
    tries = models.SmallIntegerField(default=0)
    failure = models.TextField(blank=True)  # why it is unreadable, with the line

    class Meta:
        verbose_name = _("数据批次")
        verbose_name_plural = _("数据批次")
        constraints = [
            models.UniqueConstraint(fields=["agency", "number"], name="feed_batch_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=list(states.FEED_BATCH.states)), name="feed_batch_status"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="feed_batch_to_apply", condition=models.Q(status__in=["received", "read"])
            )
        ]


class FeedReject(models.Model):
    """A line that was not applied: its number, the reason's code and what the agency must mend."""

    batch = models.ForeignKey(FeedBatch, models.PROTECT, related_name="rejects")
    line = models.IntegerField()
    code = models.CharField(max_length=40)
    detail = models.CharField(max_length=200, blank=True)  # no full number, no name
    agency_person_no = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="feed_reject_once")]


class FeedFreshness(models.Model):
    """When an agency's data for a place last arrived (RG-2)."""

    agency = models.ForeignKey(Agency, models.PROTECT)
    region = models.ForeignKey(Region, models.PROTECT)
    last_received_at = models.DateTimeField()
    last_made_at = models.DateTimeField(null=True)
    last_full_at = models.DateTimeField(null=True)
    last_full_made_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency", "region"], name="feed_freshness_once")]


class FamilyMember(models.Model):
    """A person whom an account pays for: what the payer typed, and his tick (HOUSE 5, `pay`).

    Resolved to registrations at each use by (number, name), so that a person whose feed is late
    needs no second entry, and nothing is learnt from the table itself.
    """

    class Relation(models.TextChoices):
        SELF = "self", _("本人")
        SPOUSE = "spouse", _("配偶")
        PARENT = "parent", _("父母")
        CHILD = "child", _("子女")
        RELATIVE = "relative", _("亲属")
        NEIGHBOUR = "neighbour", _("邻居")
        OTHER = "other", _("其他")

    payer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="family")
    relation = models.CharField(_("关系"), max_length=10, choices=Relation)
    name = models.CharField(max_length=50)
    name_folded = models.CharField(max_length=50)
    document_type = models.CharField(max_length=3)
    number_index = models.BinaryField(max_length=32)
    number_sealed = models.TextField()
    number_tail = models.CharField(max_length=4)  # what may be shown of the number
    number_head = models.CharField(max_length=1)
    birth_on = models.DateField(null=True)
    consented_at = models.DateTimeField(default=clock.now)
    acts_as_agent = models.BooleanField(default=False)  # ID-2: "I act for somebody"
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payer", "number_index"],
                condition=models.Q(removed_at__isnull=True),
                name="family_member_once",
            )
        ]


class ViewGrant(models.Model):
    """Permission to see another person's records, given by his own SMS code (HOUSE 5, `view`)."""

    viewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="view_grants")
    person = models.ForeignKey(InsuredPerson, models.CASCADE)
    granted_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["viewer", "person"], name="view_grant_once")]


class NameChange(models.Model):
    """ID-4: a name confirmed by the tax office after a call, where the policy lets it mend names."""

    registration = models.ForeignKey(Registration, models.PROTECT)
    old_name = models.CharField(max_length=50)
    new_name = models.CharField(_("新姓名"), max_length=50)
    reason = models.CharField(_("依据"), max_length=200)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    confirmed_at = models.DateTimeField(default=clock.now)
