"""The database refuses illegal moves of a feed batch."""

from django.db import migrations

from core import guards
from registration import states  # noqa: F401  (fills the tables)


class Migration(migrations.Migration):
    dependencies = [("registration", "0001_initial"), ("core", "0002_guards")]
    operations = [guards.status_guard("FEED_BATCH", "registration_feedbatch")]
