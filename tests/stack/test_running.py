"""The `stack` and `page` that tests of flows stand on, and the wall around all tests."""

import socket
import urllib.request

import pytest
from playwright.sync_api import Page

from tests.conftest import OutsideWorldError
from tests.stack.running import RunningStack


@pytest.mark.stack
def test_stack_answers_on_two_sites_and_is_controlled(stack: RunningStack) -> None:
    with urllib.request.urlopen(f"{stack.portal_url}/readyz", timeout=10) as answer:
        assert answer.status == 200
    assert stack.portal_url.startswith("http://localhost:")
    assert stack.sandbox_url.startswith("http://127.0.0.1:")
    assert stack.control("rules", method="GET") == {"rules": []}
    assert "no issues" in stack.manage("check")


@pytest.mark.stack
def test_process_that_was_killed_is_started_again_by_name(stack: RunningStack) -> None:
    stack.kill("beat")
    assert not stack.alive("beat")
    stack.start("beat")
    assert stack.alive("beat")


@pytest.mark.stack
def test_database_that_was_killed_is_started_again_and_the_portal_goes_on(stack: RunningStack) -> None:
    stack.kill("postgres")
    stack.start("postgres")
    stack.wait_until_ready()


@pytest.mark.browser
@pytest.mark.stack
def test_browser_speaks_chinese_and_reaches_the_sandbox(stack: RunningStack, page: Page) -> None:
    page.goto(f"{stack.sandbox_url}/phone")
    assert page.evaluate("navigator.language") == "zh-CN"
    assert page.title()


def test_tests_reach_no_other_machine() -> None:
    with pytest.raises(OutsideWorldError, match=r"not 192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OutsideWorldError, match=r"not example\.org"):
        socket.getaddrinfo("example.org", 80)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass
