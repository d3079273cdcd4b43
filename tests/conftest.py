"""What every test stands on: no network but this machine's own, a browser where one is asked for, a whole stack."""

import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation
from playwright.sync_api import Browser, Page, sync_playwright

from core import clock
from script.stack import chromium as chromium_program
from tests.stack.running import RunningStack, running_stack

NO_BROWSER = "no browser:"

# --- sockets ---------------------------------------------------------------------------------------------------------

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class OutsideWorldError(AssertionError):
    """A test tried to reach another machine."""


def _refuse_other_machines(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in ("", "localhost"):
        return
    try:
        near = ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        near = False
    if not near:
        raise OutsideWorldError(f"tests reach this machine only, not {name}")


def _near_connect(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _refuse_other_machines(address[0])
    return _connect(self, address)


def _near_connect_ex(self: socket.socket, address: Any) -> int:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _refuse_other_machines(address[0])
    return _connect_ex(self, address)


def _near_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
    if host is not None:
        _refuse_other_machines(host)
    return _getaddrinfo(host, *arguments, **options)


def pytest_configure(config: pytest.Config) -> None:
    socket.socket.connect = _near_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _near_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = _near_getaddrinfo
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes its time
    _own_redis(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))
    # a slow machine is no fault of the code under test
    hypothesis.settings.register_profile("house", deadline=None, max_examples=50)
    hypothesis.settings.load_profile("house")


def _own_redis(number: int) -> None:
    """Give each process of a parallel run a Redis database of its own, as pytest-django gives it a PostgreSQL one."""
    settings.REDIS_URL = _numbered(settings.REDIS_URL, "db", number)
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_URL
    settings.CELERY_BROKER_URL = _numbered(settings.CELERY_BROKER_URL, "virtual_host", number)


def _numbered(url: str, name: str, number: int) -> str:
    """A socket's address names the database as a parameter, any other as its path."""
    start, given, _ = url.partition(f"?{name}=")
    return f"{start}?{name}={number}" if given else re.sub(r"/\d*$", f"/{number}", url)


def pytest_unconfigure(config: pytest.Config) -> None:
    socket.socket.connect = _connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = _getaddrinfo


@pytest.fixture(autouse=True)
def _nothing_is_kept_from_test_to_test() -> None:
    clock.forget_everything_kept()
    translation.deactivate()  # a request of Django's own client leaves its language to the thread


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database; a session that a thread of some test has left open does not keep it from being dropped."""
    yield
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(others, [connection.connection.info.backend_pid])


# --- the browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; skips the test where there is none."""
    found = chromium_program.find()
    if not found:
        pytest.skip(f"{NO_BROWSER} {chromium_program.missing_sentence()}")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for the session. It resolves no name but localhost."""
    # Playwright keeps an event loop in this thread; Django would take every query in it for one from a coroutine
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            ],
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh Chinese browser window."""
    context = browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


# --- the stack -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The whole demo, running: portal, sandbox, worker, beat and their servers."""
    with running_stack(dict(os.environ)) as running:
        yield running


# --- the summary -----------------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = [
        report.nodeid
        for report in terminalreporter.stats.get("skipped", [])
        if NO_BROWSER in str(getattr(report, "longrepr", ""))
    ]
    if skipped:
        terminalreporter.section("BROWSER TESTS WERE SKIPPED", sep="!", red=True)
        terminalreporter.line(f"{len(skipped)} tests: {chromium_program.missing_sentence()}")
        for name in skipped:
            terminalreporter.line(f"  {name}")
    failed = [name for name in os.environ.get("FAILED_CHECKS", "").split(",") if name]
    if failed:
        terminalreporter.section(f"{' and '.join(failed)} FAILED before the tests; this run counts as failed", red=True)
