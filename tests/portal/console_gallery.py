"""Every page of the console with something on it, in one world: for axe, for looking at."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext

from core import clock
from core.models import User
from payments.checkout import MemberLine
from payments.discrepancies import open_discrepancy
from payments.models import CollectionPolicy, Discrepancy, PaymentOrder, Refund
from payments.policies.publishing import draft_policy
from payments.refund_reviews import review_refund
from payments.refunds import reject_refund, request_refund
from portal.console.proving import GOOD_FOR
from reconciliation.agreements import expect_statements
from reconciliation.clearing import request_clearing
from reconciliation.discrepancies import assign_discrepancy, note_discrepancy, request_waiver
from reconciliation.models import ChannelAnswer
from reconciliation.outside import settle_money_outside
from reconciliation.working import reconcile_statement
from reconciliation.written_statements import WrittenStatement
from registration.models import Agency, FeedBatch, FeedReject, Registration
from tests import world
from tests.portal import desk
from tests.portal.gallery import Shown
from tests.reconciliation.stating import Said, agree, days_later, deliver, line_of, noon, receive, stated, today
from tests.world import MEDICAL, PENSION, Family, hand_over, line_for, open_order, say_paid

MERCHANT = "1900000001"
BANK, BANK_MERCHANT = "nsh-wendeng", "SB371003"
NOTE = "12366来电，说没有扣款短信"


@dataclass
class Desk:
    """The pages as 钱进 has them. What was paid and asked for lies two days back."""

    family: Family
    zhao: User
    qian: User
    client: Client = field(default_factory=Client)
    pages: list[Shown] = field(default_factory=list)

    def add(self, name: str, view: str, *values: object, query: str = "") -> None:
        self.pages.append(Shown(name, reverse(f"admin:{view}", args=values) + query))

    def answer(self, name: str, view: str, *values: object, **said: object) -> None:
        """A page that is the answer to a form."""
        path = reverse(f"admin:{view}", args=values)
        self.pages.append(Shown(name, path, html=self.client.post(path, said).content.decode()))

    def sign_in(self, context: BrowserContext, site: str) -> None:
        context.add_cookies([{"name": "sid", "value": self.client.cookies["sid"].value, "url": site}])


@contextmanager
def open_desk() -> Iterator[Desk]:
    """All pages, each with something on it; the clock stands still two days after the payments."""
    agree()
    family = world.make_family()
    made = Desk(family, desk.staff(world.ZHAO_MIN), desk.staff(world.QIAN_JIN, group="复核员"))
    made.qian.user_permissions.add(*Permission.objects.filter(content_type__app_label__in=("core", "payments")))
    orders = [
        say_paid(hand_over(open_order(family.payer, *lines)))
        for lines in (
            [line_for(family.herself), line_for(family.father, tier_fen=50_000)],
            [line_for(family.herself, MEDICAL, 24_000)],
            [line_for(family.husband, MEDICAL, 24_000), line_for(family.son, MEDICAL, 24_000)],
        )
    ]
    stuck, at_bank = hand_over(open_order(family.payer, line_for(family.husband))), ordered_at_bank(family)
    day = today()
    strange = Said("NO-SUCH-ORDER", "T-strange", 38_000, noon(day))
    whole = deliver([line_of(orders[0]), line_of(orders[1], amount=24_001), strange], MERCHANT)
    broken = receive([], MERCHANT, day - timedelta(days=1), content=stated([], MERCHANT, day).replace(b"1", b"x", 1))
    reconcile_statement(statement_id=broken.pk)
    with days_later(2):
        expect_statements()
        made.client = desk.log_in(made.qian)
        hang_desk(made)
        hang_registration(made)
        hang_policies(made)
        hang_refunds(made, orders)
        hang_money(made, stuck, at_bank)
        hang_outside(made)
        made.add("channel_day", "channel_day", whole.pk)
        made.add("channel_day_broken", "channel_day", broken.pk)
        yield made


def ordered_at_bank(family: Family, line: MemberLine | None = None) -> PaymentOrder:
    agree(BANK)
    world.make_channel(BANK, "bank_counter", world.RURAL_BANK)
    order = open_order(family.payer, line or line_for(family.father, MEDICAL, 24_000))
    order.payee.merchants[BANK] = BANK_MERCHANT
    order.payee.save()
    return hand_over(order, BANK, "")


def hang_desk(made: Desk) -> None:
    made.add("workbench", "index")
    made.answer("search_none", "search", q=world.LI_QIANG.number, purpose="12366来电")
    made.add("audit", "audit", query="?check=1")
    made.add("calendar", "core_calendarday_changelist")
    made.add("payee", "payments_payeeaccount_change", "tax-371003")


def hang_registration(made: Desk) -> None:
    row = Registration.objects.filter(insurance_type=PENSION, number_index=world.WANG_FANG.index).get()
    made.add("person", "person", row.person_id)
    made.answer("reveal", "reveal", row.person_id, reason="核对12366来电")
    made.add("name", "change_name", row.pk)
    batch = FeedBatch.objects.create(
        agency=Agency.objects.all()[:1].get(), number="B1", file_name="a", stored_path="a", sha256="0" * 64,
        size_bytes=1, lines=812, changed=805, rejected=1, failure="",
    )  # fmt: skip
    FeedReject.objects.create(batch=batch, line=7, code="bad_date", detail="出生日期读不了", agency_person_no="371-1")
    made.add("feeds", "feeds")
    made.add("feed", "feed", batch.pk)


def hang_policies(made: Desk) -> None:
    base = CollectionPolicy.objects.get(insurance_type=PENSION)
    terms = dict(base.terms) | {"notice": "延长到月底"}
    drafted = draft_policy(base=base, terms=terms, effective_on=clock.today(), staff=made.zhao)
    made.add("policies", "policies")
    made.add("policy_drafted", "policy", drafted.pk)
    made.add("policy_draft", "policy_draft", base.pk)


def hang_refunds(made: Desk, orders: list[PaymentOrder]) -> None:
    family, rows = made.family, [row for order in orders for row in order.declarations.order_by("pk")]
    asked, reviewed, refused = (refund_of(row.declaration_no, family.payer) for row in rows[:3])
    review_refund(refund_no=reviewed.refund_no, note="看过登记，缴在了原来的地方", staff=made.zhao)
    reject_refund(refund_no=refused.refund_no, why="needs_papers", actor=made.zhao.actor)
    made.add("refunds", "refunds")
    for name, refund in (("asked", asked), ("reviewed", reviewed), ("refused", refused)):
        made.add(f"refund_{name}", "refund", refund.refund_no)
    made.add("refund_ask", "refund_ask", rows[3].declaration_no)
    hang_proof(made, reviewed)


def refund_of(declaration_no: str, payer: User) -> Refund:
    return request_refund(
        declaration_no=declaration_no, reason=Refund.Reason.WRONG_PLACE, note="选错了地方", actor=payer.actor,
        requested_by=payer,
    )  # fmt: skip


def hang_proof(made: Desk, refund: Refund) -> None:
    """X10, first asked and after a wrong code."""
    with clock.at(clock.now() + GOOD_FOR):
        made.answer("prove", "refund_approve", refund.refund_no, seen="on", note="看过登记")
        made.answer("prove_wrong", "refund_approve", refund.refund_no, seen="on", proof_code="000000")


def hang_outside(made: Desk) -> None:
    """S06: money of a bank that two people settle, before and after the second has seen the paper."""
    brother = world.Somebody("王大山", world.number("19920303", "017"))
    world.make_registration(brother, MEDICAL)
    member = world.make_member(made.family.payer, brother, "relative")
    order = say_paid(ordered_at_bank(made.family, line_for(member, MEDICAL, 24_000)))
    paper = WrittenStatement("农商退1号", "凭证.pdf", io.BytesIO(b"%PDF-1.4"))
    number = order.declarations.get().declaration_no
    step = settle_money_outside(declaration_no=number, note="信用社柜台退到原卡", staff=made.zhao, written=paper)
    made.add("refund_outside", "refund", step.refund.refund_no)


def hang_money(made: Desk, stuck: PaymentOrder, at_bank: PaymentOrder) -> None:
    """S04, S08, S09: an order that may be cleared, one that may not, one that waits for 钱进; work on discrepancies."""
    made.add("clearing_refused", "clearing", stuck.pk)
    sister = world.Somebody("王小兰", world.number("19900101", "024"))
    world.make_registration(sister, PENSION)
    ready = hand_over(
        open_order(made.family.payer, line_for(world.make_member(made.family.payer, sister, "relative"), PENSION))
    )
    PaymentOrder.objects.filter(pk=ready.pk).update(expires_at=clock.now() - timedelta(hours=1))
    ChannelAnswer.objects.create(order=ready, asked_by=made.zhao, state="notpay", took_ms=240)
    made.add("clearing", "clearing", ready.pk)
    for back in (2, 1):
        deliver([], BANK_MERCHANT, today() - timedelta(days=back), BANK)
    request_clearing(order_id=at_bank.pk, ground="statements", note=NOTE, staff=made.zhao)
    made.add("clearing_second", "clearing", at_bank.pk)
    case = open_discrepancy(
        kind=Discrepancy.Kind.REVERSED, key="reversal:test", amount_fen=100_000, actor="system:test", order=stuck
    )
    assign_discrepancy(discrepancy_id=case.pk, owner=made.zhao, staff=made.qian)
    note_discrepancy(discrepancy_id=case.pk, text="向渠道要了凭证", staff=made.zhao)
    request_waiver(discrepancy_id=case.pk, reason="渠道来电，已核对凭证", staff=made.zhao)
    made.add("discrepancies", "discrepancies")
    made.add("discrepancy", "discrepancy", case.pk)
    held = Discrepancy.objects.filter(kind=Discrepancy.Kind.UNKNOWN_ORDER)[:1].get()
    made.add("discrepancy_held", "discrepancy", held.pk)
    made.add("reconciliation", "reconciliation")
