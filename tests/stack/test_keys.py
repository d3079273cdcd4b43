"""The keys of a first start."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from script.stack.keys import DATA_KEYS, ensure_keys
from script.stack.places import Places
from script.stack.trouble import Trouble


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "var")
    made.make()
    ensure_keys(made, needed=())
    return made


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_second_start_makes_no_other_keys(places: Places) -> None:
    before = content(places.keys) | content(places.keys_sandbox) | content(places.exchange)
    ensure_keys(places, needed=DATA_KEYS)
    assert content(places.keys) | content(places.keys_sandbox) | content(places.exchange) == before


def test_secrets_are_readable_by_their_owner_only(places: Places) -> None:
    for directory in (places.keys, places.keys_sandbox, places.exchange):
        assert directory.stat().st_mode & 0o077 == 0
        for path in directory.iterdir():
            assert path.stat().st_mode & 0o777 == 0o600, path


def test_sealing_and_index_keys_are_32_bytes_and_differ(places: Places) -> None:
    sealing, index = (base64.b64decode((places.keys / name).read_text()) for name in DATA_KEYS)
    assert len(sealing) == len(index) == 32
    assert sealing != index


def test_merchant_keys_are_rsa_2048_and_only_their_public_halves_are_exchanged(places: Places) -> None:
    for name in ("wechat_merchant", "alipay_app", "unionpay_merchant"):
        private = serialization.load_pem_private_key((places.keys / f"{name}_key.pem").read_bytes(), None)
        public = serialization.load_pem_public_key((places.exchange / f"{name}.pub.pem").read_bytes())
        assert isinstance(private, rsa.RSAPrivateKey)
        assert isinstance(public, rsa.RSAPublicKey)
        assert private.key_size == 2048
        assert private.public_key().public_numbers() == public.public_numbers()
    assert all(b"PRIVATE" not in text for text in content(places.exchange).values())


def test_both_sides_know_what_is_agreed_and_the_sandbox_nothing_more_of_the_portals(places: Places) -> None:
    agreed = {"wechat_apiv3_key", "carrier_token"}
    portal, sandbox = content(places.keys), content(places.keys_sandbox)
    assert {name for name in portal if portal[name] in sandbox.values()} == agreed
    assert sandbox.keys() == agreed | {"control_token"}
    assert len(portal["wechat_apiv3_key"]) == 32


@pytest.mark.parametrize("name", DATA_KEYS)
def test_lost_key_of_existing_data_is_not_replaced_by_a_new_one(places: Places, name: str) -> None:
    (places.keys / name).unlink()
    with pytest.raises(Trouble, match=f"{name} is missing"):
        ensure_keys(places, needed=DATA_KEYS)
    assert not (places.keys / name).exists()


def test_public_key_follows_an_exchanged_private_one(places: Places) -> None:
    (places.keys / "alipay_app_key.pem").unlink()
    before = (places.exchange / "alipay_app.pub.pem").read_bytes()
    ensure_keys(places, needed=DATA_KEYS)
    assert (places.exchange / "alipay_app.pub.pem").read_bytes() != before
