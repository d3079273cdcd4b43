"""`manage.py draw_states`: write docs/states.md from the tables of states."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import translation

from core.states import document


class Command(BaseCommand):
    help = "Write docs/states.md from the tables of states."

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / "docs" / "states.md"
        with translation.override("zh-hans"):
            path.write_text(document())
        self.stdout.write(f"{path.name} is written.")
