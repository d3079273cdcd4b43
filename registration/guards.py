"""What foreign keys would keep (see `Registration`): nobody deletes or renames what a registration names.

Rows that name something are written by feeds alone, which take the names from the tables themselves.
"""

FUNCTION = """
CREATE FUNCTION registration_guard_named() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_key text := to_jsonb(OLD)->>TG_ARGV[0];
    is_named boolean;
    place text[];
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW)->>TG_ARGV[0] = old_key THEN
        RETURN NEW;
    END IF;
    FOR argument IN 1 .. TG_NARGS - 1 LOOP
        place := string_to_array(TG_ARGV[argument], '.');
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I::text = $1)', place[1], place[2])
            INTO is_named USING old_key;
        IF is_named THEN
            RAISE EXCEPTION '% % is named by %', TG_TABLE_NAME, old_key, place[1]
                USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;"""

DROP_FUNCTION = "DROP FUNCTION registration_guard_named();"

_NAMED = {
    "registration_region": ("code", "registration_registration.region_id"),
    "registration_insurancetype": ("code", "registration_registration.insurance_type_id"),
    "registration_populationgroup": ("code", "registration_registration.group_id"),
    "registration_agency": ("code", "registration_registration.agency_id"),
    "registration_feedbatch": ("id", "registration_registration.batch_id"),
    "registration_insuredperson": (
        "id",
        "registration_registration.person_id",
        "registration_persondocument.person_id",
    ),
}

TRIGGERS = "".join(
    f"CREATE TRIGGER guard_named BEFORE DELETE OR UPDATE OF {key} ON {table} FOR EACH ROW "
    f"EXECUTE FUNCTION registration_guard_named({', '.join(repr(text) for text in (key, *places))});"
    for table, (key, *places) in _NAMED.items()
)
DROP_TRIGGERS = "".join(f"DROP TRIGGER guard_named ON {table};" for table in _NAMED)
