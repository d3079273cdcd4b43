"""Whose data a member of staff may see: the region that his account names, from the first query on (HOUSE 5)."""

from typing import cast

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest

from core.models import User
from payments.models import CollectionPolicy, Declaration, Discrepancy, PaymentOrder, Refund
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
    """Held money and cases about orders of the user's region; those about no order are everybody's."""
    if not user.region_prefix:
        return Discrepancy.objects.all()
    return Discrepancy.objects.filter(Q(order__isnull=True) | Q(order__in=orders_for(user)))


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
