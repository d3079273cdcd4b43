"""What goes into `assess` and what comes out: plain values about one person.

`payments/facts.py` fills `Facts` for a whole family by a few set-based queries. Amounts are fen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from payments.policies.terms import Owner, PolicyTerms, Renewal, Waiting

BASE = "base"
TOP_UP = "topup"

# ---- in -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """Whether number and name together match any registration (ID-3); never which of them failed."""

    matched: bool
    document_type: str = "201"


@dataclass(frozen=True, slots=True)
class RegistrationFact:
    """One registration, as its agency says. `coverage_year` None: it counts until it ends."""

    registration_id: int
    insurance_type: str
    region: str
    group: str
    region_name: str = ""
    group_name: str = ""
    agency: str = ""
    agency_name: str = ""
    agency_kind: str = ""  # hr, medical
    agency_phone: str = ""
    agency_address: str = ""
    coverage_year: int | None = None
    renewal: Renewal = Renewal.NONE
    registering_body: str = ""
    registered_on: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """The version of a policy that is in force on the day asked about."""

    policy_id: int
    region: str
    insurance_type: str
    coverage_year: int
    terms: PolicyTerms


@dataclass(frozen=True, slots=True)
class FeedFact:
    """When an agency's data for a place last arrived (RG-2)."""

    agency: str
    kind: str  # hr, medical
    region: str
    last_received_at: datetime | None = None
    last_full_on: date | None = None
    agency_name: str = ""
    agency_phone: str = ""
    agency_address: str = ""


@dataclass(frozen=True, slots=True)
class DeclarationFact:
    """A declaration of this person, over all places and channels (PA-2).

    Months count from the first month of the coverage year. `own`: the viewer made it. `clears_by`:
    the moment by which an unresolved one is known (HOUSE 2.7).
    """

    insurance_type: str
    coverage_year: int
    status: str
    region: str
    amount_fen: int
    tier_fen: int
    declared_at: datetime
    first_month: int | None = None
    last_month: int | None = None
    part: str = BASE
    declaration_id: int = 0
    paid_at: datetime | None = None
    channel_name: str = ""
    clears_by: datetime | None = None
    own: bool = False
    order_no: str = ""
    region_name: str = ""


@dataclass(frozen=True, slots=True)
class RefundFact:
    """A refund that has not ended (RF: requested, approved, sending, sent, failed). `refund_no`: his own only."""

    insurance_type: str
    coverage_year: int
    region: str
    declaration_id: int = 0
    part: str = BASE
    requested_at: datetime | None = None
    expected_on: date | None = None
    refund_no: str = ""


@dataclass(frozen=True, slots=True)
class AssessedFact:
    """特殊缴费: an amount that an agency has assessed and that is still to be paid (PO-7, PO-10)."""

    assessed_no: str
    registration_id: int
    insurance_type: str
    region: str
    coverage_year: int
    amount_fen: int
    payable_to: date | None = None
    agency_name: str = ""


@dataclass(frozen=True, slots=True)
class ChannelFact:
    """The channel through which the question comes (C15, C21)."""

    code: str = "portal"
    name: str = ""
    kind: str = "portal"
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    region_prefixes: tuple[str, ...] = ()
    document_types: tuple[str, ...] = ()
    chooses_place: bool = True  # PA-9: whether it can show two places to choose from


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one person. `stated_registered_on`: the day on which the payer says that he was
    registered."""

    identity: Identity
    registrations: tuple[RegistrationFact, ...] = ()
    policies: tuple[PolicyFact, ...] = ()
    feeds: tuple[FeedFact, ...] = ()
    declarations: tuple[DeclarationFact, ...] = ()
    refunds: tuple[RefundFact, ...] = ()
    assessed: tuple[AssessedFact, ...] = ()
    birth_on: date | None = None
    channel: ChannelFact = ChannelFact()
    viewer_is_owner: bool = False
    stated_registered_on: date | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the question is about; None leaves it open."""

    insurance_type: str | None = None
    coverage_year: int | None = None


# ---- out ------------------------------------------------------------------------------------------------------------


class Warn(StrEnum):
    """What a payer is told before he pays; none of them forbids it."""

    TWO_PLACES = "two_places"  # RG-3
    WAITING = "waiting"  # PO-4
    DEMO = "demo"
    PROVISIONAL = "provisional"  # PO-9
    TIER_FIXED = "tier_fixed"  # PO-8: an earlier month fixed the tier


