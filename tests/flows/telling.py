"""How a story of several days is told through doors only: people at pages, staff at the console, the outside world.

The portal and the sandbox stand on one clock, which a story sets; sweeps run when the story says so, as beat would
have them run, and what they nudge is taken from the broker as a worker would. A story writes no row and calls no
operation; it loads a world first, and reads what pages, messages and the sandbox say.
"""

import queue
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, date, datetime, timedelta
from datetime import time as hour_of_day
from typing import Any

from django.conf import settings

from core import clock, ids
from payments.gateways import availability
from portal.celery import SWEEPS, app
from reconciliation.books import check_books
from tests.flows.people import Clerk, Resident
from tests.outside import eventually, forget_limits
from tests.portal import desk
from tests.sandbox.process import Sandbox
from tests.world import Somebody

ON_THE_HEELS = (
    "reconciliation.tasks.clear_stuck_orders",
    "portal.messages.tasks.write_payer_messages",
    "portal.messages.tasks.send_waiting_messages",
)


def first_day() -> date:
    """A Wednesday in March of the next year: no holiday is near, and nothing of the suite's other tests."""
    third = date(datetime.now(UTC).year + 1, 3, 3)
    return third + timedelta(days=(2 - third.weekday()) % 7)


class Story(AbstractContextManager["Story"]):
    """The clock of a story, its sweeps and its outside world."""

    def __init__(self, outside: Sandbox) -> None:
        self.outside = outside
        self.begins = first_day()
        self._ahead = timedelta()
        self._is_awaited = False
        self._undone = ExitStack()

    def __enter__(self) -> "Story":
        self.outside.control("POST", "clear", json={"everything": True})
        app.control.purge()
        app.loader.import_default_modules()
        self._undone.enter_context(clock.running(lambda: datetime.now(UTC) + self._ahead))
        self.on(0, "9:00")
        return self

    def __exit__(self, kind: object, *problem: object) -> None:
        try:
            if kind is None:
                assert check_books() == []
        finally:
            self.outside.control("POST", "clear", json={"everything": True})
            self._undone.close()
            self._forget_silences()
            clock.forget_everything_kept()

    # --- time ----------------------------------------------------------------------------------------------------

    def begins_on(self, month: int, day: int) -> None:
        """The first day of the story is that day of the next year; said before anything happens."""
        self.begins = self.begins.replace(month=month, day=day)
        self.on(0, "9:00")

    def day(self, number: int) -> date:
        """The calendar day of a day of the story."""
        return self.begins + timedelta(days=number)

    def on(self, number: int, at: str) -> None:
        """It is `at` o'clock on that day of the story, for the portal and for everybody outside."""
        hours, minutes = at.split(":")
        moment = datetime.combine(self.day(number), hour_of_day(int(hours), int(minutes)), clock.SHANGHAI)
        self._put_ahead(moment - datetime.now(UTC))

    def later(self, **span: float) -> None:
        """So much time passes."""
        self._put_ahead(self._ahead + timedelta(**span))

    def _put_ahead(self, ahead: timedelta) -> None:
        self._ahead = ahead
        self.outside.dial(ahead_seconds=ahead.total_seconds())
        forget_limits(settings.REDIS_URL)  # Valkey counts in real time
        clock.forget_everything_kept()

    def mornings(self, *numbers: int) -> None:
        """Those days come one after the other; on each the statements of the day before are there at half past ten."""
        if not self._is_awaited:  # what a day will state is agreed on that day
            self.sweep()
        for number in numbers:
            self.on(number, "10:30")
            self.sweep()

    # --- the portal's own work -----------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Every sweep and whatever was nudged; then once more those that tell of it or live on it."""
        for name in SWEEPS:
            app.tasks[name]()
        self._work()
        for name in ON_THE_HEELS:
            app.tasks[name]()
        self._is_awaited = True

    def _work(self) -> None:
        with app.connection_for_read() as connection, connection.SimpleQueue(app.conf.task_default_queue) as nudges:
            while True:
                try:
                    message = nudges.get_nowait()
                except queue.Empty:
                    return
                message.ack()
                arguments, named, _ = message.payload
                app.tasks[message.headers["task"]](*arguments, **named)

    # --- outside -------------------------------------------------------------------------------------------------

    def falls_silent(self, gateway: str, *points: str) -> None:
        """Nobody answers there any more, and it tells of nothing."""
        for point in points or ("create", "query", "close"):
            self.outside.rule(gateway=gateway, point=point, fault="lose_request")
        self.outside.rule(gateway=gateway, point="notice", fault="never")

    def speaks_again(self) -> None:
        """Everybody answers again; what was not told is never told."""
        self.outside.control("DELETE", "rules")
        self._forget_silences()

    def _forget_silences(self) -> None:
        availability._silences.clear()
        availability._back_at.clear()

    def messages_to(self, who: Resident) -> str:
        """What his phone shows, newest first."""
        return self.outside.client.get(f"{self.outside.url}/phone", params={"phone": who.phone}).text

    # --- people --------------------------------------------------------------------------------------------------

    def resident(self, who: Somebody, *family: tuple[Somebody, str]) -> Resident:
        """Somebody who logs in for the first time and adds his family."""
        resident = Resident(self.outside, who, "139" + ids.digits(8))
        resident.log_in()
        for member, relation in family:
            resident.add(member, relation)
        return resident

    def pays(self, payer: Resident, insurance_type: str, **chosen: Any) -> str:
        """From choosing to the page that says 已缴费, without any trouble; the order's number."""
        order_no = payer.order(insurance_type, **chosen)
        self.outside.pay(order_no)
        eventually(lambda: "已缴费" in payer.says(order_no))
        return order_no

    def clerk(self, name: str, group: str = "征缴员") -> Clerk:
        """A member of staff, with an account and a second factor."""
        return Clerk(desk.staff(name, group=group))
