"""A staged feed into the tables, by sets (RG-1, RG-2, RG-8).

A feed comes in slices of some ten thousand lines, in the order of the file and in one transaction of the caller's,
so that memory stays flat and the next slice is read while this one is stored. The outcome is that of applying the
lines one after the other: an older version is refused, an equal version must say the same, the newest line of a
person and type stands. A person is found by his documents; two people are never made one (A8).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

STAGED = (
    "line", "digest", "person_no", "insurance_type", "region", "population_group", "name", "name_folded",
    "document_type", "number_index", "match_index", "number_sealed", "document_sealed", "version", "coverage_year",
    "renewal", "registering_body", "registered_on", "ended_on", "birth_on", "sex",
)  # fmt: skip
REJECTED = ("line", "code", "detail", "person_no", "insurance_type")

# A slice against tables that are mostly in memory: an index is followed rather than a province read through.
_SETTINGS = """
SET LOCAL work_mem = '128MB'; SET LOCAL default_statistics_target = 10; SET LOCAL random_page_cost = 1.1"""

# `person_id` is the id that the line's person gets if he is new.
_TABLES = """
DROP TABLE IF EXISTS feed_staging, feed_met, feed_repeated, feed_overtaken, feed_held, feed_twins, feed_made,
    feed_present, feed_rejected, feed_missing;
CREATE TEMP TABLE feed_staging (
    line integer, digest bytea, person_no text, insurance_type text, region text, population_group text,
    name text, name_folded text, document_type text, number_index bytea, match_index bytea, number_sealed text,
    document_sealed text, version bigint, coverage_year smallint, renewal text, registering_body text,
    registered_on date, ended_on date, birth_on date, sex text,
    person_id bigint DEFAULT nextval('registration_insuredperson_id_seq')
) ON COMMIT DROP;
CREATE TEMP TABLE feed_met (line integer, person_no text, id bigint, person_id bigint, verdict text) ON COMMIT DROP;
CREATE TEMP TABLE feed_repeated (person_no text, documents_differ boolean) ON COMMIT DROP;
CREATE TEMP TABLE feed_overtaken (line integer, code text) ON COMMIT DROP;
CREATE TEMP TABLE feed_held (person_no text, person_id bigint) ON COMMIT DROP;
CREATE TEMP TABLE feed_twins (match_index bytea, line integer) ON COMMIT DROP;
CREATE TEMP TABLE feed_made (person_id bigint, turn integer) ON COMMIT DROP;
CREATE TEMP TABLE feed_present (id bigint) ON COMMIT DROP;
CREATE TEMP TABLE feed_rejected (
    line integer, code text, detail text, person_no text, insurance_type text
) ON COMMIT DROP;
CREATE TEMP TABLE feed_missing (digest bytea) ON COMMIT DROP;"""

_NEXT_SLICE = "TRUNCATE feed_staging, feed_met, feed_repeated, feed_overtaken, feed_held, feed_twins, feed_made"

# ---- lines against what is held -------------------------------------------------------------------------------------

# A name that the tax office has confirmed (ID-4) stays while the agency still sends the old one.
_CONFIRMED = """EXISTS (SELECT FROM registration_namechange n
    WHERE n.registration_id = r.id AND n.old_name = s.name AND n.new_name = r.name)"""

# Every registration of the same person number; those of another type, which tell the person, have no verdict.
_MEET = f"""
INSERT INTO feed_met
SELECT s.line, s.person_no, r.id, r.person_id, CASE
    WHEN r.insurance_type_id <> s.insurance_type THEN NULL
    WHEN r.line_digest = s.digest THEN 'same'
    WHEN s.version < r.version THEN 'older_version'
    WHEN s.version > r.version OR r.line_digest IS NULL THEN 'newer'
    WHEN (r.name = s.name OR {_CONFIRMED})
        AND (r.region_id, r.group_id, r.document_type, r.number_index, r.coverage_year, r.renewal,
             r.registering_body, r.registered_on, r.ended_on) IS NOT DISTINCT FROM
            (s.region, s.population_group, s.document_type, s.number_index, s.coverage_year, s.renewal,
             s.registering_body, s.registered_on, s.ended_on)
    THEN 'said_otherwise'
    ELSE 'same_version_differs' END
