"""The ground's own tables: accounts, history of states, heartbeats, working days, audit."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import clock, ids


class Accounts(BaseUserManager["User"]):
    """Creates accounts; residents have no password."""

    def create_user(self, username: str, password: str | None = None, **values: object) -> "User":
        user = self.model(username=username, **values)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **values: object) -> "User":
        return self.create_user(username, password, is_staff=True, is_superuser=True, **values)


def new_username() -> str:
    """A meaningless name for a resident's account."""
    return "r" + ids.public_no()


class User(AbstractBaseUser, PermissionsMixin):
    """An account: a resident (no password, real-named) or a member of staff (HOUSE 5).

    Number and phone are sealed; the indexes are keyed hashes by which they are found.
    """

    class RealNameBy(models.TextChoices):
        NONE = "", _("未实名")
        CARRIER = "carrier", _("运营商核验")
        WECHAT = "wechat", _("微信实名")
        ALIPAY = "alipay", _("支付宝实名")

    username = models.CharField(_("登录名"), max_length=64, unique=True, default=new_username)
    is_staff = models.BooleanField(_("工作人员"), default=False)
    is_active = models.BooleanField(_("可登录"), default=True)
    joined_at = models.DateTimeField(default=clock.now)
    name = models.CharField(_("姓名"), max_length=50, blank=True)
    region_prefix = models.CharField(
        _("管辖区划"), max_length=6, blank=True, help_text=_("区划代码前几位，空为全部")
    )
    document_type = models.CharField(_("证件类型"), max_length=3, blank=True)
    number_sealed = models.TextField(blank=True)
    number_index = models.BinaryField(max_length=32, null=True, unique=True)
    phone_sealed = models.TextField(blank=True)
    phone_index = models.BinaryField(max_length=32, null=True, db_index=True)
    real_named_by = models.CharField(max_length=8, choices=RealNameBy, default=RealNameBy.NONE, blank=True)
    real_named_at = models.DateTimeField(null=True)
    elder_mode = models.BooleanField(_("大字版"), default=False)
    preferences = models.JSONField(default=dict)

    USERNAME_FIELD = "username"
    objects: ClassVar[Accounts] = Accounts()

    class Meta:
        verbose_name = _("账号")
        verbose_name_plural = _("账号")

    def __str__(self) -> str:
        return self.username

    @property
    def actor(self) -> str:
        """How transitions and the audit log name this account."""
        return f"staff:{self.username}" if self.is_staff else f"resident:{self.pk}"

    def get_short_name(self) -> str:
        return self.name or self.username


class Transition(models.Model):
    """One move of one row: history and outbox in one, append-only (HOUSE 2.5)."""

    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField()
    from_state = models.CharField(max_length=20, null=True)
    to_state = models.CharField(max_length=20)
    event = models.CharField(max_length=20)
    actor = models.CharField(max_length=80)
    evidence = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["kind", "object_id"], name="transition_object"),
            models.Index(fields=["kind", "event", "at"], name="transition_event"),
        ]


class Heartbeat(models.Model):
    """When a sweep last finished."""

    name = models.CharField(max_length=60, primary_key=True)
    finished_at = models.DateTimeField()


class LimitCount(models.Model):
    """The limiter's counters while the broker is away."""

    key = models.CharField(max_length=120)
    window_at = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "window_at"], name="limit_count_once")]


class CalendarDay(models.Model):
    """A date that differs from 'Monday to Friday are working days', or confirms it (调休)."""

    on = models.DateField(_("日期"), primary_key=True)
    is_working = models.BooleanField(_("工作日"))
    note = models.CharField(_("说明"), max_length=60, blank=True)
    source = models.CharField(_("来源"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("工作日历")
        verbose_name_plural = _("工作日历")

    def __str__(self) -> str:
        return f"{self.on} {self.note}"


class CalendarYear(models.Model):
    """A year whose official list of days off has been entered; other years are estimates."""

    year = models.IntegerField(_("年份"), primary_key=True)
    source = models.CharField(_("来源"), max_length=200)

    class Meta:
        verbose_name = _("已公布年份")
        verbose_name_plural = _("已公布年份")

    def __str__(self) -> str:
        return str(self.year)


class AuditEntry(models.Model):
    """One look or act of staff, chained by hash."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=80)
    action = models.CharField(max_length=60)
    subject_kind = models.CharField(max_length=40, blank=True)
    subject_id = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [models.Index(fields=["subject_kind", "subject_id"], name="audit_subject")]
