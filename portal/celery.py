"""Background work: the sweeps, when they run, and the tasks that nudges name.

A sweep that has finished leaves a heartbeat; `/readyz` compares it with this schedule.
"""

import os
from datetime import timedelta

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["registration", "payments", "reconciliation", "portal.messages"])

SWEEPS: dict[str, timedelta] = {
    "payments.tasks.refresh_pending_orders": timedelta(seconds=5),
    "payments.tasks.expire_overdue_orders": timedelta(seconds=20),
    "payments.tasks.process_waiting_notifications": timedelta(seconds=10),
    "payments.tasks.refresh_pending_refunds": timedelta(seconds=5),
    "payments.tasks.refund_held_money": timedelta(seconds=10),
    "registration.tasks.apply_waiting_feeds": timedelta(seconds=30),
    "portal.messages.tasks.write_payer_messages": timedelta(seconds=10),
    "portal.messages.tasks.send_waiting_messages": timedelta(seconds=10),
}
app.conf.beat_schedule = {
    name: {"task": name, "schedule": interval, "options": {"expires": max(interval.total_seconds() * 2, 10)}}
    for name, interval in SWEEPS.items()
}
