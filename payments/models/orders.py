"""Orders, whom they pay, the channels they come through, and what gateways tell us."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import clock, ids
from core.transitions import Stateful
from payments import states
from registration.local_names import is_english


class Channel(models.Model):
    """渠道: where a payment is made; opens and closes by date and place (PO-13)."""

    class Kind(models.TextChoices):
        PORTAL = "portal", _("本网站")
        BANK_COUNTER = "bank_counter", _("银行柜台")
        BANK_APP = "bank_app", _("银行手机银行")
        TERMINAL = "terminal", _("自助终端")
        TAX_HALL = "tax_hall", _("办税服务厅")

    code = models.CharField(_("代码"), max_length=20, primary_key=True)
    name = models.CharField(_("名称"), max_length=40)
    kind = models.CharField(_("类别"), max_length=20, choices=Kind)
    opens_at = models.DateTimeField(_("开通时间"), null=True, blank=True)
    closes_at = models.DateTimeField(_("关闭时间"), null=True, blank=True)
    region_prefixes = models.JSONField(_("区划"), default=list, blank=True)  # empty: everywhere
    document_types = models.JSONField(_("证件类型"), default=list, blank=True)  # empty: all (C15)

    class Meta:
        verbose_name = _("渠道")
        verbose_name_plural = _("渠道")

    def __str__(self) -> str:
        return self.name

    @property
    def local_name(self) -> str:
        """What the reader knows it by: its name, on English pages what kind it is, for names are Chinese."""
        return str(Channel.Kind(self.kind).label) if is_english() else self.name


class PayeeAccount(models.Model):
    """收款单位: one treasury account and the merchant number that pays into it at each gateway."""

    code = models.CharField(_("代码"), max_length=30, primary_key=True)
    name = models.CharField(_("名称"), max_length=80)
    name_en = models.CharField(_("英文名称"), max_length=80, blank=True)
    merchants = models.JSONField(_("商户号"), default=dict)  # {"wechat_pay": "19…", "alipay": "2088…", …}

    class Meta:
        verbose_name = _("收款单位")
        verbose_name_plural = _("收款单位")

    def __str__(self) -> str:
        return self.name


class PayeeRoute(models.Model):
    """Which payee receives a place's money for a type; a district falls back to its city."""

    region = models.ForeignKey("registration.Region", models.PROTECT)
    insurance_type = models.ForeignKey("registration.InsuranceType", models.PROTECT)
    payee = models.ForeignKey(PayeeAccount, models.PROTECT)

    class Meta:
        verbose_name = _("收款对应")
        verbose_name_plural = _("收款对应")
        constraints = [models.UniqueConstraint(fields=["region", "insurance_type"], name="payee_route_once")]


class PaymentOrder(Stateful):
    """缴费订单: one payment by one payer to one payee, over one or many declarations (HOUSE 2.11)."""

    TABLE = states.ORDER

    order_no = models.CharField(max_length=26, unique=True, default=ids.public_no)
    checkout_no = models.CharField(max_length=26, db_index=True)  # orders of one basket, paid in turn
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="orders")
    channel = models.ForeignKey(Channel, models.PROTECT)
    payee = models.ForeignKey(PayeeAccount, models.PROTECT)
    amount_fen = models.BigIntegerField()
    line_count = models.SmallIntegerField()
    status = models.CharField(max_length=20, choices=states.ORDER.choices, default="created")
    gateway = models.CharField(max_length=20, blank=True)
    method = models.CharField(max_length=10, blank=True)  # qr, h5, page, wap
    merchant_id = models.CharField(max_length=32, blank=True)
    hand_over = models.JSONField(null=True)  # where the payer is sent: kind, url, fields
    gateway_trade_no = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()  # hard expiry, the one that the gateway was told
    next_check_at = models.DateTimeField(null=True)  # when the sweep asks the gateway next
    checks = models.SmallIntegerField(default=0)
    unreachable_since = models.DateTimeField(null=True)  # the gateway has not answered since
    paid_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=60, blank=True)  # the gateway's reason, as a code

    class Meta:
        verbose_name = _("缴费订单")
        verbose_name_plural = _("缴费订单")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(states.ORDER.states)), name="order_status"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="order_amount"),
            models.CheckConstraint(condition=Q(line_count__gte=1, line_count__lte=20), name="order_lines"),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"], name="order_to_check", condition=Q(next_check_at__isnull=False)
            ),
            models.Index(fields=["expires_at"], name="order_to_expire", condition=Q(status="created")),
            models.Index(fields=["payer", "-created_at"], name="order_payer"),
        ]


class Notification(models.Model):
    """What a gateway told us, as received, before anything believed it (HOUSE 2.3)."""

    class Verdict(models.TextChoices):
        VERIFIED = "verified", _("已验签")
        STALE = "stale", _("已验签，时间过旧")
        REFUSED = "refused", _("验签不过")

    gateway = models.CharField(max_length=20)
    key = models.CharField(max_length=80)  # the vendor's id of the message; a digest where unverified
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    verdict = models.CharField(max_length=10, choices=Verdict)
    received_at = models.DateTimeField(default=clock.now)
    order_no = models.CharField(max_length=32, blank=True, db_index=True)
    result = models.JSONField(null=True)  # the decrypted statement, read once at receipt
    next_try_at = models.DateTimeField(null=True)  # NULL: done, or never to be believed
    tries = models.SmallIntegerField(default=0)
    processed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=40, blank=True)
    failure = models.TextField(blank=True)

    class Meta:
        verbose_name = _("网关通知")
        verbose_name_plural = _("网关通知")
        constraints = [models.UniqueConstraint(fields=["gateway", "key"], name="notification_once")]
        indexes = [
            models.Index(fields=["next_try_at"], name="notification_to_do", condition=Q(next_try_at__isnull=False))
        ]
