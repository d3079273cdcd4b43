"""Whose data a member of staff may see: the region that his account names, from the first query on (HOUSE 5)."""

from typing import cast

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest

from core.models import User
from payments.models import CollectionPolicy, Declaration, Discrepancy, PayeeAccount, PayeeRoute, PaymentOrder, Refund
from reconciliation.models import Statement
from registration.models import Agency, FeedBatch, InsuredPerson, Region, Registration


def staff_of(request: HttpRequest) -> User:
    """The member of staff behind a request that `admin_view` has let in."""
    return cast(User, request.user)


ACTING = ("征缴员", "复核员")  # the groups that `setup_roles` makes and that decide about money


def may_act(user: User) -> bool:
    """Whether the user's role decides about money; others look."""
    return user.is_superuser or user.groups.filter(name__in=ACTING).exists()


def forbid_lookers(request: HttpRequest) -> User:
    """The member of staff behind a request that moves money."""
    user = staff_of(request)
    if not may_act(user):
        raise PermissionDenied
    return user


def place_of(user: User) -> str:
    """What the user is in charge of, as a name; '' for the whole country."""
    code = user.region_prefix
    region = Region.objects.filter(code=code.ljust(6, "0")).first() if code else None
    return str(region) if region else code


def people_for(user: User) -> QuerySet[InsuredPerson]:
    """Persons whom an agency holds, or held, in the user's region."""
    here = Registration.objects.filter(person=OuterRef("pk"), region__code__startswith=user.region_prefix)
    return InsuredPerson.objects.filter(Exists(here)) if user.region_prefix else InsuredPerson.objects.all()


def orders_for(user: User) -> QuerySet[PaymentOrder]:
    """Orders with a line in the user's region."""
    here = Declaration.objects.filter(order=OuterRef("pk"), region__code__startswith=user.region_prefix)
    return PaymentOrder.objects.filter(Exists(here)) if user.region_prefix else PaymentOrder.objects.all()


def policies_for(user: User) -> QuerySet[CollectionPolicy]:
    """Policies of the user's region."""
    return CollectionPolicy.objects.filter(region__code__startswith=user.region_prefix)


def agencies_for(user: User) -> QuerySet[Agency]:
    """Agencies of the user's region."""
    return Agency.objects.filter(region__code__startswith=user.region_prefix)


def feeds_for(user: User) -> QuerySet[FeedBatch]:
    """Batches of agencies of the user's region."""
    return FeedBatch.objects.filter(agency__region__code__startswith=user.region_prefix)


def discrepancies_for(user: User) -> QuerySet[Discrepancy]:
    """Held money and cases about orders of the user's region, and money without an order that came to its payees.

    A case about neither order nor money is everybody's.
    """
    if not user.region_prefix:
        return Discrepancy.objects.all()
    numbers = [number for merchants in merchants_for(user).values() for number in merchants]
    orderless = Q(receipt__isnull=True) | Q(receipt__merchant_id__in=numbers)
    return Discrepancy.objects.filter(Q(order__isnull=True) & orderless | Q(order__in=orders_for(user)))


def declarations_for(user: User) -> QuerySet[Declaration]:
    """Declarations of the user's region."""
    return Declaration.objects.filter(region__code__startswith=user.region_prefix)


def refunds_for(user: User) -> QuerySet[Refund]:
    """Refunds of declarations of the user's region, and of money that is held there."""
    if not user.region_prefix:
        return Refund.objects.all()
    here = Q(declaration__region__code__startswith=user.region_prefix)
    return Refund.objects.filter(here | Q(discrepancy__in=discrepancies_for(user)))


def person_or_404(user: User, person_id: int) -> InsuredPerson:
    """One person of the user's region; a foreign one is not there (X6)."""
    found = people_for(user).filter(pk=person_id).first()
    if found is None:
        raise Http404
    return found


def merchants_for(user: User) -> dict[str, list[str]]:
    """By channel, the merchant numbers that collect for places of the user's region."""
    routed = PayeeRoute.objects.filter(payee=OuterRef("pk"), region__code__startswith=user.region_prefix)
    payees = PayeeAccount.objects.filter(Exists(routed)) if user.region_prefix else PayeeAccount.objects.all()
    found: dict[str, set[str]] = {}
    for merchants in payees.values_list("merchants", flat=True):
        for channel, merchant in merchants.items():
            found.setdefault(channel, set()).add(merchant)
    return {channel: sorted(numbers) for channel, numbers in sorted(found.items())}


def statements_for(user: User) -> QuerySet[Statement]:
    """Statements of merchants that collect for the user's region."""
    if not user.region_prefix:
        return Statement.objects.all()
    wanted = Q(pk__in=[])
    for channel, numbers in merchants_for(user).items():
        wanted |= Q(agreement=channel, merchant_id__in=numbers)
    return Statement.objects.filter(wanted)


def statement_or_404(user: User, statement_id: int) -> Statement:
    """One statement of the user's region."""
    found = statements_for(user).select_related("agreement", "superseded_by").filter(pk=statement_id).first()
    if found is None:
        raise Http404
    return found


def order_or_404(user: User, order_id: int) -> PaymentOrder:
    """One order with a line in the user's region."""
    found = orders_for(user).select_related("payee", "payer", "channel").filter(pk=order_id).first()
    if found is None:
        raise Http404
    return found


def discrepancy_or_404(user: User, discrepancy_id: int) -> Discrepancy:
    """One discrepancy that the user may see."""
    found = discrepancies_for(user).select_related("order", "owner", "receipt").filter(pk=discrepancy_id).first()
    if found is None:
        raise Http404
    return found


def colleagues_of(user: User) -> QuerySet[User]:
    """To whom the user may give work: active staff whose region holds his, or lies in it."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("name", "pk")
    above = [user.region_prefix[:length] for length in range(len(user.region_prefix) + 1)]
    return staff.filter(Q(region_prefix__startswith=user.region_prefix) | Q(region_prefix__in=above))
