"""The terms of one collection policy: what is collected in one place, for one insurance type and coverage year.

Pure values. Amounts are integer fen here and yuan text in the files and drafts (`reading.py`). Every
dimension in which localities differ is a field, so that no rule asks which place it is in (PO-1).
"""

from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from functools import lru_cache

LEGAL_NOTE = "这里的政策内容只供参考，不作办事依据。以12366、12333、12393的答复为准。"
"""Goes with every policy, on whatever page its figures stand."""


class CollectorKind(StrEnum):
    """PO-0: who collects."""

    TAX = "tax"
    AGENCY = "agency"


class Split(StrEnum):
    """PO-6: how the year may be cut."""

    WHOLE_YEAR = "whole_year"
    MONTHS = "months"  # in runs of consecutive months; tiers are amounts of one month


class TierChange(StrEnum):
    """PO-8: what may be changed once a tier has been paid."""

    LOCKED = "locked"
    TOP_UP = "top_up"  # the difference to a higher tier until `top_up_to`
    FIRST_PAYMENT = "first_payment"  # free until the first payment of the year, fixed after it


class Renewal(StrEnum):
    """RG-4: whether last year's registration still counts."""

    NONE = "none"
    EVERYONE = "everyone"
    COLLECTIVE = "collective"


class Owner(StrEnum):
    """Who mends, answers or acts: the party that a payer is sent to."""

    TAX = "tax"
    HR = "hr"
    MEDICAL = "medical"
    AGENCY = "agency"  # the agency of the insurance type, HR or medical
    COLLECTIVE = "collective"  # village, school, community
    PAYER = "payer"
    SYSTEM = "system"  # nobody has to do anything


class LatePrice(StrEnum):
    """What is paid after the concentrated window."""

    PERSONAL = "personal"
    FULL_COST = "full_cost"  # the government's share as well


class OnlineRefund(StrEnum):
    """When a payer may ask for a refund here; else he goes to a hall, where somebody looks at the benefits used."""

    ALWAYS = "always"
    BEFORE_BENEFITS = "before_benefits"  # until the year's benefits have begun
    NEVER = "never"


class DayKind(StrEnum):
    """How a delay is counted."""

    WORKING = "working"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure was read. Grades: S a notice that came with the task, A official, B reprint or local
    portal, C aggregator (a lead only), D arithmetic on a sourced figure, `demo` made up for the demonstration."""

    title: str
    address: str
    grade: str
    read_on: date
    covers: str = ""


@dataclass(frozen=True, slots=True)
class Collector:
    """PO-0. `name` is read by payers, `agency` is the agency's code where it is one of ours."""

    kind: CollectorKind
    name: str = ""
    agency: str = ""
    phone: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """When the year can be paid. A date that no source states is None and is said, never guessed.

    `opens_on` None: the first day is not stated, so nothing can be paid under this version.
    `deadline` None: the last day is not stated; see `PolicyTerms.last_on`.
    """

    opens_on: date | None = None
    concentrated_to: date | None = None  # None: the type has no concentrated window
    deadline: date | None = None
    day_from: int = 1
    day_to: int = 31
    holidays_defer: bool = False  # whether a last day that is no working day moves to the next one
    opens_at: time | None = None
    closes_at: time | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """PO-4: how long benefits wait when paid after the concentrated window. None: length not stated."""

    fixed_months: int | None = None
    fixed_days: int | None = None
    per_broken_year_months: int | None = None
    floor_months: int | None = None
    exempt_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """An amount that may be chosen: of a year, or of a month where the year is split.

    `subsidy_fen` None: not stated. `unverified` (待核实): only a weak source gives it, so it is shown
    to staff and offered in demonstration years alone. `replaces_fen`: the amount that this tier had in
    the version before, so that who has paid some months stays on his tier (PO-9).
    """

    amount_fen: int
    subsidy_fen: int | None = None
    base_fen: int | None = None
    replaces_fen: int | None = None
    label: str = ""
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class BaseRange:
    """PO-9: monthly bases between two limits; the month's fee is base × `rate_permille` / 1000."""

    lower_fen: int
    upper_fen: int
    rate_permille: int


