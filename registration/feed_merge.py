"""A staged feed into the tables, by sets (RG-1, RG-2, RG-8).

Everything happens in the caller's transaction. The outcome is that of applying the lines one after the
other: an older version is refused, an equal version must say the same, the newest line of a person and
type stands. A person is found by his documents; two people are never made one (A8).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

STAGED = (
    "line", "digest", "person_no", "insurance_type", "region", "population_group", "name", "name_folded",
    "document_type", "number_index", "match_index", "number_sealed", "document_sealed", "version", "coverage_year",
    "renewal", "registering_body", "registered_on", "ended_on", "birth_on", "sex",
)  # fmt: skip
REJECTED = ("line", "code", "detail", "person_no", "insurance_type")

_TABLES = """
DROP TABLE IF EXISTS feed_staging, feed_rejected, feed_missing, feed_known, feed_repeated, feed_overtaken, feed_held,
    feed_new;
CREATE TEMP TABLE feed_staging (
    line integer, digest bytea, person_no text, insurance_type text, region text, population_group text,
    name text, name_folded text, document_type text, number_index bytea, match_index bytea, number_sealed text,
    document_sealed text, version bigint, coverage_year smallint, renewal text, registering_body text,
    registered_on date, ended_on date, birth_on date, sex text
) ON COMMIT DROP;
CREATE TEMP TABLE feed_rejected (
    line integer, code text, detail text, person_no text, insurance_type text
) ON COMMIT DROP;
CREATE TEMP TABLE feed_missing (digest bytea) ON COMMIT DROP;"""

# A name that the tax office has confirmed (ID-4) stays while the agency still sends the old one.
_CONFIRMED = """EXISTS (SELECT FROM registration_namechange n
    WHERE n.registration_id = r.id AND n.old_name = s.name AND n.new_name = r.name)"""

# ---- lines against what is held -------------------------------------------------------------------------------------

_KNOWN = f"""
CREATE TEMP TABLE feed_known ON COMMIT DROP AS
SELECT s.line, r.id, r.person_id, CASE
    WHEN r.line_digest = s.digest THEN 'same'
    WHEN s.version < r.version THEN 'older_version'
    WHEN s.version > r.version OR r.line_digest IS NULL THEN 'newer'
    WHEN (r.name = s.name OR {_CONFIRMED})
        AND (r.region_id, r.group_id, r.document_type, r.number_index, r.coverage_year, r.renewal,
             r.registering_body, r.registered_on, r.ended_on) IS NOT DISTINCT FROM
            (s.region, s.population_group, s.document_type, s.number_index, s.coverage_year, s.renewal,
             s.registering_body, s.registered_on, s.ended_on)
    THEN 'said_otherwise'
    ELSE 'same_version_differs' END AS verdict
FROM feed_staging s JOIN registration_registration r
    ON r.agency_id = %(agency)s AND r.agency_person_no = s.person_no AND r.insurance_type_id = s.insurance_type"""

_TAKE_DIGEST = """
UPDATE registration_registration r SET line_digest = s.digest
FROM feed_staging s JOIN feed_known k USING (line) WHERE r.id = k.id AND k.verdict = 'said_otherwise'"""

_REJECT_KNOWN = """
INSERT INTO feed_rejected (line, code, person_no, insurance_type)
SELECT s.line, k.verdict, s.person_no, s.insurance_type FROM feed_staging s JOIN feed_known k USING (line)
WHERE k.verdict IN ('older_version', 'same_version_differs')"""

_DROP_KNOWN = "DELETE FROM feed_staging s USING feed_known k WHERE k.line = s.line AND k.verdict <> 'newer'"

# ---- what a full list no longer holds -------------------------------------------------------------------------------
# A line that was rejected still names its person: he has not left the list. A line that names nobody could be
# anybody's, so then nobody is ended. The digest goes, so that the same line taken up again later counts as new.

_END_MISSING = """
UPDATE registration_registration r SET ended_on = %(made_on)s, line_digest = NULL, batch_id = %(batch)s
WHERE r.agency_id = %(agency)s AND r.ended_on IS NULL AND r.region_id = ANY(%(covered)s)
    AND (NOT %(by_digest)s OR r.line_digest IS NULL OR r.line_digest IN (SELECT digest FROM feed_missing))
    AND NOT EXISTS (SELECT FROM feed_known k WHERE k.id = r.id)
    AND NOT EXISTS (SELECT FROM feed_rejected j WHERE j.person_no = r.agency_person_no
                        AND j.insurance_type IN (r.insurance_type_id, ''))
    AND NOT EXISTS (SELECT FROM feed_rejected WHERE person_no = '')"""

# ---- several lines of one person ------------------------------------------------------------------------------------

_REPEATED = """
CREATE TEMP TABLE feed_repeated ON COMMIT DROP AS
SELECT person_no, min(match_index) <> max(match_index) AS documents_differ
FROM feed_staging GROUP BY person_no HAVING count(*) > 1"""

_OVERTAKEN = """
CREATE TEMP TABLE feed_overtaken ON COMMIT DROP AS
SELECT line, CASE WHEN version < before THEN 'older_version'
                  WHEN version = before AND digest <> said_first THEN 'same_version_differs' END AS code
