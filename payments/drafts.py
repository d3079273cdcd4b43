"""The payer's basket, kept on the server at every step, and its one way into orders (ID-6, PA-1).

A basket holds wishes, never prices that bind: what it costs is worked out anew whenever it is shown
and once more when it is opened. `token` names the basket as it stands; a basket becomes orders once,
whatever is clicked twice or kept in another window (U1).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from core import clock, ids
from core.models import User
from core.refusals import Refused
from core.statements import Prepared
from payments.checkout import MemberLine, agreed_lines, declare_lines
from payments.models import Declaration, Draft, PaymentOrder
from registration.models import FamilyMember

KEPT_FOR = timedelta(days=7)
CHECKOUTS_REMEMBERED = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person is to be paid for; `part` is base, topup, or an assessment's number."""

    member_id: int
    insurance_type: str
    coverage_year: int
    part: str = "base"

    @property
    def key(self) -> str:
        """How forms name it."""
        return f"{self.member_id}-{self.insurance_type}-{self.coverage_year}-{self.part}"


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One line. `amount_fen` is what the payer saw when he chose; months count as in `MemberLine`."""

    choice: Choice
    registration_id: int
    tier_fen: int | None
    amount_fen: int
    added_at: datetime
    first_month: int | None = None
    last_month: int | None = None

    @property
    def key(self) -> str:
        return self.choice.key

    def wish(self, seen_fen: int | None = None) -> MemberLine:
        """The line as `payments/checkout.py` takes it."""
        choice = self.choice
        return MemberLine(
            choice.member_id, self.registration_id, choice.insurance_type, choice.coverage_year, choice.part,
            self.tier_fen, self.first_month, self.last_month, expected_amount_fen=seen_fen,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basket:
    """`pending`: chosen people for whom a tier, months or a place is still to be chosen. `places`: the
    registration taken where there are two (RG-3). `confirmed`: registrations whose data the payer has
    looked at (R09). `removed`: what 撤销 brings back. `opened`: checkout number by token."""

    lines: tuple[BasketLine, ...] = ()
    pending: tuple[Choice, ...] = ()
    places: Mapping[str, int] | None = None
    confirmed: tuple[int, ...] = ()
    removed: BasketLine | None = None
    token: str = ""
    opened: Mapping[str, str] | None = None

    def line(self, key: str) -> BasketLine | None:
        """The line of that key."""
        return next((line for line in self.lines if line.key == key), None)

    def place_of(self, choice: Choice) -> int | None:
        """The registration that the payer took for this choice."""
        return (self.places or {}).get(choice.key)


# --- reading and writing ----------------------------------------------------------------------------------------------


_READ = Prepared("SELECT content->'basket' FROM payments_draft WHERE payer_id = %s")
_LOCK = Prepared(_READ + " FOR UPDATE")
_KEEP = Prepared("""
UPDATE payments_draft SET content = jsonb_set(content, '{basket}', %s), updated_at = %s WHERE payer_id = %s""")


def read_basket(payer: User) -> Basket:
    """The basket as it stands; lines older than a week are gone."""
    return _read(_READ, payer) or Basket()


@transaction.atomic
def change_basket(payer: User, change: Callable[[Basket], Basket]) -> Basket:
    """Put `change` into effect on the locked row; a change of the lines gives the basket another token."""
    before = _locked(payer)
    after = change(before)
    if after.lines != before.lines or not after.token:
        after = replace(after, token=ids.nonce()[:16])
    _keep(payer, after)
    return after


def _locked(payer: User) -> Basket:
    """The basket, its row locked until the end of the transaction."""
    found = _read(_LOCK, payer)
    if found is None:
        Draft.objects.get_or_create(payer=payer)
        found = _read(_LOCK, payer)
    return found or Basket()


def _read(sql: str, payer: User) -> Basket | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [payer.pk])
        row = cursor.fetchone()
    return _from_json(json.loads(row[0]) if row[0] else {}) if row else None


def _keep(payer: User, basket: Basket) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [json.dumps(_to_json(basket)), clock.now(), payer.pk])


def _to_json(basket: Basket) -> dict[str, Any]:
    return {
        "lines": [_line_to_json(line) for line in basket.lines],
        "pending": [asdict(choice) for choice in basket.pending],
        "places": dict(basket.places or {}),
        "confirmed": list(basket.confirmed),
        "removed": _line_to_json(basket.removed) if basket.removed else None,
        "token": basket.token,
        "opened": dict(list((basket.opened or {}).items())[-CHECKOUTS_REMEMBERED:]),
    }


def _line_to_json(line: BasketLine) -> dict[str, Any]:
    return asdict(line) | {"added_at": line.added_at.isoformat()}


def _from_json(content: Mapping[str, Any]) -> Basket:
    oldest = clock.now() - KEPT_FOR
    lines = (_line_from_json(line) for line in content.get("lines", []))
    removed = content.get("removed")
    return Basket(
        lines=tuple(line for line in lines if line.added_at >= oldest),
        pending=tuple(Choice(**choice) for choice in content.get("pending", [])),
        places=content.get("places", {}),
        confirmed=tuple(content.get("confirmed", [])),
        removed=_line_from_json(removed) if removed else None,
        token=content.get("token", ""),
        opened=content.get("opened", {}),
    )


def _line_from_json(line: Mapping[str, Any]) -> BasketLine:
    added_at = datetime.fromisoformat(line["added_at"])
    return BasketLine(**{**line, "choice": Choice(**line["choice"]), "added_at": added_at})


# --- what a payer does ------------------------------------------------------------------------------------------------


def ask_for(*, payer: User, choices: Sequence[Choice]) -> Basket:
    """The people chosen for one type and year: what is not chosen any more leaves, the rest is asked about."""
    wanted = {choice.key for choice in choices}

    def change(basket: Basket) -> Basket:
        asked = {(choice.insurance_type, choice.coverage_year) for choice in choices}
        kept = tuple(
            line
            for line in basket.lines
            if line.key in wanted or (line.choice.insurance_type, line.choice.coverage_year) not in asked
        )
        have = {line.key for line in kept}
        return replace(basket, lines=kept, pending=tuple(c for c in choices if c.key not in have), removed=None)

    return change_basket(payer, change)


def ask_also(*, payer: User, choice: Choice) -> Basket:
    """One more person for one type and year: the lines stay, questions that were left half-way are dropped."""

    def change(basket: Basket) -> Basket:
        have = {line.key for line in basket.lines}
        return replace(basket, pending=() if choice.key in have else (choice,), removed=None)

    return change_basket(payer, change)


def put_lines(*, payer: User, lines: Iterable[BasketLine]) -> Basket:
    """Put lines in, each in place of an older one about the same; they are pending no more."""
    fresh = list(lines)
    keys = {line.key for line in fresh}

    def change(basket: Basket) -> Basket:
        by_key = {line.key: line for line in basket.lines} | {line.key: line for line in fresh}
        pending = tuple(choice for choice in basket.pending if choice.key not in keys)
        return replace(basket, lines=tuple(by_key.values()), pending=pending, removed=None)

    return change_basket(payer, change)


def skip_choice(*, payer: User, choice: Choice) -> Basket:
    """Stop asking about a choice that cannot be paid any more."""

    def change(basket: Basket) -> Basket:
        return replace(basket, pending=tuple(each for each in basket.pending if each != choice))

    return change_basket(payer, change)


def choose_place(*, payer: User, choice: Choice, registration_id: int) -> Basket:
    """RG-3: in which of two places this is paid. A line for the other place leaves."""

    def change(basket: Basket) -> Basket:
        places = dict(basket.places or {}) | {choice.key: registration_id}
        lines = tuple(
            line for line in basket.lines if line.key != choice.key or line.registration_id == registration_id
        )
        confirmed = tuple({*basket.confirmed, registration_id})  # the page has shown all that R09 shows
        return replace(basket, places=places, lines=lines, confirmed=confirmed)

    return change_basket(payer, change)


def confirm_registration(*, payer: User, registration_id: int) -> Basket:
    """The payer has looked at what the register says (R09)."""

    def change(basket: Basket) -> Basket:
        return replace(basket, confirmed=tuple({*basket.confirmed, registration_id}))

    return change_basket(payer, change)


def renew_tiers(*, payer: User, tiers: Mapping[str, int]) -> Basket:
    """Follow a new amount where there is only one to choose. What the payer saw stays, so that he is told."""

    def change(basket: Basket) -> Basket:
        lines = tuple(replace(line, tier_fen=tiers.get(line.key, line.tier_fen)) for line in basket.lines)
        return replace(basket, lines=lines)

    return change_basket(payer, change)


def remove_line(*, payer: User, key: str) -> Basket:
    """Take a line out, keeping it for 撤销; a key that is not there changes nothing."""

    def change(basket: Basket) -> Basket:
        line = basket.line(key)
        if line is None:
            return basket
        kept = tuple(each for each in basket.lines if each.key != key)
        pending = tuple(choice for choice in basket.pending if choice.key != key)
        return replace(basket, lines=kept, pending=pending, removed=line)

    return change_basket(payer, change)


def restore_line(*, payer: User) -> Basket:
    """Bring the line back that was removed last."""

    def change(basket: Basket) -> Basket:
        if basket.removed is None or basket.line(basket.removed.key):
            return replace(basket, removed=None)
        return replace(basket, lines=(*basket.lines, basket.removed), removed=None)

    return change_basket(payer, change)


@transaction.atomic
def check_out(*, payer: User, token: str, seen: Mapping[str, int], channel_code: str = "portal") -> list[PaymentOrder]:
    """Turn the basket into orders, once: asking again with its token gives the same orders.

    `seen` are the amounts that the payer has looked at, by line key. Raises Refused: `basket_changed`
    where the token is of another state of the basket, and what `open_checkout` raises, then with `key`.
    """
    basket = _locked(payer)
    opened = (basket.opened or {}).get(token)
    if opened:
        return list(PaymentOrder.objects.filter(checkout_no=opened, payer=payer).order_by("pk"))
    if token != basket.token or not basket.lines or {line.key for line in basket.lines} != set(seen):
        raise Refused("basket_changed")
    orders = _open(payer, basket, seen, channel_code)
    remembered = dict(basket.opened or {}) | {token: orders[0].checkout_no}
    token = ids.nonce()[:16]
    _keep(payer, replace(basket, lines=(), pending=(), places={}, removed=None, opened=remembered, token=token))
    return orders


def _open(payer: User, basket: Basket, seen: Mapping[str, int], channel_code: str) -> list[PaymentOrder]:
    lines = [line.wish(seen[line.key]) for line in basket.lines]
    try:
        priced = agreed_lines(payer=payer, lines=lines, channel_code=channel_code)
        return declare_lines(priced, payer=payer, channel_code=channel_code, actor=payer.actor)
    except Refused as refusal:
        if "line" in refusal.facts:
            refusal.facts["key"] = basket.lines[refusal.facts["line"]].key
        raise


def fill_again(*, payer: User, order: PaymentOrder) -> Basket:
    """Put the lines of an order that ended unpaid back into the basket, as far as the people are still on the list."""
    members = {
        (bytes(member.number_index), member.name_folded): member.pk
        for member in FamilyMember.objects.filter(payer=payer, removed_at__isnull=True)
    }
    lines = []
    for row in Declaration.objects.filter(order=order, payer=payer).select_related("registration").order_by("pk"):
        member_id = members.get((bytes(row.registration.number_index), row.registration.name_folded))
        if member_id is not None:
            lines.append(_line_again(row, member_id))
    return put_lines(payer=payer, lines=lines)


def _line_again(row: Declaration, member_id: int) -> BasketLine:
    choice = Choice(member_id, row.insurance_type_id, row.coverage_year, row.part)
    return BasketLine(
        choice, row.registration_id, row.tier_fen, row.amount_fen, clock.now(), row.first_month, row.last_month
    )
