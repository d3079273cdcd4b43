"""One sandbox for all tests of this folder, and a merchant's ear for notices."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sandbox.process import Merchant, Sandbox, free_port


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory) -> Iterator[Sandbox]:
    sandbox = Sandbox(home=tmp_path_factory.mktemp("sandbox"), port=free_port())
    sandbox.prepare()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(running_sandbox) -> Sandbox:
    """The running one, with every control as at the start."""
    running_sandbox.control("POST", "clear", json={})
    return running_sandbox


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    heard = Merchant(port=0)

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = heard.answers[min(len(heard.received), len(heard.answers) - 1)]
            status, text = answer() if callable(answer) else answer
            heard.received.append((dict(self.headers), body, time.monotonic()))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    heard.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()
