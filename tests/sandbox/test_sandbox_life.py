"""The sandbox as a process: killed, started again, under many merchants at once; and what it is made of."""

import ast
import gzip
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.sandbox.process import (
    ROOT,
    Sandbox,
    as_json,
    new_no,
    order_by_wechat,
    refund_by_wechat,
    refund_state,
    told_of,
    wait_until,
)

PRODUCT = {"core", "registration", "payments", "reconciliation", "portal"}


@pytest.fixture
def own_sandbox(tmp_path):
    """A sandbox that this test alone may kill."""
    own = Sandbox(home=tmp_path, port=free_port())
    own.prepare()
    own.start()
    yield own
    own.end()


def test_killed_sandbox_sends_its_notices_after_the_next_start(own_sandbox, new_wechat, merchant):
    order_no = new_no()
    own_sandbox.dial(courier_paused=True)
    order_by_wechat(new_wechat(own_sandbox), order_no)
    own_sandbox.pay(order_no)
    own_sandbox.stop(signal.SIGKILL)
    assert merchant.received == []
    own_sandbox.start()
    own_sandbox.dial(courier_paused=False)
    [(_, body, _)] = merchant.wait_for(1)
    assert b"TRANSACTION.SUCCESS" in body


def test_retry_goes_on_where_the_killed_process_stood(own_sandbox, new_wechat, merchant):
    order_no = new_no()
    merchant.answers = [(500, b""), (200, b"")]
    order_by_wechat(new_wechat(own_sandbox), order_no)
    own_sandbox.pay(order_no)
    merchant.wait_for(1)
    wait_until(lambda: own_sandbox.events(kind="notice"))
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    own_sandbox.dial(speed=1000)
    merchant.wait_for(2)
    tries = wait_until(lambda: [e for e in own_sandbox.events(kind="notice") if e["detail"]["accepted"]])
    assert tries[0]["detail"]["try"] == 2


def test_refund_under_way_ends_after_the_next_start(own_sandbox, new_wechat, merchant):
    order_no, refund_no = new_no(), new_no()
    wechat = new_wechat(own_sandbox)
    own_sandbox.dial(courier_paused=True, refund_seconds=1)
    order_by_wechat(wechat, order_no)
    own_sandbox.pay(order_no)
    refund_by_wechat(wechat, order_no, refund_no, 40000)
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    assert refund_state(wechat, refund_no) == "PROCESSING"
    own_sandbox.dial(courier_paused=False)
    wait_until(lambda: refund_state(wechat, refund_no) == "SUCCESS")
    told_of(merchant, "REFUND.SUCCESS")


def test_statement_days_are_those_of_the_moved_calendar(own_sandbox, new_wechat):
    own_sandbox.stop()
    own_sandbox.environment["PORTAL_CLOCK_OFFSET_DAYS"] = "30"
    own_sandbox.start()
    wechat, order_no = new_wechat(own_sandbox), new_no()
    own_sandbox.dial(statements_at_once=True)
    order_by_wechat(wechat, order_no)
    own_sandbox.pay(order_no)
    day = (datetime.now(timezone(timedelta(hours=8))) + timedelta(days=30)).date()
    answer = as_json(wechat.trade_bill(str(day))[1])
    row = gzip.decompress(wechat.download_bill(answer["download_url"])[1]).decode().split("\r\n")[1]
    assert row.startswith(f"`{day} ")
    assert order_no in row


def test_private_keys_are_the_owners_alone_and_stay(own_sandbox):
    keys = own_sandbox.home / "keys"
    made = sorted(path for path in keys.iterdir() if path.name.endswith(".key.pem"))
    assert len(made) == 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    exchange = own_sandbox.home / "exchange"
    assert not [path for path in exchange.iterdir() if "PRIVATE" in path.read_text()]
    before = {path.name: path.read_bytes() for path in exchange.iterdir()}
    own_sandbox.stop()
    own_sandbox.start()
    assert before == {path.name: path.read_bytes() for path in exchange.iterdir()}


def test_missing_secret_is_named(tmp_path):
    home = Sandbox(home=tmp_path, port=free_port())
    home.prepare()
    (tmp_path / "keys" / "carrier_token").unlink()
    command = [sys.executable, "-c", "import sandbox.wsgi"]
    done = subprocess.run(command, cwd=ROOT, env=home.environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "carrier_token is missing" in done.stderr


def test_many_merchants_at_once_all_are_served_and_told(sandbox, new_wechat, merchant):
    orders = [[new_no() for _ in range(6)] for _ in range(8)]
    problems = []

    def work(numbers):
        client = new_wechat(sandbox)
        for number in numbers:
            code, answer = order_by_wechat(client, number)
            if code != 200:
                problems.append(answer)
                continue
            sandbox.pay(number)

    threads = [threading.Thread(target=work, args=(numbers,)) for numbers in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    merchant.wait_for(48, seconds=20)


def test_same_order_from_many_threads_is_one(sandbox, new_wechat):
    order_no, codes = new_no(), []
    threads = [
        threading.Thread(target=lambda: codes.append(order_by_wechat(new_wechat(sandbox), order_no)[0]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 8
    assert len(sandbox.control("GET", "trades", params={"order_no": order_no})["trades"]) == 1


def test_buyer_who_waits_pays_later(sandbox, new_wechat, merchant):
    order_no = new_no()
    order_by_wechat(new_wechat(sandbox), order_no)
    sandbox.dial(speed=30)
    started = time.monotonic()
    sandbox.pay(order_no, after_seconds=30)
    merchant.wait_for(1)
    assert time.monotonic() - started > 0.8


def test_same_refund_from_many_threads_is_one(sandbox, new_wechat):
    order_no, refund_no, answers = new_no(), new_no(), []
    order_by_wechat(new_wechat(sandbox), order_no)
    sandbox.pay(order_no)
    threads = [
        threading.Thread(
            target=lambda: answers.append(refund_by_wechat(new_wechat(sandbox), order_no, refund_no, 30000))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {code for code, _ in answers} == {200}
    assert len({answer["refund_id"] for _, answer in answers}) == 1


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def test_sandbox_and_product_import_nothing_of_each_other():
    for path in (ROOT / "sandbox").rglob("*.py"):
        assert not imported(path) & PRODUCT, path
    for room in PRODUCT:
        for path in (ROOT / room).rglob("*.py"):
            assert "sandbox" not in imported(path), path


def test_migrations_say_all_that_the_models_say(tmp_path):
    environment = os.environ | {f"SANDBOX_{name}": str(tmp_path / name) for name in ("KEYS", "EXCHANGE", "DATA")}
    command = [sys.executable, "-m", "sandbox", "makemigrations", "--check", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
