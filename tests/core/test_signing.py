import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from core.signing import KeyUnusable, private_key, public_key, public_key_of, sign, verify

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
PLAIN = serialization.NoEncryption()


def test_signature_holds_for_the_message_and_nothing_else():
    signature = sign(KEY, b"one")
    assert "\n" not in signature
    assert verify(KEY.public_key(), b"one", signature)
    assert not verify(KEY.public_key(), b"two", signature)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not verify(stranger.public_key(), b"one", signature)


@given(st.text())
def test_no_text_is_a_signature(text):
    assert verify(KEY.public_key(), b"one", text) is False


def test_blanks_inside_a_signature_are_not_overlooked():
    signature = sign(KEY, b"one")
    assert not verify(KEY.public_key(), b"one", signature[:10] + "\n" + signature[10:])


@pytest.mark.parametrize("form", [PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_private_keys_are_read_from_pem_and_bare_base64(tmp_path, form):
    (tmp_path / "pem").write_bytes(KEY.private_bytes(PEM, form, PLAIN))
    (tmp_path / "bare").write_bytes(base64.encodebytes(KEY.private_bytes(DER, form, PLAIN)))
    for name in ("pem", "bare"):
        assert private_key(str(tmp_path / name)).private_numbers() == KEY.private_numbers()


def test_public_keys_are_read_from_pem_and_bare_base64(tmp_path):
    (tmp_path / "pem").write_bytes(KEY.public_key().public_bytes(PEM, SPKI))
    (tmp_path / "bare").write_text(base64.b64encode(KEY.public_key().public_bytes(DER, SPKI)).decode())
    for name in ("pem", "bare"):
        assert public_key(str(tmp_path / name)) == KEY.public_key()


def test_key_is_loaded_once(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(KEY.private_bytes(PEM, PKCS8, PLAIN))
    assert private_key(str(path)) is private_key(str(path))


def test_missing_file_is_found_when_it_appears(tmp_path):
    path = tmp_path / "late.pem"
    with pytest.raises(KeyUnusable, match="cannot read"):
        public_key(str(path))
    path.write_bytes(KEY.public_key().public_bytes(PEM, SPKI))
    assert public_key(str(path)) == KEY.public_key()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_bytes(PEM, SPKI),
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(PEM, SPKI),
    ],
)
def test_weak_and_broken_public_keys_are_refused(content):
    with pytest.raises(KeyUnusable, match="in the file"):
        public_key_of(content, named="the file")


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_broken_private_keys_are_refused(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyUnusable):
        private_key(str(tmp_path / "key"))
