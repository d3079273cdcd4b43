"""The functions behind the database's own refusals, and history that cannot be rewritten."""

from django.db import migrations

from core import guards


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [
        migrations.RunSQL(guards.FUNCTIONS, guards.DROP_FUNCTIONS),
        guards.append_only("core_transition"),
        guards.append_only("core_auditentry"),
    ]