FROM feed_staging s JOIN registration_registration r
    ON r.agency_id = %(agency)s AND r.agency_person_no = s.person_no"""

_NOTE_PRESENT = "INSERT INTO feed_present SELECT id FROM feed_met WHERE verdict IS NOT NULL"

_TAKE_DIGEST = """
UPDATE registration_registration r SET line_digest = s.digest
FROM feed_staging s JOIN feed_met m USING (line) WHERE r.id = m.id AND m.verdict = 'said_otherwise'"""

_REJECT_MET = """
INSERT INTO feed_rejected (line, code, person_no, insurance_type)
SELECT s.line, m.verdict, s.person_no, s.insurance_type FROM feed_staging s JOIN feed_met m USING (line)
WHERE m.verdict IN ('older_version', 'same_version_differs')"""

_DROP_MET = "DELETE FROM feed_staging s USING feed_met m WHERE m.line = s.line AND m.verdict <> 'newer'"

# ---- what a full list no longer holds -------------------------------------------------------------------------------
# A line that was rejected still names its person: he has not left the list. A line that names nobody could be
# anybody's, so then nobody is ended. The digest goes, so that the same line taken up again later counts as new.

_END_MISSING = """
UPDATE registration_registration r SET ended_on = %(made_on)s, line_digest = NULL, batch_id = %(batch)s
WHERE r.agency_id = %(agency)s AND r.ended_on IS NULL AND r.region_id = ANY(%(covered)s)
    AND r.batch_id IS DISTINCT FROM %(batch)s
    AND (NOT %(by_digest)s OR r.line_digest IS NULL OR r.line_digest IN (SELECT digest FROM feed_missing))
    AND NOT EXISTS (SELECT FROM feed_present p WHERE p.id = r.id)
    AND NOT EXISTS (SELECT FROM feed_rejected j WHERE j.person_no = r.agency_person_no
                        AND j.insurance_type IN (r.insurance_type_id, ''))
    AND NOT EXISTS (SELECT FROM feed_rejected WHERE person_no = '')"""

# ---- several lines of one person ------------------------------------------------------------------------------------

_REPEATED = """
INSERT INTO feed_repeated
SELECT person_no, min(match_index) <> max(match_index) FROM feed_staging GROUP BY person_no HAVING count(*) > 1"""

_OVERTAKEN = """
INSERT INTO feed_overtaken
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
INSERT INTO feed_held
SELECT m.person_no, min(m.person_id) FROM feed_met m JOIN feed_staging s USING (line) GROUP BY m.person_no"""

_HELD_BY_FIRST_LINE = """
INSERT INTO feed_held
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

_TWINS = """
INSERT INTO feed_twins
SELECT s.match_index, s.line FROM feed_staging s
WHERE s.match_index IN (SELECT match_index FROM feed_staging GROUP BY match_index HAVING count(*) > 1)"""

# The first line of a document that nobody has makes its person. Of several documents under one person number only
# the first does in the first turn; the others become his aliases, and whoever is left then makes his own.
_MAKE = """
INSERT INTO feed_made
SELECT s.person_id, {turn} FROM feed_staging s
    LEFT JOIN registration_persondocument d ON d.match_index = s.match_index
WHERE d.id IS NULL {first} {twins}"""

_NO_TWIN_BEFORE = "AND NOT EXISTS (SELECT FROM feed_twins t WHERE t.match_index = s.match_index AND t.line < s.line)"

_FIRST_DOCUMENT = """AND NOT EXISTS (
    SELECT FROM feed_staging e JOIN feed_repeated p ON p.person_no = e.person_no AND p.documents_differ
        LEFT JOIN registration_persondocument k ON k.match_index = e.match_index
    WHERE e.person_no = s.person_no AND e.match_index <> s.match_index AND (e.line < s.line OR k.id IS NOT NULL))"""

