"""Everything that payments keeps."""

from payments.models.declarations import Declaration, Draft, PeriodClaim
from payments.models.diagnoses import Diagnosis
from payments.models.money import Allocation, Discrepancy, Receipt
from payments.models.orders import Channel, Notification, PayeeAccount, PayeeRoute, PaymentOrder
from payments.models.policies import CollectionPolicy
from payments.models.refunds import Refund

__all__ = [
    "Allocation",
    "Channel",
    "CollectionPolicy",
    "Declaration",
    "Diagnosis",
    "Discrepancy",
    "Draft",
    "Notification",
    "PayeeAccount",
    "PayeeRoute",
    "PaymentOrder",
    "PeriodClaim",
    "Receipt",
    "Refund",
]