@dataclass(frozen=True, slots=True)
class GroupTerms:
    """What holds for one population group.

    `nothing_to_pay` with its `reason`: C7, the government pays or nobody does. `must_change_to`: C7,
    the group has to be changed at the agency first (RG-5); with `ends_with_birth_year` only for years
    after the birth year. `special_only`: C13, only an assessed amount can be paid (PO-7).
    """

    code: str
    tiers: tuple[Tier, ...] = ()
    nothing_to_pay: bool = False
    reason: str = ""
    must_change_to: str = ""
    ends_with_birth_year: bool = False
    special_only: bool = False
    age_from: int | None = None
    age_to: int | None = None
    fiscal_fen: int | None = None  # the government's share per person, added where LatePrice is FULL_COST
    government_pays_fen: int | None = None
    base_range: BaseRange | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SubsidyRule:
    """PO-3: on what the subsidy depends besides the tier."""

    age_to: int | None = None
    paid_by: date | None = None


@dataclass(frozen=True, slots=True)
class Delays:
    """What comes when, counted from the day of payment (AF-1, AF-3, AF-4). None: not stated."""

    record_days: int | None = None
    record_kind: DayKind = DayKind.WORKING
    certificate_days: int | None = None
    certificate_kind: DayKind = DayKind.WORKING
    credit_days: int | None = None
    credit_kind: DayKind = DayKind.CALENDAR


@dataclass(frozen=True, slots=True)
class AgeExtra:
    """An addition to the monthly pension from an age on."""

    age_from: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class EstimateRule:
    """PO-12: the constants of the pension estimate of this place and year."""

    base_pension_fen: int
    divisor: int
    full_years: int
    extra_year_fen: int
    pension_age: int
    age_extras: tuple[AgeExtra, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """PO-13: when one kind of channel opens here. A kind that is not listed follows the policy's window."""

    kind: str
    name: str = ""
    opens_on: date | None = None
    opens_at: time | None = None
    closes_on: date | None = None
    document_types: tuple[str, ...] = ()  # empty: all (C15)
    back_payment: bool = True


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """All that one policy says. Identity (place, type, year, version) lies on the row that carries it."""

    collector: Collector
    window: Window
    sources: tuple[Source, ...]
    groups: tuple[GroupTerms, ...] = ()
    split: Split = Split.WHOLE_YEAR
    coverage_start_month: int = 1  # PO-14: 7 for a year from July to June
    tier_change: TierChange = TierChange.LOCKED
    top_up_to: date | None = None
    prerequisite: str = ""  # PO-5: the insurance type whose same year must be paid first
    waiting: Waiting | None = None
    late_price: LatePrice = LatePrice.PERSONAL
    renewal: Renewal = Renewal.NONE
    name_mended_by: Owner = Owner.AGENCY  # ID-4
    registration_mended_by: Owner = Owner.AGENCY  # ID-3, RG-8
    special_only_from: date | None = None  # PO-7: from this day only assessed amounts
    online_refund: OnlineRefund = OnlineRefund.ALWAYS  # PA-6: what no source forbids can be asked for here
    back_payment: bool = True  # PO-10: missed years can be paid later, once the agency has assessed them
    provisional: bool = False  # PO-9: a difference payment will follow
    provisional_note: str = ""
    subsidy: SubsidyRule = SubsidyRule()
    delays: Delays = Delays()
    estimate: EstimateRule | None = None
    channels: tuple[ChannelTerms, ...] = ()
    special_note: str = ""
    notice: str = ""  # what payers of this place are told besides
    gaps: tuple[str, ...] = ()  # what was looked for and not found
    demo: bool = False
    note: str = ""
    legal_note: str = LEGAL_NOTE

    def group(self, code: str) -> GroupTerms | None:
        """The terms of a group; None when this policy does not know it."""
        return next((group for group in self.groups if group.code == code), None)

    def coverage(self, year: int) -> tuple[date, date]:
        """First and last day of the coverage year that begins in `year` (PO-14)."""
        first = date(year, self.coverage_start_month, 1)
        return first, date(first.year + 1, first.month, 1) - timedelta(days=1)

    def last_on(self, year: int) -> date:
        """The last day on which the year can be paid, before any deferral.

        Where no deadline is stated the concentrated window ends it; without one the year itself does,
        because the current year's money is an ordinary payment all through it.
        """
        return self.window.deadline or self.window.concentrated_to or self.coverage(year)[1]

    @property
    def collected_here(self) -> bool:
        """PO-0: whether the tax office collects this at all."""
        return self.collector.kind is CollectorKind.TAX


@lru_cache(maxsize=10_000)
def lookup_chain(region: str) -> tuple[str, ...]:
    """Place codes in which a policy for `region` is looked for, most specific first: district, city, province."""
    codes = (region, region[:4] + "00", region[:2] + "0000")
    return tuple(dict.fromkeys(codes))
