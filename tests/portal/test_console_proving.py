"""X10: decisions about money ask for the second factor again, and lose nothing by it."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from core import clock
from core.models import AuditEntry, User
from payments.discrepancies import open_discrepancy
from payments.models import CollectionPolicy, Discrepancy, PayeeAccount, Refund
from portal.console import proving
from portal.console.urls import PAGES
from reconciliation.discrepancies import take_discrepancy
from reconciliation.models import Waiver
from registration.models import Registration
from tests import world
from tests.payments import refund_world
from tests.portal.desk import log_in, next_code, staff
from tests.world import Family

pytestmark = pytest.mark.django_db
GUARDED = {
    "refund_approve", "refund_retry", "discrepancy_waive", "clearing_request", "clearing_decide", "statement_sign",
    "policy_publish", "refund_outside", "outside_decide", "discrepancy_outside", "declaration_outside",
}  # fmt: skip
ASKED = "再填一次动态口令"


@pytest.fixture
def family(db: None) -> Family:
    return world.make_family()


@pytest.fixture
def qian(family: Family) -> User:
    return staff(world.QIAN_JIN, group="复核员")


@pytest.fixture
def client(qian: User) -> Client:
    """Logged in so long ago that the code of then is not good any more."""
    return grown_old(log_in(qian))


@pytest.fixture
def refund(family: Family) -> Refund:
    """A colleague has asked for it, so the other one alone decides."""
    zhao = staff(world.ZHAO_MIN)
    order = refund_world.paid_order(family)
    made = refund_world.ask_back(order, family.payer)
    Refund.objects.filter(pk=made.pk).update(requested_by=zhao)
    return refund_world.now(made)


def give_permissions(user: User, model: str) -> None:
    app, name = model.split(".")
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label=app, content_type__model=name))


def grown_old(client: Client) -> Client:
    session = client.session
    session["proved_at"] = int((clock.now() - proving.GOOD_FOR).timestamp())
    session.save()
    return client


def approve(client: Client, refund: Refund, **said: str) -> str:
    answer = client.post(f"/console/refunds/{refund.refund_no}/approve/", {"seen": "on"} | said, follow=True)
    return answer.content.decode()


def state(refund: Refund) -> str:
    return refund_world.now(refund).status


def tries() -> list[str]:
    return list(AuditEntry.objects.filter(action__startswith="prove").order_by("pk").values_list("action", flat=True))


def test_a_refund_is_approved_after_the_code_and_not_before(client: Client, qian: User, refund: Refund) -> None:
    page = approve(client, refund)
    assert ASKED in page
    assert "同意退款" in page
    assert '<input type="hidden" name="seen" value="on">' in page
    assert f'href="/console/refunds/{refund.refund_no}/"' in page
    assert state(refund) == "requested"
    assert "动态口令不对" in approve(client, refund, proof_code="000000")
    assert state(refund) == "requested"
    assert "已同意，马上退款" in approve(client, refund, proof_code=f" {next_code(qian)} ")
    assert state(refund) == "approved"
    assert tries() == ["prove_again_failed", "prove_again"]
    assert AuditEntry.objects.filter(action="prove_again").get().actor == qian.actor


def test_what_was_typed_comes_along(client: Client, qian: User, family: Family) -> None:
    order = refund_world.paid_order(family)
    case = open_discrepancy(
        kind=Discrepancy.Kind.REVERSED, key="reversal:test", amount_fen=1, actor="system:test", order=order
    )
    take_discrepancy(discrepancy_id=case.pk, staff=qian)
    address, why = f"/console/discrepancies/{case.pk}/waive/", '银行说"不再追"，<电话>记录'
    page = client.post(address, {"reason": why}).content.decode()
    assert "银行说&quot;不再追&quot;，&lt;电话&gt;记录" in page
    assert not Waiver.objects.exists()
    client.post(address, {"reason": why, "proof_code": next_code(qian)})
    assert Waiver.objects.get().note == why


def test_a_file_is_asked_for_again(client: Client) -> None:
    paper = io.BytesIO(b"%PDF-1.4")
    paper.name = "letter.pdf"
    said = {"ground": "written", "document_no": "农商函1号", "note": "看过原件", "document": paper}
    page = client.post("/console/orders/1/clearing/request/", said).content.decode()
    assert "请再选一次文件（letter.pdf）" in page
    assert '<input id="file-document" type="file" name="document" required>' in page
    assert 'enctype="multipart/form-data"' in page
    assert "<dd>农商函1号</dd>" in page


def test_the_code_of_the_log_in_is_good_for_five_minutes(qian: User, refund: Refund) -> None:
    client = log_in(qian)
    with clock.at(clock.now() + proving.GOOD_FOR + timedelta(seconds=1)):
        assert ASKED in approve(client, refund)
    with clock.at(clock.now() + proving.GOOD_FOR - timedelta(seconds=5)):
        assert "已同意，马上退款" in approve(client, refund)
    assert tries() == []


def test_a_code_is_good_once(client: Client, qian: User, refund: Refund) -> None:
    code = next_code(qian)
    approve(client, refund, proof_code=code)
    assert state(refund) == "approved"
    assert "动态口令不对" in approve(grown_old(client), refund, proof_code=code)


def test_five_wrong_codes_stop_this_one_and_nobody_else(client: Client, qian: User, refund: Refund) -> None:
    for _ in range(5):
        approve(client, refund, proof_code="000000")
    assert "口令试得太多了" in approve(client, refund, proof_code=next_code(qian))
    assert state(refund) == "requested"
    other = staff("孙一")
    assert "已同意，马上退款" in approve(grown_old(log_in(other)), refund, proof_code=next_code(other))


def test_every_decision_about_money_asks(client: Client, family: Family) -> None:
    marked = {name for _route, view, name in PAGES if hasattr(view, "proves")}
    assert marked == GUARDED
    for name in GUARDED:
        number = "R1" if name.startswith(("refund", "outside", "declaration")) else 1
        assert ASKED in client.post(reverse(f"admin:{name}", args=[number])).content.decode(), name


def test_who_only_looks_is_not_asked(refund: Refund) -> None:
    looker = grown_old(log_in(staff("看的人", group="查看")))
    assert looker.post(f"/console/refunds/{refund.refund_no}/approve/", {"seen": "on"}).status_code == 403


def test_where_money_goes_changes_after_the_code_only(client: Client, qian: User, family: Family) -> None:
    """Payees stand in Django's own forms; the question stands before those too."""
    give_permissions(qian, "payments.payeeaccount")
    payee = PayeeAccount.objects.all()[:1].get()
    address = f"/console/payments/payeeaccount/{payee.pk}/change/"
    page = client.get(address).content.decode()
    assert ASKED not in page
    said = {"code": payee.code, "name": payee.name, "merchants": '{"wechat_pay": "1900009999"}', "_save": "保存"}
    page = client.post(address, said).content.decode()
    assert ASKED in page
    assert "改收款单位" in page
    payee.refresh_from_db()
    assert payee.merchants != {"wechat_pay": "1900009999"}
    assert client.post(address, said | {"proof_code": next_code(qian)}).status_code == 302
    payee.refresh_from_db()
    assert payee.merchants == {"wechat_pay": "1900009999"}


def test_who_only_looks_changes_nothing(family: Family) -> None:
    """查看 neither publishes, nor mends a name, nor hands a file in."""
    looker = log_in(staff("看的人", group="查看"))
    policy, row = CollectionPolicy.objects.all()[:1].get(), Registration.objects.all()[:1].get()
    assert looker.get(f"/console/policies/{policy.pk}/").status_code == 200
    for address in (
        f"/console/policies/{policy.pk}/draft/", f"/console/policies/{policy.pk}/publish/",
        f"/console/policies/{policy.pk}/discard/", f"/console/registration/{row.pk}/name/", "/console/feeds/",
    ):  # fmt: skip
        assert looker.post(address, {"name": "刘军", "reason": "12366来电核实"}).status_code == 403, address
    assert "送一个文件" not in looker.get("/console/feeds/").content.decode()
