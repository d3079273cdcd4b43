"""S06, S09: the console's door for money that went back in another way, and what it says of sending again."""

import io

import pytest
from django.test import Client

from core.models import AuditEntry, User
from payments.gateways import Alipay, UnionPay, WechatPay
from payments.gateways.base import RefundState
from payments.models import Declaration, PaymentOrder, Refund
from payments.refund_checks import refresh_refund
from payments.refund_settling import fail_refund
from reconciliation.models import OutsideSettlement
from tests import world
from tests.payments.refund_world import approved, guards_look
from tests.portal.desk import log_in, staff
from tests.reconciliation.conftest import family
from tests.reconciliation.stating import deliver, line_of
from tests.reconciliation.test_outside import Desk, at_bank, desk, paid
from tests.reconciliation.test_releases import BANK, MERCHANT
from tests.world import Family

__all__ = ["at_bank", "desk", "family", "paid"]
pytestmark = pytest.mark.django_db
NOTE = "信用社柜台退到原卡"


@pytest.fixture
def zhao(family: Family) -> User:
    return staff(world.ZHAO_MIN)


@pytest.fixture
def qian(family: Family) -> User:
    return staff(world.QIAN_JIN)


@pytest.fixture
def refund(paid: PaymentOrder, family: Family, qian: User, desk: Desk) -> Refund:
    """On its way, and nothing heard yet."""
    desk.says = RefundState.PROCESSING
    made = approved(paid, family.payer, qian)
    return refresh_refund(refund_no=made.refund_no)


def url(refund: Refund, act: str = "") -> str:
    return f"/console/refunds/{refund.refund_no}/" + (f"{act}/" if act else "")


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def hand_in(client: Client, path: str, **changes: object) -> str:
    said = {"document_no": "农商退1号", "document": io.BytesIO(b"%PDF-1.4"), "note": NOTE} | changes
    return client.post(path, said, follow=True).content.decode()


def fail(refund: Refund, reason: str) -> None:
    assert fail_refund(refund_no=refund.refund_no, reason=reason, actor="system:test", evidence={})


def test_a_closed_refund_is_not_sent_again_but_settled_with_a_voucher_by_two(
    refund: Refund, desk: Desk, zhao: User, qian: User
) -> None:
    """G19, I17: first 赵敏 with the paper, then 钱进 who has seen it."""
    fail(refund, "closed")
    desk.says = RefundState.CLOSED
    first, second = log_in(zhao), log_in(qian)
    shown = page(first, url(refund))
    assert "再退也退不成" in shown
    assert "用同一个号再退一次" not in shown
    assert url(refund, "retry") not in shown
    first.post(url(refund, "retry"))
    assert Refund.objects.get().status == "failed"
    assert "请填文号" in hand_in(first, url(refund, "outside"), document_no="")
    assert "等另一人看凭证后确认" in hand_in(first, url(refund, "outside"))
    assert "确认已退回" not in page(first, url(refund))
    assert "请另一人来看" in first.post(url(refund, "outside/decide"), follow=True).content.decode()
    assert refund.refund_no in page(second, "/console/refunds/?show=waiting")
    assert refund.refund_no[-6:] in page(second, "/console/")
    step = OutsideSettlement.objects.get()
    kept = second.get(url(refund, f"outside/{step.pk}/document"))
    assert (kept.content, kept["Content-Disposition"][:10]) == (b"%PDF-1.4", "attachment")
    assert "确认已退回" in page(second, url(refund))
    assert "已记为退回" in second.post(url(refund, "outside/decide"), follow=True).content.decode()
    assert Refund.objects.get().is_outside
    assert "农商退1号" in page(first, url(refund))
    acts = AuditEntry.objects.filter(action="settle_outside").order_by("pk").values_list("detail__outcome", flat=True)
    assert list(acts) == ["waiting", "done"]


@pytest.mark.parametrize(
    ("takes_again", "sentence"),
    [(True, "可以用同一个号再退一次"), (False, "它没有记下这个号，就用同一个号再发；记下了，以它查到的结果为准")],
)
def test_what_is_said_of_sending_again_is_true_of_the_gateway(
    refund: Refund, desk: Desk, zhao: User, takes_again: bool, sentence: str
) -> None:
    """G18: at UnionPay the number may be kept, and is then answered 12."""
    desk.takes_refused_again = takes_again  # type: ignore[misc]
    fail(refund, "NOT_ENOUGH")
    shown = page(log_in(zhao), url(refund))
    assert sentence in shown
    assert url(refund, "retry") in shown


def test_each_gateway_says_whether_it_takes_a_refused_number_again() -> None:
    """Both wallets tell us to repeat the number; UnionPay numbers a transaction once."""
    said = [kind.takes_refused_again for kind in (WechatPay, Alipay, UnionPay)]
    assert said == [True, True, False]


def test_a_refund_that_went_through_after_all_is_found_by_asking(refund: Refund, desk: Desk, zhao: User) -> None:
    fail(refund, "abnormal")
    desk.says = RefundState.SUCCESS
    shown = log_in(zhao).post(url(refund, "ask"), follow=True).content.decode()
    assert "现在是：已退回" in shown
    assert Declaration.objects.get().status == "refunded"


def test_bank_money_is_settled_from_the_page_of_the_declaration(at_bank: PaymentOrder, zhao: User, qian: User) -> None:
    """A counter's money: the portal offers no refund by itself, only the record of one."""
    deliver([line_of(at_bank)], MERCHANT, channel=BANK)
    guards_look()
    row = Declaration.objects.get(order=at_bank)
    first = log_in(zhao)
    shown = page(first, f"/console/declarations/{row.declaration_no}/refund/")
    assert 'name="reason"' not in shown
    assert f"/console/declarations/{row.declaration_no}/outside/" in shown
    assert "等另一人看凭证后确认" in hand_in(first, f"/console/declarations/{row.declaration_no}/outside/")
    made = Refund.objects.get()
    assert "没有退回" in page(first, url(made))
    log_in(qian).post(url(made, "outside/decide"))
    row.refresh_from_db()
    assert row.status == "refunded"


def test_a_reversal_leads_to_the_lines_that_are_still_paid(paid: PaymentOrder, zhao: User) -> None:
    """B11."""
    deliver([line_of(paid), line_of(paid, kind="reversal", trade_refund_no="R-1")], paid.merchant_id)
    case = paid.discrepancies.get(kind="reversed")
    shown = page(log_in(zhao), f"/console/discrepancies/{case.pk}/")
    assert f"/console/declarations/{Declaration.objects.get().declaration_no}/refund/" in shown
    assert "逐条记另行退回" in shown


def test_another_region_and_who_only_looks_settle_nothing(refund: Refund, desk: Desk) -> None:
    """X6."""
    fail(refund, "closed")
    far, looker = log_in(staff("远方", region="2107")), log_in(staff("看的人", group="查看"))
    row = Declaration.objects.get()
    for act in (url(refund, "outside"), url(refund, "outside/decide"), url(refund, "ask"),
                f"/console/declarations/{row.declaration_no}/outside/"):  # fmt: skip
        assert far.post(act).status_code == 404
        assert looker.post(act).status_code == 403
    assert far.get(url(refund, "outside/1/document")).status_code == 404
    assert Refund.objects.get().status == "failed"
