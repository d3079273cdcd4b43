"""Policies of the files into published rows."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core import clock
from payments.policies.loader import load_policies


class Command(BaseCommand):
    help = "Publish the policies of payments/policies/data that are not in the tables yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo-years", action="store_true", help="add the years derived for the demonstration")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["demo_years"] and not settings.IS_DEMO:
            raise CommandError("demonstration years are not for production")
        count = load_policies(clock.today(), with_demo=options["demo_years"])
        self.stdout.write(f"policies: {count} new versions")
