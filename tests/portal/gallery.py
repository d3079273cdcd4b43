"""Every page that a resident can meet, in one world: for measuring bytes, for axe, for looking at."""

from dataclasses import dataclass, field

from django.test import Client, RequestFactory
from django.urls import reverse
from playwright.sync_api import BrowserContext, Route

from core import clock
from core.models import User
from core.sealed import blind_index, seal
from payments.diagnoses import diagnose
from payments.drafts import BasketLine, Choice, ask_for, put_lines
from payments.facts import matching_registrations
from payments.models import Declaration, PaymentOrder, Refund
from payments.orders import expire_order
from payments.refunds import reject_refund, request_refund
from portal.accounts.access import kept_fields
from portal.look import COOKIE, Look
from portal.models import KeptForm
from portal.pages import errors
from registration.models import FamilyMember, ViewGrant
from tests import world
from tests.portal.phones import by_wallet, give_phone, know_people
from tests.portal.visiting import DESKTOP, PHONE, Visitor
from tests.sandbox.process import Sandbox
from tests.world import FLEXIBLE, MEDICAL, OTHER_PLACE, PENSION, Family

YEAR = clock.today().year
PLAIN = Look()
OPEN_TO_ALL = {
    "welcome": "/",
    "login": "/login/",
    "real_name": "/login/first/",
    "help": "/help/",
    "settings": "/settings/",
    "accessibility": "/accessibility/",
    "not_found": "/nowhere/",
}


@dataclass
class Shown:
    """One page: its address, who looks, and its text where it came as the answer to a form."""

    name: str
    path: str
    visitor: bool = False
    html: str = ""


@dataclass
class Gallery:
    """The pages, and the world that they show."""

    family: Family
    phone: bool
    look: Look
    pages: list[Shown] = field(default_factory=list)

    def add(self, name: str, path: str, *, visitor: bool = False, html: str = "") -> None:
        self.pages.append(Shown(name, path, visitor, html))

    def comer(self, user: User | None = None) -> Visitor:
        """Somebody with the device and the look that this gallery is for."""
        visitor = Visitor(user, agent=PHONE if self.phone else DESKTOP)
        visitor.client.cookies[COOKIE] = self.look.as_text()
        return visitor

    def sign_in(self, context: BrowserContext, site: str, *, as_visitor: bool = False) -> None:
        """Give a browser the session of 王芳, or none."""
        context.clear_cookies(name="sid")
        if not as_visitor:
            client = Client()
            client.force_login(self.family.payer)
            context.add_cookies([{"name": "sid", "value": client.cookies["sid"].value, "url": site}])


def show(context: BrowserContext, site: str, shown: Shown) -> str:
    """Make a page that answered a form reachable at its address; returns the address."""
    address = site + shown.path
    if shown.html:

        def answer(route: Route) -> None:
            route.fulfill(status=200, content_type="text/html; charset=utf-8", body=shown.html)

        context.route(address, answer)
    return address


def line(member: FamilyMember, kind: str, tier_fen: int) -> BasketLine:
    found = next(
        row for row in matching_registrations(member)
        if (row.insurance_type_id, row.region_id) == (kind, world.PLACE)
    )  # fmt: skip
    return BasketLine(Choice(member.pk, kind, YEAR), found.pk, tier_fen, tier_fen, clock.now())


def make_gallery(sandbox: Sandbox, *, phone: bool, look: Look = PLAIN) -> Gallery:
    """All pages, each with something on it. `phone`: as a phone's browser gets them."""
    family = world.make_family()
    gallery = Gallery(family, phone, look)
    world.make_policy(FLEXIBLE)
    world.make_registration(world.WANG_FANG, FLEXIBLE)
    world.make_policy(MEDICAL, place=OTHER_PLACE)
    world.make_payee("tax-371002", "环翠区税务局", place=OTHER_PLACE)
    world.make_registration(world.LIU_JIANJUN, MEDICAL, place=OTHER_PLACE)
    person = matching_registrations(family.herself)[0].person
    viewer = world.make_payer(world.LI_QIANG, "13900006719")
    ViewGrant.objects.create(viewer=viewer, person=person, ends_at=clock.now() + 90 * 24 * clock.HOUR)
    hang_visitor_pages(gallery)
    hang_wallet_page(gallery, sandbox)
    hang_own_pages(gallery)
    hang_paying_pages(gallery)
    hang_orders(gallery, sandbox)
    hang_refunds(gallery)
    return gallery


