"""`manage.py list_policies`: write docs/policies.md from the policy files."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from payments.policies.listing import document
from payments.policies.sources import read_minima, read_policies


class Command(BaseCommand):
    help = "Write docs/policies.md from payments/policies/data."

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / "docs" / "policies.md"
        path.write_text(document(read_policies(), read_minima()), encoding="utf-8")
        self.stdout.write(f"wrote {path}")
