"""Triggers by which the database itself refuses what must never happen (HOUSE 2.6).

Migrations build their operations here; the moves come from the tables of states, and a house test
compares what the database holds with what the tables say today.
"""

from django.db.migrations.operations import RunSQL

from core.states import TABLES

FUNCTIONS = """
CREATE OR REPLACE FUNCTION core_guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE move text;
BEGIN
    move := ',' || CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.status END || '>' || NEW.status || ',';
    IF strpos(TG_ARGV[1], move) = 0 THEN
        RAISE EXCEPTION '% % may not make the move %', TG_ARGV[0], NEW.id, move USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION core_guard_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
"""

DROP_FUNCTIONS = "DROP FUNCTION core_guard_status(); DROP FUNCTION core_guard_append_only();"


def moves_argument(kind: str) -> str:
    """All legal moves of a kind as the trigger's argument: `,>created,created>submitting,…,`."""
    return "," + ",".join(f"{source}>{target}" for source, target in sorted(TABLES[kind].moves())) + ","


def status_guard(kind: str, table: str) -> RunSQL:
    """Refuse any insert or update of `status` that the table of states does not know."""
    call = f"EXECUTE FUNCTION core_guard_status('{kind}', '{moves_argument(kind)}')"
    return RunSQL(
        f"CREATE OR REPLACE TRIGGER guard_status_insert BEFORE INSERT ON {table} FOR EACH ROW {call};"
        f"CREATE OR REPLACE TRIGGER guard_status_update BEFORE UPDATE OF status ON {table} FOR EACH ROW "
        f"WHEN (OLD.status IS DISTINCT FROM NEW.status) {call};",
        f"DROP TRIGGER guard_status_insert ON {table}; DROP TRIGGER guard_status_update ON {table};",
    )


def append_only(table: str) -> RunSQL:
    """Refuse every update and delete."""
    return RunSQL(
        f"CREATE OR REPLACE TRIGGER guard_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION core_guard_append_only();",
        f"DROP TRIGGER guard_append_only ON {table};",
    )