def hang_visitor_pages(gallery: Gallery) -> None:
    for name, address in OPEN_TO_ALL.items():
        gallery.add(name, address, visitor=True)
    visitor = gallery.comer()
    page = visitor.press(visitor.open("/login/"), "发验证码", phone="12")
    gallery.add("login_errors", "/login/?errors", visitor=True, html=page.html)
    page = visitor.press(visitor.open("/login/first/"), "下一步", name="王", number="1")
    gallery.add("real_name_errors", "/login/first/?errors", visitor=True, html=page.html)
    page = give_phone(visitor, "13900006720")
    gallery.add("code", "/login/code/?shown", visitor=True, html=page.html)
    page = visitor.press(page, "验证", code="1")
    gallery.add("code_errors", "/login/code/?errors", visitor=True, html=page.html)
    page = visitor.press(visitor.open("/login/"), "发验证码", phone="13900006721")
    gallery.add("question", "/login/question/?shown", visitor=True, html=page.html)
    page = visitor.press(page, "发验证码", answer="一百")
    gallery.add("question_errors", "/login/question/?errors", visitor=True, html=page.html)
    visitor.client.session.flush()
    gallery.add("form_expired", "/form-expired/", visitor=True, html=expired_form(gallery))
    gallery.add("broken", "/broken/", visitor=True, html=broken_page(gallery.look))


def hang_wallet_page(gallery: Gallery, sandbox: Sandbox) -> None:
    """R05: of a wallet that does not say a phone."""
    who = world.WANG_FATHER
    know_people(sandbox, {"name": who.name, "document_type": "201", "document_no": who.number})
    page = by_wallet(gallery.comer(), who.number)
    gallery.add("missing", "/login/phone/?shown", visitor=True, html=page.html)


def expired_form(gallery: Gallery) -> str:
    answer = gallery.comer(gallery.family.payer).client.post("/me/add/", {"csrfmiddlewaretoken": "0" * 64})
    return answer.content.decode()


def broken_page(look: Look) -> str:
    request = RequestFactory().get("/")
    request.COOKIES[COOKIE] = look.as_text()
    return errors.broken(request).content.decode()


def hang_own_pages(gallery: Gallery) -> None:
    family = gallery.family
    visitor = gallery.comer(family.payer)
    gallery.add("home", "/")
    gallery.add("me", "/me/")
    gallery.add("add_person", "/me/add/")
    gallery.add("agent", "/me/add/?agent=1")
    page = visitor.press(visitor.open("/me/add/"), "保存", name="王", number="1")
    gallery.add("add_person_errors", "/me/add/?errors", html=page.html)
    gallery.add("remove_person", f"/me/{family.son.pk}/remove/")
    gallery.add("view_ask", f"/me/{family.husband.pk}/view/")
    gallery.add("view_question", f"/me/{family.husband.pk}/view/question/?aloud=1")
    gallery.add("view_code", f"/me/{family.husband.pk}/view/code/")
    gallery.add("records_none", "/records/?type=flexible_pension")
    gallery.add("basket_empty", "/pay/basket/?empty", html=visitor.open("/pay/basket/").html)
    leaver = gallery.comer(family.payer)
    page = leaver.press(leaver.open("/me/"), "退出并清除")
    gallery.add("left", "/leave/", visitor=True, html=page.html)
    form = KeptForm(token="b" * 64, owner=family.payer, path="/me/add/")
    gallery.add("kept", f"/login/kept/{keep(form)}/")


def keep(form: KeptForm) -> str:
    form.fields_sealed = seal("name=x", field="portal_keptform.fields_sealed", index=blind_index("name", form.token))
    form.save()
    assert kept_fields(form) == "name=x"
    return form.token


def hang_paying_pages(gallery: Gallery) -> None:
    family, what = gallery.family, f"/pay/{PENSION}/{YEAR}/base/"
    gallery.add("types", "/pay/types/")
    gallery.add("people", what + "people/")
    gallery.add("tier", what + f"{family.father.pk}/tier/")
    gallery.add("estimate", what + f"{family.father.pk}/estimate/")
    gallery.add("place", f"/pay/{MEDICAL}/{YEAR}/base/{family.husband.pk}/place/")
    gallery.add("months", f"/pay/{FLEXIBLE}/{YEAR}/base/{family.herself.pk}/months/?tier=72000")
    put_lines(payer=family.payer, lines=[line(family.son, MEDICAL, 24_000), line(family.husband, PENSION, 100_000)])
    gallery.add("basket", "/pay/basket/")
    gallery.add("check", "/pay/check/")
    ask_for(payer=family.payer, choices=[Choice(family.father.pk, MEDICAL, YEAR)])
    gallery.add("registration", "/pay/registration/")


