"""A small world for tests: one place, its policies and the named cast.

Everything is dated from the business date, so that a window that is open is open on any day on which
the tests run. Numbers are made here and belong to nobody.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core import clock, identity
from core.identity import DocumentType
from core.models import User
from core.sealed import blind_index, seal
from core.transitions import advance, record_creation
from payments.checkout import MemberLine, open_checkout
from payments.confirming import Payment, confirm_payment
from payments.facts import matching_registrations
from payments.gateways.base import Result, TradeState
from payments.models import Channel, CollectionPolicy, Declaration, PayeeAccount, PayeeRoute, PaymentOrder
from payments.policies.reading import dump_terms
from payments.policies.terms import (
    Collector,
    CollectorKind,
    Delays,
    EstimateRule,
    GroupTerms,
    PolicyTerms,
    Source,
    Split,
    Tier,
    Window,
)
from registration.models import (
    Agency,
    FamilyMember,
    FeedFreshness,
    InsuranceType,
    InsuredPerson,
    PersonDocument,
    PopulationGroup,
    Region,
    Registration,
)

PLACE = "371003"
OTHER_PLACE = "371002"
MERCHANTS = {"wechat_pay": "1900000001", "alipay": "2088000000000001", "unionpay": "898371000000001"}
PENSION, MEDICAL, FLEXIBLE = "resident_pension", "resident_medical", "flexible_pension"
SUPPLEMENTARY = "supplementary_pension"
TYPES = {
    PENSION: ("居民养老", "year"),
    MEDICAL: ("居民医疗", "year"),
    SUPPLEMENTARY: ("补充养老", "year"),
    FLEXIBLE: ("灵活就业养老", "month"),
}
GROUPS = {"adult": "成年居民", "minor": "儿童、中小学生", "severe_disability": "重度残疾人", "flexible": "灵活就业人员"}
REGIONS = {
    "370000": ("山东省", None),
    "371000": ("威海市", "370000"),
    OTHER_PLACE: ("环翠区", "371000"),
    PLACE: ("文登区", "371000"),
}
SUBSIDIES = {50_000: 6_000}  # Wendeng 2019 (PO-3); 80 yuan from tier 800 on
PENSION_TIERS = (50_000, 80_000, 100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 500_000)


@dataclass(frozen=True)
class Somebody:
    """A person of the cast, as the agency holds him."""

    name: str
    number: str
    group: str = "adult"

    @property
    def index(self) -> bytes:
        return blind_index("number", self.number)


def number(born: str, sequence: str, area: str = PLACE) -> str:
    """A resident number with a right check character. `born` is YYYYMMDD; an even sequence is a woman's."""
    first_17 = area + born + sequence
    return first_17 + identity.check_character(first_17)


WANG_FANG = Somebody("王芳", number("19800512", "002"))  # pays for her family
WANG_FATHER = Somebody("王建国", number("19680301", "015"))
LIU_JIANJUN = Somebody("刘建军", number("19781120", "017"))  # her husband
LIU_XIAOYU = Somebody("刘小宇", number("20160607", "019"), group="minor")
LI_QIANG = Somebody("李强", number("19850909", "033"))  # a stranger
ZHAO_MIN, QIAN_JIN = "赵敏", "钱进"  # staff: the first and the second person
RURAL_BANK = "农商行"


# --- the catalogue -----------------------------------------------------------------------------------------------


def make_region(code: str = PLACE) -> Region:
    """A place and the places above it."""
    found = Region.objects.filter(code=code).first()
    if found:
        return found
    name, parent = REGIONS[code]
    return Region.objects.create(code=code, name=name, parent=make_region(parent) if parent else None)


def make_types() -> None:
    InsuranceType.objects.bulk_create(
        (
            InsuranceType(code=code, name=name, unit=unit, order=order)
            for order, (code, (name, unit)) in enumerate(TYPES.items())
        ),
        ignore_conflicts=True,
    )


def make_groups() -> None:
    groups = (PopulationGroup(code=code, name=name) for code, name in GROUPS.items())
    PopulationGroup.objects.bulk_create(groups, ignore_conflicts=True)


