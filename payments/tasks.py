"""Nudges and sweeps of payments."""

from celery import shared_task

from payments import notifications, order_checks, refund_checks


@shared_task
def refresh_order(order_no: str) -> None:
    order_checks.refresh_order(order_no=order_no)


@shared_task
def refresh_pending_orders() -> None:
    order_checks.refresh_pending_orders()


@shared_task
def expire_overdue_orders() -> None:
    order_checks.expire_overdue_orders()


@shared_task
def process_notification(notification_id: int) -> None:
    notifications.process_notification(notification_id=notification_id)


@shared_task
def process_waiting_notifications() -> None:
    notifications.process_waiting_notifications()


@shared_task
def send_refund(refund_no: str) -> None:
    refund_checks.send_refund(refund_no=refund_no)


@shared_task
def refresh_pending_refunds() -> None:
    refund_checks.refresh_pending_refunds()


@shared_task
def refund_held_money() -> None:
    refund_checks.refund_held_money()
