"""The way of a payment as a good team would write it with Django's ORM alone: the other side of `pay-orm`.

Tuned as the ORM can be: persistent connections, select_related, select_for_update, bulk_create, filter().update(),
no model saved whole. Session, middleware, prices, gateway and signatures are the portal's own, reference data are
kept as there, and the same rows are written in the same transactions. It knows the ordinary case only.
"""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core import clock, ids
from core.models import Transition, User
from payments import gateways
from payments.delays import after_payment
from payments.facts import YEARS_BACK, judge
from payments.gateways.base import Method, TradeState
from payments.models import (
    Allocation,
    CollectionPolicy,
    Declaration,
    Draft,
    Notification,
    PayeeRoute,
    PaymentOrder,
    PeriodClaim,
    Receipt,
)
from payments.orders import FIRST_CHECK, ORDER_LIFE, REFERENCE_S, Waiting, clears_by, order_ref
from payments.policies.in_force import terms_of
from payments.policies.terms import Renewal
from payments.pricing import (
    Asked,
    ChannelFact,
    DeclarationFact,
    Facts,
    FeedFact,
    Identity,
    Line,
    Payable,
    PolicyFact,
    RegistrationFact,
    price,
)
from payments.receipts import channel_day
from payments.states import LIVE
from portal.accounts.access import payer_of, resident_required
from registration.models import FamilyMember, FeedFreshness, Registration
from tests.world import PLACE


@require_POST
@resident_required
def check(request: HttpRequest) -> HttpResponse:
    """R16 confirmed: an order is opened, started and handed over."""
    payer = payer_of(request)
    order = open_order(payer, request.POST["token"])
    start(order.order_no, payer)
    return redirect(f"/orders/{order.order_no}/pay/")


@transaction.atomic
def open_order(payer: User, token: str) -> PaymentOrder:
    """The one line of the basket becomes an order and its declaration."""
    draft = Draft.objects.select_for_update().get(payer=payer)
    basket = draft.content["basket"]
    if basket["token"] != token:
        raise ValueError("another basket")
    (wish,) = basket["lines"]
    registration, payable, line = priced(payer, wish)
    payee = PayeeRoute.objects.values_list("payee_id", flat=True).get(
        region_id=payable.region, insurance_type_id=payable.insurance_type
    )
    moment = clock.now()
    (order,) = PaymentOrder.objects.bulk_create(
        [
            PaymentOrder(
                checkout_no=ids.public_no(), payer=payer, channel_id="portal", payee_id=payee,
                amount_fen=line.amount_fen, line_count=1, created_at=moment, expires_at=moment + ORDER_LIFE,
            )
        ]
    )  # fmt: skip
    (declaration,) = Declaration.objects.bulk_create([_declaration(payer, order, registration, payable, line)])
    PeriodClaim.objects.bulk_create(
        [
            PeriodClaim(
                person_id=registration.person_id, insurance_type_id=payable.insurance_type,
                period=payable.coverage_year, part=payable.part, declaration=declaration,
            )
        ]
    )  # fmt: skip
    Transition.objects.bulk_create(
        [told("ORDER", order.pk, None, "created", "create", payer.actor),
         told("DECLARATION", declaration.pk, None, "declared", "create", payer.actor)]
    )  # fmt: skip
    draft.content["basket"] = {"lines": [], "token": ids.nonce()[:16], "opened": {token: order.checkout_no}}
    draft.updated_at = moment
    draft.save(update_fields=["content", "updated_at"])
    return order


def _declaration(
    payer: User, order: PaymentOrder, registration: Registration, payable: Payable, line: Line
) -> Declaration:
    return Declaration(
        person_id=registration.person_id, registration=registration, insurance_type_id=payable.insurance_type,
        region_id=payable.region, group_id=payable.group, policy_id=payable.policy_id, order=order, payer=payer,
        channel_id="portal", coverage_year=payable.coverage_year, part=payable.part, tier_fen=line.tier_fen,
        amount_fen=line.amount_fen, subsidy_fen=line.subsidy_fen,
    )  # fmt: skip