def make_agency(kind: str = "hr", place: str = PLACE, *, fresh: bool = True) -> Agency:
    """The HR or medical bureau of a place; `fresh`: its full data arrived an hour ago (RG-2)."""
    region = make_region(place)
    bureau = "人社局" if kind == "hr" else "医保局"
    agency, _ = Agency.objects.get_or_create(
        code=f"{kind}-{place}",
        defaults={
            "name": region.name + bureau,
            "kind": kind,
            "region": region,
            "phone": "12333" if kind == "hr" else "12393",
            "address": "米山路100号",
        },
    )
    if fresh:
        just_now = clock.now() - timedelta(hours=1)
        FeedFreshness.objects.update_or_create(
            agency=agency, region=region,
            defaults={"last_received_at": just_now, "last_made_at": just_now, "last_full_at": just_now},
        )  # fmt: skip
    return agency


def make_payee(code: str = "tax-371003", name: str = "文登区税务局", *, place: str = PLACE,
               types: Iterable[str] = TYPES) -> PayeeAccount:  # fmt: skip
    """A treasury account and the types of a place whose money it takes."""
    payee, _ = PayeeAccount.objects.get_or_create(code=code, defaults={"name": name, "merchants": dict(MERCHANTS)})
    region = make_region(place)
    for insurance_type in types:
        PayeeRoute.objects.update_or_create(
            region=region, insurance_type_id=insurance_type, defaults={"payee": payee}
        )
    return payee


def make_channel(code: str = "portal", kind: str = "portal", name: str = "本网站") -> Channel:
    return Channel.objects.get_or_create(code=code, defaults={"name": name, "kind": kind})[0]


# --- policies ----------------------------------------------------------------------------------------------------


def open_window(today: date | None = None) -> Window:
    """Opened sixty days ago, concentrated for another thirty, ends in ninety."""
    on = today or clock.today()
    return Window(
        opens_on=on - timedelta(days=60), concentrated_to=on + timedelta(days=30), deadline=on + timedelta(days=90)
    )


def pension_terms(window: Window | None = None) -> PolicyTerms:
    """Wendeng's tiers and constants of 2019 (PO-2, PO-3, PO-12)."""
    tiers = tuple(Tier(fen, SUBSIDIES.get(fen, 8_000)) for fen in PENSION_TIERS)
    disabled = Tier(30_000, 5_000)
    return PolicyTerms(
        collector=Collector(CollectorKind.TAX, name="文登区税务局"),
        window=window or open_window(),
        groups=(GroupTerms("adult", tiers), GroupTerms("severe_disability", (disabled, *tiers))),
        sources=(Source("测试", "https://example.com/notice", "demo", date(2026, 1, 1)),),
        delays=Delays(record_days=1, certificate_days=3, credit_days=3),
        estimate=EstimateRule(base_pension_fen=13_000, divisor=139, full_years=15, extra_year_fen=200, pension_age=60),
    )


def medical_terms(window: Window | None = None, amount_fen: int = 24_000) -> PolicyTerms:
    """One amount for everybody, for adults and minors."""
    one = (Tier(amount_fen),)
    return replace(pension_terms(window), groups=(GroupTerms("adult", one), GroupTerms("minor", one)), estimate=None)


def flexible_terms(window: Window | None = None) -> PolicyTerms:
    """By months (PO-6); 720 or 900.80 yuan a month."""
    months = (Tier(72_000, base_fen=360_000), Tier(90_080, base_fen=450_400))
    group = GroupTerms("flexible", months)
    return replace(pension_terms(window), groups=(group,), split=Split.MONTHS, estimate=None)


