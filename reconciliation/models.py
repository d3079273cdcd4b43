"""What the money side says: agreed statements, their lines as stated, and what did not agree (HOUSE 4.4)."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core import clock
from core.transitions import Stateful
from core.working_days import is_working_day
from reconciliation import states


class StatementAgreement(models.Model):
    """对账约定: that a channel states each of its days, in which format and by when."""

    class Format(models.TextChoices):
        WECHAT_PAY = "wechat_pay", _("微信支付")
        ALIPAY = "alipay", _("支付宝")
        UNIONPAY = "unionpay", _("银联")
        BANK = "bank", _("银行")

    channel = models.CharField(_("渠道"), max_length=20, primary_key=True)  # as orders and receipts name their gateway
    format = models.CharField(_("格式"), max_length=12, choices=Format)
    bill = models.CharField(_("账单"), max_length=12)  # which of the format's bills, in the channel's own word
    since = models.DateField(_("起始日"))  # the first channel day that is awaited
    until = models.DateField(_("终止日"), null=True, blank=True)
    due_time = models.TimeField(_("应到时间"))  # of the day after the channel day
    due_on_working_days = models.BooleanField(_("仅工作日"), default=False)
    grace_hours = models.SmallIntegerField(_("宽限小时"), default=2)  # not there by then: a case
    cut_off = models.TimeField(_("日切时间"), null=True, blank=True)  # None: the format's own rule
    is_fetched = models.BooleanField(_("由本系统下载"), default=False)

    class Meta:
        verbose_name = _("对账约定")
        verbose_name_plural = _("对账约定")

    def __str__(self) -> str:
        return self.channel

    def due_at(self, channel_day: date) -> datetime:
        """When the statement of a channel day ought to be there."""
        due_on = channel_day + timedelta(days=1)
        while self.due_on_working_days and not is_working_day(due_on):
            due_on += timedelta(days=1)
        return datetime.combine(due_on, self.due_time, clock.SHANGHAI)


class Statement(Stateful):
    """对账单: one file about one channel day of one merchant, kept as received. A corrected file is a new version."""

    TABLE = states.STATEMENT

    agreement = models.ForeignKey(StatementAgreement, models.PROTECT, related_name="statements")
    merchant_id = models.CharField(_("商户号"), max_length=32)
    channel_day = models.DateField(_("渠道日"))  # consecutive calendar days, cut by the channel's rule (HOUSE 2.13)
    version = models.SmallIntegerField(_("版本"), default=1)
    status = models.CharField(_("状态"), max_length=20, choices=states.STATEMENT.choices, default="awaited")
    due_at = models.DateTimeField(_("应到时间"))
    received_at = models.DateTimeField(_("收到时间"), null=True)
    file_name = models.CharField(max_length=200, blank=True)
    stored_path = models.CharField(max_length=200, blank=True)  # under FILES_DIR
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    sha1 = models.CharField(max_length=40, blank=True)  # of the text, as the channel states it beside the file
    is_empty = models.BooleanField(default=False)  # the channel's signed word that nothing moved; the file is that word
    line_count = models.IntegerField(default=0)
    totals = models.JSONField(default=dict)
    verdicts = models.JSONField(default=dict)  # how many lines and receipts fell under each verdict
    refusal_code = models.CharField(max_length=30, blank=True)
    refusal_line = models.IntegerField(default=0)
    refusal_facts = models.JSONField(default=dict)
    superseded_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="supersedes")
    next_try_at = models.DateTimeField(null=True)  # when a sweep takes it next
    tries = models.SmallIntegerField(default=0)
    trouble = models.CharField(max_length=60, blank=True)  # why it could not be fetched the last time

    class Meta:
        verbose_name = _("对账单")
        verbose_name_plural = _("对账单")
        constraints = [
            models.UniqueConstraint(
                fields=["agreement", "merchant_id", "channel_day", "version"], name="statement_once"
            ),
            models.CheckConstraint(condition=Q(status__in=list(states.STATEMENT.states)), name="statement_status"),
            models.CheckConstraint(
                condition=Q(status="awaited") | ~Q(stored_path="", sha256=""), name="statement_has_its_file"
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], name="statement_to_work", condition=Q(next_try_at__isnull=False)),
            models.Index(fields=["channel_day"], name="statement_day"),
            models.Index(fields=["due_at"], name="statement_awaited", condition=Q(status="awaited")),
        ]

    def __str__(self) -> str:
        return f"{self.agreement_id} {self.merchant_id} {self.channel_day} v{self.version}"

    @property
    def channel(self) -> str:
        """As orders and receipts name it in `gateway`."""
        return str(self.agreement_id)


class StatementEntry(models.Model):
    """One line as the channel states it. Append-only; whether it agrees is derived and never written (HOUSE 2.8).

    Millions of rows: no foreign key is checked, and the only index on all of them is the one that keeps a line from
    counting twice.
    """

    pk = models.CompositePrimaryKey("statement_id", "line_no")
    statement = models.ForeignKey(
        Statement, models.PROTECT, db_constraint=False, db_index=False, related_name="entries"
    )
    line_no = models.IntegerField()
    kind = models.CharField(max_length=8)  # payment, refund, reversal, other
    order_no = models.CharField(max_length=64)
    gateway_trade_no = models.CharField(max_length=64)
    refund_no = models.CharField(max_length=64)
    gateway_refund_no = models.CharField(max_length=64)
    amount_fen = models.BigIntegerField()
    settled_fen = models.BigIntegerField()
    fee_millifen = models.BigIntegerField()
    paid_at = models.DateTimeField()
    status = models.CharField(max_length=20)

    class Meta:
        indexes = [models.Index(fields=["refund_no"], name="entry_refund", condition=~Q(refund_no=""))]


class Finding(models.Model):
    """An exception: a line, or a receipt without one, that does not simply agree. Matched ones leave no row."""

    class Kind(models.TextChoices):
        LATE = "late", _("晚到的成功")
        DUPLICATE = "duplicate", _("重复缴费")
        UNKNOWN = "unknown", _("对方有、我方无")
        AMOUNT = "amount", _("金额不同")
        WRONG_PARTY = "wrong_party", _("商户或订单不符")
        REPEATED = "repeated", _("同一笔列了两次")
        OTHER_DAY = "other_day", _("记在另一日")
        MISSING = "missing", _("我方有、对方无")
        REFUND = "refund", _("退费不符")
        UNREFUNDED = "unrefunded", _("我方已退、对方无")
        REVERSAL = "reversal", _("冲正")
        OTHER = "other", _("其他业务")
        CORRECTED = "corrected", _("更正件与前一版不同")

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="findings")
    kind = models.CharField(max_length=12, choices=Kind)
    line_no = models.IntegerField(null=True)
    order = models.ForeignKey("payments.PaymentOrder", models.PROTECT, null=True, related_name="+")
    receipt = models.ForeignKey("payments.Receipt", models.PROTECT, null=True, related_name="+")
    refund_no = models.CharField(max_length=64, blank=True)
    amount_fen = models.BigIntegerField()
    facts = models.JSONField(default=dict)
    found_at = models.DateTimeField(default=clock.now)
    resolution = models.CharField(max_length=20, blank=True)  # what became of it; empty: still to be worked
    resolved_at = models.DateTimeField(null=True)
    discrepancy = models.ForeignKey("payments.Discrepancy", models.PROTECT, null=True, related_name="findings")
    tries = models.SmallIntegerField(db_default=0)  # how often a rule could not work it

    class Meta:
        verbose_name = _("对账差异")
        verbose_name_plural = _("对账差异")
        constraints = [
            models.UniqueConstraint(
                fields=["statement", "line_no", "kind"], name="finding_line_once", condition=Q(line_no__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(resolution="", resolved_at__isnull=True)
                | (~Q(resolution="") & Q(resolved_at__isnull=False)),
                name="finding_resolution",
            ),
        ]
        indexes = [
            models.Index(F("statement"), F("id"), name="finding_to_work", condition=Q(resolution="")),
            models.Index(fields=["receipt"], name="finding_receipt", condition=Q(receipt__isnull=False)),
            models.Index(fields=["order"], name="finding_order", condition=Q(order__isnull=False)),
        ]


# --- what staff do about it --------------------------------------------------------------------------------------


class ChannelAnswer(models.Model):
    """What a channel said about an order when a member of staff had it asked. Append-only."""

    order = models.ForeignKey("payments.PaymentOrder", models.PROTECT, related_name="channel_answers")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)
    state = models.CharField(max_length=12)  # a TradeState, or `silent` or `not_asked`
    said = models.JSONField(default=dict)
    took_ms = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["order", "-id"], name="channel_answer_order")]


class DiscrepancyNote(models.Model):
    """A sentence that somebody wrote down while he worked on a discrepancy. Append-only."""

    discrepancy = models.ForeignKey("payments.Discrepancy", models.PROTECT, related_name="notes")
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(default=clock.now)
    text = models.CharField(max_length=500)


class SecondPersonStep(models.Model):
    """What one member of staff asks for and a second one decides. Who has asked may drop it, and never grant it."""

    class Outcome(models.TextChoices):
        WAITING = "", _("等第二人")
        DONE = "done", _("已办")
        DROPPED = "dropped", _("没有办")

    note = models.CharField(_("说明"), max_length=500)
    needs_second = models.BooleanField(default=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True, default="")

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=~Q(outcome="done")
                | Q(needs_second=False)
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("asked_by"))),
                name="%(class)s_second_person",
            ),
        ]


class Waiver(SecondPersonStep):
    """That a discrepancy is let go without being resolved."""

    discrepancy = models.ForeignKey("payments.Discrepancy", models.PROTECT, related_name="waivers")

    class Meta(SecondPersonStep.Meta):
        constraints = [
            *SecondPersonStep.Meta.constraints,
            models.UniqueConstraint(fields=["discrepancy"], name="waiver_waits_once", condition=Q(outcome="")),
        ]


class StepOnPaper(SecondPersonStep):
    """A step that a paper may prove: its number, and a picture or PDF of it."""

    evidence = models.JSONField(default=dict)  # as it was seen when it was asked for
    document_no = models.CharField(_("文号"), max_length=60, blank=True)
    stored_path = models.CharField(max_length=200, blank=True)  # under FILES_DIR
    file_name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta(SecondPersonStep.Meta):
        abstract = True


_ON_PAPER_BY_TWO = Q(needs_second=True) & ~Q(document_no="") & ~Q(stored_path="") & ~Q(sha256="")


class Clearing(StepOnPaper):
    """清除: that a stuck order is closed and its declarations are freed, on this ground (HOUSE 2.7)."""

    class Ground(models.TextChoices):
        CLOSED = "closed", _("渠道答已关闭")
        UNPAID = "unpaid", _("渠道答未支付，已过到期时刻")
        STATEMENTS = "statements", _("对账单到齐，都没有这一笔")
        UNDONE = "undone", _("对账单到齐，这一笔收了又全额退回")
        WRITTEN = "written", _("渠道书面说明没有收到这笔钱")
        RETURNED = "returned", _("渠道答已退款，凭证写明全额退回")

    order = models.ForeignKey("payments.PaymentOrder", models.PROTECT, related_name="clearings")
    ground = models.CharField(_("依据"), max_length=12, choices=Ground)

    class Meta(StepOnPaper.Meta):
        constraints = [
            *StepOnPaper.Meta.constraints,
            models.UniqueConstraint(fields=["order"], name="clearing_waits_once", condition=Q(outcome="")),
            models.CheckConstraint(
                condition=~Q(ground__in=["written", "returned"]) | _ON_PAPER_BY_TWO,
                name="clearing_written_has_its_document",
            ),
        ]


class OutsideSettlement(StepOnPaper):
    """另行退回: that money which no gateway moves has gone back in another way, with its paper (HOUSE 2.9)."""

    class Ground(models.TextChoices):
        BANK = "bank", _("这个渠道不能原路退，已按书面程序退回")
        FAILED = "failed", _("原路退不回去，已按书面程序退回")
        CHANNEL = "channel", _("渠道自己已经退回或冲正")

    refund = models.ForeignKey("payments.Refund", models.PROTECT, related_name="settlements")
    ground = models.CharField(_("依据"), max_length=12, choices=Ground)

    class Meta(StepOnPaper.Meta):
        constraints = [
            *StepOnPaper.Meta.constraints,
            models.UniqueConstraint(fields=["refund"], name="outside_waits_once", condition=Q(outcome="")),
            models.CheckConstraint(condition=_ON_PAPER_BY_TWO, name="outside_has_its_document"),
        ]


class SignOff(SecondPersonStep):
    """签收: that staff have looked at a closed channel day; by two where something differed."""

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="sign_offs")
    figures = models.JSONField(default=dict)  # to the fen, as they were then

    class Meta(SecondPersonStep.Meta):
        constraints = [
            *SecondPersonStep.Meta.constraints,
            models.UniqueConstraint(fields=["statement"], name="sign_off_once", condition=~Q(outcome="dropped")),
        ]
