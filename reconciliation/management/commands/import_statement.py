"""Receive, read and match a channel's statement in the foreground (HOUSE 4.4)."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.refusals import Refused
from reconciliation.agreements import merchants_at
from reconciliation.figures import summary
from reconciliation.statements import receive_statement
from reconciliation.working import reconcile_statement

ACTOR = "system:import_statement"


class Command(BaseCommand):
    help = "Import a channel's statement of a day, in the format that was agreed with it (docs/statement-formats.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--channel", required=True, help="code of the gateway or bank")
        parser.add_argument("--day", required=True, type=date.fromisoformat, help="channel day, as the file names it")
        parser.add_argument("--merchant", help="merchant number at the channel; may be left out where there is but one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the verdicts; a file that is refused ends with exit code 1, and may be imported again."""
        path: Path = options["file"]
        channel, day = options["channel"], options["day"] - clock.offset()
        merchants = [options["merchant"]] if options["merchant"] else merchants_at(channel)
        if len(merchants) != 1:
            raise CommandError(f"{channel} has {len(merchants)} merchants: name one by --merchant {merchants}")
        try:
            with path.open("rb") as content:
                statement = receive_statement(
                    channel=channel, merchant=merchants[0], channel_day=day, content=content, file_name=path.name,
                    actor=ACTOR, again=True,
                )  # fmt: skip
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except Refused as refused:
            facts = {name: str(fact) for name, fact in refused.facts.items()}
            raise CommandError(f"{path}: {refused.code} {facts}") from refused
        statement = reconcile_statement(statement_id=statement.pk, actor=ACTOR)
        if statement.status == "unreadable":
            raise CommandError(f"{path}: {summary(statement)}")
        self.stdout.write(summary(statement))
