"""Background work on statements. A large file takes longer than an ordinary task may."""

from celery import shared_task

from reconciliation import agreements, fetching, releases, working


@shared_task
def expect_statements() -> None:
    agreements.expect_statements()


@shared_task
def fetch_statements() -> None:
    fetching.fetch_statements()


@shared_task(time_limit=3600)
def fetch_statement(statement_id: int) -> None:
    fetching.fetch_statement(statement_id=statement_id)


@shared_task
def work_through_statements() -> None:
    working.work_through_statements()


@shared_task(time_limit=3600)
def reconcile_statement(statement_id: int) -> None:
    working.reconcile_statement(statement_id=statement_id)


@shared_task
def clear_stuck_orders() -> None:
    releases.clear_stuck_orders()
