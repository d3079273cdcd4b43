"""Sealed values and the blind indexes under which they are found again.

A sealed value is text, `suite.key-id.base64(nonce + ciphertext + tag)`. It opens only in the column and beside the
blind index that it was sealed for, so that a value copied to another row or column does not open there. An index is
a keyed HMAC, separated by kind: the same text as a number and as a name gives two unrelated indexes.
"""

import binascii
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

Kind = Literal["number", "name", "phone"]

KEY_BYTES = 32
NONCE_BYTES = 12
INDEX_BYTES = 32


class SealBroken(Exception):
    """The value was not sealed for this column and index, by a key that we hold. Says nothing of the value."""


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher with associated data, and the digest of the index. `digest_block_bytes` is that of HMAC."""

    cipher: Callable[[bytes], _Cipher]
    digest: str
    digest_block_bytes: int


# A further suite (SM4-GCM with HMAC-SM3) is one more entry here, chosen by settings.SEALING_SUITE. Values sealed
# before keep their own suite's name and open as before; indexes are built anew into the second column.
SUITES: Mapping[str, Suite] = {"a1": Suite(cipher=AESGCM, digest="sha256", digest_block_bytes=64)}

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")


@dataclass(frozen=True)
class Keyring:
    """All keys that open, and the ones that seal and index now. Raises ValueError for unusable keys or names."""

    sealing_keys: Mapping[str, bytes] = field(repr=False)
    sealing_key_id: str
    index_keys: Mapping[str, bytes] = field(repr=False)
    index_key_id: str
    suite: str = "a1"

    def __post_init__(self) -> None:
        if self.suite not in SUITES:
            raise ValueError("unknown sealing suite")
        for keys, key_id in ((self.sealing_keys, self.sealing_key_id), (self.index_keys, self.index_key_id)):
            if key_id not in keys:
                raise ValueError("the current key is not on the ring")
            if not all(_KEY_ID.fullmatch(name) and len(key) == KEY_BYTES for name, key in keys.items()):
                raise ValueError("a key has another length than 32 bytes, or a name that is no key name")

    @classmethod
    def from_settings(cls) -> "Keyring":
        return cls(
            sealing_keys=settings.SEALING_KEYS,
            sealing_key_id=settings.SEALING_KEY_ID,
            index_keys=settings.INDEX_KEYS,
            index_key_id=settings.INDEX_KEY_ID,
            suite=getattr(settings, "SEALING_SUITE", "a1"),
        )


class Sealer:
    """Seals, opens and indexes with prepared ciphers and hash states. Safe between threads; can be pickled."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._prefix = f"{keyring.suite}.{keyring.sealing_key_id}."
        self._ciphers = {
            (name, key_id): suite.cipher(key)
            for name, suite in SUITES.items()
            for key_id, key in keyring.sealing_keys.items()
        }
        self._cipher = self._ciphers[keyring.suite, keyring.sealing_key_id]
        self._hmacs: dict[tuple[str, str], tuple[Any, Any]] = {}

    def __reduce__(self) -> tuple[type["Sealer"], tuple[Keyring]]:
        # ciphers and hash states do not travel between processes; they are prepared again there
        return Sealer, (self.keyring,)

    def blind_index(self, kind: Kind, value: str, *, key_id: str | None = None) -> bytes:
        """HMAC over kind, a zero byte and the value: 32 bytes. `key_id` names an older key of the ring (rotation).

        The value is taken as it is: normalise before, once.
        """
        inner, outer = self._hmac(kind, key_id or self.keyring.index_key_id)
        inner, outer = inner.copy(), outer.copy()
        inner.update(value.encode())
        outer.update(inner.digest())
        return bytes(outer.digest())

    def index_many(self, kind: Kind, values: Iterable[str]) -> list[bytes]:
        """Indexes of many values under the current key, in their order."""
        inner_start, outer_start = self._hmac(kind, self.keyring.index_key_id)
        indexes = []
        for value in values:
            inner, outer = inner_start.copy(), outer_start.copy()
            inner.update(value.encode())
            outer.update(inner.digest())
            indexes.append(outer.digest())
        return indexes

    def seal(self, value: str, *, field: str, index: bytes) -> str:
        """Seal for the column `table.column` beside the row's blind index."""
        nonce = os.urandom(NONCE_BYTES)
        data = self._cipher.encrypt(nonce, value.encode(), _bound_to(field) + index)
        return self._prefix + binascii.b2a_base64(nonce + data, newline=False).decode("ascii")

    def seal_many(self, values: Sequence[str], *, field: str, indexes: Sequence[bytes]) -> list[str]:
        """Seal many values of one column, each beside its own index; raises ValueError when the counts differ."""
        encrypt, prefix, bound_to = self._cipher.encrypt, self._prefix, _bound_to(field)
        randomness = os.urandom(NONCE_BYTES * len(values))
        sealed = []
        start = 0
        for value, index in zip(values, indexes, strict=True):
            nonce = randomness[start : start + NONCE_BYTES]
            start += NONCE_BYTES
            data = encrypt(nonce, value.encode(), bound_to + index)
            sealed.append(prefix + binascii.b2a_base64(nonce + data, newline=False).decode("ascii"))
        return sealed

    def unseal(self, text: str, *, field: str, index: bytes) -> str:
        """Open a sealed value; raises SealBroken. Keys and suites of before open as long as they are on the ring."""
        try:
            suite, key_id, body = text.split(".")
            cipher = self._ciphers[suite, key_id]
            data = binascii.a2b_base64(body, strict_mode=True)
            return cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _bound_to(field) + index).decode()
        except (ValueError, KeyError, InvalidTag):
            raise SealBroken("a sealed value does not open") from None

    def _hmac(self, kind: str, key_id: str) -> tuple[Any, Any]:
        """The inner and outer hash of HMAC, fed with the padded key and the kind: copying is cheaper than keying."""
        prepared = self._hmacs.get((kind, key_id))
        if prepared is None:
            suite = SUITES[self.keyring.suite]
            key = self.keyring.index_keys[key_id].ljust(suite.digest_block_bytes, b"\0")
            inner = hashlib.new(suite.digest, bytes(byte ^ 0x36 for byte in key))
            outer = hashlib.new(suite.digest, bytes(byte ^ 0x5C for byte in key))
            inner.update(kind.encode() + b"\0")
            prepared = self._hmacs[kind, key_id] = (inner, outer)
        return prepared


def _bound_to(field: str) -> bytes:
    return field.encode() + b"\0"


@lru_cache(maxsize=1)
def sealer() -> Sealer:
    """The sealer of this process, from the settings. Pass it to worker processes of a bulk load."""
    return Sealer(Keyring.from_settings())


def blind_index(kind: Kind, value: str) -> bytes:
    """See `Sealer.blind_index`."""
    return sealer().blind_index(kind, value)


def seal(value: str, *, field: str, index: bytes) -> str:
    """See `Sealer.seal`."""
    return sealer().seal(value, field=field, index=index)


def unseal(text: str, *, field: str, index: bytes) -> str:
    """See `Sealer.unseal`; raises SealBroken."""
    return sealer().unseal(text, field=field, index=index)
