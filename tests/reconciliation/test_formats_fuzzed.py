"""Any damage to a good file of any format: it is read whole or refused whole, and nothing else happens (B6).

What each format refuses for which reason is said in the tests of that format; `script/fuzz` searches longer.
"""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payments.models import Discrepancy, Receipt
from reconciliation.formats import PARSERS
from reconciliation.formats.base import Expected, LineKind, StatementError, Totals
from reconciliation.models import Statement, StatementEntry
from reconciliation.statements import read_statement, receive_statement
from tests.reconciliation.stating import agree
from tests.reconciliation.writing import (
    ALIPAY_MERCHANT,
    BANK,
    BANK_MERCHANT,
    DAY,
    UNIONPAY_MERCHANT,
    WECHAT_MERCHANT,
    alipay_business,
    alipay_summary,
    alipay_zip,
    bank_file,
    expected,
    packed,
    payment,
    refund,
    reversal,
    unionpay_zip,
    wechat_bill,
    zm_line,
    zme_line,
)

ROWS = [payment(1), payment(2, 1), refund(3, 99)]
ON_CARDS = [replace(row, trade_no=f"2026010212000{number:08d}", refund_no="R1" if row.refund_no else "")
            for number, row in enumerate(ROWS)]  # fmt: skip
ON_CARDS[2] = replace(ON_CARDS[2], gateway_refund_no="202601021300000000001")


def of_alipay(text: bytes) -> bytes:
    return alipay_zip(text, alipay_summary(ROWS))


def of_unionpay(text: bytes) -> bytes:
    return unionpay_zip([text], [zme_line()])


def as_it_is(text: bytes) -> bytes:
    return text


# A good text of each format, and what goes around it
FORMATS = {
    "wechat_pay": (wechat_bill(ROWS), packed, expected(WECHAT_MERCHANT)),
    "alipay": (alipay_business(ROWS).encode("gb18030"), of_alipay, expected(ALIPAY_MERCHANT)),
    "unionpay": (b"".join(map(zm_line, ON_CARDS)), of_unionpay, expected(UNIONPAY_MERCHANT)),
    "bank": (bank_file([*ROWS, reversal(2, 1)]), as_it_is, expected(BANK_MERCHANT, channel=BANK)),
}
SIGNS = b"`,|#\t\r\n\"\\\0-+.:0123456789 CDSRE\xe5\x8d\x97\xff\xfe\xef\xbb\xbf"

places = st.floats(0, 1, exclude_max=True)
damages = st.one_of(
    st.tuples(st.just("put"), places, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("put"), places, st.lists(st.sampled_from(SIGNS), min_size=1, max_size=4).map(bytes)),
    st.tuples(st.just("over"), places, st.lists(st.sampled_from(SIGNS), min_size=1, max_size=4).map(bytes)),
    st.tuples(st.just("cut"), places, st.integers(1, 40)),
    st.tuples(st.just("again"), places, st.integers(1, 400)),
    st.tuples(st.just("line"), places, st.sampled_from(["drop", "double", "last", "first"])),
)  # fmt: skip


def damaged(content: bytes, done: list[tuple[str, float, object]]) -> bytes:
    """The content with bytes put in, written over, cut out or repeated, or its lines moved about."""
    for what, place, more in done:
        at = int(place * len(content))
        if what == "put":
            content = content[:at] + more + content[at:]
        elif what == "over":
            content = content[:at] + more + content[at + len(more) :]
        elif what == "cut":
            content = content[:at] + content[at + more :]
        elif what == "again":
            content = content[:at] + content[at : at + more] + content[at:]
        else:
            content = b"".join(_moved(content.splitlines(keepends=True) or [b""], place, more))
    return content


def _moved(lines: list[bytes], place: float, how: object) -> list[bytes]:
    line = lines.pop(int(place * len(lines)))
    return {"drop": lines, "double": [*lines, line, line], "last": [*lines, line], "first": [line, *lines]}[how]


def outcome(name: str, content: bytes, said: Expected) -> Totals | StatementError:
    """The totals of a file that was read, or its refusal; everything else comes out and fails the test."""
    statement = PARSERS[name](io.BytesIO(content), said)
    lines = []
    try:
        lines.extend(statement)
    except StatementError as error:
        refusal = error
    else:
        refusal = None
    if refusal is not None:
        assert statement.totals is None
        assert refusal.line >= 0
        return refusal
    totals = statement.totals
    assert totals is not None
    assert [line.line for line in lines] == sorted({line.line for line in lines})
    assert all(line.amount_fen >= 0 for line in lines if line.kind is not LineKind.OTHER)
    came = [line.amount_fen for line in lines if line.kind is LineKind.PAYMENT]
    assert (totals.lines, totals.payments, totals.paid_fen) == (len(lines), len(came), sum(came))
    return totals


@pytest.mark.parametrize("name", FORMATS)
def test_the_good_files_are_read(name: str) -> None:
    text, wrap, said = FORMATS[name]
    totals = outcome(name, wrap(text), said)
    assert isinstance(totals, Totals)
    assert (totals.payments, totals.paid_fen, totals.refunded_fen) == (2, 38_001, 99)


@pytest.mark.parametrize("name", FORMATS)
@given(done=st.lists(damages, min_size=1, max_size=4))
def test_any_damage_to_the_text_is_read_whole_or_refused_whole(name: str, done: list) -> None:
    """And where the file holds sums, no damage makes it speak of other payments. UnionPay's holds none."""
    text, wrap, said = FORMATS[name]
    found = outcome(name, wrap(damaged(text, done)), said)
    if isinstance(found, Totals) and name != "unionpay":
        assert (found.payments, found.paid_fen) == (2, 38_001)


@pytest.mark.parametrize("name", FORMATS)
@given(done=st.lists(damages, min_size=1, max_size=3))
def test_any_damage_to_what_was_sent_is_read_whole_or_refused_whole(name: str, done: list) -> None:
    text, wrap, said = FORMATS[name]
    outcome(name, damaged(wrap(text), done), said)


@pytest.mark.parametrize("name", FORMATS)
@given(content=st.binary(max_size=400), front=st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xef\xbb\xbf"]))
def test_any_bytes_at_all_are_refused(name: str, content: bytes, front: bytes) -> None:
    assert isinstance(outcome(name, front + content, FORMATS[name][2]), StatementError)


# --- on their way into the books ---------------------------------------------------------------------------------


@pytest.fixture
def books(db: None, settings, tmp_path: Path) -> None:
    settings.FILES_DIR = tmp_path
    for name in FORMATS:
        agree(channel_of(name), format=name)


def channel_of(name: str) -> str:
    return BANK if name == "bank" else name


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(FORMATS)), done=st.lists(damages, min_size=1, max_size=2))
def test_of_a_damaged_file_all_lines_are_kept_or_none(books: None, name: str, done: list) -> None:
    """B6, I14: whatever is wrong and wherever it stands; the refusal is a case, and no money."""
    text, wrap, said = FORMATS[name]
    with transaction.atomic():
        statement = receive_statement(
            channel=channel_of(name), merchant=said.merchant, channel_day=DAY,
            content=io.BytesIO(wrap(damaged(text, done))), actor="system:test",
        )  # fmt: skip
        statement = read_statement(statement_id=statement.pk)
        kept = StatementEntry.objects.filter(statement=statement).count()
        if statement.status == "unreadable":
            assert (kept, Discrepancy.objects.filter(kind="statement").count()) == (0, 1)
        else:
            assert (statement.status, kept) == ("read", statement.line_count)
        assert not Receipt.objects.exists()
        transaction.set_rollback(True)
    assert not Statement.objects.exists()