def make_policy(insurance_type: str = PENSION, terms: PolicyTerms | None = None, *, year: int | None = None,
                place: str = PLACE, version: int = 1) -> CollectionPolicy:  # fmt: skip
    """A published policy of this business year, unless told otherwise."""
    standard = {MEDICAL: medical_terms, FLEXIBLE: flexible_terms}.get(insurance_type, pension_terms)
    wanted = terms or standard()
    policy = CollectionPolicy.objects.create(
        region=make_region(place), insurance_type_id=insurance_type, coverage_year=year or clock.today().year,
        version=version, effective_on=clock.today() - timedelta(days=400), terms=dump_terms(wanted),
        is_demo=wanted.demo,
    )  # fmt: skip
    record_creation(CollectionPolicy, [policy.pk], status="draft", actor="system:world")
    advance(CollectionPolicy, [policy.pk], "publish", actor="system:world", values={"published_at": clock.now()})
    policy.refresh_from_db()
    clock.forget_everything_kept()
    return policy


# --- people ------------------------------------------------------------------------------------------------------


def make_person(who: Somebody) -> InsuredPerson:
    """The human behind all registrations of one number."""
    found = PersonDocument.objects.filter(match_index=who.index).select_related("person").first()
    if found:
        return found.person
    document = identity.parse(DocumentType.RESIDENT_ID, who.number, clock.today())
    person = InsuredPerson.objects.create(
        name=who.name, name_folded=identity.fold_name(who.name), birth_on=document.birth_on,
        sex=document.sex.value[:1] if document.sex else "",
    )  # fmt: skip
    PersonDocument.objects.create(
        person=person, document_type="201", match_index=who.index, number_index=who.index,
        number_sealed=seal(who.number, field="registration_persondocument.number_sealed", index=who.index),
    )  # fmt: skip
    return person


def make_registration(
    who: Somebody, insurance_type: str = PENSION, *, place: str = PLACE, **values: object
) -> Registration:
    """What the agency of a place says of one person."""
    person = make_person(who)
    kind = "medical" if "medical" in insurance_type else "hr"
    given = {
        "group_id": "flexible" if "flexible" in insurance_type else who.group,
        "registering_body": "米山镇人社所",
        "registered_on": date(2019, 3, 1),
        "version": 1,
    } | values
    known = Agency.objects.select_related("region").filter(code=f"{kind}-{place}").first()
    agency = known or make_agency(kind, place)
    return Registration.objects.create(
        agency=agency, agency_person_no=f"{person.pk}-{place}", insurance_type_id=insurance_type,
        person=person, region=agency.region, name=who.name, name_folded=identity.fold_name(who.name),
        document_type="201", number_index=who.index,
        number_sealed=seal(who.number, field="registration_registration.number_sealed", index=who.index), **given,
    )  # fmt: skip


def make_payer(who: Somebody = WANG_FANG, phone: str = "13800006712") -> User:
    """A resident's account, real-named by the carrier."""
    phone_index = blind_index("phone", phone)
    return User.objects.create(
        name=who.name, document_type="201", number_index=who.index,
        number_sealed=seal(who.number, field="core_user.number_sealed", index=who.index),
        phone_index=phone_index, phone_sealed=seal(phone, field="core_user.phone_sealed", index=phone_index),
        real_named_by="carrier", real_named_at=clock.now(),
    )  # fmt: skip


def make_member(payer: User, who: Somebody, relation: str = "self") -> FamilyMember:
    """A person whom an account pays for, as the payer typed him."""
    document = identity.parse(DocumentType.RESIDENT_ID, who.number, clock.today())
    return FamilyMember.objects.create(
        payer=payer, relation=relation, name=who.name, name_folded=identity.fold_name(who.name), document_type="201",
        number_index=who.index, number_tail=who.number[-4:], number_head=who.number[0], birth_on=document.birth_on,
        number_sealed=seal(who.number, field="registration_familymember.number_sealed", index=who.index),
    )  # fmt: skip


# --- the whole of it ---------------------------------------------------------------------------------------------


@dataclass
class Family:
    """王芳 and those for whom she pays."""

    payer: User
    herself: FamilyMember
    father: FamilyMember
    husband: FamilyMember
    son: FamilyMember

    @property
    def members(self) -> list[FamilyMember]:
        return [self.herself, self.father, self.husband, self.son]


def make_ground() -> None:
    """Catalogue, agencies, payee and channel, without a policy or a person."""
    make_region(PLACE)
    make_region(OTHER_PLACE)
    make_types()
    make_groups()
    make_agency("hr")
    make_agency("medical")
    make_payee()
    make_channel()