def hang_orders(gallery: Gallery, sandbox: Sandbox) -> None:
    family, payer = gallery.family, gallery.family.payer
    sister = world.Somebody("王小兰", world.number("19900101", "024"))
    world.make_registration(sister, PENSION)
    made = world.open_order(payer, world.line_for(world.make_member(payer, sister, "relative"), PENSION))
    waiting = world.hand_over(world.open_order(payer, world.line_for(family.herself, MEDICAL, 24_000)))
    paid = world.say_paid(world.hand_over(world.open_order(payer, world.line_for(family.herself, PENSION))))
    over = world.hand_over(world.open_order(payer, world.line_for(family.husband, PENSION)), url="weixin://wxpay/x")
    expire_order(order_id=over.pk, actor="system:wechat_pay", evidence={"trade_state": "CLOSED"})
    who = world.Somebody("王小军", world.number("19920202", "013"))
    world.make_registration(who, PENSION)
    brother = world.make_member(payer, who, "relative")
    by_form = world.hand_over(
        world.open_order(payer, world.line_for(brother, PENSION)), "unionpay", "page", f"{sandbox.url}/unionpay"
    )
    gallery.add("pay_form", f"/orders/{by_form.order_no}/pay/")
    gallery.add("confirming_form", f"/orders/{by_form.order_no}/")
    gallery.add("method", f"/orders/{made.order_no}/method/")
    gallery.add("pay", f"/orders/{waiting.order_no}/pay/")
    for name, order in (("confirming", waiting), ("paid", paid), ("unpaid", over)):
        gallery.add(name, f"/orders/{order.order_no}/")
    gallery.add("records", "/records/")
    gallery.add("record", f"/records/{number_of(paid)}/")
    gallery.add("record_waiting", f"/records/{number_of(waiting)}/")
    gallery.add("why", "/why/")
    for name, member, kind in (("stuck", family.herself, MEDICAL), ("paid", family.herself, PENSION),
                               ("unknown", family.son, PENSION)):  # fmt: skip
        asked = diagnose(payer=payer, member=member, insurance_type=kind, coverage_year=YEAR)
        gallery.add(f"why_{name}", reverse("pages:why_case", args=[asked.diagnosis.code]))


def hang_refunds(gallery: Gallery) -> None:
    """R26 of two people's order; R27 under way and refused."""
    family, payer = gallery.family, gallery.family.payer
    members = []
    for name, sequence in (("刘小军", "026"), ("刘小兰", "028")):
        who = world.Somebody(name, world.number("19920202", sequence))
        world.make_registration(who, PENSION)
        members.append(world.make_member(payer, who, "relative"))
    paid = world.say_paid(world.hand_over(world.open_order(payer, *(world.line_for(each) for each in members))))
    first, second = paid.declarations.order_by("pk")
    ask = f"/records/{first.declaration_no}/refund/"
    gallery.add("refund_ask", ask)
    visitor = gallery.comer(family.payer)
    gallery.add("refund_errors", ask + "?errors", html=visitor.press(visitor.open(ask), "下一步", line=[]).html)
    page = visitor.press(visitor.open(ask), "下一步", reason="wrong_place", used="no", note="选错了地方")
    gallery.add("refund_check", ask + "check/?shown", html=page.html)
    running = refund_for(second, payer)
    gallery.add("refund", f"/refunds/{running.refund_no}/")
    refused = refund_for(first, payer)
    reject_refund(refund_no=refused.refund_no, why="needs_papers", actor="staff:qianjin")
    gallery.add("refund_refused", f"/refunds/{refused.refund_no}/")


def refund_for(row: Declaration, payer: User) -> Refund:
    return request_refund(
        declaration_no=row.declaration_no, reason=Refund.Reason.DUPLICATE, note="", actor=payer.actor,
        requested_by=payer,
    )  # fmt: skip


def number_of(order: PaymentOrder) -> str:
    return Declaration.objects.get(order=order).declaration_no
