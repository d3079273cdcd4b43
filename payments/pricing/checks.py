"""The list "我们核对了这些": what was looked at, and whether it is in order, to be put right, or unknown."""

from collections.abc import Iterable, Sequence

from payments.pricing.shapes import Blocker, Check, CheckState, Facts, Payable, Warn

SUBJECTS = {
    "identity": ("C3",),
    "registration": ("C4", "C5", "C6", "C10"),
    "group": ("C7",),
    "window": ("C1", "C2", "C22"),
    "records": ("C8", "C9", "C11", "C12", "C13", "C14", "C16"),
    "channel": ("C15", "C21"),
}
UNKNOWN = ("C5", "C9", "C14", "C20")  # nobody can say yet
HIDE_THE_REST = ("C3", "C4", "C5")  # without a registration nothing behind it can be looked at


def checks_for(facts: Facts, payables: Iterable[Payable], blockers: Sequence[Blocker]) -> tuple[Check, ...]:
    """One line per subject, in the order in which they were judged."""
    first = blockers[0] if blockers else None
    same = [each for each in blockers if first is not None and each.period == first.period]
    by_code = {each.code: each for each in same}
    places = any(Warn.TWO_PLACES in each.warnings for each in payables)
    hidden = any(code in by_code for code in HIDE_THE_REST)
    return tuple(_check(subject, codes, by_code, facts, places, hidden) for subject, codes in SUBJECTS.items())


def _check(
    subject: str, codes: tuple[str, ...], by_code: dict[str, Blocker], facts: Facts, two_places: bool, hidden: bool
) -> Check:
    found = next((by_code[code] for code in codes if code in by_code), None)
    if found is not None:
        state = CheckState.UNKNOWN if found.code in UNKNOWN else CheckState.ACTION
        return Check(subject, state, found.code, found.evidence)
    if subject == "registration" and two_places:
        return Check(subject, CheckState.ACTION, "C10")
    if hidden and not (subject == "identity" and facts.identity.matched):
        return Check(subject, CheckState.UNKNOWN)
    return Check(subject, CheckState.DONE)
