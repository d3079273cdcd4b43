"""What every test stands on: no network but this machine's own, a browser where one is asked for, a whole stack."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from core import clock
from script.stack import chromium as chromium_program
from tests.stack.running import RunningStack, running_stack

BROWSER_SKIPPED = pytest.StashKey[list[str]]()

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
    config.stash[BROWSER_SKIPPED] = []
    # a slow machine is no fault of the code under test
    hypothesis.settings.register_profile("house", deadline=None)
    hypothesis.settings.load_profile("house")


def pytest_unconfigure(config: pytest.Config) -> None:
    socket.socket.connect = _connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = _getaddrinfo


@pytest.fixture(autouse=True)
def _nothing_is_kept_from_test_to_test() -> None:
    clock.forget_everything_kept()


# --- the browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; skips the test where there is none."""
    found = chromium_program.find()
    if not found:
        pytest.skip(f"browser: {chromium_program.missing_sentence()}")
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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = (yield).get_result()  # type: ignore[misc]
    if report.skipped and "chromium" in getattr(item, "fixturenames", ()):
        item.config.stash[BROWSER_SKIPPED].append(item.nodeid)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    skipped = config.stash[BROWSER_SKIPPED]
    if skipped:
        terminalreporter.section("BROWSER TESTS WERE SKIPPED", sep="!", red=True)
        terminalreporter.line(f"{len(skipped)} tests: {chromium_program.missing_sentence()}")
        for name in skipped:
            terminalreporter.line(f"  {name}")
    failed = [name for name in os.environ.get("FAILED_CHECKS", "").split(",") if name]
    if failed:
        terminalreporter.section(f"{' and '.join(failed)} FAILED before the tests; this run counts as failed", red=True)
