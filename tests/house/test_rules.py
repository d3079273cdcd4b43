"""Every rule of the domain is named by a test, or by the issue that will bring it."""

import re

import pytest

from tests.house.source import ROOT

ROWS = re.findall(r"^\| ([A-Z]{2}-\d+) \|.*\| (tests|issue \d) \|$", (ROOT / "docs" / "rules.md").read_text(), re.M)


def test_all_rules_of_the_domain_are_listed() -> None:
    listed = {rule for rule, _ in ROWS}
    counts = {"ID": (1, 6), "RG": (1, 8), "PO": (0, 14), "PA": (1, 10), "AF": (1, 6)}
    assert listed == {f"{kind}-{n}" for kind, (low, high) in counts.items() for n in range(low, high + 1)}


@pytest.mark.parametrize(("rule", "covered"), ROWS)
def test_a_rule_is_named_by_a_test_or_waits_for_its_issue(rule: str, covered: str) -> None:
    named = any(
        re.search(rf"\b{rule}\b", path.read_text())
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.parent.name != "house"
    )
    assert named if covered == "tests" else True, f"no test names {rule}"
