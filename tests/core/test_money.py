from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import fen, millifen, plain_yuan, yuan

AMOUNTS_FEN = st.integers(min_value=-(10**17) + 1, max_value=10**17 - 1)


@pytest.mark.parametrize(
    ("amount_fen", "text"),
    [(0, "0.00"), (1, "0.01"), (100_000, "1,000.00"), (38_000, "380.00"), (-5, "-0.05"), (123_456_789, "1,234,567.89")],
)
def test_yuan_are_written_with_two_decimals_and_groups(amount_fen, text):
    assert yuan(amount_fen) == text


@pytest.mark.parametrize(
    ("text", "amount_fen"),
    [("1000", 100_000), ("1,000.00", 100_000), ("10.5", 1_050), ("0.01", 1), ("-3.20", -320), ("0010", 1_000)],
)
def test_yuan_are_read_exactly(text, amount_fen):
    assert fen(text) == amount_fen


@pytest.mark.parametrize(
    "text",
    ["", " ", "1.234", "10.", ".5", "1,00", "1,0000", ",100", "1e3", "NaN", "Infinity", "--1", "+1", "1 000", "0x10",
     "１００", "٣", "10元", "1.0.0", "1_000", "9" * 16, "9" * 5000, "100\n"],
)  # fmt: skip
def test_garbage_is_no_amount(text):
    with pytest.raises(ValueError, match="not an amount"):
        fen(text)


@given(AMOUNTS_FEN)
def test_what_was_written_is_read_back(amount_fen):
    assert fen(yuan(amount_fen)) == amount_fen
    assert fen(plain_yuan(amount_fen)) == amount_fen


@given(AMOUNTS_FEN)
def test_written_yuan_agree_with_decimal_arithmetic(amount_fen):
    assert Decimal(plain_yuan(amount_fen)) * 100 == amount_fen
    assert "," not in plain_yuan(amount_fen)


@given(st.text())
def test_any_text_is_an_amount_or_a_value_error(text):
    try:
        amount_fen = fen(text)
    except ValueError:
        return
    assert isinstance(amount_fen, int)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.05940", 5_940), ("-0.06", -6_000), ("0", 0), ("12", 1_200_000), ("0.00001", 1), ("-0.0", 0)],
)
def test_fees_are_read_to_a_thousandth_of_a_fen(text, amount):
    assert millifen(text) == amount


@pytest.mark.parametrize("text", ["", "0.000001", "1,000.00", "1e3", "+1", ".5", "5.", "１", "1\n", "9" * 14])
def test_garbage_is_no_fee(text):
    with pytest.raises(ValueError, match="not a fee"):
        millifen(text)