FROM (
    SELECT s.line, s.version, s.digest,
        max(s.version) OVER (key ORDER BY s.line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
        max(s.version) OVER key AS newest,
        first_value(s.digest) OVER (PARTITION BY s.person_no, s.insurance_type, s.version ORDER BY s.line)
            AS said_first,
        min(s.line) OVER (PARTITION BY s.person_no, s.insurance_type, s.version) AS first_line
    FROM feed_staging s JOIN feed_repeated USING (person_no)
    WINDOW key AS (PARTITION BY s.person_no, s.insurance_type)
) AS ordered
WHERE version < newest OR line > first_line"""

_REJECT_OVERTAKEN = """
INSERT INTO feed_rejected (line, code, person_no, insurance_type)
SELECT s.line, o.code, s.person_no, s.insurance_type FROM feed_staging s JOIN feed_overtaken o USING (line)
WHERE o.code IS NOT NULL"""

_DROP_OVERTAKEN = "DELETE FROM feed_staging s USING feed_overtaken o WHERE o.line = s.line"

# ---- people ---------------------------------------------------------------------------------------------------------

_HELD_BY_AGENCY = """
CREATE TEMP TABLE feed_held ON COMMIT DROP AS
SELECT s.person_no, min(r.person_id) AS person_id
FROM feed_staging s JOIN registration_registration r
    ON r.agency_id = %(agency)s AND r.agency_person_no = s.person_no
GROUP BY s.person_no"""

_HELD_BY_FIRST_LINE = """
CREATE TEMP TABLE feed_held ON COMMIT DROP AS
SELECT DISTINCT ON (s.person_no) s.person_no, d.person_id
FROM feed_staging s JOIN feed_repeated p USING (person_no)
    JOIN registration_persondocument d ON d.match_index = s.match_index
WHERE p.documents_differ ORDER BY s.person_no, s.line"""

# A new number of a known person is another document of his; but when neither name nor birth date is his, the
# agency has given his number to somebody else, or mixed two up: people decide.
_REJECT_CHANGED = """
INSERT INTO feed_rejected (line, code, person_no, insurance_type)
SELECT s.line, 'person_changed', s.person_no, s.insurance_type
FROM feed_staging s JOIN feed_held h USING (person_no) JOIN registration_insuredperson p ON p.id = h.person_id
    LEFT JOIN registration_persondocument d ON d.match_index = s.match_index
WHERE d.id IS NULL AND p.name_folded <> s.name_folded AND (p.birth_on = s.birth_on) IS NOT TRUE
    AND NOT EXISTS (SELECT FROM registration_registration r
                    WHERE r.person_id = p.id AND r.name_folded = s.name_folded)"""

_ADD_ALIASES = """
INSERT INTO registration_persondocument (person_id, document_type, match_index, number_index, number_sealed)
SELECT DISTINCT ON (s.match_index) h.person_id, s.document_type, s.match_index, s.number_index, s.document_sealed
FROM feed_staging s JOIN feed_held h USING (person_no)
    LEFT JOIN registration_persondocument d ON d.match_index = s.match_index
WHERE d.id IS NULL ORDER BY s.match_index, s.line"""

_REJECT_TWO_PEOPLE = """
INSERT INTO feed_rejected (line, code, person_no, insurance_type)
SELECT s.line, 'documents_of_two_people', s.person_no, s.insurance_type
FROM feed_staging s JOIN feed_held h USING (person_no)
    JOIN registration_persondocument d ON d.match_index = s.match_index
WHERE d.person_id <> h.person_id"""

_DROP_REJECTED = "DELETE FROM feed_staging s USING feed_rejected j WHERE j.line = s.line"

_NEW_PEOPLE = """
CREATE TEMP TABLE feed_new ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('registration_insuredperson', 'id')) AS id, found.*
FROM (
    SELECT DISTINCT ON (s.match_index) s.match_index, s.number_index, s.document_type, s.document_sealed,
        s.name, s.name_folded, s.birth_on, s.sex
    FROM feed_staging s LEFT JOIN registration_persondocument d ON d.match_index = s.match_index
    WHERE d.id IS NULL {first}
    ORDER BY s.match_index, s.line
) AS found"""

# Of several documents under one person number only the first makes a person; the others become his aliases.
_FIRST_DOCUMENT = """AND NOT EXISTS (
    SELECT FROM feed_staging e JOIN feed_repeated p ON p.person_no = e.person_no AND p.documents_differ
        LEFT JOIN registration_persondocument k ON k.match_index = e.match_index
    WHERE e.person_no = s.person_no AND e.match_index <> s.match_index AND (e.line < s.line OR k.id IS NOT NULL))"""

_ADD_PEOPLE = """
INSERT INTO registration_insuredperson (id, name, name_folded, birth_on, sex, created_at)
SELECT id, name, name_folded, birth_on, sex, %(now)s FROM feed_new"""

_ADD_DOCUMENTS = """
INSERT INTO registration_persondocument (person_id, document_type, match_index, number_index, number_sealed)
SELECT id, document_type, match_index, number_index, document_sealed FROM feed_new"""

# ---- registrations --------------------------------------------------------------------------------------------------

_ADD_REGISTRATIONS = """
INSERT INTO registration_registration (
    agency_id, agency_person_no, insurance_type_id, person_id, region_id, group_id, name, name_folded,
    document_type, number_index, number_sealed, coverage_year, renewal, registering_body, registered_on, ended_on,
    version, line_digest, batch_id, received_at)
