"""`manage.py check_books`: does every fen lie where the books say?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reconciliation.books import INVARIANTS, check_books


class Command(BaseCommand):
    help = "Check the invariants of the books; exits with 1 where one is broken."

    def handle(self, *args: Any, **options: Any) -> None:
        violations = check_books()
        for violation in violations:
            self.stderr.write(f"{violation.invariant}: {violation.ids}")
        if violations:
            raise CommandError(f"{len(violations)} invariants are broken")
        self.stdout.write(f"The books hold: {len(INVARIANTS) + 1} invariants, no violation.")
