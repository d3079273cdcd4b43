"""A province in a schema of its own: people, registrations, families and what they have paid, any number of them.

Rows have the portal's own columns in their own order, of the size that they have in life. Of the indexes only those
are built that the family's page goes by: the others take no part in reading.
"""

from dataclasses import dataclass

from django.db import connection

FAMILY = 4
ORDINARY = {  # what the family's page reads, and the indexes that it does so by
    "registration_familymember": "(payer_id)",
    "registration_registration": "(number_index)",
    "payments_declaration": "(person_id, insurance_type_id, coverage_year)",
    "payments_paymentorder": "(id)",
}

_REGISTRATIONS = """
INSERT INTO {schema}.registration_registration (id, agency_id, agency_person_no, insurance_type_id, person_id,
    region_id, group_id, name, name_folded, document_type, number_index, number_sealed, renewal, registering_body,
    registered_on, version, line_digest, received_at)
SELECT 2 * i + kind, CASE kind WHEN 0 THEN 'hr-371003' ELSE 'medical-371003' END, i::text,
    CASE kind WHEN 0 THEN 'resident_pension' ELSE 'resident_medical' END, i, '371003', 'adult', name, name, '201',
    sha256(int8send(i)), rpad('a1.k1.' || md5(i::text), 100, 'x'), 'none', '米山镇人社所', '2019-03-01', 1,
    substr(sha256(int8send(i)), 1, 16), now()
FROM generate_series({first}, {last}) i, LATERAL (SELECT '王' || chr(20000 + (i % 5000)::int) AS name) n,
    (VALUES (0), (1)) k(kind)"""
_MEMBERS = """
INSERT INTO {schema}.registration_familymember (id, payer_id, relation, name, name_folded, document_type, number_index,
    number_sealed, number_tail, number_head, birth_on, consented_at, acts_as_agent)
SELECT i, i / {family}, CASE i % {family} WHEN 0 THEN 'self' ELSE 'parent' END, name, name, '201', sha256(int8send(i)),
    rpad('a1.k1.' || md5(i::text), 100, 'x'), '1234', '3', '1980-01-01', now(), false
FROM generate_series({first}, {last}) i, LATERAL (SELECT '王' || chr(20000 + (i % 5000)::int) AS name) n"""
_DECLARATIONS = """
INSERT INTO {schema}.payments_declaration (id, declaration_no, person_id, registration_id, insurance_type_id, region_id,
    group_id, policy_id, order_id, payer_id, channel_id, coverage_year, part, tier_fen, amount_fen, subsidy_fen, status,
    declared_at, paid_at, record_on, printable_on, credit_on, dates_estimated)
SELECT i, substr(md5(i::text), 1, 26), i, 2 * i, 'resident_pension', '371003', 'adult', 1, i / {family}, i / {family},
    'portal', {year}, 'base', 100000, 100000, 8000, 'paid', now(), now(), current_date, current_date, current_date,
    false
FROM generate_series({first}, {last}) i"""
_ORDERS = """
INSERT INTO {schema}.payments_paymentorder (id, order_no, checkout_no, payer_id, channel_id, payee_id, amount_fen,
    line_count, status, gateway, method, merchant_id, hand_over, gateway_trade_no, created_at, started_at, expires_at,
    checks, paid_at, failure)
SELECT i, substr(md5(i::text), 1, 26), substr(md5(i::text), 1, 26), i, 'portal', 'tax-371003', 400000, 4, 'paid',
    'wechat_pay', 'qr', '1900000001', '{hand_over}', '42000' || i, now(), now(), now(), 0, now(), ''
FROM generate_series({first} / {family}, {last} / {family}) i"""


@dataclass(frozen=True)
class Province:
    """So many people, numbered from 4 on, in families of four."""

    schema: str
    people: int

    @property
    def families(self) -> range:
        """The accounts that pay for four people each."""
        return range(1, self.people // FAMILY)

    def fill(self, *, year: int) -> None:
        """Make the tables and their rows, then the indexes."""
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {self.schema}")
            for table in ORDINARY:
                cursor.execute(f"CREATE UNLOGGED TABLE {self.schema}.{table} (LIKE {table})")
                cursor.execute(f"ALTER TABLE {self.schema}.{table} SET (autovacuum_enabled = false)")
            for sql in (_REGISTRATIONS, _MEMBERS, _DECLARATIONS, _ORDERS):
                cursor.execute(
                    sql.format(
                        schema=self.schema, first=FAMILY, last=self.people + FAMILY - 1, family=FAMILY, year=year,
                        hand_over='{"kind": "qr", "url": "weixin://wxpay/bizpayurl?pr=Xk3Bq9Tzz", "fields": {}}',
                    )
                )  # fmt: skip
            cursor.execute("SET maintenance_work_mem = '512MB'")
            for table, columns in ORDINARY.items():
                cursor.execute(f"CREATE INDEX ON {self.schema}.{table} {columns}")
                cursor.execute(f"VACUUM (ANALYZE) {self.schema}.{table}")

    def take(self) -> None:
        """From here on this connection reads this province; what it does not hold is read where it always is."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = {self.schema}, public")

    def size(self) -> str:
        """Of all its tables with their indexes."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_size_pretty(sum(pg_total_relation_size(oid))) FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = %s::regnamespace",
                [self.schema],
            )
            return str(cursor.fetchone()[0])