def make_family() -> Family:
    """The ground, both resident policies of the year, and 王芳's family registered for both (the son: medical)."""
    make_ground()
    make_policy(PENSION)
    make_policy(MEDICAL)
    for who in (WANG_FANG, WANG_FATHER, LIU_JIANJUN):
        make_registration(who, PENSION)
        make_registration(who, MEDICAL)
    make_registration(LIU_XIAOYU, MEDICAL)
    payer = make_payer(WANG_FANG)
    return Family(
        payer,
        make_member(payer, WANG_FANG),
        make_member(payer, WANG_FATHER, "parent"),
        make_member(payer, LIU_JIANJUN, "spouse"),
        make_member(payer, LIU_XIAOYU, "child"),
    )


# --- orders, by the real operations; only the gateway's own answers are said here ---------------------------------


def line_for(
    member: FamilyMember, insurance_type: str = PENSION, tier_fen: int | None = 100_000, *, place: str = PLACE,
    year: int | None = None, first_month: int | None = None, last_month: int | None = None, part: str = "base",
) -> MemberLine:  # fmt: skip
    """A basket line for the registration of a member at a place."""
    registration = next(
        row
        for row in matching_registrations(member)
        if (row.insurance_type_id, row.region_id) == (insurance_type, place)
    )
    return MemberLine(
        member.pk, registration.pk, insurance_type, year or clock.today().year, part, tier_fen, first_month, last_month
    )


def open_order(payer: User, *lines: MemberLine) -> PaymentOrder:
    """The one order of some lines that pay one payee."""
    (order,) = open_checkout(payer=payer, lines=lines, actor=payer.actor)
    return order


def hand_over(
    order: PaymentOrder, gateway: str = "wechat_pay", method: str = "qr", url: str = "weixin://wxpay/bizpayurl?pr=Ab12"
) -> PaymentOrder:
    """The order as it stands once the gateway has taken it and the payer has been sent there."""
    moment = clock.now()
    lines = list(Declaration.objects.filter(order=order).values_list("pk", flat=True))
    values = {
        "gateway": gateway, "method": method, "merchant_id": order.payee.merchants[gateway], "started_at": moment,
        "expires_at": moment + timedelta(minutes=30), "next_check_at": moment + timedelta(seconds=5),
    }  # fmt: skip
    kind = "form" if gateway == "unionpay" else "qr" if method == "qr" else "redirect"
    kept = {"kind": kind, "url": url, "fields": {"orderId": order.order_no} if kind == "form" else {}}
    advance(PaymentOrder, [order.pk], "start", actor=order.payer.actor if order.payer else "", values=values)
    advance(Declaration, lines, "pay", actor=order.payer.actor if order.payer else "")
    advance(PaymentOrder, [order.pk], "accept", actor=f"system:{gateway}", values={"hand_over": kept})
    order.refresh_from_db()
    return order


def say_paid(order: PaymentOrder, trade_no: str = "") -> PaymentOrder:
    """The gateway says that the order was paid just now."""
    result = Result(
        TradeState.PAID, order.order_no, order.merchant_id, order.amount_fen, "CNY",
        trade_no or f"T{order.pk}", clock.now(),
    )  # fmt: skip
    confirm_payment(order_no=order.order_no, payment=Payment(result, order.gateway, "query"))
    order.refresh_from_db()
    return order


@contextmanager
def last_year() -> Iterator[None]:
    """The same day a year ago, with that year's policies open."""
    before = clock.now() - timedelta(days=365)
    with clock.at(before):
        clock.forget_everything_kept()
        yield
    clock.forget_everything_kept()


def pay_last_year(payer: User, lines: Sequence[tuple[FamilyMember, str, int]]) -> PaymentOrder:
    """Let the payer have paid (member, type, tier) a year ago, under policies of that year made for it."""
    with last_year():
        for insurance_type in sorted({line[1] for line in lines}):
            make_policy(insurance_type)
        order = open_order(payer, *(line_for(member, kind, tier_fen) for member, kind, tier_fen in lines))
        return say_paid(hand_over(order))
