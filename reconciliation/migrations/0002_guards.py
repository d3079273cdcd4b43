"""The database refuses illegal moves of statements, and any change of a line once stated."""

from django.db import migrations

from core import guards
from reconciliation import states  # noqa: F401  (fills the tables)


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("core", "0002_guards")]
    operations = [
        guards.status_guard("STATEMENT", "reconciliation_statement"),
        guards.append_only("reconciliation_statemententry"),
    ]
