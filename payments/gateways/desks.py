"""Which of the configured gateways give money back."""

from payments.gateways import all_codes, gateway
from payments.gateways.base import RefundDesk


def refund_desk(code: str) -> RefundDesk | None:
    """The gateway of this code as one that gives money back; None where it does not, or is not configured."""
    found = gateway(code) if code in all_codes() else None
    return found if isinstance(found, RefundDesk) else None


def desk_codes() -> tuple[str, ...]:
    """The codes of the configured gateways that give money back."""
    return tuple(code for code in all_codes() if refund_desk(code) is not None)