def priced(payer: User, wish: dict[str, Any]) -> tuple[Registration, Payable, Line]:
    """The price of one line by today's rules, from facts that the ORM loads."""
    choice = wish["choice"]
    member = FamilyMember.objects.get(payer=payer, removed_at__isnull=True, pk=choice["member_id"])
    registrations = list(
        Registration.objects.filter(number_index=bytes(member.number_index), name_folded=member.name_folded)
        .select_related("region", "group", "agency")
        .order_by("pk")
    )
    declarations = (
        Declaration.objects.filter(
            person_id__in={row.person_id for row in registrations},
            status__in=LIVE,
            coverage_year__gte=clock.today().year - YEARS_BACK,
        )
        .select_related("order", "channel", "region")
        .order_by("declared_at", "pk")
    )
    facts = Facts(
        identity=Identity(matched=bool(registrations), document_type=member.document_type),
        registrations=tuple(_registration_fact(row) for row in registrations),
        policies=policies_of(PLACE, clock.today()),
        feeds=feeds_of(PLACE),
        declarations=tuple(_declaration_fact(row, payer) for row in declarations),
        birth_on=member.birth_on,
        channel=ChannelFact("portal", "本网站", "portal"),
        viewer_is_owner=member.relation == FamilyMember.Relation.SELF,
    )
    found = judge(facts, Asked(choice["insurance_type"], choice["coverage_year"]))
    payable = next(each for each in found.payables if each.registration_id == wish["registration_id"])
    registration = next(row for row in registrations if row.pk == payable.registration_id)
    return registration, payable, price(payable, wish["tier_fen"], (None, None))


@clock.kept_for(REFERENCE_S)
def policies_of(region: str, today: date) -> tuple[PolicyFact, ...]:
    """The policies of a place, kept for seconds as the portal keeps them."""
    rows = CollectionPolicy.objects.filter(region_id=region, status="published", effective_on__lte=today)
    keys = list(rows.order_by("pk").values_list("pk", "insurance_type_id", "coverage_year"))
    terms = terms_of(key for key, _, _ in keys)
    return tuple(PolicyFact(key, region, kind, year, terms[key]) for key, kind, year in keys)


@clock.kept_for(REFERENCE_S)
def feeds_of(region: str) -> tuple[FeedFact, ...]:
    """How old the agencies' data are."""
    rows = FeedFreshness.objects.filter(region_id=region).select_related("agency")
    return tuple(FeedFact(row.agency_id, row.agency.kind, region, row.last_received_at) for row in rows)


def _registration_fact(row: Registration) -> RegistrationFact:
    return RegistrationFact(
        registration_id=row.pk, insurance_type=row.insurance_type_id, region=row.region_id, group=row.group_id,
        region_name=row.region.name, group_name=row.group.name, agency=row.agency_id, agency_name=row.agency.name,
        agency_kind=row.agency.kind, agency_phone=row.agency.phone, agency_address=row.agency.address,
        coverage_year=row.coverage_year, renewal=Renewal(row.renewal), registering_body=row.registering_body,
        registered_on=row.registered_on, ended_on=row.ended_on,
    )  # fmt: skip


def _declaration_fact(row: Declaration, payer: User) -> DeclarationFact:
    order = row.order
    waiting = Waiting(
        order.status, order.created_at, order.started_at, order.expires_at, order.unreachable_since, order.gateway
    )
    return DeclarationFact(
        insurance_type=row.insurance_type_id, coverage_year=row.coverage_year, status=row.status,
        region=row.region_id, amount_fen=row.amount_fen, tier_fen=row.tier_fen, declared_at=row.declared_at,
        first_month=row.first_month, last_month=row.last_month, part=row.part, declaration_id=row.pk,
        paid_at=row.paid_at, channel_name=row.channel.name, own=row.payer_id == payer.pk, order_no=order.order_no,
        region_name=row.region.name, clears_by=clears_by(waiting),
    )  # fmt: skip


def start(order_no: str, payer: User) -> None:
    """Commit the intention, call the gateway, keep its answer."""
    order = _begin(order_no, payer)
    hand_over = gateways.gateway("wechat_pay").create(order_ref(order, payer_ip="127.0.0.1"), Method.QR)
    kept = {"kind": hand_over.kind.value, "url": hand_over.url, "fields": dict(hand_over.fields)}
    with transaction.atomic():
        rows = PaymentOrder.objects.filter(pk=order.pk, status="submitting")
        if rows.update(status="awaiting", hand_over=kept):
            Transition.objects.bulk_create(
                [told("ORDER", order.pk, "submitting", "awaiting", "accept", "system:wechat_pay")]
            )


