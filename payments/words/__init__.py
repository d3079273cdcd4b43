"""What the portal says about payables, causes and states: one source for pages, API, messages and console."""

from payments.words.causes import BlockerWords, blocker_words
from payments.words.figures import bare_date, full_date, moment, money, short_date, tier
from payments.words.orders import StateWords, declaration_words, order_words, refund_words
from payments.words.payables import (
    CheckWords,
    NextStep,
    check_words,
    next_steps,
    not_offered_words,
    other_prompts,
    price_changed_words,
    tier_change_words,
    until_words,
    waiting_words,
    warning_words,
)

__all__ = [
    "BlockerWords",
    "CheckWords",
    "NextStep",
    "StateWords",
    "bare_date",
    "blocker_words",
    "check_words",
    "declaration_words",
    "full_date",
    "moment",
    "money",
    "next_steps",
    "not_offered_words",
    "order_words",
    "other_prompts",
    "price_changed_words",
    "refund_words",
    "short_date",
    "tier",
    "tier_change_words",
    "until_words",
    "waiting_words",
    "warning_words",
]
