import os
import socket
import time

import httpx
import pytest

from payments.gateways import calls
from payments.gateways.base import GatewayUnreachable
from payments.gateways.calls import Caller


def test_answer_of_any_status_comes_back_as_it_is(vendor):
    vendor.answer = lambda asked: (418, {"X-Word": "a"}, b"body")
    answer = Caller(vendor.url + "/base/", 2.0).call("POST", "/x?y=1", {"X-Mine": "b"}, b"ours")
    assert (answer.status, answer.headers["x-word"], answer.body) == (418, "a", b"body")
    asked = vendor.asked[0]
    assert (asked.method, asked.target, asked.headers["x-mine"], asked.body) == ("POST", "/base/x?y=1", "b", b"ours")


def test_connection_is_kept_between_calls(vendor):
    ports = set()
    vendor.answer = lambda asked: (200, {}, b"")
    caller = Caller(vendor.url, 2.0)
    for _ in range(3):
        caller.call("GET", "/", {})
        pool = caller._made[1]._pool
        ports |= {id(connection) for connection in pool.connections}
    assert len(ports) == 1


def test_nobody_listening_is_unreachable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    with pytest.raises(GatewayUnreachable) as caught:
        Caller(url, 1.0).call("GET", "/", {})
    assert caught.value.reason == "ConnectError"


def test_silence_ends_with_the_time_out(vendor):
    vendor.answer = lambda asked: time.sleep(1.5) or (200, {}, b"")
    started = time.monotonic()
    with pytest.raises(GatewayUnreachable) as caught:
        Caller(vendor.url, 0.2).call("GET", "/", {})
    assert caught.value.reason == "ReadTimeout"
    assert time.monotonic() - started < 1.2


def test_dripping_answer_is_cut_off(vendor, monkeypatch):
    monkeypatch.setattr(calls, "CONNECT_TIMEOUT_S", 0.1)

    class Drip(httpx.SyncByteStream):
        def __iter__(self):
            while True:
                time.sleep(0.05)
                yield b"x"

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Drip()))
    with pytest.raises(GatewayUnreachable) as caught:
        Caller("http://127.0.0.1/", 0.2, transport).call("GET", "/", {})
    assert caught.value.reason == "answer too slow"


def test_endless_answer_is_cut_off(vendor):
    vendor.answer = lambda asked: (200, {}, b"x" * (calls.ANSWER_BYTES_MAX + 1))
    with pytest.raises(GatewayUnreachable) as caught:
        Caller(vendor.url, 2.0).call("GET", "/", {})
    assert caught.value.reason == "answer too long"


def test_packed_answer_is_not_unpacked(vendor):
    vendor.answer = lambda asked: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")
    with pytest.raises(GatewayUnreachable):
        Caller(vendor.url, 2.0).call("GET", "/", {})


def test_redirect_is_not_followed(vendor):
    vendor.answer = lambda asked: (302, {"Location": "/elsewhere"}, b"")
    assert Caller(vendor.url, 2.0).call("GET", "/", {}).status == 302
    assert len(vendor.asked) == 1


def test_broken_answers_are_unreachable(vendor):
    vendor.answer = lambda asked: (200, {"Content-Length": "50"}, b"short")
    with pytest.raises(GatewayUnreachable):
        Caller(vendor.url, 0.3).call("GET", "/", {})


@pytest.mark.parametrize("address", ["", "no address", "http://a:b", "ftp://a", "http://"])
def test_address_that_is_none_is_told_at_once(address):
    with pytest.raises(ValueError, match="address"):
        Caller(address, 0.3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pool_is_not_shared_with_a_forked_process(vendor):
    vendor.answer = lambda asked: (200, {}, b"")
    caller = Caller(vendor.url, 2.0)
    caller.call("GET", "/", {})
    ours = caller._made[1]
    child = os.fork()
    if child == 0:
        caller.call("GET", "/", {})
        os._exit(0 if caller._made[1] is not ours else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
