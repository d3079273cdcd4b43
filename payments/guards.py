"""The database's own refusals about money (FAULTS 3: I2, I3, I4, I6, I7).

Deferred to the commit, because a payment writes its rows one after the other.
"""

MONEY = """
CREATE FUNCTION payments_guard_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint;
    found bigint;
    receipt bigint := CASE WHEN TG_TABLE_NAME = 'payments_receipt' THEN NEW.id
                           ELSE (to_jsonb(NEW)->>'receipt_id')::bigint END;
BEGIN
    SELECT amount_fen INTO wanted FROM payments_receipt WHERE id = receipt;
    SELECT coalesce(sum(amount_fen), 0) INTO found FROM payments_allocation WHERE receipt_id = receipt;
    IF wanted <> found THEN
        RAISE EXCEPTION 'receipt % holds % fen but % are allocated', receipt, wanted, found
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER guard_receipt AFTER INSERT ON payments_receipt
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_guard_receipt();
CREATE CONSTRAINT TRIGGER guard_receipt AFTER INSERT ON payments_allocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_guard_receipt();

CREATE FUNCTION payments_guard_paid() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE held bigint;
BEGIN
    SELECT coalesce(sum(amount_fen), 0) INTO held FROM payments_allocation
        WHERE target_kind = 'declaration' AND target_id = NEW.id;
    IF held <> NEW.amount_fen THEN
        RAISE EXCEPTION 'declaration % is paid but holds % of % fen', NEW.id, held, NEW.amount_fen
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER guard_paid AFTER UPDATE OF status ON payments_declaration
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'paid')
    EXECUTE FUNCTION payments_guard_paid();

CREATE FUNCTION payments_guard_freed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payments_paymentorder
                   WHERE id = NEW.order_id AND status IN ('failed', 'expired') AND closed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'declaration % is freed while its order is not closed', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER guard_freed AFTER UPDATE OF status ON payments_declaration
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status IN ('released', 'withdrawn'))
    EXECUTE FUNCTION payments_guard_freed();

CREATE FUNCTION payments_guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE lines bigint; held bigint;
BEGIN
    SELECT coalesce(sum(amount_fen), 0), count(*) INTO held, lines FROM payments_declaration WHERE order_id = NEW.id;
    IF held <> NEW.amount_fen OR lines <> NEW.line_count THEN
        RAISE EXCEPTION 'order % says % fen in % lines, its lines say % in %',
            NEW.id, NEW.amount_fen, NEW.line_count, held, lines USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER guard_order AFTER INSERT ON payments_paymentorder
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_guard_order();
"""

DROP_MONEY = """
DROP FUNCTION payments_guard_receipt() CASCADE;
DROP FUNCTION payments_guard_paid() CASCADE;
DROP FUNCTION payments_guard_freed() CASCADE;
DROP FUNCTION payments_guard_order() CASCADE;
"""
