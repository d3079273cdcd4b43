"""Every fault of gateways, banks, statements and clocks that the design foresees is named by a test.

A test names a fault in its docstring; one of clocks after the word "fault", for causes of the help page are called C1
to C22 as well.
"""

import ast
import re

from tests.house.source import ROOT

FAULTS = {
    "G1": "the request to create an order is lost",
    "G2": "the answer to it is lost, the order exists",
    "G3": "an error, garbage, or a success without a signature",
    "G4": "the notice of a success never arrives",
    "G5": "a notice arrives twice at once",
    "G6": "a notice comes hours late, the period is free",
    "G7": "the same, and another channel has been paid meanwhile",
    "G8": "a notice comes before its order is known",
    "G9": "the notice of a refund comes before that of the payment",
    "G10": "amount, currency, merchant or app differ",
    "G11": "a bad signature, an old notice, a replay",
    "G12": "WeChat probes whether signatures are looked at",
    "G13": "certificates change in mid-day",
    "G14": "closed as they say, unpaid as they say, then paid",
    "G15": "closing is refused because it was paid",
    "G16": "Alipay knows of no trade, then the code shown is paid",
    "G17": "paid at the password page after the expiry",
    "G18": "a refund is said to have failed and was done",
    "G19": "a refund is taken and fails later",
    "G20": "the gateway answers about another order",
    "G21": "the gateway is down for hours",
    "G22": "too many questions or refunds",
    "B1": "a bank begins to take the money and dies",
    "B2": "a bank took the cash, its confirmation is lost",
    "B3": "a bank and the portal declare at the same moment",
    "B4": "a bank confirms again under another number",
    "B5": "a statement is missing, or late over a holiday",
    "B6": "a statement is cut off, changed, miscounted or in mixed encodings",
    "B7": "the same file again, or a corrected one",
    "B8": "a line about a payment that we do not know",
    "B9": "a payment that no line names",
    "B10": "an amount that is a fen off, or net of a fee",
    "B11": "a reversal after we said paid",
    "C1": "paid before midnight or the new year, told after it",
    "C2": "the window closes between declaring and paying",
    "C3": "our clock is ahead, or steps back",
    "C4": "the holidays of a year are not published",
    "C5": "a Sunday that is worked",
}
AWAITED = {
    "B1": "the lease of a claim that a bank has made at its own door",
    "B3": "the bank's answer: 409 with a plain reason and the other channel's name",
    "B4": "a second confirmation of a known trade at the bank's own door",
}
"""The half of a fault that happens at the banks' own door, which comes with issue 5; statements have the other half."""


def named() -> set[str]:
    """The faults that the docstring of a test names."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        if _faults_of(text):
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    found |= _faults_of(ast.get_docstring(node) or "")
    return found


def _faults_of(text: str) -> set[str]:
    after_the_word = re.findall(r"\b[Ff]aults? ((?:C\d|, | and )+)", text)
    return set(re.findall(r"\b[GB]\d+\b", text)) | set(re.findall(r"C\d", " ".join(after_the_word)))


def test_all_faults_of_the_design_are_listed() -> None:
    counts = {"G": 22, "B": 11, "C": 5}
    assert list(FAULTS) == [f"{kind}{number}" for kind, count in counts.items() for number in range(1, count + 1)]
    assert AWAITED.keys() <= FAULTS.keys()


def test_every_fault_is_named_by_a_test() -> None:
    unnamed = FAULTS.keys() - named()
    assert not unnamed, {fault: FAULTS[fault] for fault in unnamed}


def test_what_awaits_the_door_of_the_banks_is_written_when_it_opens() -> None:
    """Issue 5 takes these out of the list as it writes their tests."""
    addresses = (ROOT / "portal" / "urls.py").read_text()
    assert not (AWAITED and re.search(r"portal\.api|bank", addresses)), AWAITED