_ADD_DOCUMENTS = """
INSERT INTO registration_persondocument (person_id, document_type, match_index, number_index, number_sealed)
SELECT s.person_id, s.document_type, s.match_index, s.number_index, s.document_sealed
FROM feed_staging s JOIN feed_made m USING (person_id) WHERE m.turn = {turn}"""

_ADD_PEOPLE = """
INSERT INTO registration_insuredperson (id, name, name_folded, birth_on, sex, created_at)
SELECT s.person_id, s.name, s.name_folded, s.birth_on, s.sex, %(now)s
FROM feed_staging s JOIN feed_made m USING (person_id) WHERE m.turn = {turn}"""

# ---- registrations --------------------------------------------------------------------------------------------------

_ADD_REGISTRATIONS = """
INSERT INTO registration_registration (
    agency_id, agency_person_no, insurance_type_id, person_id, region_id, group_id, name, name_folded,
    document_type, number_index, number_sealed, coverage_year, renewal, registering_body, registered_on, ended_on,
    version, line_digest, batch_id, received_at)
SELECT %(agency)s, s.person_no, s.insurance_type, {person}, s.region, s.population_group, s.name, s.name_folded,
    s.document_type, s.number_index, s.number_sealed, s.coverage_year, s.renewal, s.registering_body,
    s.registered_on, s.ended_on, s.version, s.digest, %(batch)s, %(received_at)s
FROM feed_staging s {joined}
WHERE NOT EXISTS (SELECT FROM feed_met m WHERE m.line = s.line AND m.verdict IS NOT NULL)"""

_ADD_OF_NEW_PEOPLE = _ADD_REGISTRATIONS.format(person="s.person_id", joined="JOIN feed_made USING (person_id)")
# every new person has one line, the one that made him
_ARE_KNOWN_LEFT = "SELECT (SELECT count(*) FROM feed_staging) > (SELECT count(*) FROM feed_made)"
_ADD_OF_KNOWN_PEOPLE = (
    _ADD_REGISTRATIONS.format(
        person="d.person_id", joined="JOIN registration_persondocument d ON d.match_index = s.match_index"
    )
    + " AND NOT EXISTS (SELECT FROM feed_made k WHERE k.person_id = s.person_id)"
)

_CHANGE_REGISTRATIONS = f"""
UPDATE registration_registration r SET
    region_id = s.region, group_id = s.population_group,
    name = CASE WHEN {_CONFIRMED} THEN r.name ELSE s.name END,
    name_folded = CASE WHEN {_CONFIRMED} THEN r.name_folded ELSE s.name_folded END,
    document_type = s.document_type, number_index = s.number_index, number_sealed = s.number_sealed,
    coverage_year = s.coverage_year, renewal = s.renewal, registering_body = s.registering_body,
    registered_on = s.registered_on, ended_on = s.ended_on, version = s.version, line_digest = s.digest,
    batch_id = %(batch)s, received_at = %(received_at)s
FROM feed_staging s JOIN feed_met m USING (line)
WHERE r.id = m.id AND m.verdict IS NOT NULL"""

_CHANGE_PEOPLE = """
UPDATE registration_insuredperson p
SET name = r.name, name_folded = r.name_folded, birth_on = coalesce(p.birth_on, s.birth_on)
FROM feed_staging s JOIN feed_met m USING (line) JOIN registration_registration r ON r.id = m.id
WHERE m.verdict IS NOT NULL AND p.id = m.person_id
    AND (p.name <> r.name OR (p.birth_on IS NULL AND s.birth_on IS NOT NULL))"""

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


