"""The demonstration's data, through the doors that real data take. Loading again changes nothing."""

import os
from argparse import ArgumentParser
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.working_days import seed_years
from payments.demo.cast import LATE_AGENCY, cast
from payments.demo.feed_files import NUMBER, REGIONS, write_files
from payments.demo.history import load_history
from payments.demo.log_ins import keep_file, people_json, resident_table, staff_table
from payments.demo.payees import load_payees
from payments.demo.people import Someone
from payments.demo.population import population
from payments.demo.staff import load_staff
from payments.policies.loader import load_policies
from registration.catalogue import load_catalogue
from registration.models import FeedBatch

LATE_BY = timedelta(days=3)


class Command(BaseCommand):
    help = "Load the demonstration: catalogue, policies, payees, invented people by feed files, staff."
    requires_system_checks = ()  # part of every start, which has ten seconds; tests check the system

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset-staff", action="store_true", help="new passwords and second factors for staff")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refused in production."""
        if not settings.IS_DEMO:
            raise CommandError("the demonstration is not for production")
        load_catalogue()
        seed_years(clock.today().year)
        load_policies(clock.today(), with_demo=True)
        load_payees()
        people = self._people()
        load_history({one.name: one.document_no for one in people})
        call_command("setup_roles", stdout=StringIO())
        staff = load_staff(reset=options["reset_staff"])
        self._tell(people, staff_table(staff) if staff else "")

    def _people(self) -> list[Someone]:
        """Import the files of agencies that have not sent theirs; the people with a story."""
        batches = FeedBatch.objects.filter(number=NUMBER)
        sent = {batch.agency_id: batch.made_at for batch in batches if batch.made_at is not None}
        # the late agency's file is dated days before the others
        first_day = clock.business_date(max(sent.values())) if sent else clock.today()
        people = cast(first_day)
        missing = [code for code in REGIONS if code not in sent]
        if missing:
            made_at = {code: clock.now() - (LATE_BY if code == LATE_AGENCY else timedelta()) for code in missing}
            everybody = [*people, *population(first_day)]
            paths = write_files(Path(settings.DATA_DIR) / "demo-feeds", everybody, first_day, made_at)
            for code, path in paths.items():
                with clock.at(made_at[code]):  # a feed is as fresh as the day on which it came (RG-2)
                    call_command("import_feed", str(path), agency=code, stdout=self.stdout)
        return people

    def _tell(self, people: list[Someone], staff: str) -> None:
        table = resident_table(people)
        keep_file(Path(settings.DATA_DIR) / "demo-logins.txt", table + "\n")
        if sandbox := os.environ.get("SANDBOX_DATA"):
            keep_file(Path(sandbox) / "people.json", people_json(people))
        self.stdout.write(f"\n{table}\n")
        if staff:
            self.stdout.write(f"\nStaff, shown this once (again with --reset-staff):\n{staff}\n")
