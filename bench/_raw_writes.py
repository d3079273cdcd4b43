"""The limit of `pay`: pgbench writes the same rows in the same number of commits, and nothing else is done.

The tables are copies with all their indexes and checks, without foreign keys and triggers.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from django.db import connection

from bench._writes import binary

SECONDS = 3
_TABLES = (
    "payments_draft", "payments_paymentorder", "payments_declaration", "payments_periodclaim", "core_transition",
    "payments_notification", "payments_receipt", "payments_allocation",
)  # fmt: skip
_RATE = re.compile(r"tps = ([0-9.]+)")
_DONE = re.compile(r"transactions actually processed: (\d+)")

# One statement, and so one commit, for each that the portal makes durable: open, start, accept, store, confirm.
_SCRIPT = """
\\set draft random(1, 1000)
\\set person random(1, 1000000000000)
WITH emptied AS (
    UPDATE raw_draft SET content = '{basket}', updated_at = now() WHERE payer_id = :draft::bigint
), opened AS (
    INSERT INTO raw_paymentorder (order_no, checkout_no, payer_id, channel_id, payee_id, amount_fen, line_count, status,
        gateway, method, merchant_id, gateway_trade_no, created_at, expires_at, checks, failure)
    VALUES (lpad(:person::text, 26, 'A'), lpad(:person::text, 26, 'B'), :draft::bigint, 'portal', 'tax-371003', 100000,
        1, 'created', '', '', '', '', now(), now() + interval '30 min', 0, '') RETURNING id
), declared AS (
    INSERT INTO raw_declaration (declaration_no, order_id, person_id, registration_id, insurance_type_id, region_id,
        group_id, policy_id, coverage_year, part, tier_fen, amount_fen, subsidy_fen, payer_id, channel_id, status,
        declared_at, dates_estimated)
    SELECT lpad(:person::text, 26, 'C'), id, :person::bigint, :person::bigint, 'resident_pension', '371003', 'adult',
        1, 2026, 'base', 100000, 100000, 8000, :draft::bigint, 'portal', 'declared', now(), false
    FROM opened RETURNING id
), claimed AS (
    INSERT INTO raw_periodclaim (person_id, insurance_type_id, period, part, declaration_id)
    SELECT :person::bigint, 'resident_pension', 2026, 'base', id FROM declared
), told AS (
    INSERT INTO raw_transition (kind, object_id, to_state, event, actor, evidence, at)
    SELECT 'ORDER', id, 'created', 'create', 'resident-1', '{{}}'::jsonb, now() FROM opened
    UNION ALL SELECT 'DECLARATION', id, 'declared', 'create', 'resident-1', '{{}}', now() FROM declared
)
SELECT opened.id AS order_id, declared.id AS declaration_id FROM opened, declared \\gset
WITH started AS (
    UPDATE raw_paymentorder SET status = 'submitting', gateway = 'wechat_pay', method = 'qr', merchant_id =
        '1900000001', started_at = now(), expires_at = now() + interval '30 min', next_check_at = now() + interval '5 s'
    WHERE id = :order_id::bigint
), moved AS (
    UPDATE raw_declaration SET status = 'in_payment' WHERE id = :declaration_id::bigint
)
INSERT INTO raw_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
VALUES ('ORDER', :order_id::bigint, 'created', 'submitting', 'start', 'resident-1', '{{"gateway": "wechat_pay"}}',
        now()),
    ('DECLARATION', :declaration_id::bigint, 'declared', 'in_payment', 'pay', 'resident-1', '{{}}', now());
WITH accepted AS (
    UPDATE raw_paymentorder SET status = 'awaiting', hand_over = '{hand_over}' WHERE id = :order_id::bigint
)
INSERT INTO raw_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
VALUES ('ORDER', :order_id::bigint, 'submitting', 'awaiting', 'accept', 'system-wechat_pay', '{{}}', now());
INSERT INTO raw_notification (gateway, key, headers, body, verdict, received_at, order_no, result, next_try_at, tries,
    outcome, failure)
VALUES ('wechat_pay', :order_id::text, '{headers}', '{body}', 'verified', now(), lpad(:person::text, 26, 'A'),
    '{result}', now() + interval '5 s', 0, '', '') RETURNING id AS notification_id \\gset
