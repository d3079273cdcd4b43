"""A changed name, confirmed by the tax office after a call, where the policy lets it mend names (ID-4).

It stands above registration because policy decides who mends. A later version from the agency wins (RG-1).
"""

from django.db import transaction

from core import clock
from core.identity import fold_name, is_name, normalise_name
from core.models import User
from core.refusals import Refused, given_reason
from payments.facts import person_facts
from payments.policies.terms import Owner, lookup_chain
from registration.models import NameChange, Registration


def who_mends_names(registration: Registration) -> Owner:
    """Tax office or agency, by the newest policy of the registration's place and type."""
    chain = lookup_chain(registration.region_id)
    fitting = [
        policy
        for policy in person_facts(registration.person).policies
        if policy.insurance_type == registration.insurance_type_id and policy.region in chain
    ]
    if not fitting:
        return Owner.AGENCY
    newest = max(fitting, key=lambda policy: (policy.coverage_year, -chain.index(policy.region)))
    return newest.terms.name_mended_by


@transaction.atomic
def confirm_name_change(*, registration_id: int, new_name: str, reason: str, staff: User) -> NameChange:
    """Let the registration carry the new name, so that the payer can pay at once.

    Raises Refused: `agency_mends`, `bad_name`, `same_name`, `no_reason`.
    """
    registration = Registration.objects.select_for_update().get(pk=registration_id)
    if who_mends_names(registration) is not Owner.TAX:
        raise Refused("agency_mends")
    name = normalise_name(new_name)
    if not is_name(name):
        raise Refused("bad_name")
    if name == registration.name:
        raise Refused("same_name")
    given = given_reason(reason, longest=200)
    change = NameChange.objects.create(
        registration=registration, old_name=registration.name, new_name=name, reason=given,
        confirmed_by=staff, confirmed_at=clock.now(),
    )  # fmt: skip
    Registration.objects.filter(pk=registration.pk).update(name=name, name_folded=fold_name(name))
    return change
