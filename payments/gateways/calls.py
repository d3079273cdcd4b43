"""One HTTP call to a gateway: bounded in time and size, and every mishap the same `GatewayUnreachable`."""

import os
import ssl
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from payments.gateways.base import GatewayUnreachable

CONNECT_TIMEOUT_S = 3.0
ANSWER_BYTES_MAX = 256 * 1024
CONNECTIONS_MAX = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, of any status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Caller:
    """A pool of connections kept for the life of the process. Follows no redirects, keeps no cookies, reads no proxy
    settings: httpx's transport does the work, without the client around it."""

    def __init__(self, base_url: str, timeout_s: float, transport: httpx.BaseTransport | None = None) -> None:
        """Raises ValueError for a base address that is none."""
        try:
            self._base = httpx.URL(base_url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ValueError("the gateway's address is none") from error
        if self._base.scheme not in ("http", "https") or not self._base.host:
            raise ValueError("the gateway's address is none")
        self._timeouts = {
            "timeout": {
                "connect": CONNECT_TIMEOUT_S,
                "read": timeout_s,
                "write": timeout_s,
                "pool": CONNECT_TIMEOUT_S,
            }
        }
        self._longest_s = CONNECT_TIMEOUT_S + timeout_s
        self._given = transport
        self._made: tuple[int, httpx.BaseTransport] | None = None

    def call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """Send to base address + target and read the whole answer. Raises GatewayUnreachable, whatever goes wrong."""
        # The parts are given ready-made: letting httpx parse the address and the body anew costs a fifth of a call.
        request = httpx.Request(
            method,
            self._base.copy_with(raw_path=(self._base.path.rstrip("/") + target).encode("ascii")),
            headers={"Host": self._base.netloc.decode("ascii"), "Content-Length": str(len(body)), **headers},
            stream=httpx.ByteStream(body),
            extensions=self._timeouts,
        )
        ends_at = time.monotonic() + self._longest_s
        try:
            response = self._transport().handle_request(request)
            try:
                return Answer(response.status_code, response.headers, _read(response, ends_at, bytes_max))
            finally:
                response.close()
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise GatewayUnreachable(type(error).__name__) from error

    def download(self, target: str, headers: Mapping[str, str], into: BinaryIO, *, bytes_max: int) -> int:
        """GET a file of any length piece by piece; its size. Raises GatewayUnreachable where it is not all there."""
        request = httpx.Request(
            "GET",
            self._base.copy_with(raw_path=(self._base.path.rstrip("/") + target).encode("ascii")),
            headers={"Host": self._base.netloc.decode("ascii"), **headers},
            extensions=self._timeouts,
        )
        size = 0
        try:
            response = self._transport().handle_request(request)
            try:
                if response.status_code != 200:
                    raise GatewayUnreachable(f"status {response.status_code}")
                for piece in response.iter_raw():
                    size += len(piece)
                    if size > bytes_max:
                        raise GatewayUnreachable("file too long")
                    into.write(piece)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise GatewayUnreachable(type(error).__name__) from error
        stated = response.headers.get("content-length")
        if stated is not None and stated != str(size):
            raise GatewayUnreachable("file cut off")
        return size

    def elsewhere(self, origin: str) -> "Caller":
        """The same way of calling, to another address of the same vendor. Raises ValueError for one that is none."""
        return Caller(origin, self._longest_s - CONNECT_TIMEOUT_S, self._given)

    def _transport(self) -> httpx.BaseTransport:
        """A pool must not be shared with a process that was forked after its first call."""
        if self._given is not None:
            return self._given
        if self._made is None or self._made[0] != os.getpid():
            limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
            transport = httpx.HTTPTransport(verify=_trusted(), limits=limits, trust_env=False)
            weakref.finalize(self, transport.close)
            self._made = (os.getpid(), transport)
        return self._made[1]


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The public certificate authorities; reading them takes longer than many a call."""
    return httpx.create_ssl_context(trust_env=False)


def cashier_origins(stated: tuple[str, ...], usual: tuple[str, ...], address: str) -> tuple[str, ...]:
    """Where a gateway's cashier may be: what the settings state, else the vendor's own and where we call it."""
    return stated or (*usual, "{0.scheme}://{0.netloc}".format(urlsplit(address)))


def _read(response: httpx.Response, ends_at: float, bytes_max: int) -> bytes:
    """The body, as it came; time-outs of httpx are per piece, so that the sum is watched here."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise GatewayUnreachable("encoded answer")
    pieces, size = [], 0
    for piece in response.iter_raw():
        size += len(piece)
        if size > bytes_max:
            raise GatewayUnreachable("answer too long")
        if time.monotonic() > ends_at:
            raise GatewayUnreachable("answer too slow")
        pieces.append(piece)
    return b"".join(pieces)
