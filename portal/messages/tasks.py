"""Sweeps over what payers are told."""

from celery import shared_task

from portal.messages import payer_messages


@shared_task
def write_payer_messages() -> None:
    payer_messages.write_payer_messages()


@shared_task
def send_waiting_messages() -> None:
    payer_messages.send_waiting_messages()
