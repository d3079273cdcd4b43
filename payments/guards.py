"""The database's own refusals about money (FAULTS 3: I2, I3, I4, I6, I7, I8).

Deferred to the commit, because a payment writes its rows one after the other.
"""


def _holds_its_money(status: str, table: str, kind: str, also: str = "") -> str:
    """A trigger: whatever comes into this status holds exactly its amount by then."""
    return f"""
CREATE FUNCTION payments_guard_{status}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE held bigint;
BEGIN
    SELECT coalesce(sum(amount_fen), 0) INTO held FROM payments_allocation
        WHERE target_kind = '{kind}' AND target_id = NEW.id{also};
    IF held <> NEW.amount_fen THEN
        RAISE EXCEPTION '{kind} % is {status} but holds % of % fen', NEW.id, held, NEW.amount_fen
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER guard_{status} AFTER UPDATE OF status ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = '{status}')
    EXECUTE FUNCTION payments_guard_{status}();
"""


MONEY = (
    """
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

"""
    + _holds_its_money("paid", "payments_declaration", "declaration")
    + """
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
)

DROP_MONEY = """
DROP FUNCTION payments_guard_receipt() CASCADE;
DROP FUNCTION payments_guard_paid() CASCADE;
DROP FUNCTION payments_guard_freed() CASCADE;
DROP FUNCTION payments_guard_order() CASCADE;
"""

REFUNDS = (
    """
CREATE FUNCTION payments_guard_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whole bigint;
    asked bigint;
    held bigint;
BEGIN
    -- two refunds of one receipt wait for each other here, so that each sees the other
    SELECT amount_fen INTO whole FROM payments_receipt WHERE id = NEW.receipt_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount_fen), 0) INTO asked FROM payments_refund
        WHERE receipt_id = NEW.receipt_id AND status <> 'rejected';
    IF asked > whole THEN
        RAISE EXCEPTION 'receipt % holds % fen, its refunds are % fen', NEW.receipt_id, whole, asked
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT coalesce(sum(amount_fen), 0) INTO held FROM payments_allocation
        WHERE receipt_id = NEW.receipt_id
          AND target_kind = CASE WHEN NEW.declaration_id IS NULL THEN 'discrepancy' ELSE 'declaration' END
          AND target_id = coalesce(NEW.declaration_id, NEW.discrepancy_id);
    IF held <> NEW.amount_fen THEN
        RAISE EXCEPTION 'refund % is of % fen, but % lie there', NEW.id, NEW.amount_fen, held
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_refund AFTER INSERT ON payments_refund
    FOR EACH ROW EXECUTE FUNCTION payments_guard_refund();

CREATE FUNCTION payments_guard_refund_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refund %: what was approved is not changed', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER guard_refund_fixed
    BEFORE UPDATE OF refund_no, receipt_id, declaration_id, discrepancy_id, amount_fen, merchant_id, gateway
    ON payments_refund FOR EACH ROW
    WHEN ((OLD.refund_no, OLD.receipt_id, OLD.declaration_id, OLD.discrepancy_id, OLD.amount_fen, OLD.merchant_id,
           OLD.gateway) IS DISTINCT FROM
          (NEW.refund_no, NEW.receipt_id, NEW.declaration_id, NEW.discrepancy_id, NEW.amount_fen, NEW.merchant_id,
           NEW.gateway))
    EXECUTE FUNCTION payments_guard_refund_fixed();

"""
    + _holds_its_money("refunded", "payments_refund", "refund", " AND receipt_id = NEW.receipt_id")
    + """
CREATE FUNCTION payments_guard_given_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payments_refund
                   WHERE declaration_id = NEW.id AND status = 'refunded' AND amount_fen = NEW.amount_fen) THEN
        RAISE EXCEPTION 'declaration % is refunded without its refund', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER guard_given_back AFTER UPDATE OF status ON payments_declaration
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'refunded')
    EXECUTE FUNCTION payments_guard_given_back();
"""
)

DROP_REFUNDS = """
DROP FUNCTION payments_guard_refund() CASCADE;
DROP FUNCTION payments_guard_refund_fixed() CASCADE;
DROP FUNCTION payments_guard_refunded() CASCADE;
DROP FUNCTION payments_guard_given_back() CASCADE;
"""
