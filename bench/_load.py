"""A small load generator: so many connections that stay open, raw sockets, as little work of its own as possible."""

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, the Location of a redirect, the body, and how long it took."""

    status: int
    location: str
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """Answers in the order of their requests, and the time from the first byte sent to the last one received."""

    seconds: float
    answers: list[Answer]

    def milliseconds(self, part: float) -> float:
        """The time within which that part of the answers came, 0.5 or 0.99."""
        times = sorted(answer.seconds for answer in self.answers)
        return round(times[min(int(len(times) * part), len(times) - 1)] * 1000, 1)


class _Client:
    """One connection with one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LONGEST_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.index = -1
        self.begun = 0.0
        self.received = b""

    def send(self, index: int, request: bytes) -> None:
        self.index, self.received, self.begun = index, b"", time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> Answer | None:
        """What has come; an answer once it is whole."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.received += piece
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in fields[1:])}
        if len(body) < int(headers.get("content-length", "0")):
            return None
        status = int(fields[0].split(" ", 2)[1])
        return Answer(status, headers.get("location", ""), body, time.perf_counter() - self.begun)


def send(port: int, requests: Sequence[bytes], *, clients: int) -> Run:
    """Send every request once; each connection sends its next one when its last was answered."""
    found: dict[int, Answer] = {}
    waiting = iter(enumerate(requests))
    with selectors.DefaultSelector() as selector:
        open_clients = [_Client(port) for _ in range(min(clients, len(requests)))]
        begun = time.perf_counter()
        for client in open_clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(*next(waiting))
        while len(found) < len(requests):
            ready = selector.select(LONGEST_S)
            if not ready:
                raise TimeoutError("the server does not answer")
            for key, _ in ready:
                client = key.data
                answer = client.take()
                if answer is None:
                    continue
                found[client.index] = answer
                following = next(waiting, None)
                if following is not None:
                    client.send(*following)
        seconds = time.perf_counter() - begun
        for client in open_clients:
            client.socket.close()
    return Run(seconds, [found[index] for index in range(len(requests))])


def get(path: str, cookies: str = "") -> bytes:
    """A GET as a browser on a desktop sends it."""
    return _request("GET", path, cookies, "", b"")


def post(
    path: str, cookies: str, body: bytes, *, more: str = "", kind: str = "application/x-www-form-urlencoded"
) -> bytes:
    """A POST; `more` are further header lines, each with its end."""
    return _request("POST", path, cookies, f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}", body)


def _request(method: str, path: str, cookies: str, more: str, body: bytes) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\n"
        f"Accept: text/html\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
    )
    if cookies:
        head += f"Cookie: {cookies}\r\n"
    return (head + more + "\r\n").encode() + body