class When(StrEnum):
    """When to come back. ON carries a date, AT a moment."""

    ON = "on"
    AT = "at"
    NOW = "now"
    AFTER_MENDED = "after_mended"  # the day after the agency has mended it
    AFTER_CHANGE = "after_change"  # three days after the change
    AFTER_REGISTERING = "after_registering"  # three days after registering
    AFTER_COLLECTIVE = "after_collective"
    AFTER_REFUND = "after_refund"  # PA-6
    WHEN_ASSESSED = "when_assessed"
    WHEN_ANNOUNCED = "when_announced"
    NEXT_YEAR = "next_year"
    WORKING_DAYS = "working_days"  # answered within a number of working days, told in the evidence
    NEVER = "never"  # nothing has to be paid


@dataclass(frozen=True, slots=True)
class TierOffer:
    """A tier that this person may choose now. `amount_fen` is what a year, or one month, costs him today."""

    tier_fen: int
    amount_fen: int
    subsidy_fen: int | None
    base_fen: int | None = None
    label: str = ""
    is_last_year: bool = False
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class HiddenTier:
    """A tier of this policy that this person cannot choose: who can, or that it is not verified (待核实)."""

    amount_fen: int
    groups: tuple[str, ...]
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class WaitingFact:
    """PO-4 for a payment made today. `benefits_from_on` None: the length is not stated."""

    rule: Waiting
    concentrated_to: date
    benefits_from_on: date | None


@dataclass(frozen=True, slots=True)
class Payable:
    """应缴费信息: one thing that can be paid now.

    `fixed_fen` is set for assessed amounts (no choice, no splitting) and then `part` is the number of
    the assessment. `months` is the run that may be paid, of which any beginning may be taken.
    `paid_tier_fen` is what a top-up starts from.
    """

    registration_id: int
    policy_id: int
    insurance_type: str
    region: str
    region_name: str
    group: str
    coverage_year: int
    part: str
    tiers: tuple[TierOffer, ...]
    terms: PolicyTerms
    last_on: date
    concentrated_to: date | None = None
    fixed_fen: int | None = None
    paid_tier_fen: int | None = None
    last_year_tier_fen: int | None = None
    months: tuple[int, ...] = ()
    waiting: WaitingFact | None = None
    warnings: tuple[Warn, ...] = ()
    hidden_tiers: tuple[HiddenTier, ...] = ()

    @property
    def is_demo(self) -> bool:
        """Whether the policy behind it is made up for the demonstration."""
        return self.terms.demo

    @property
    def period(self) -> tuple[str, int, str, str]:
        """What must never be payable and blocked at once: type, year, part, place."""
        return self.insurance_type, self.coverage_year, self.part, self.region


@dataclass(frozen=True, slots=True)
class Blocker:
    """One cause of SCREENS 2.4 for which something cannot be paid now.

    `owner` mends it, `when` with `come_back_on` (a business day) or `come_back_at` (an instant) says when to try
    again; `evidence` holds what the sentence needs and nothing that the viewer may not see. `actionable`: the
    payer himself can do something.
    """

    code: str
    owner: Owner
    when: When
    insurance_type: str = ""
    coverage_year: int | None = None
    region: str = ""
    part: str = BASE
    come_back_on: date | None = None
    come_back_time: time | None = None  # with `come_back_on`: the hour of that day
    come_back_at: datetime | None = None
    actionable: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def period(self) -> tuple[str, int | None, str, str]:
        """See `Payable.period`."""
        return self.insurance_type, self.coverage_year, self.part, self.region


class CheckState(StrEnum):
    """已核对 / 需要处理 / 暂时查不到."""

    DONE = "done"
    ACTION = "action"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of "我们核对了这些". `subject`: identity, registration, group, window, records, channel."""

    subject: str
    state: CheckState
    code: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer: what can be paid, what cannot and why (headline first), and what was looked at."""

    payables: tuple[Payable, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def headline(self) -> Blocker | None:
        """The one cause that a page shows first."""
        return self.blockers[0] if self.blockers else None


@dataclass(frozen=True, slots=True)
class Line:
    """A priced choice, ready for a declaration."""

    amount_fen: int
    subsidy_fen: int | None
    tier_fen: int
    first_month: int | None = None
    last_month: int | None = None


class NotOffered(ValueError):
    """A choice that this payable does not allow; `code` says which rule: tier_not_offered, tier_needed,
    months_needed, months_not_allowed, months_not_consecutive, months_start, C16."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
