"""The keys with which WeChat Pay signs: given public keys, and certificates that are fetched and change."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from core import clock, signing

logger = logging.getLogger(__name__)

FETCH_EVERY = timedelta(minutes=1)
WAIT_FOR_OTHERS_S = 3.0
PUBLIC_KEY_PREFIX = "PUB_KEY_ID_"
_FILE_PREFIX, _FILE_SUFFIX = "wechat_platform_", ".pub.pem"


class PlatformKeys:
    """Finds a key by its serial. An unknown serial makes us look anew, once a minute at most, because anybody can
    send one. While WeChat changes its certificate both serials are in its list, and so in ours."""

    def __init__(self, files: Mapping[str, str], folder: str, fetch: Callable[[], Mapping[str, bytes]]) -> None:
        """`files`: serial or public key id -> path; `folder`: holds further public keys as
        wechat_platform_<public key id>.pub.pem; `fetch`: the verified list of certificates, serial -> PEM, empty
        where it could not be had."""
        self._files = dict(files)
        self._folder = folder
        self._fetch = fetch
        self._given: dict[str, RSAPublicKey] = {}
        self._fetched: dict[str, tuple[RSAPublicKey, datetime]] = {}
        self._looked_at: datetime | None = None
        self._lock = threading.Lock()

    def find(self, serial: str) -> RSAPublicKey | None:
        """The key of this serial or public key id, or None."""
        serial = _plain(serial)
        return self._held(serial) or self._looked_for(serial)

    def public_key_id(self) -> str:
        """The configured public key id, with which WeChat is asked to sign its answers; empty in certificate mode."""
        return next((serial for serial in self._files if serial.startswith(PUBLIC_KEY_PREFIX)), "")

    def _held(self, serial: str) -> RSAPublicKey | None:
        key, expires_at = self._fetched.get(serial, (None, None))
        if key is not None and expires_at is not None and clock.now() < expires_at:
            return key
        return self._given.get(serial)

    def _looked_for(self, serial: str) -> RSAPublicKey | None:
        if not self._lock.acquire(timeout=WAIT_FOR_OTHERS_S):
            return None
        try:
            if self._held(serial) is None and self._may_look():
                self._read_files()
                if self._held(serial) is None:
                    self._fetch_list()
            return self._held(serial)
        finally:
            self._lock.release()

    def _may_look(self) -> bool:
        moment = clock.now()
        if self._looked_at is not None and self._looked_at <= moment < self._looked_at + FETCH_EVERY:
            return False
        self._looked_at = moment
        return True

    def _read_files(self) -> None:
        paths = dict(self._files)
        if self._folder:
            for path in sorted(Path(self._folder).glob(f"{_FILE_PREFIX}{PUBLIC_KEY_PREFIX}*{_FILE_SUFFIX}")):
                paths.setdefault(path.name.removeprefix(_FILE_PREFIX).removesuffix(_FILE_SUFFIX), str(path))
        for serial, path_text in paths.items():
            try:
                self._given[_plain(serial)] = signing.public_key(path_text)
            except signing.KeyUnusable:
                logger.exception("gateway.key_unusable")

    def _fetch_list(self) -> None:
        """Take the list as a whole: a certificate that is no longer on it is no longer believed."""
        fetched = {}
        for serial, pem in self._fetch().items():
            try:
                certificate = x509.load_pem_x509_certificate(pem)
                key = signing.public_key_of(pem, named="the list of certificates")
            except (ValueError, signing.KeyUnusable):
                logger.warning("gateway.certificate_unusable")
                continue
            fetched[_plain(serial)] = (key, certificate.not_valid_after_utc)
        self._fetched = fetched or self._fetched


def _plain(serial: str) -> str:
    """Serials are hexadecimal numbers, written with or without leading zeros, in either case."""
    return serial if serial.startswith(PUBLIC_KEY_PREFIX) else serial.upper().lstrip("0")
