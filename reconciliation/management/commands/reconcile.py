"""Work through everything of one channel day now: fetch what is due, read, match, remedy (HOUSE 4.4)."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand

from reconciliation.agreements import expect_statements
from reconciliation.fetching import fetch_statement
from reconciliation.figures import summary
from reconciliation.models import Statement
from reconciliation.releases import clear_stuck_orders
from reconciliation.working import reconcile_statement


class Command(BaseCommand):
    help = "Reconcile a channel day: fetch, read, match and remedy what is there, then free what hangs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--day", required=True, type=date.fromisoformat, help="channel day, YYYY-MM-DD")
        parser.add_argument("--channel", help="only this gateway or bank")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints one line a statement. Repeating it changes nothing that is done."""
        expect_statements(actor="system:reconcile")
        rows = Statement.objects.filter(channel_day=options["day"]).order_by("agreement_id", "merchant_id", "version")
        if options["channel"]:
            rows = rows.filter(agreement=options["channel"])
        for statement in rows:
            statement = fetch_statement(statement_id=statement.pk, actor="system:reconcile")
            if statement.status != "awaited":
                statement = reconcile_statement(statement_id=statement.pk, actor="system:reconcile")
            self.stdout.write(summary(statement))
        if not rows:
            self.stdout.write(f"No statement is awaited for {options['day']}.")
        self.stdout.write(f"Freed by evidence: {clear_stuck_orders()}")
