"""What merchants asked for, what was paid, and what is still to be told to the merchant."""

from datetime import datetime

from django.db import models


class Trade(models.Model):
    """One merchant order at one gateway. Its state is derived, so it cannot contradict its payments."""

    gateway = models.CharField(max_length=10)  # wechat, alipay, unionpay
    product = models.CharField(max_length=32)  # NATIVE, MWEB, JSAPI, FAST_INSTANT_TRADE_PAY, QUICK_WAP_WAY, B2C_PC, …
    merchant = models.CharField(max_length=32)  # mchid or app_id
    appid = models.CharField(max_length=32, blank=True)
    order_no = models.CharField(max_length=64, db_index=True)
    amount_fen = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="CNY")
    description = models.CharField(max_length=256)
    attach = models.CharField(max_length=512, blank=True)  # UnionPay: the merchant's txnTime
    notify_url = models.CharField(max_length=256, blank=True)
    return_url = models.CharField(max_length=512, blank=True)
    quit_url = models.CharField(max_length=512, blank=True)
    digest = models.CharField(max_length=64)  # of what a repeated create must say again
    token = models.CharField(max_length=40, unique=True)  # names the trade in cashier addresses
    transaction_no = models.CharField(max_length=32, blank=True)  # Alipay's number exists from the opening on
    created_at = models.DateTimeField()
    linked_at = models.DateTimeField()  # when the newest cashier address was handed out
    expires_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)  # when a buyer first had it in hand; before, Alipay knows no trade
    closed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)  # last try without enough money

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "merchant", "order_no"], name="one_trade_per_order")]

    def first_payment(self) -> "Payment | None":
        return self.payments.order_by("id").first()

    def is_expired(self, moment: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= moment


class Payment(models.Model):
    """Money that really moved. More than one for a trade is a fault that merchants must survive."""

    trade = models.ForeignKey(Trade, models.CASCADE, related_name="payments")
    transaction_no = models.CharField(max_length=32, unique=True)
    amount_fen = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="CNY")
    payer = models.CharField(max_length=64)
    paid_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True)  # undone by alipay.trade.cancel

    def refunded_fen(self) -> int:
        """What has gone back, is on its way, or lies with WeChat because it could not be given back."""
        gone = ["PROCESSING", "SUCCESS"] + (["ABNORMAL"] if self.trade.gateway == "wechat" else [])
        return sum(self.refunds.filter(status__in=gone).values_list("amount_fen", flat=True))

    def is_refunded_whole(self) -> bool:
        back = sum(self.refunds.filter(status="SUCCESS").values_list("amount_fen", flat=True))
        return self.returned_at is not None or back >= self.amount_fen


class PlannedPayment(models.Model):
    """A buyer who will pay later: at a moment, or as soon as the order has been closed."""

    trade = models.ForeignKey(Trade, models.CASCADE)
    made_at = models.DateTimeField()  # when he stood at the cashier
    due_at = models.DateTimeField()
    when_closed = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=models.Q(done_at=None), name="planned_waiting")]


class Notice(models.Model):
    """One notice to a merchant with its place in the vendor's timetable."""

    WAITING, DELIVERED, GIVEN_UP, HELD = "waiting", "delivered", "given_up", "held"

    gateway = models.CharField(max_length=10)
    trade = models.ForeignKey(Trade, models.CASCADE, null=True, related_name="notices")
    refund = models.ForeignKey("Refund", models.CASCADE, null=True, related_name="notices")  # none: of a payment
    order_no = models.CharField(max_length=64, blank=True, db_index=True)
    notice_id = models.CharField(max_length=40)
    url = models.CharField(max_length=256)
    body = models.TextField()  # WeChat: the envelope as sent; Alipay: the parameters as JSON, signed at each try
    faults = models.JSONField(default=list)
    state = models.CharField(max_length=10, default=WAITING)
    tries = models.IntegerField(default=0)
    since = models.FloatField()  # epoch seconds of the last try, or of the payment
    wait_seconds = models.FloatField(default=0)  # of the vendor's time, divided by the dial "speed"
    extra_seconds = models.FloatField(default=0)  # of real time
    leased_until = models.FloatField(default=0)

    class Meta:
        indexes = [models.Index(fields=["since"], condition=models.Q(state="waiting"), name="notice_waiting")]
