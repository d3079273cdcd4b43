"""What was agreed with channels about their statements: kept by staff. Statements themselves are nobody's to edit."""

from django.contrib import admin

from reconciliation.models import StatementAgreement


@admin.register(StatementAgreement)
class StatementAgreements(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("channel", "format", "bill", "since", "until", "due_time", "due_on_working_days", "is_fetched")
