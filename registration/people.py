"""How staff find a person: by what a caller can say (S02)."""

from datetime import date

from django.db.models import Q, QuerySet

from core.identity import fold_name, normalise_number
from core.models import User
from core.sealed import blind_index
from registration.models import FamilyMember, InsuredPerson, PersonDocument, Registration


def find_by_number(people: QuerySet[InsuredPerson], text: str) -> QuerySet[InsuredPerson]:
    """Persons of `people` whom anybody holds under exactly this number."""
    index = blind_index("number", normalise_number(text))
    holders = Registration.objects.filter(number_index=index).values("person_id")
    documents = PersonDocument.objects.filter(number_index=index).values("person_id")
    return people.filter(Q(pk__in=holders) | Q(pk__in=documents))


def find_by_name(people: QuerySet[InsuredPerson], name: str, birth_on: date) -> QuerySet[InsuredPerson]:
    """Persons of this name born on this day; either the person's own name or one that an agency holds."""
    folded = fold_name(name)
    return people.filter(Q(name_folded=folded) | Q(registrations__name_folded=folded), birth_on=birth_on).distinct()


def find_by_phone(people: QuerySet[InsuredPerson], phone: str) -> QuerySet[InsuredPerson]:
    """The person whose account hangs on this phone."""
    accounts = User.objects.filter(phone_index=blind_index("phone", normalise_number(phone)), is_staff=False)
    numbers = [bytes(index) for index in accounts.values_list("number_index", flat=True) if index]
    holders = Registration.objects.filter(number_index__in=numbers).values("person_id")
    return people.filter(pk__in=holders)


def payers_of(person: InsuredPerson) -> QuerySet[FamilyMember]:
    """Lists on which this person stands: who pays, or may pay, for him."""
    numbers = [bytes(row) for row in person.documents.values_list("number_index", flat=True)]
    return FamilyMember.objects.filter(number_index__in=numbers).select_related("payer").order_by("-consented_at")
