"""The business calendar stands on 2022-02-10: what was payable then is payable, under the rules of that year.

Jinzhou's flexible pension by months on the provisional bases (PO-6, PO-9), Datong's basic and then supplementary
pension (PO-5), through doors only.
"""

import os
import re
from collections.abc import Iterator

import pytest

from tests.flows.resident import Resident, eventually
from tests.stack.running import RunningStack, running_stack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def stack_of_2022() -> Iterator[RunningStack]:
    with running_stack(dict(os.environ), as_of="2022-02-10") as running:
        yield running
        Resident.all_leave()
        assert "no violation" in running.manage("check_books")


def pay(stack: RunningStack, resident: Resident) -> None:
    order_no = resident.confirm()
    stack.control("pay", order_no=order_no)
    eventually(lambda: "已缴费" in resident.status_of(order_no))


def test_five_months_of_flexible_pension_on_the_provisional_bases(stack_of_2022: RunningStack) -> None:
    payer = Resident(stack_of_2022)
    payer.log_in("郭强", "210702198605050008", "13800000018")
    payer.choose("flexible_pension/2022/base", tier_fen=68_500)  # 60 % of the wage of 2020, 20 % of it
    assert payer.path.endswith("/months/"), payer.path
    payer.post(payer.path, tier="68500", end="5")
    assert "3,425.00" in payer.get("/pay/check/")
    pay(stack_of_2022, payer)
    record = re.search(r'href="(/records/\w{26}/)"', payer.get("/records/"))
    assert record
    assert re.search(r"1月.*5月", payer.get(record.group(1))), payer.text


def test_supplementary_pension_waits_for_the_basic_one(stack_of_2022: RunningStack) -> None:
    payer = Resident(stack_of_2022)
    payer.log_in("韩梅", "140213198904040006", "13800000021")
    assert "先缴当年基本养老" in payer.get("/")
    payer.choose("resident_pension/2022/base", tier_fen=20_000)
    pay(stack_of_2022, payer)
    payer.choose("supplementary_pension/2022/base", tier_fen=50_000)
    assert "政府另补贴120元" in payer.get("/pay/check/")
    pay(stack_of_2022, payer)
