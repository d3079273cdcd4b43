"""Which version of which policy holds on a day. Published versions never change, so their terms are kept."""

from collections.abc import Iterable
from datetime import date

from django.db import connection

from payments.models import CollectionPolicy
from payments.policies.reading import parse_terms
from payments.policies.terms import PolicyTerms

_IN_FORCE = """
SELECT DISTINCT ON (region_id, insurance_type_id, coverage_year) id, region_id, insurance_type_id, coverage_year
FROM payments_collectionpolicy
WHERE status = 'published' AND effective_on <= %s AND region_id = ANY(%s) AND coverage_year BETWEEN %s AND %s
ORDER BY region_id, insurance_type_id, coverage_year, version DESC"""

_terms: dict[int, PolicyTerms] = {}


def policies_in_force(
    regions: Iterable[str], on: date, first_year: int, last_year: int
) -> list[tuple[int, str, str, int]]:
    """(id, place, type, coverage year) of the policies of exactly these places that hold on a day."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, [on, sorted(set(regions)), first_year, last_year])
        return list(cursor.fetchall())


def terms_of(policy_ids: Iterable[int]) -> dict[int, PolicyTerms]:
    """The terms of published policies by id; one query for those not yet read by this process."""
    wanted = set(policy_ids)
    missing = wanted - _terms.keys()
    if missing:
        for key, terms in CollectionPolicy.objects.filter(pk__in=missing).values_list("pk", "terms"):
            _terms[key] = parse_terms(terms)
    return {key: _terms[key] for key in wanted}
