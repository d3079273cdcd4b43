"""Unknown stays unknown: parts of the running system die between payment and notice; the order ends paid, once.

Through doors only, on the whole stack (PA-4, W1, W3, D1, U2). The story of each test is its name.
"""

import re
from collections.abc import Iterator

import pytest

from tests.flows.resident import FAMILY, WANG_FANG, Resident, eventually
from tests.stack.running import RunningStack

pytestmark = pytest.mark.stack

PEOPLE = {
    "sandbox": ("刘建军", "371003198309200001", "13800000002"),
    "worker": ("李强", "371002197908020001", "13800000005"),
    "postgres": ("杨小柳", "371003199310100002", "13800000011"),
    "valkey": ("赵磊", "371003199201090001", "13800000014"),
    "web": ("于桂英", "371022195002030007", "13800000007"),
}


@pytest.fixture(autouse=True)
def _everything_as_at_the_start(stack: RunningStack) -> Iterator[None]:
    stack.control("clear")
    yield
    Resident.all_leave()
    for name in ("postgres", "valkey", "sandbox", "web", "worker", "beat"):
        if not stack.alive(name):
            stack.start(name)
    stack.wait_until_ready()
    stack.control("clear")
    assert "no violation" in stack.manage("check_books")


def what_is_open(resident: Resident) -> str:
    """A contribution with one fixed amount that this person can pay today: medical insurance."""
    found = re.search(r"resident_medical[/:|](\d{4})", resident.get("/pay/types/"))
    assert found, resident.text
    return f"resident_medical/{found.group(1)}/base"


def order_at_the_cashier(stack: RunningStack, person: tuple[str, str, str]) -> tuple[Resident, str]:
    resident = Resident(stack)
    resident.log_in(*person)
    resident.choose(what_is_open(resident))
    return resident, resident.confirm()


def paid(resident: Resident, order_no: str) -> bool:
    return "已缴费" in resident.status_of(order_no)


def test_a_family_is_paid_for_from_feed_to_record(stack: RunningStack) -> None:
    """The main job without a browser: log in, add three, choose, check, pay, record (PA-1, AF-1, AF-2)."""
    payer = Resident(stack)
    payer.log_in(*WANG_FANG)
    for person in FAMILY:
        payer.add(*person)
    payer.choose(what_is_open(payer))
    order_no = payer.confirm()
    stack.control("pay", order_no=order_no)
    eventually(lambda: paid(payer, order_no))
    assert payer.get("/records/").count("居民医疗") >= 4
    assert "371003" not in payer.text  # no number on any page


def test_the_sandbox_dies_between_payment_and_notice(stack: RunningStack) -> None:
    resident, order_no = order_at_the_cashier(stack, ("林雅婷", "830000199703280009", "13800000028"))
    stack.control("dials", courier_paused=True)
    stack.control("pay", order_no=order_no)
    stack.kill("sandbox")
    assert "未扣款" not in resident.status_of(order_no)
    stack.start("sandbox")
    stack.control("dials", courier_paused=False)
    eventually(lambda: paid(resident, order_no))


def test_the_worker_dies_and_the_notice_never_comes(stack: RunningStack) -> None:
    resident, order_no = order_at_the_cashier(stack, PEOPLE["worker"])
    stack.control("rules", point="notice", fault="never")
    stack.kill("worker")
    stack.control("pay", order_no=order_no)
    assert not paid(resident, order_no)
    assert "未扣款" not in resident.text
    stack.start("worker")
    eventually(lambda: paid(resident, order_no), seconds=90)


def test_the_database_is_cut_while_the_notice_is_on_its_way(stack: RunningStack) -> None:
    resident, order_no = order_at_the_cashier(stack, PEOPLE["valkey"])
    stack.control("dials", speed=20)
    stack.kill("postgres")
    stack.control("pay", order_no=order_no)
    stack.start("postgres")
    eventually(lambda: paid(resident, order_no), seconds=90)


def test_losing_the_broker_loses_nothing(stack: RunningStack) -> None:
    """W1: a payment needs no broker; sessions and limits fall back to the database."""
    resident, order_no = order_at_the_cashier(stack, PEOPLE["web"])
    stack.kill("valkey")
    stack.control("pay", order_no=order_no)
    eventually(lambda: paid(resident, order_no))


def test_the_web_server_dies_while_the_payer_is_at_the_cashier(stack: RunningStack) -> None:
    """U2: the payment completes, and the result is shown when he comes back."""
    resident, order_no = order_at_the_cashier(stack, ("黄家豪", "810000198801180003", "13800000027"))
    stack.control("dials", speed=20)
    stack.kill("web")
    stack.control("pay", order_no=order_no)
    stack.start("web")
    eventually(lambda: paid(resident, order_no), seconds=90)
