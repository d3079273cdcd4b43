import base64
import hashlib
import hmac
import multiprocessing
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sealed import Keyring, SealBroken, Sealer, blind_index, seal, sealer, unseal

NUMBER = "371002196001010011"
FIELD = "registration_person.number"
RING = Keyring(sealing_keys={"k1": b"1" * 32}, sealing_key_id="k1", index_keys={"i1": b"2" * 32}, index_key_id="i1")
SEALER = Sealer(RING)
INDEX = SEALER.blind_index("number", NUMBER)


def test_sealed_value_opens_where_it_was_sealed():
    text = SEALER.seal(NUMBER, field=FIELD, index=INDEX)
    assert text.startswith("a1.k1.")
    assert NUMBER not in text
    assert SEALER.unseal(text, field=FIELD, index=INDEX) == NUMBER


def test_same_value_is_sealed_differently_every_time():
    assert SEALER.seal(NUMBER, field=FIELD, index=INDEX) != SEALER.seal(NUMBER, field=FIELD, index=INDEX)


def test_value_copied_to_another_column_or_row_does_not_open():
    text = SEALER.seal(NUMBER, field=FIELD, index=INDEX)
    with pytest.raises(SealBroken):
        SEALER.unseal(text, field="registration_person.phone", index=INDEX)
    with pytest.raises(SealBroken):
        SEALER.unseal(text, field=FIELD, index=SEALER.blind_index("number", "another"))


def test_field_and_index_cannot_be_shifted_into_each_other():
    text = SEALER.seal(NUMBER, field="person.a", index=b"b" + INDEX)
    with pytest.raises(SealBroken):
        SEALER.unseal(text, field="person.ab", index=INDEX)


def test_every_changed_byte_breaks_the_seal():
    text = SEALER.seal(NUMBER, field=FIELD, index=INDEX)
    head, body = text.rsplit(".", 1)
    data = base64.b64decode(body)
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(SealBroken):
            SEALER.unseal(f"{head}.{base64.b64encode(changed).decode()}", field=FIELD, index=INDEX)


@pytest.mark.parametrize("head", ["b1.k1", "a1.k2", "a1", "", "a1.k1.x"])
def test_unknown_suite_or_key_breaks_the_seal(head):
    body = SEALER.seal(NUMBER, field=FIELD, index=INDEX).rsplit(".", 1)[1]
    with pytest.raises(SealBroken):
        SEALER.unseal(f"{head}.{body}", field=FIELD, index=INDEX)


def test_broken_seal_repeats_nothing_of_the_value():
    with pytest.raises(SealBroken) as caught:
        SEALER.unseal("a1.k1." + NUMBER, field=FIELD, index=INDEX)
    assert NUMBER not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.text())
def test_any_text_opens_or_is_a_broken_seal(text):
    with pytest.raises(SealBroken):
        SEALER.unseal(text, field=FIELD, index=INDEX)


@given(st.text())
def test_every_value_comes_back(value):
    index = SEALER.blind_index("name", value)
    assert SEALER.unseal(SEALER.seal(value, field=FIELD, index=index), field=FIELD, index=index) == value


def test_old_key_still_opens_and_the_new_one_seals():
    old = SEALER.seal(NUMBER, field=FIELD, index=INDEX)
    turned = Sealer(
        Keyring(
            sealing_keys={"k1": b"1" * 32, "k2": b"3" * 32},
            sealing_key_id="k2",
            index_keys={"i1": b"2" * 32, "i2": b"4" * 32},
            index_key_id="i2",
        )
    )
    assert turned.unseal(old, field=FIELD, index=INDEX) == NUMBER
    assert turned.seal(NUMBER, field=FIELD, index=INDEX).startswith("a1.k2.")
    assert turned.blind_index("number", NUMBER) != INDEX
    assert turned.blind_index("number", NUMBER, key_id="i1") == INDEX
    with pytest.raises(SealBroken):
        SEALER.unseal(turned.seal(NUMBER, field=FIELD, index=INDEX), field=FIELD, index=INDEX)


@given(st.text())
def test_blind_index_is_hmac_of_kind_and_value(value):
    expected = hmac.new(b"2" * 32, b"number\0" + value.encode(), hashlib.sha256).digest()
    assert SEALER.blind_index("number", value) == expected


def test_kinds_have_unrelated_indexes():
    assert len({SEALER.blind_index(kind, NUMBER) for kind in ("number", "name", "phone")}) == 3


def test_bulk_agrees_with_one_by_one():
    values = [f"{n:018d}" for n in range(50)]
    indexes = SEALER.index_many("number", values)
    assert indexes == [SEALER.blind_index("number", value) for value in values]
    sealed = SEALER.seal_many(values, field=FIELD, indexes=indexes)
    assert len(set(sealed)) == 50
    opened = [SEALER.unseal(text, field=FIELD, index=index) for text, index in zip(sealed, indexes, strict=True)]
    assert opened == values
    with pytest.raises(ValueError, match="argument 2"):
        SEALER.seal_many(values, field=FIELD, indexes=indexes[:-1])


def test_sealer_travels_to_another_process():
    travelled = pickle.loads(pickle.dumps(SEALER))
    assert travelled.blind_index("number", NUMBER) == INDEX
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        sealed = pool.apply(SEALER.seal, (NUMBER,), {"field": FIELD, "index": INDEX})
    assert SEALER.unseal(sealed, field=FIELD, index=INDEX) == NUMBER


@pytest.mark.parametrize(
    "changes",
    [
        {"sealing_key_id": "k9"},
        {"index_key_id": "i9"},
        {"sealing_keys": {"k1": b"short"}},
        {"sealing_keys": {"k1": b"1" * 32, "k.2": b"1" * 32}},
        {"suite": "none"},
    ],
)
def test_unusable_ring_is_refused(changes):
    ring = {"sealing_keys": RING.sealing_keys, "sealing_key_id": "k1", "index_keys": RING.index_keys}
    with pytest.raises(ValueError):
        Keyring(**(ring | {"index_key_id": "i1"} | changes))


def test_ring_does_not_print_its_keys():
    assert "1111" not in repr(RING)


def test_keys_come_from_the_settings(settings):
    settings.SEALING_KEYS, settings.SEALING_KEY_ID = {"s": b"5" * 32}, "s"
    settings.INDEX_KEYS, settings.INDEX_KEY_ID = {"x": b"6" * 32}, "x"
    sealer.cache_clear()
    try:
        index = blind_index("phone", "13800001234")
        text = seal("13800001234", field="person.phone", index=index)
        assert text.startswith("a1.s.")
        assert unseal(text, field="person.phone", index=index) == "13800001234"
    finally:
        sealer.cache_clear()
