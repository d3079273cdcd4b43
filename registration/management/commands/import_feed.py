"""Receive and apply a feed file in the foreground (HOUSE 4.1)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.refusals import Refused
from registration.feed_words import reject_sentence
from registration.feeds import apply_feed, receive_feed
from registration.models import FeedReject

SHOWN = 50


class Command(BaseCommand):
    help = "Import a registration feed: JSON Lines or CSV, UTF-8 or GB18030 (docs/add-a-format.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--agency", required=True, help="code of the agency that sends the file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints counts and rejects; a file that is refused ends with exit code 1."""
        path: Path = options["file"]
        try:
            with path.open("rb") as stream:
                batch = receive_feed(
                    agency_code=options["agency"], file_name=path.name, stream=stream, actor="system:import_feed"
                )
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except Refused as refused:
            raise CommandError(f"{path}: {refused.code} {refused.facts}") from refused
        again = batch.applied_at is not None
        batch = apply_feed(batch.pk, actor="system:import_feed")
        if batch.status == "unreadable":
            raise CommandError(f"{path}: {batch.failure}")
        self.stdout.write(
            f"{batch.agency_id} {batch.number} {batch.status}{' (was applied before)' if again else ''}: "
            f"lines {batch.lines}, changed {batch.changed}, unchanged {batch.unchanged}, "
            f"rejected {batch.rejected}, ended {batch.ended}"
        )
        for reject in FeedReject.objects.filter(batch=batch).order_by("line")[:SHOWN]:
            self.stdout.write(f"  line {reject.line}: {reject.code}: {reject_sentence(reject.code, reject.detail)}")
        if batch.rejected > SHOWN:
            self.stdout.write(f"  and {batch.rejected - SHOWN} more")