@transaction.atomic
def _begin(order_no: str, payer: User) -> PaymentOrder:
    order = PaymentOrder.objects.select_for_update(of=("self",)).select_related("payee").get(order_no=order_no)
    if order.status != "created":
        raise ValueError("started before")
    moment = clock.now()
    order.status, order.gateway, order.method = "submitting", "wechat_pay", "qr"
    order.merchant_id, order.started_at = order.payee.merchants["wechat_pay"], moment
    order.expires_at, order.next_check_at = moment + ORDER_LIFE, moment + FIRST_CHECK
    order.save(
        update_fields=[
            "status", "gateway", "method", "merchant_id", "started_at", "expires_at", "next_check_at",
        ]
    )  # fmt: skip
    lines = list(Declaration.objects.filter(order=order).values_list("pk", flat=True))
    Declaration.objects.filter(pk__in=lines, status="declared").update(status="in_payment")
    Transition.objects.bulk_create(
        [told("ORDER", order.pk, "created", "submitting", "start", payer.actor, {"gateway": "wechat_pay"})]
        + [told("DECLARATION", pk, "declared", "in_payment", "pay", payer.actor) for pk in lines]
    )
    return order


@csrf_exempt
@require_POST
def notice(request: HttpRequest) -> HttpResponse:
    """Verified and stored first; then, in a second transaction, it takes effect."""
    port = gateways.gateway("wechat_pay")
    said = port.parse_notice(request.headers, request.body)
    if said.result is None or said.result.state is not TradeState.PAID:
        raise ValueError("only the ordinary case")
    row = Notification.objects.create(
        gateway="wechat_pay", key=said.key, body=request.body, verdict="verified", order_no=said.order_no,
        headers={name: value for name, value in request.headers.items() if name.lower().startswith("wechatpay")},
        result=said.result.as_json(), next_try_at=clock.now() + timedelta(seconds=5),
    )  # fmt: skip
    _confirm(row)
    status, kind, body = port.ack(True)
    return HttpResponse(body, status=status, content_type=kind)


@transaction.atomic
def _confirm(row: Notification) -> None:
    said = row.result
    order = PaymentOrder.objects.select_for_update().get(order_no=row.order_no)
    if (order.status, order.amount_fen, order.merchant_id) != ("awaiting", said["amount_fen"], said["merchant_id"]):
        raise ValueError("only the ordinary case")
    paid_at = parse_datetime(said["paid_at"]) or clock.now()
    receipt = Receipt.objects.create(
        gateway="wechat_pay", merchant_id=order.merchant_id, gateway_trade_no=said["trade_no"], order=order,
        amount_fen=order.amount_fen, paid_at=paid_at, channel_day=channel_day("wechat_pay", paid_at),
        source="notification",
    )  # fmt: skip
    PaymentOrder.objects.filter(pk=order.pk).update(
        status="paid", paid_at=paid_at, gateway_trade_no=said["trade_no"], next_check_at=None, unreachable_since=None
    )
    (line,) = Declaration.objects.filter(order=order).only("amount_fen", "policy_id")
    Allocation.objects.bulk_create(
        [Allocation(receipt=receipt, target_kind="declaration", target_id=line.pk, amount_fen=line.amount_fen)]
    )
    dates = after_payment(terms_of([line.policy_id])[line.policy_id].delays, clock.business_date(paid_at))
    Declaration.objects.filter(pk=line.pk, status="in_payment").update(
        status="paid", paid_at=paid_at, record_on=dates.record_on, printable_on=dates.printable_on,
        credit_on=dates.credit_on, dates_estimated=dates.dates_estimated,
    )  # fmt: skip
    evidence = {"receipt": receipt.pk}
    Transition.objects.bulk_create(
        [told("ORDER", order.pk, "awaiting", "paid", "confirm", "system:notification", evidence),
         told("DECLARATION", line.pk, "in_payment", "paid", "settle", "system:notification", evidence)]
    )  # fmt: skip
    Notification.objects.filter(pk=row.pk).update(
        processed_at=clock.now(), next_try_at=None, tries=1, outcome="paid", failure=""
    )


def told(
    kind: str, object_id: int, was: str | None, now: str, event: str, actor: str, evidence: dict[str, Any] | None = None
) -> Transition:
    """One row of history."""
    return Transition(
        kind=kind, object_id=object_id, from_state=was, to_state=now, event=event, actor=actor,
        evidence=evidence or {}, at=clock.now(),
    )  # fmt: skip


urlpatterns = [
    path("pay/check/", check),
    path("hooks/wechat_pay/notice/", notice),
    path("", include("portal.urls")),
]

handler404 = "portal.pages.errors.not_found"
handler500 = "portal.pages.errors.broken"