WITH received AS (
    INSERT INTO raw_receipt (gateway, merchant_id, gateway_trade_no, order_id, amount_fen, paid_at, channel_day, source,
        recorded_at)
    VALUES ('wechat_pay', '1900000001', :order_id::text, :order_id::bigint, 100000, now(), current_date,
        'notification', now()) RETURNING id
), allocated AS (
    INSERT INTO raw_allocation (receipt_id, target_kind, target_id, amount_fen, at)
    SELECT id, 'declaration', :declaration_id::bigint, 100000, now() FROM received
), paid AS (
    UPDATE raw_paymentorder SET status = 'paid', paid_at = now(), gateway_trade_no = :order_id::text,
        next_check_at = NULL, unreachable_since = NULL WHERE id = :order_id::bigint
), settled AS (
    UPDATE raw_declaration SET status = 'paid', paid_at = now(), record_on = current_date, printable_on = current_date,
        credit_on = current_date, dates_estimated = false WHERE id = :declaration_id::bigint
), processed AS (
    UPDATE raw_notification SET processed_at = now(), next_try_at = NULL, tries = 1, outcome = 'paid', failure = ''
    WHERE id = :notification_id::bigint
)
INSERT INTO raw_transition (kind, object_id, from_state, to_state, event, actor, evidence, at)
SELECT 'ORDER', :order_id::bigint, 'awaiting', 'paid', 'confirm', 'system-notification',
    '{{"receipt": 100000, "source": "notification"}}'::jsonb, now()
UNION ALL SELECT 'DECLARATION', :declaration_id::bigint, 'in_payment', 'paid', 'settle', 'system-notification',
    '{{"receipt": 100000}}', now();
"""


class RawWrites:
    """Makes the tables, then writes payments as fast as PostgreSQL takes them."""

    def __init__(self, *, clients: int) -> None:
        self.clients = clients
        texts = self._texts()
        with connection.cursor() as cursor:
            for table in _TABLES:
                cursor.execute(f"CREATE TABLE {_raw(table)} (LIKE {table} INCLUDING ALL)")
            cursor.execute(
                "INSERT INTO raw_draft (payer_id, content, updated_at) "
                "SELECT i, %s::jsonb, now() FROM generate_series(1, 1000) i",
                [texts["basket"]],
            )
        self.script = _SCRIPT.format(**texts)

    @staticmethod
    def _texts() -> dict[str, str]:
        """Of the size that the portal writes."""
        basket = '{"lines": [], "token": "' + "a" * 16 + '", "opened": {"' + "b" * 16 + '": "' + "C" * 26 + '"}}'
        return {
            "basket": basket,
            "hand_over": '{"kind": "qr", "url": "weixin://wxpay/bizpayurl?pr=Xk3Bq9Tzz", "fields": {}}',
            "headers": '{"wechatpay-signature": "' + "s" * 344 + '", "wechatpay-serial": "' + "k" * 130 + '"}',
            "body": "b" * 1000,
            "result": '{"raw": "' + "r" * 520 + '"}',
        }

    def rate(self) -> float:
        """Payments a second, over a few seconds."""
        found = _RATE.search(self._run())
        return float(found[1]) if found else 0.0

    def count(self) -> int:
        """How many payments one run writes."""
        found = _DONE.search(self._run())
        return int(found[1]) if found else 0

    def _run(self) -> str:
        given = connection.get_connection_params()
        with tempfile.TemporaryDirectory(prefix="bench-pay-") as folder:
            script = Path(folder) / "payment.sql"
            script.write_text(self.script)
            done = subprocess.run(
                [
                    binary("pgbench"), "--no-vacuum", "--protocol=prepared", f"--client={self.clients}", "--jobs=1",
                    f"--time={SECONDS}", f"--file={script}",
                ],
                env={
                    "PGHOST": str(given.get("host", "")), "PGPORT": str(given.get("port", "")),
                    "PGUSER": str(given.get("user", "")), "PGPASSWORD": str(given.get("password", "")),
                    "PGDATABASE": str(given.get("dbname", "")),
                },
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode != 0 or "number of failed transactions: 0 " not in done.stdout:
            raise SystemExit(f"pgbench: {done.stdout[-800:]} {done.stderr[-800:]}")
        return done.stdout


def _raw(table: str) -> str:
    return "raw_" + table.split("_", 1)[1]