SELECT %(agency)s, s.person_no, s.insurance_type, d.person_id, s.region, s.population_group, s.name, s.name_folded,
    s.document_type, s.number_index, s.number_sealed, s.coverage_year, s.renewal, s.registering_body,
    s.registered_on, s.ended_on, s.version, s.digest, %(batch)s, %(received_at)s
FROM feed_staging s JOIN registration_persondocument d ON d.match_index = s.match_index
WHERE NOT EXISTS (SELECT FROM feed_known k WHERE k.line = s.line)"""

_CHANGE_REGISTRATIONS = f"""
UPDATE registration_registration r SET
    region_id = s.region, group_id = s.population_group,
    name = CASE WHEN {_CONFIRMED} THEN r.name ELSE s.name END,
    name_folded = CASE WHEN {_CONFIRMED} THEN r.name_folded ELSE s.name_folded END,
    document_type = s.document_type, number_index = s.number_index, number_sealed = s.number_sealed,
    coverage_year = s.coverage_year, renewal = s.renewal, registering_body = s.registering_body,
    registered_on = s.registered_on, ended_on = s.ended_on, version = s.version, line_digest = s.digest,
    batch_id = %(batch)s, received_at = %(received_at)s
FROM feed_staging s JOIN feed_known k USING (line) WHERE r.id = k.id"""

_CHANGE_PEOPLE = """
UPDATE registration_insuredperson p
SET name = r.name, name_folded = r.name_folded, birth_on = coalesce(p.birth_on, s.birth_on)
FROM feed_staging s JOIN feed_known k USING (line) JOIN registration_registration r ON r.id = k.id
WHERE p.id = k.person_id AND (p.name <> r.name OR (p.birth_on IS NULL AND s.birth_on IS NOT NULL))"""

_KEEP_REJECTS = """
INSERT INTO registration_feedreject (batch_id, line, code, detail, agency_person_no)
SELECT DISTINCT ON (line) %(batch)s, line, code, coalesce(detail, ''), person_no FROM feed_rejected ORDER BY line"""

_FRESHNESS = """
INSERT INTO registration_feedfreshness AS f (
    agency_id, region_id, last_received_at, last_made_at, last_full_at, last_full_made_at)