@dataclass
class Merge:
    """One feed on its way into the tables.

    `facts`: agency, batch, covered (codes of places), is_full, by_digest (only lines whose digest is not held are
    staged; `feed_missing` holds the digests not met), made_at, made_on, received_at, now.
    """

    facts: Mapping[str, Any]
    changed: int = 0
    rejected: int = 0
    ended: int = 0
    _is_first: bool = field(default=True, repr=False)

    def begin(self) -> None:
        """The temporary tables; they go with the transaction, or with the next feed in the same one."""
        with connection.cursor() as cursor:
            cursor.execute(_SETTINGS)
            cursor.execute(_TABLES)

    def merge_slice(self) -> None:
        """Apply what lies in `feed_staging`, and empty it."""
        with connection.cursor() as cursor:
            if self._is_first:
                cursor.execute("ANALYZE feed_staging")
                self._is_first = False
            met = self._judge(cursor)
            differ = self._leave_newest(cursor)
            self._find_people(cursor, met, differ)
            self.changed += self._run(cursor, _ADD_OF_NEW_PEOPLE)
            cursor.execute(_ARE_KNOWN_LEFT)
            if cursor.fetchone()[0]:
                self.changed += self._run(cursor, _ADD_OF_KNOWN_PEOPLE)
            if met:
                self.changed += self._run(cursor, _CHANGE_REGISTRATIONS)
                self._run(cursor, _CHANGE_PEOPLE)
            cursor.execute(_NEXT_SLICE)

    def finish(self) -> None:
        """What only the whole file tells: who is no longer on the list, the rejects, how fresh each place is."""
        with connection.cursor() as cursor:
            if self.facts["is_full"]:
                self.ended = self._run(cursor, _END_MISSING)
            self.rejected = self._run(cursor, _KEEP_REJECTS)
            self._run(cursor, _FRESHNESS)

    def _run(self, cursor: CursorWrapper, sql: str) -> int:
        cursor.execute(sql, self.facts)
        return int(cursor.rowcount)

    def _judge(self, cursor: CursorWrapper) -> bool:
        """Compare with what is held; whether anything is."""
        if not self._run(cursor, _MEET):
            return False
        cursor.execute("ANALYZE feed_met")
        for sql in (_NOTE_PRESENT, _TAKE_DIGEST, _REJECT_MET, _DROP_MET):
            cursor.execute(sql)
        return True

    def _leave_newest(self, cursor: CursorWrapper) -> bool:
        """Keep one line for each person and type. Whether somebody stands there under several documents."""
        if not self._run(cursor, _REPEATED):
            return False
        for sql in (_OVERTAKEN, _REJECT_OVERTAKEN, _DROP_OVERTAKEN):
            cursor.execute(sql)
        cursor.execute("SELECT EXISTS (SELECT FROM feed_repeated WHERE documents_differ)")
        return bool(cursor.fetchone()[0])

    def _find_people(self, cursor: CursorWrapper, met: bool, differ: bool) -> None:
        """Give every line's document a person: one that is known, an alias of one that is known, or a new one."""
        if met:
            self._settle_held(cursor, _HELD_BY_AGENCY)
        twins = _NO_TWIN_BEFORE if self._run(cursor, _TWINS) else ""
        self._make_people(cursor, turn=1, first=_FIRST_DOCUMENT if differ else "", twins=twins)
        if differ:
            cursor.execute("TRUNCATE feed_held")
            self._settle_held(cursor, _HELD_BY_FIRST_LINE)
            cursor.execute("TRUNCATE feed_twins")
            cursor.execute(_TWINS)
            self._make_people(cursor, turn=2, first="", twins=_NO_TWIN_BEFORE)

    def _make_people(self, cursor: CursorWrapper, *, turn: int, first: str, twins: str) -> None:
        if self._run(cursor, _MAKE.format(turn=turn, first=first, twins=twins)):
            cursor.execute("ANALYZE feed_made")
            self._run(cursor, _ADD_DOCUMENTS.format(turn=turn))
            self._run(cursor, _ADD_PEOPLE.format(turn=turn))

    def _settle_held(self, cursor: CursorWrapper, held: str) -> None:
        if not self._run(cursor, held):
            return
        if self._run(cursor, _REJECT_CHANGED):
            cursor.execute(_DROP_REJECTED)
        cursor.execute(_ADD_ALIASES)
        if self._run(cursor, _REJECT_TWO_PEOPLE):
            cursor.execute(_DROP_REJECTED)
