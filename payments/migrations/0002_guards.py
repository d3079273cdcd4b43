"""The database refuses illegal moves, rewritten money, and books that do not add up."""

from django.db import migrations

from core import guards
from payments import states  # noqa: F401  (fills the tables)
from payments.guards import DROP_MONEY, MONEY


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("core", "0002_guards")]
    operations = [
        guards.status_guard("POLICY", "payments_collectionpolicy"),
        guards.status_guard("ORDER", "payments_paymentorder"),
        guards.status_guard("DECLARATION", "payments_declaration"),
        guards.status_guard("DISCREPANCY", "payments_discrepancy"),
        guards.append_only("payments_receipt"),
        guards.append_only("payments_allocation"),
        migrations.RunSQL(MONEY, DROP_MONEY),
    ]
