"""The database refuses illegal moves of a message."""

from django.db import migrations

from core import guards
from portal import states  # noqa: F401  (fills the tables)


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial"), ("core", "0002_guards")]
    operations = [guards.status_guard("MESSAGE", "portal_message")]