SELECT %(agency)s, region, %(received_at)s, %(made_at)s,
    CASE WHEN %(is_full)s THEN %(received_at)s::timestamptz END, CASE WHEN %(is_full)s THEN %(made_at)s::timestamptz END
FROM unnest(%(covered)s::text[]) AS region
ON CONFLICT (agency_id, region_id) DO UPDATE SET
    last_received_at = greatest(f.last_received_at, EXCLUDED.last_received_at),
    last_made_at = greatest(f.last_made_at, EXCLUDED.last_made_at),
    last_full_at = greatest(f.last_full_at, EXCLUDED.last_full_at),
    last_full_made_at = greatest(f.last_full_made_at, EXCLUDED.last_full_made_at)"""


@dataclass(frozen=True)
class Merged:
    """How many lines changed something, how many were rejected, how many registrations a full list ended."""

    changed: int
    rejected: int
    ended: int


def make_tables() -> None:
    """The temporary tables that COPY fills; they go with the transaction, or with the next feed in the same one."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL default_statistics_target = 10")
        cursor.execute(_TABLES)


def merge(facts: Mapping[str, Any]) -> Merged:
    """Apply what has been staged. `facts`: agency, batch, covered (codes of places), is_full, by_digest (only
    lines whose digest is not held were staged; `feed_missing` holds the digests not met), made_at, made_on,
    received_at, now."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE feed_staging")
        _judge(cursor, facts)
        ended = _run(cursor, _END_MISSING, facts) if facts["is_full"] else 0
        differ = _leave_newest(cursor)
        _find_people(cursor, facts, differ)
        changed = _run(cursor, _ADD_REGISTRATIONS, facts)
        changed += _run(cursor, _CHANGE_REGISTRATIONS, facts)
        _run(cursor, _CHANGE_PEOPLE, facts)
        rejected = _run(cursor, _KEEP_REJECTS, facts)
        _run(cursor, _FRESHNESS, facts)
    return Merged(changed, rejected, ended)


def _run(cursor: CursorWrapper, sql: str, facts: Mapping[str, Any]) -> int:
    cursor.execute(sql, facts)
    return int(cursor.rowcount)


def _judge(cursor: CursorWrapper, facts: Mapping[str, Any]) -> None:
    if _run(cursor, _KNOWN, facts):
        cursor.execute("ANALYZE feed_known")
        cursor.execute(_TAKE_DIGEST)
        cursor.execute(_REJECT_KNOWN)
        cursor.execute(_DROP_KNOWN)


def _leave_newest(cursor: CursorWrapper) -> bool:
    """Keep one line for each person and type. Whether somebody stands there under several documents."""
    if not _run(cursor, _REPEATED, {}):
        return False
    cursor.execute(_OVERTAKEN)
    cursor.execute(_REJECT_OVERTAKEN)
    cursor.execute(_DROP_OVERTAKEN)
    cursor.execute("SELECT EXISTS (SELECT FROM feed_repeated WHERE documents_differ)")
    return bool(cursor.fetchone()[0])


def _find_people(cursor: CursorWrapper, facts: Mapping[str, Any], differ: bool) -> None:
    """Give every line's document a person: one that is known, an alias of one that is known, or a new one."""
    _settle_held(cursor, _HELD_BY_AGENCY, facts)
    first = _FIRST_DOCUMENT if differ else ""
    if _run(cursor, _NEW_PEOPLE.replace("{first}", first), facts):
        cursor.execute(_ADD_PEOPLE, facts)
        cursor.execute(_ADD_DOCUMENTS)
    if differ:
        cursor.execute("DROP TABLE feed_held")
        _settle_held(cursor, _HELD_BY_FIRST_LINE, facts)


def _settle_held(cursor: CursorWrapper, held: str, facts: Mapping[str, Any]) -> None:
    if not _run(cursor, held, facts):
        return
    dropped = _run(cursor, _REJECT_CHANGED, facts)
    if dropped:
        cursor.execute(_DROP_REJECTED)
    cursor.execute(_ADD_ALIASES)
    if _run(cursor, _REJECT_TWO_PEOPLE, facts):
        cursor.execute(_DROP_REJECTED)
