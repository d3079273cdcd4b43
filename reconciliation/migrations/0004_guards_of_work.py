"""What a channel has answered, and what staff have written down, is never changed."""

from django.db import migrations

from core import guards


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0003_work_of_staff"), ("core", "0002_guards")]
    operations = [
        guards.append_only("reconciliation_channelanswer"),
        guards.append_only("reconciliation_discrepancynote"),
    ]
