"""Places, insurance types, groups and agencies into their tables."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from registration.catalogue import CATALOGUE, load_catalogue


class Command(BaseCommand):
    help = "Load the catalogue of places, insurance types, groups and agencies. Loading again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", default=CATALOGUE)

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_catalogue(options["file"])
        self.stdout.write(
            f"catalogue: {loaded.regions} places, {loaded.insurance_types} types, "
            f"{loaded.groups} groups, {loaded.agencies} agencies"
        )
