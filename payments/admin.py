"""Reference tables of paying that staff keep: channels, payees, whom a place's money goes to."""

from django.contrib import admin

from payments.models import Channel, PayeeAccount, PayeeRoute


@admin.register(Channel)
class Channels(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "name", "kind", "opens_at", "closes_at")


@admin.register(PayeeAccount)
class PayeeAccounts(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "name", "name_en")


@admin.register(PayeeRoute)
class PayeeRoutes(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("region", "insurance_type", "payee")
    list_filter = ("insurance_type",)
